"""Workers killed at any moment: shown as Lost, with every metric and setting that was displayed, and intact files."""

import random
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from genexplorer.runs import layout, settings
from genexplorer.runs.artifacts import retention
from genexplorer.runs.commands import control
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import FAMILIES, create, kill, killing_workers, wait_for_step
from tests.fixtures.waiting import repeat_for, wait_until
from trainers.events import Set
from trainers.storage import checkpoint

LOST_WITHIN_S = 5.0
LONGEST_S = 1.5  # of training before the kill


def killed_at_random(count: int, folder: Path) -> Tally:
    """Kill workers of each family at a random moment; check the state, the metrics and the files."""
    tally, rng, slowest, num_with_checkpoint = Tally(), random.Random(4), 0.0, 0
    with killing_workers(RunStore(folder / "runs")) as store:
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(f"{family} {number}"):
                run = create(store, family)
                launcher.start(run)
                displayed = _read_metrics_for(run, rng.uniform(0, LONGEST_S))
                kill(run)
                slowest = max(slowest, wait_until(partial(_is_lost, run), "shown as Lost", LOST_WITHIN_S))
                num_with_checkpoint += _check_files(run, displayed)
                shutil.rmtree(run)
    tally.notes += [f"Lost within {slowest:.1f} s", f"{num_with_checkpoint} had a checkpoint, all intact"]
    return tally


def _read_metrics_for(run: Path, seconds: float) -> int:
    """Read a curve again and again for some time; return the last step that was read."""
    wait_for_step(run, 1)
    displayed = 0
    reader = RunReader(run)

    def read_curve() -> None:
        nonlocal displayed
        steps = reader.series("train/lr", max_points=1_000_000).x
        displayed = max(displayed, int(steps[-1]) if len(steps) else 0)

    repeat_for(seconds, read_curve)  # the moment of the kill is random, so the duration is under test
    return displayed


def _is_lost(run: Path) -> bool:
    return RunReader(run).status().state is State.LOST


def _check_files(run: Path, displayed: int) -> bool:
    """Check metrics up to the last displayed step, database and checkpoints; return whether there is a checkpoint."""
    reader = RunReader(run)
    steps = reader.series("train/lr", max_points=1_000_000).x
    assert len(steps) >= displayed and steps.tolist() == list(range(1, len(steps) + 1)), (
        f"{displayed} were displayed, {len(steps)} are left"
    )
    with closing(sqlite3.connect(run / layout.DATABASE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    parent = run / layout.CHECKPOINTS
    newest, damaged = retention.newest_complete(parent, checkpoint.verify)
    assert not damaged, f"damaged checkpoints {damaged}"
    if newest is not None:
        assert checkpoint.load(newest).step == layout.step_of(newest)
    for step in retention.steps(run / layout.SNAPSHOTS):
        checkpoint.load_snapshot(layout.step_folder(run / layout.SNAPSHOTS, step))
    return newest is not None


def killed_after_acknowledgement(count: int, folder: Path) -> Tally:
    """Change the learning rate or the length in turn, kill the worker as soon as it acknowledges, resume."""
    tally, rng = Tally(), random.Random(6)
    with killing_workers(RunStore(folder / "runs")) as store:
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(f"{family} {number}"):
                run = create(store, family, {"execution": {"checkpoint_every_s": 3600.0}})
                launcher.start(run)
                wait_for_step(run, rng.randrange(1, 60))
                lr, steps = 10 ** -rng.uniform(3, 6), 1_000_000 + rng.randrange(1, 1_000_000)
                is_longer = bool(number % 2)
                command = control.send(run, Set({"schedule.steps": steps} if is_longer else {"optim.lr": lr}))
                wait_until(partial(_is_acknowledged, run, command), "the command is acknowledged")
                kill(run)
                wait_until(partial(_is_lost, run), "shown as Lost", LOST_WITHIN_S)
                # The attempt starts without a checkpoint, and makes the change at its step again.
                (change,) = settings.read_changes(run)
                launcher.resume(run)
                wait_for_step(run, change.step + 3)
                reader = RunReader(run)
                if is_longer:
                    assert reader.status().total_steps == steps, f"the run has {reader.status().total_steps} steps"
                else:
                    resumed_lr = _lr_after(reader, change.step)
                    assert abs(resumed_lr - lr) < 1e-9, f"the learning rate is {resumed_lr:g}, not {lr:g}"
                kill(run)
                shutil.rmtree(run)
    return tally


def _lr_after(reader: RunReader, step: int) -> float:
    """Return a learning rate that was recorded after a step."""
    wait_until(lambda: reader.latest()["train/lr"].step > step, "a step after the change")
    return reader.latest()["train/lr"].value


def _is_acknowledged(run: Path, command: str) -> bool:
    ack = control.read_ack(run, command)
    assert ack is None or ack.applied, ack
    return ack is not None


CASES = (
    FaultCase(
        name="kill",
        fault="SIGKILL of the worker at a random moment, three families in turn",
        guarantee="shown as Lost within 5 s; every displayed metric is there; database and checkpoints are intact",
        full=300,
        short=0,
        run=killed_at_random,
    ),
    FaultCase(
        name="kill-after-answer",
        fault="SIGKILL of the worker the moment it acknowledged a changed setting or a new length",
        guarantee="the resumed run has the setting, or the length",
        full=60,
        short=0,
        run=killed_after_acknowledgement,
    ),
)
