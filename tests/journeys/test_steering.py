"""A run whose settings change while it trains, that takes single steps, is killed, resumes, and trains longer."""

import json
import os
import signal

import pytest

from tests.journeys.conftest import TINY, Shell

pytestmark = pytest.mark.process


def test_settings_change_while_a_run_trains_and_after_it_was_killed(shell: Shell) -> None:
    shell("train", "vae-2d", *TINY, "--steps", "200000", "--name", "calm-owl", "--detach")
    shell.wait_for("calm-owl", lambda run: run["step"] > 0)
    listed = {row["key"]: row for row in json.loads(shell("runs", "set", "calm-owl", "--json").out)}
    assert (listed["model.beta"]["value"], listed["model.beta"]["limits"]) == (1.0, "[0, 1,000]")
    # All or nothing.
    refused = shell("runs", "set", "calm-owl", "optim.lr=0.001", "model.beta=-1", code=7).err
    assert refused.count("\n") == 1 and "model.beta: must be at least 0" in refused
    changed = shell("runs", "set", "calm-owl", "optim.lr=1e-4", "model.beta=2").err
    assert "optim.lr 0.002 → 0.0001, model.beta 1 → 2 from step" in changed
    # Single steps.
    shell("runs", "step", "calm-owl", code=7)
    shell("runs", "pause", "calm-owl")
    before = shell.show("calm-owl")["step"]
    shell("runs", "step", "calm-owl", "-n", "2")
    paused = shell.show("calm-owl")
    assert (paused["status"], paused["step"]) == ("paused", before + 2)
    shell("runs", "resume", "calm-owl")
    # A killed worker has no checkpoint of the change; the next attempt makes it again.
    shell.wait_for("calm-owl", lambda run: run["step"] > paused["step"])
    os.kill(shell.show("calm-owl")["pid"], signal.SIGKILL)
    shell.wait_for("calm-owl", lambda run: run["status"] == "lost")
    shell("runs", "resume", "calm-owl", "--set", "model.beta=3")
    shell.wait_for("calm-owl", lambda run: run["status"] == "running" and run["step"] > 0)
    values = {row["key"]: row["value"] for row in json.loads(shell("runs", "set", "calm-owl", "--json").out)}
    assert (values["optim.lr"], values["model.beta"]) == (1e-4, 3.0)
    assert "set model.beta = 3" in shell("runs", "logs", "calm-owl").out
    shell("runs", "stop", "calm-owl")
    stored = shell("runs", "set", "calm-owl", "model.beta=1").err
    assert "when 'genexplorer runs resume calm-owl' continues it" in stored


def test_a_finished_run_trains_longer(shell: Shell) -> None:
    shell("train", "vae-2d", *TINY, "--steps", "20", "--name", "wise-elm")
    assert "train longer" in shell("runs", "resume", "wise-elm", code=7).err
    assert "has finished" in shell("runs", "set", "wise-elm", "model.beta=2", code=7).err
    assert "given in steps" in shell("runs", "extend", "wise-elm", "--epochs", "2", code=2).err
    shell("runs", "extend", "wise-elm", "--steps", "15", "--lr-schedule", "restart")
    longer = shell.wait_for("wise-elm", lambda run: run["status"] == "succeeded" and run["step"] == 35)
    assert longer["attempt"] == 2
