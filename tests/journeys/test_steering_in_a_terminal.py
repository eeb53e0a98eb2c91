"""In the dashboard, with a real worker: settings change, the advice of an alert repairs a run, single steps."""

import json
import sys

import pytest

from tests.journeys.conftest import TINY, Shell
from tests.journeys.terminal import Terminal

pytestmark = pytest.mark.process

SETTINGS = (*TINY, "--set", "execution.eval_every=500", "--steps", "20000")


def test_a_collapse_is_repaired_in_the_dashboard(shell: Shell) -> None:
    shell("train", "vae-collapse", *SETTINGS, "--name", "foggy-owl", "--detach")
    command = [sys.executable, "-m", "genexplorer.cli", "dashboard"]
    with Terminal(command, shell.folder, shell.environment, columns=100, rows=40) as terminal:

        def wait_for(*texts: str) -> None:
            terminal.read_until_screen(lambda lines: all(any(text in line for line in lines) for text in texts))

        # Change a setting in the form; the mark is on the curves.
        wait_for("foggy-owl", "● Running", "train −")
        terminal.press(b",")
        wait_for("Settings of foggy-owl", "Nothing is changed yet.")
        terminal.press(b"0.0005")
        wait_for("optim.lr 0.002 → 0.0005, from the next step on")
        terminal.press(b"\r")
        wait_for("▲lr 0.0005")
        # The advice of the alert is one key away.
        wait_for("1 alert, press d")
        terminal.press(b"d")
        wait_for("foggy-owl: diagnosis", "Set model.beta to 1 (1)")
        terminal.press(b"1")
        wait_for("beta 1")
        # A paused run takes a step.
        terminal.press(b"p")
        wait_for("❚❚ Paused")
        paused = shell.show("foggy-owl")["step"]
        terminal.press(b".")
        shell.wait_for("foggy-owl", lambda run: run["step"] == paused + 1)
        wait_for(f"is at step {paused + 1:,}")
        terminal.press(b"q")
        assert terminal.wait() == 0
    assert b"Traceback" not in terminal.output
    values = {row["key"]: row["value"] for row in json.loads(shell("runs", "set", "foggy-owl", "--json").out)}
    assert (values["optim.lr"], values["model.beta"]) == (5e-4, 1.0)
    assert "model.beta 1 (50 until step" in shell("runs", "show", "foggy-owl").out
    shell("runs", "stop", "foggy-owl")
