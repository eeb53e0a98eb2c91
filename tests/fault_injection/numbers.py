"""Numbers that are none, and attempts that must agree bit for bit."""

import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import ENDED, FAMILIES, create, kill, reaped, until
from trainers.events import Alert, CheckpointReady, Event, Finished, SnapshotReady
from trainers.families.interface import Model, Objective
from trainers.storage import checkpoint
from trainers.training import loop, setup
from trainers.training.session import TrainingSession

STEPS = 12
BAD_STEP = 6


def not_finite(count: int, folder: Path) -> Tally:
    """A loss or a gradient becomes NaN or infinite at one step, in each objective of each family."""
    tally, store = Tally(), RunStore(folder / "runs")
    cases = [
        (family, where, value) for family in FAMILIES for where in ("loss", "gradient") for value in ("nan", "inf")
    ]
    for number in range(count):
        family, where, value = cases[number % len(cases)]
        with tally.attempt(f"{value} in the {where} of {family}"):
            run = create(store, family, steps=STEPS)
            with RunReader(run) as reader:
                config = reader.config()
            made: list[TrainingSession] = []
            with mock.patch.object(setup, "set_up", partial(_poisoned, made, where, float(value), number)):
                events = list(loop.train(config))
            _stopped_in_time(events, made[0])
            shutil.rmtree(run)
    return tally


_set_up = setup.set_up


def _poisoned(made: list[TrainingSession], where: str, value: float, which: int, *given: object) -> TrainingSession:
    attempt = _set_up(*given)  # type: ignore[arg-type]
    made.append(attempt)
    step = attempt.model.training_step

    def poisoned(batch: torch.Tensor, context: object) -> Iterator[Objective]:
        for place, objective in enumerate(step(batch, context)):  # type: ignore[arg-type]
            bad = attempt.step == BAD_STEP and place == which % len(attempt.optimizers)
            yield _spoiled(objective, where, value, attempt.model) if bad else objective

    attempt.model.training_step = poisoned  # type: ignore[method-assign]
    return attempt


def _spoiled(objective: Objective, where: str, value: float, model: Model) -> Objective:
    if where == "loss":
        return Objective(objective.optimizer, objective.loss * value, objective.values)
    objective.loss.register_hook(lambda gradient: gradient * value)  # type: ignore[no-untyped-call]
    return objective


def _stopped_in_time(events: list[Event], attempt: TrainingSession) -> None:
    last = events[-1]
    assert isinstance(last, Finished) and last.outcome == "failed" and str(BAD_STEP + 1) in last.reason, last
    assert [event.code for event in events if isinstance(event, Alert)][-1] == "loss_not_finite"
    for event in events:
        if isinstance(event, SnapshotReady | CheckpointReady):
            assert all(np.isfinite(a).all() for a in event.arrays.values() if a.dtype.kind == "f"), "saved it"
    weights = [*attempt.model.parameters(), *attempt.ema.model.parameters()]
    assert all(bool(torch.isfinite(weight).all()) for weight in weights), "the weights took it"


def exact_resumes(count: int, folder: Path) -> Tally:
    """Stop or kill at a random step, resume: the last checkpoint equals that of an unbroken run, bit for bit."""
    tally, rng, steps = Tally(), random.Random(5), 400
    with reaped(RunStore(folder / "runs")) as store:
        whole = {family: _unbroken(store, family, steps) for family in FAMILIES}
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(f"{family} {number}"):
                run = create(store, family, steps=steps)
                launcher.start(run)
                _break_off(run, rng.randrange(2, steps - 50), kills=number % 2 == 0)
                if RunReader(run).status().state is not State.SUCCEEDED:
                    launcher.resume(run)
                _same(_finished(run), whole[family])
                shutil.rmtree(run)
    return tally


def _unbroken(store: RunStore, family: str, steps: int) -> Path:
    run = create(store, family, steps=steps)
    launcher.start(run)
    return _finished(run)


def _break_off(run: Path, step: int, *, kills: bool) -> None:
    with RunReader(run) as reader:
        until(lambda: reader.status().step >= step or reader.status().state in ENDED, f"step {step}")
        if reader.status().state in ENDED:
            return
        if kills:
            kill(run)
        else:
            launcher.stop(run)
        until(lambda: reader.status().state in ENDED, "its end")


def _finished(run: Path) -> Path:
    assert launcher.wait(run, ENDED, 120).state is State.SUCCEEDED
    return run


def _same(run: Path, whole: Path) -> None:
    ours, theirs = (checkpoint.load(_last(folder)) for folder in (run, whole))
    assert ours.arrays.keys() == theirs.arrays.keys()
    for name, array in ours.arrays.items():
        assert np.array_equal(array, theirs.arrays[name], equal_nan=array.dtype.kind == "f"), name
    with RunReader(run) as a, RunReader(whole) as b:
        quantity = next(name for name in a.specs() if name.startswith("train/") and name != "train/lr")
        assert np.array_equal(a.series(quantity, max_points=10_000).mean, b.series(quantity, max_points=10_000).mean)


def _last(run: Path) -> Path:
    with RunReader(run) as reader:
        return layout.step_folder(run / layout.CHECKPOINTS, reader.checkpoints()[-1])


CASES = (
    FaultCase(
        name="not-finite",
        fault="NaN or infinity in a loss or a gradient, three families",
        guarantee="the run stops before the weights are updated and shows why; all saved weights are finite",
        full=60,
        short=12,
        run=not_finite,
    ),
    FaultCase(
        name="resume",
        fault="stopped or killed at a random step and resumed, three families",
        guarantee="weights, optimizer states and curves equal those of an uninterrupted run, bit for bit",
        full=90,
        short=0,
        run=exact_resumes,
    ),
)
