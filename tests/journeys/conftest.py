"""The command line in processes of its own, with real workers on little data."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 60.0
TINY = (
    *("--set", "data.limit=512", "--hidden", "32", "--batch-size", "32", "--threads", "1"),
    *("--compile", "off"),  # a stop or pause would wait until the step is compiled
    *("--set", "execution.snapshot_every_s=1"),
)


@dataclass(frozen=True)
class CommandResult:
    """What one command did."""

    code: int
    out: str
    err: str


class Shell:
    """A user's shell in a folder of their own, without a terminal and without a display."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        dropped = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "GENEXPLORER_RUNS")
        kept = {key: value for key, value in os.environ.items() if key not in dropped}
        self.environment = {**kept, "GENEXPLORER_STATE": str(folder / "state"), "COLUMNS": "80"}

    def __call__(self, *arguments: object, code: int | None = 0, **environment: str) -> CommandResult:
        """Run a command to its end and check its exit code."""
        done = subprocess.run(
            _command(arguments),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
            **self._place(environment),
        )
        assert code is None or done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object) -> "subprocess.Popen[str]":
        """Start a command and return at once; its output is collected."""
        pipe = subprocess.PIPE
        return subprocess.Popen(_command(arguments), stdout=pipe, stderr=pipe, text=True, **self._place({}))

    def json(self, *arguments: object) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self(*arguments, "--json").out)

    def show(self, run: str = "latest") -> Any:
        """Return all about a run."""
        return self.json("runs", "show", run)

    def wait_for(self, run: str, holds: Callable[[Any], bool]) -> Any:
        """Poll a run until something holds of it."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds(shown := self.show(run)):
            assert time.monotonic() < deadline, f"it never came: {shown}"
        return shown

    def wait_for_run(self, name: str, holds: Callable[[Any], bool]) -> Any:
        """Poll until there is a run of that name, and something holds of it."""
        deadline = time.monotonic() + DEADLINE_S
        while name not in [run["name"] for run in self.json("runs", "list")]:
            assert time.monotonic() < deadline, f"no run {name} came"
        return self.wait_for(name, holds)

    def end_workers(self) -> None:
        """Kill what a failed test left training."""
        found = self("runs", "list", "--json", code=None)
        for run in json.loads(found.out or "[]"):
            if run["live"] and run["pid"]:
                os.kill(run["pid"], signal.SIGKILL)

    def _place(self, environment: dict[str, str]) -> Any:
        return {"cwd": self.folder, "env": {**self.environment, **environment}, "stdin": subprocess.DEVNULL}


def _command(arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "genexplorer.cli", *(str(word) for word in arguments)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One shell for the tests of a file; no worker outlives them."""
    shell = Shell(tmp_path_factory.mktemp("journey"))
    yield shell
    shell.end_workers()
