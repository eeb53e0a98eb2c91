"""A run is started, watched, paused, resumed, stopped, described, deleted and restored."""

import os
import signal
from pathlib import Path

import pytest

from tests.journeys.conftest import TINY, Shell
from trainers.data.catalog import bundled_folder

pytestmark = pytest.mark.process
LONG = ("--steps", "200000")


def test_a_run_is_steered_from_start_to_end(shell: Shell) -> None:
    started = shell("train", "vae-2d", *TINY, *LONG, "--name", "brave-fox", "--tag", "first", "--detach")
    assert "brave-fox" in started.err
    assert "runs stop brave-fox" in started.err
    shown = shell.wait_for("brave-fox", lambda run: run["metrics"])
    assert (shown["status"], shown["attempt"], shown["tags"]) == ("running", 1, ["first"])
    assert shown["images_seen"] >= shown["step"] > 0
    assert {"value", "step", "unit"} <= set(shown["metrics"]["train/elbo"])
    assert shown["metrics"]["train/elbo"]["unit"] == "nats"
    assert Path(shown["paths"]["config"]).is_file()
    assert Path(f"/proc/{shown['pid']}").exists() or os.name != "posix"

    shell("runs", "pause", "brave-fox")
    paused = shell.show("brave-fox")
    assert paused["status"] == "paused"
    assert shell.show("brave-fox")["step"] == paused["step"], "a paused run makes no steps"
    assert shell("runs", "delete", "brave-fox", code=7).err.startswith("error: ")
    shell("runs", "resume", "brave-fox")
    shell.wait_for("brave-fox", lambda run: run["step"] > paused["step"])
    assert shell.show("brave-fox")["attempt"] == 1, "un-pausing is not a new attempt"

    shell("runs", "stop", "latest")
    stopped = shell.show("brave-fox")
    assert (stopped["status"], stopped["live"]) == ("stopped", False)
    assert shell("runs", "pause", "brave-fox", code=7).err.count("\n") == 1
    shell("runs", "resume", "brave-fox")
    again = shell.wait_for("brave-fox", lambda run: run["step"] > stopped["step"])
    assert (again["attempt"], again["status"]) == (2, "running")
    assert again["pid"] != stopped["pid"] or stopped["pid"] is None
    shell("runs", "stop", "brave-fox")
    assert len(shell.show("brave-fox")["attempts"]) == 2


def test_runs_are_described_deleted_and_restored(shell: Shell) -> None:
    shell("runs", "rename", "brave-fox", "wise-owl")
    shell("runs", "tag", "wise-owl", "kept", "--remove", "first")
    shell("runs", "note", "wise-owl", "the one for the talk")
    assert shell("runs", "note", "wise-owl").out == "the one for the talk\n"
    (run,) = shell.json("runs", "list", "--tag", "kept")
    assert (run["name"], run["tags"], run["note"]) == ("wise-owl", ["kept"], "the one for the talk")
    assert "wise-owl" in shell("runs", "list").out
    assert max(len(line) for line in shell("runs", "list").out.splitlines()) <= 120
    deleted = shell("runs", "delete", run["id"])
    assert "restore" in deleted.err
    assert shell.json("runs", "list") == []
    assert shell("runs", "show", "wise-owl", code=6).err.count("\n") == 1
    assert run["id"] in shell("runs", "restore").out
    shell("runs", "restore", "wise-owl")
    assert shell.show("wise-owl")["id"] == run["id"]
    shell("runs", "delete", "wise-owl")
    shell("runs", "empty-trash", code=1)
    shell("runs", "empty-trash", "--yes")
    assert shell("runs", "restore", "wise-owl", code=6).out == ""


def test_ctrl_c_leaves_a_plain_run_training_and_stops_a_foreground_one(shell: Shell) -> None:
    plain = shell.start("train", "vae-2d", *TINY, *LONG, "--name", "kept", "--plain")
    shell.wait_for_run("kept", lambda run: run["step"] > 0)
    plain.send_signal(signal.SIGINT)
    _, message = plain.communicate(timeout=30)
    assert plain.returncode == 130
    assert "keeps training" in message
    assert "runs stop kept" in message
    before = shell.show("kept")
    assert before["status"] == "running"
    shell.wait_for("kept", lambda run: run["step"] > before["step"])

    second = shell.start("train", "vae-2d", *TINY, *LONG, "--name", "ended", "--foreground")
    both = shell.wait_for_run("ended", lambda run: run["step"] > 0)
    assert both["status"] == shell.show("kept")["status"] == "running", "two runs train at once"
    second.send_signal(signal.SIGINT)
    _, message = second.communicate(timeout=30)
    assert second.returncode == 130
    assert "stopped" in message
    assert "Traceback" not in message
    assert shell.show("ended")["status"] == "stopped"
    shell("runs", "stop", "--all")
    assert [run["live"] for run in shell.json("runs", "list")] == [False, False]


def test_a_crashed_run_shows_the_reason_and_can_be_resumed(shell: Shell) -> None:
    shell("train", "vae-2d", *TINY, *LONG, "--name", "shot", "--detach", "--set", "execution.checkpoint_every_s=0.2")
    shown = shell.wait_for(
        "shot", lambda run: run["step"] > 0 and any(Path(run["paths"]["checkpoints"]).glob("step-*"))
    )
    os.kill(shown["pid"], signal.SIGKILL)
    lost = shell.wait_for("shot", lambda run: not run["live"])
    assert lost["status"] == "lost"
    assert lost["reason"]
    shell("runs", "resume", "shot")
    assert shell.show("shot")["attempt"] == 2
    shell("runs", "stop", "shot")


def test_a_worker_that_cannot_train_shows_why(shell: Shell) -> None:
    folder = shell.folder / "rotten"
    folder.mkdir()
    for source in bundled_folder("mnist").glob("*.gz"):
        data = source.read_bytes()
        rotten = data[:-8] + b"rots" + data[-4:]  # the length is right, only reading it whole shows that the sum is not
        (folder / source.name).write_bytes(rotten if "train-images" in source.name else data)
    result = shell("train", "vae-2d", *TINY, "--steps", "10", "--data", folder, "--name", "rotten", "--detach", code=5)
    assert "train-images-idx3-ubyte.gz" in result.err
    assert "Traceback" not in result.err
    assert shell.show("rotten")["status"] == "failed"
