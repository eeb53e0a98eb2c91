"""In a terminal, training opens the dashboard at the terminal's size; quitting it leaves the training running."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import TINY, Shell
from tests.journeys.terminal import Terminal, screen_of

pytestmark = pytest.mark.process

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_quitting_the_dashboard_leaves_the_training_running(shell: Shell) -> None:
    command = [sys.executable, "-m", "genexplorer.cli", "train", "vae-2d", *TINY, "--steps", "200000"]
    with Terminal([*command, "--name", "watched"], shell.folder, shell.environment) as terminal:
        terminal.read_until(b"\x1b[?1049h")  # the full screen of the dashboard
        terminal.read_until(b"watched")
        shell.wait_for("watched", lambda run: run["step"] > 0)
        terminal.press(b"q")
        assert terminal.wait() == 0
    _, restored, after = terminal.output.rpartition(b"\x1b[?1049l")
    assert restored, "the normal screen is restored"
    assert b"watched" in after, "the run that goes on is named"
    assert b"Traceback" not in terminal.output
    before = shell.show("watched")
    assert before["status"] == "running"
    shell.wait_for("watched", lambda run: run["step"] > before["step"])
    shell("runs", "stop", "watched")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("columns", [80, 160])
def test_make_demo_fills_the_terminal(shell: Shell, columns: int) -> None:
    """`make` must not pass a width of its own on to the dashboard."""
    binaries = Path(sys.executable).parent
    command = ["make", "-f", str(MAKEFILE), "-o", "setup", f"BIN={binaries}", "demo"]
    environment = {**shell.environment, "PYTHONPATH": str(MAKEFILE.parent), "MAKEFLAGS": ""}
    with Terminal(command, shell.folder, environment, columns=columns, rows=40) as terminal:
        terminal.read_until_screen(lambda lines: any(re.search(r"q +quit", line) for line in lines))
        terminal.read_until_screen(
            # The name of the new run is random. Nothing is drawn beyond the last column, nothing left empty before it.
            lambda lines: (
                any(re.search(r"step [\d,]+ of [\d,]+", line) for line in lines) and max(map(len, lines)) == columns
            )
        )
        terminal.press(b"q")
        terminal.read_until(b"\x1b[?1049l")
    shell("runs", "stop", "latest")


def test_the_screen_follows_cursor_moves() -> None:
    assert screen_of(b"old\x1b[?1049h\x1b[2J\x1b[2;3H\x1b[1;31mab\x1b[0m\r\ncd\x1b[1;1Hx") == ["x", "  ab", "cd"]


def test_the_screen_of_output_that_is_cut_anywhere_shows_nothing_that_was_not_drawn() -> None:
    output = "\x1b[?1049h\x1b]0;title\x07\x1bPquery\x1b\\\x1b[2;3H\x1b[1;31m▸●\x1b[0m\r\n\x1b[?2026$pcd".encode()
    for length in range(output.index(b"\x1b]"), len(output)):
        shown = "".join(screen_of(output[:length])).replace(" ", "")
        assert "▸●cd".startswith(shown), output[:length]
