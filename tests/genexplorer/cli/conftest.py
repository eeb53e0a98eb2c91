"""The command line inside the test process, with its output by stream."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from genexplorer.cli import main


@dataclass(frozen=True)
class CommandResult:
    """What one command did."""

    code: int
    out: str
    err: str


Cli = Callable[..., CommandResult]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command as its words and return its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> CommandResult:
        capsys.readouterr()
        code = main.run([str(word) for word in arguments])
        captured = capsys.readouterr()
        return CommandResult(code, captured.out, captured.err)

    return run
