"""Launches of several compiled steps: results, metrics and commands are as with single steps."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import tiny
from trainers.config import RunConfig
from trainers.events import (
    Alert,
    CheckpointReady,
    Command,
    Event,
    Finished,
    Metrics,
    ResumeState,
    SaveNow,
    Set,
    Threads,
)
from trainers.training import loop, setup, step_runner
from trainers.training.session import TrainingSession
from trainers.training.step_runner import StepRunner

STEPS = 24
COMMANDS: dict[int, list[Command]] = {4: [SaveNow()], 9: [Set({"optim.lr": 3e-3}), SaveNow()], 18: [SaveNow()]}
FAMILIES: dict[str, dict[str, Any]] = {
    "vae": {"model": {"kl_warmup": 10}},
    "gan with a lazy penalty": {
        "model": {"name": "gan", "latent_dim": 3, "hidden_g": [8], "hidden_d": [8], "r1": 1.0, "r1_every": 4},
        "data": {"binarization": "none"},
    },
    "flow": {"model": {"name": "flow", "couplings": 2, "hidden": [8]}, "data": {"binarization": "none"}},
}


@pytest.fixture(autouse=True)
def unlimited_launches(monkeypatch: pytest.MonkeyPatch, traced: list[int]) -> None:
    """Let launches have as many steps as possible, on however slow a machine."""
    monkeypatch.setattr(step_runner, "MAX_BURST_S", 1e6)


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all launches of more than one step."""
    sizes: list[int] = []
    real = StepRunner._burst_size

    def spy(runner: StepRunner, *given: Any) -> int:
        size = real(runner, *given)
        sizes.extend([size] if size > 1 else [])
        return size

    monkeypatch.setattr(StepRunner, "_burst_size", spy)
    return sizes


def _config(folder: Path, *layers: Mapping[str, Any]) -> RunConfig:
    exact = {"execution": {"compile": "on", "deterministic": True, "eval_every": 11, "checkpoint_every_s": 1e6}}
    return tiny.config(folder, exact, *layers, steps=STEPS)


def _events(config: RunConfig, resume: ResumeState | None = None, commands: Any = None) -> list[Event]:
    return tiny.train(config, COMMANDS if commands is None else commands, resume)


def _one_by_one(config: RunConfig, monkeypatch: pytest.MonkeyPatch, commands: Any = None) -> list[Event]:
    with monkeypatch.context() as patched:
        patched.setattr(step_runner, "MAX_BURST_STEPS", 1)
        return _events(config, commands=commands)


@pytest.mark.parametrize("family", FAMILIES)
def test_launches_equal_single_steps(
    family: str, folder: Path, monkeypatch: pytest.MonkeyPatch, launches: list[int]
) -> None:
    config = _config(folder, FAMILIES[family])
    single = _one_by_one(config, monkeypatch)
    assert not launches
    launched = _events(config)
    assert max(launches) > 2
    assert tiny.metrics_by_step(launched) == tiny.metrics_by_step(single)
    expected, actual = tiny.of(single, CheckpointReady), tiny.of(launched, CheckpointReady)
    assert [state.step for state in actual] == [state.step for state in expected] == [4, 9, 18, STEPS]
    for one, other in zip(expected, actual, strict=True):
        assert not tiny.unequal(one.arrays, other.arrays)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_resumes_exactly_from_within_a_launch(family: str, folder: Path) -> None:
    config = _config(folder, FAMILIES[family])
    states = tiny.of(_events(config), CheckpointReady)
    middle, end = states[2], states[-1]
    assert (middle.step, end.step) == (18, STEPS)
    resumed = ResumeState(middle.step, middle.arrays, middle.meta)
    again = tiny.of(_events(config, resumed, {}), CheckpointReady)[-1]
    assert [name for name, array in end.arrays.items() if not np.array_equal(again.arrays[name], array)] == []


def test_a_launch_ends_where_something_is_due(folder: Path, launches: list[int]) -> None:
    _events(_config(folder), commands={})
    # one eager step and one timed; then up to steps 5, 10 and 20 of the 1-2-5 series, evaluations at 11 and 22, the end
    assert launches == [3, 5, 8, 2, 2]


def test_launches_have_more_steps_where_steps_are_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_runner, "MAX_BURST_S", 0.05)
    session = tiny.session(_config(folder))
    runner = StepRunner(session)
    tiny.of(list(runner.run(100, lambda step: False)), Metrics)  # eager: the optimizer has no state yet
    for step_s, size in ((0.0, 1), (1.0, 1), (0.02, 2), (0.001, step_runner.MAX_BURST_STEPS)):
        session.compile_policy.step_s = step_s
        assert len(tiny.of(list(runner.run(100, lambda step: False)), Metrics)) == size


def test_commands_are_polled_between_any_two_steps(folder: Path, launches: list[int]) -> None:
    control = tiny.Script({14: [Threads(1)]})
    events = list(loop.train(_config(folder), control=control))
    assert max(launches) > 2 and set(range(1, STEPS)) <= set(control.polled)
    place = {event.step: number for number, event in enumerate(events) if isinstance(event, Metrics)}
    changed = [number for number, event in enumerate(events) if getattr(event, "command", "") == "threads"]
    assert len(changed) == 1 and place[14] < changed[0] < place[15]


class _Spoiler(tiny.Script):
    """Makes a weight of the training NaN once so many steps are done."""

    def __init__(self, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__({})
        self._step = step
        self._attempts: list[TrainingSession] = []
        real = setup.set_up

        def set_up(*given: Any) -> TrainingSession:
            self._attempts.append(real(*given))
            return self._attempts[-1]

        monkeypatch.setattr(setup, "set_up", set_up)

    def poll(self, step: int) -> Sequence[Command]:
        if step >= self._step:
            with torch.no_grad():
                next(self._attempts[-1].model.parameters()).fill_(math.nan)
        return super().poll(step)


def test_a_launch_reports_metrics_up_to_a_step_that_is_not_finite(
    folder: Path, monkeypatch: pytest.MonkeyPatch, launches: list[int]
) -> None:
    config, spoiler = _config(folder), _Spoiler(14, monkeypatch)
    events = list(loop.train(config, control=spoiler))
    assert launches[-1] == 8
    last = events[-1]
    assert isinstance(last, Finished) and last.outcome == "failed"
    assert last.reason.startswith("at step 15 the loss is nan")
    assert [event.code for event in tiny.of(events, Alert)].count("loss_not_finite") == 1
    single = _one_by_one(config, monkeypatch, {})
    assert tiny.metrics_by_step(events) == {
        key: value for key, value in tiny.metrics_by_step(single).items() if key[0] <= 14
    }


def test_the_steps_of_a_launch_share_its_time(folder: Path, launches: list[int]) -> None:
    metrics = [
        event for event in tiny.of(_events(_config(folder), commands={}), Metrics) if "train/loss" in event.values
    ]
    assert 8 in launches
    eight = [event.elapsed_s for event in metrics if 12 <= event.step < 20]
    apart = np.diff(eight)
    assert min(apart) > 0 and np.allclose(apart, apart[0], rtol=1e-3)
    assert len({event.values["speed/images_per_s"] for event in metrics if 12 <= event.step < 20}) == 1
    assert all(math.isfinite(event.values["speed/images_per_s"]) for event in metrics)
