"""NaN and infinity in a loss or gradient, and resumed trainings that must equal uninterrupted ones bit for bit."""

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
from tests.fault_injection.tiny_runs import ENDED, FAMILIES, create, kill, killing_workers
from tests.fixtures.waiting import wait_until
from trainers.events import Alert, CheckpointReady, Event, Finished, SnapshotReady
from trainers.families.interface import Objective
from trainers.storage import checkpoint
from trainers.training import loop, setup
from trainers.training.session import TrainingSession

STEPS = 12
BAD_STEP = 6


def not_finite(count: int, folder: Path) -> Tally:
    """Make a loss or gradient NaN or infinite at one step, in each objective of each family."""
    tally, store = Tally(), RunStore(folder / "runs")
    cases = [
        (family, where, value) for family in FAMILIES for where in ("loss", "gradient") for value in ("nan", "inf")
    ]
    for number in range(count):
        family, where, value = cases[number % len(cases)]
        with tally.attempt(f"{value} in the {where} of {family}"):
            run = create(store, family, steps=STEPS)
            config = RunReader(run).config()
            sessions: list[TrainingSession] = []
            with mock.patch.object(setup, "set_up", partial(_set_up_faulty, sessions, where, float(value), number)):
                events = list(loop.train(config))
            _check_stopped_before_update(events, sessions[0])
            shutil.rmtree(run)
    return tally


_set_up = setup.set_up


def _set_up_faulty(
    sessions: list[TrainingSession], where: str, value: float, number: int, *args: object
) -> TrainingSession:
    """Set up a session whose model yields a faulty objective at `BAD_STEP`, and add it to `sessions`."""
    session = _set_up(*args)  # type: ignore[arg-type]
    sessions.append(session)
    training_step = session.model.training_step

    def faulty_step(batch: torch.Tensor, context: object) -> Iterator[Objective]:
        for index, objective in enumerate(training_step(batch, context)):  # type: ignore[arg-type]
            is_bad = session.step == BAD_STEP and index == number % len(session.optimizers)
            yield _with_fault(objective, where, value) if is_bad else objective

    session.model.training_step = faulty_step  # type: ignore[method-assign]
    return session


def _with_fault(objective: Objective, where: str, value: float) -> Objective:
    if where == "loss":
        return Objective(objective.optimizer, objective.loss * value, objective.values)
    objective.loss.register_hook(lambda gradient: gradient * value)  # type: ignore[no-untyped-call]
    return objective


def _check_stopped_before_update(events: list[Event], session: TrainingSession) -> None:
    last = events[-1]
    assert isinstance(last, Finished) and last.outcome == "failed" and str(BAD_STEP + 1) in last.reason, last
    assert [event.code for event in events if isinstance(event, Alert)][-1] == "loss_not_finite"
    for event in events:
        if isinstance(event, SnapshotReady | CheckpointReady):
            assert all(np.isfinite(a).all() for a in event.arrays.values() if a.dtype.kind == "f"), (
                "saved weights are not finite"
            )
    weights = [*session.model.parameters(), *session.ema.model.parameters()]
    assert all(bool(torch.isfinite(weight).all()) for weight in weights), "the weights were updated"


def exact_resumes(count: int, folder: Path) -> Tally:
    """Stop or kill at a random step, resume: the last checkpoint equals that of an uninterrupted run, bit for bit."""
    tally, rng, steps = Tally(), random.Random(5), 400
    with killing_workers(RunStore(folder / "runs")) as store:
        references = {family: _train_uninterrupted(store, family, steps) for family in FAMILIES}
        for number in range(count):
            family = list(FAMILIES)[number % len(FAMILIES)]
            with tally.attempt(f"{family} {number}"):
                run = create(store, family, steps=steps)
                launcher.start(run)
                _interrupt(run, rng.randrange(2, steps - 50), kills=number % 2 == 0)
                if RunReader(run).status().state is not State.SUCCEEDED:
                    launcher.resume(run)
                _check_equal(_wait_for_success(run), references[family])
                shutil.rmtree(run)
    return tally


def _train_uninterrupted(store: RunStore, family: str, steps: int) -> Path:
    run = create(store, family, steps=steps)
    launcher.start(run)
    return _wait_for_success(run)


def _interrupt(run: Path, step: int, *, kills: bool) -> None:
    reader = RunReader(run)
    wait_until(lambda: reader.status().step >= step or reader.status().state in ENDED, f"step {step}")
    if reader.status().state in ENDED:
        return
    if kills:
        kill(run)
    else:
        launcher.stop(run)
    wait_until(lambda: reader.status().state in ENDED, "the run ends")


def _wait_for_success(run: Path) -> Path:
    assert launcher.wait(run, ENDED, 120).state is State.SUCCEEDED
    return run


def _check_equal(run: Path, reference: Path) -> None:
    actual, expected = (checkpoint.load(_last_checkpoint(folder)) for folder in (run, reference))
    assert actual.arrays.keys() == expected.arrays.keys()
    for name, array in actual.arrays.items():
        assert np.array_equal(array, expected.arrays[name], equal_nan=array.dtype.kind == "f"), name
    a, b = RunReader(run), RunReader(reference)
    quantity = next(name for name in a.metric_specs() if name.startswith("train/") and name != "train/lr")
    assert np.array_equal(a.series(quantity, max_points=10_000).mean, b.series(quantity, max_points=10_000).mean)


def _last_checkpoint(run: Path) -> Path:
    return layout.step_folder(run / layout.CHECKPOINTS, RunReader(run).checkpoints()[-1])


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
