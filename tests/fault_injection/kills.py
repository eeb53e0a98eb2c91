"""Workers killed at any moment: shown as Lost, with every figure and setting that was seen, and whole checkpoints."""

import random
import shutil
import sqlite3
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.commands import control
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import FAMILIES, at_step, create, kill, reaped, until
from trainers.events import Set
from trainers.storage import checkpoint

LOST_WITHIN_S = 5.0
LONGEST_S = 1.5  # of training before the kill


def killed_at_random(count: int, folder: Path) -> Tally:
    """Kill workers of each family in turn; look at what is left."""
    tally, rng, slowest, whole = Tally(), random.Random(4), 0.0, 0
    with reaped(RunStore(folder / "runs")) as store:
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(f"{family} {number}"):
                run = create(store, family)
                launcher.start(run)
                seen = _watched(run, rng.uniform(0, LONGEST_S))
                kill(run)
                slowest = max(slowest, until(partial(_is_lost, run), "shown as Lost", LOST_WITHIN_S))
                whole += _is_intact(run, seen)
                shutil.rmtree(run)
    tally.notes += [f"Lost within {slowest:.1f} s", f"{whole} had a checkpoint, all intact"]
    return tally


def _watched(run: Path, seconds: float) -> int:
    """Look on for a while; return the last step whose figures were seen."""
    at_step(run, 1)
    end, seen = time.monotonic() + seconds, 0
    with RunReader(run) as reader:
        while True:
            steps = reader.series("train/lr", max_points=1_000_000).x
            seen = max(seen, int(steps[-1]) if len(steps) else 0)
            if time.monotonic() >= end:
                return seen
            time.sleep(0.02)


def _is_lost(run: Path) -> bool:
    with RunReader(run) as reader:
        return reader.status().state is State.LOST


def _is_intact(run: Path, seen: int) -> bool:
    """Check the figures, the database and the checkpoints; return whether there is a checkpoint."""
    with RunReader(run) as reader:
        steps = reader.series("train/lr", max_points=1_000_000).x
    assert len(steps) >= seen and steps.tolist() == list(range(1, len(steps) + 1)), f"saw {seen}, has {len(steps)}"
    with closing(sqlite3.connect(run / layout.DATABASE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    parent = run / layout.CHECKPOINTS
    found, damaged = retention.newest_complete(parent, checkpoint.verify)
    assert not damaged, f"damaged checkpoints {damaged}"
    if found is not None:
        assert checkpoint.load(found).step == layout.step_of(found)
    for step in retention.steps(run / layout.SNAPSHOTS):
        checkpoint.load_snapshot(layout.step_folder(run / layout.SNAPSHOTS, step))
    return found is not None


def killed_after_an_answer(count: int, folder: Path) -> Tally:
    """Change a setting, kill the worker the moment it has answered, resume: the setting is there."""
    tally, rng = Tally(), random.Random(6)
    with reaped(RunStore(folder / "runs")) as store:
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(f"{family} {number}"):
                run = create(store, family, {"execution": {"checkpoint_every_s": 3600.0}})
                launcher.start(run)
                at_step(run, rng.randrange(1, 60))
                lr = 10 ** -rng.uniform(3, 6)
                command = control.send(run, Set("optim.lr", lr))
                until(partial(_answered, run, command), "an answer")
                kill(run)
                until(partial(_is_lost, run), "shown as Lost", LOST_WITHIN_S)
                launcher.resume(run)
                at_step(run, _last_step(run) + 3)
                found = RunReader(run).latest()["train/lr"].value
                assert abs(found - lr) < 1e-9, f"the learning rate is {found:g}, not {lr:g}"
                kill(run)
                shutil.rmtree(run)
    return tally


def _answered(run: Path, command: str) -> bool:
    answer = control.read_ack(run, command)
    assert answer is None or answer.applied, answer
    return answer is not None


def _last_step(run: Path) -> int:
    with RunReader(run) as reader:
        return max(reader.checkpoints())


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
        fault="SIGKILL of the worker the moment it acknowledged a changed setting",
        guarantee="the resumed run has the setting",
        full=60,
        short=0,
        run=killed_after_an_answer,
    ),
)
