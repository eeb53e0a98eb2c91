"""A branch of a run that trains, a branch of the branch without its parents, and a kill in the middle of a fork."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.journeys.conftest import TINY, Shell

pytestmark = pytest.mark.process

_KILLED_FORK = """
    import os, signal, sys
    from pathlib import Path
    from genexplorer.runs import branch
    from genexplorer.session import forking
    branch._copy_snapshots = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
    forking.fork(Path(sys.argv[1]), Path(sys.argv[1]).parent)
"""


def test_branches_of_a_run_that_trains(shell: Shell) -> None:
    often = ("--set", "execution.checkpoint_every_s=0.3")
    shell("train", "vae-2d", *TINY, *often, "--steps", "200000", "--name", "calm-owl", "--detach")
    owl = shell.wait_for("calm-owl", lambda run: any((shell.runs / run["id"] / "checkpoints").glob("step-*")))
    # All or nothing.
    refused = shell("fork", "calm-owl", "--set", "model.latent_dim=3", code=2).err
    assert refused.count("\n") == 1 and "model.latent_dim: a branch goes on with the weights" in refused
    assert "neither a checkpoint nor a snapshot" in shell("fork", "calm-owl", "--at", "77777", code=4).err
    # A kill in the middle leaves no run.
    command = [sys.executable, "-c", textwrap.dedent(_KILLED_FORK), str(shell.runs / owl["id"])]
    killed = subprocess.run(command, cwd=shell.folder, env=shell.environment, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [run["id"] for run in shell.json("runs", "list")] == [owl["id"]]
    assert [path.name for path in shell.runs.iterdir() if path.name.startswith(".new-")], "it was killed on the way"
    # A branch, and a branch of it, while they train.
    first = shell("fork", "calm-owl", "--set", "model.beta=2", "--name", "brave-fox")
    assert "brave-fox: a branch of calm-owl from checkpoint" in first.err and "model.beta 1 → 2" in first.err
    shell("runs", "stop", "brave-fox")
    second = shell.json("fork", "brave-fox", "--name", "wise-elm")
    fox = shell.show("brave-fox")
    origin = {"kind": "fork", "id": fox["id"], "name": "brave-fox", "step": fox["step"], "exact": True}
    assert second["parent"] == {**origin, "weights": "ema", "changes": ""}
    assert "set model.beta = 2" in shell("runs", "logs", "brave-fox").out
    # It goes on without them.
    shell("runs", "stop", "calm-owl")
    shell("runs", "delete", "calm-owl", "brave-fox")
    elm = shell.wait_for("wise-elm", lambda run: run["step"] > fox["step"])
    assert elm["snapshots"][0] == 0 and "⤷ wise-elm" in shell("runs", "list").out
