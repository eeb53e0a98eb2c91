"""Steps in one go: what is learned, told and obeyed is what it is one step at a time."""

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
SAID: dict[int, list[Command]] = {4: [SaveNow()], 9: [Set("optim.lr", 3e-3)], 18: [SaveNow()]}
FAMILIES: dict[str, dict[str, Any]] = {
    "vae": {"model": {"kl_warmup": 10}},
    "gan with a lazy penalty": {
        "model": {"name": "gan", "latent_dim": 3, "hidden_g": [8], "hidden_d": [8], "r1": 1.0, "r1_every": 4},
        "data": {"binarization": "none"},
    },
    "flow": {"model": {"name": "flow", "couplings": 2, "hidden": [8]}, "data": {"binarization": "none"}},
}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch, traced: list[int]) -> None:
    """Let stretches be as long as they may be, on however slow a machine."""
    monkeypatch.setattr(step_runner, "MAX_LAUNCH_S", 1e6)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all launches of more than one step."""
    sizes: list[int] = []
    real = StepRunner._launch_size

    def spy(runner: StepRunner, *given: Any) -> int:
        size = real(runner, *given)
        sizes.extend([size] if size > 1 else [])
        return size

    monkeypatch.setattr(StepRunner, "_launch_size", spy)
    return sizes


def _config(folder: Path, *layers: Mapping[str, Any]) -> RunConfig:
    exact = {"execution": {"compile": "on", "deterministic": True, "eval_every": 11, "checkpoint_every_s": 1e6}}
    return tiny.config(folder, exact, *layers, steps=STEPS)


def _events(config: RunConfig, resume: ResumeState | None = None, said: Any = None) -> list[Event]:
    return list(loop.train(config, resume=resume, control=tiny.Script(SAID if said is None else said)))


def _one_by_one(config: RunConfig, monkeypatch: pytest.MonkeyPatch, said: Any = None) -> list[Event]:
    with monkeypatch.context() as patched:
        patched.setattr(step_runner, "MAX_LAUNCH_STEPS", 1)
        return _events(config, said=said)


def _figures(events: list[Event]) -> dict[tuple[int, str], float]:
    found = tiny.of(events, Metrics)
    return {
        (event.step, name): value
        for event in found
        for name, value in event.values.items()
        if not name.startswith("speed/")
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_stretches_learn_and_tell_what_single_steps_do(
    family: str, folder: Path, monkeypatch: pytest.MonkeyPatch, taken: list[int]
) -> None:
    config = _config(folder, FAMILIES[family])
    single = _one_by_one(config, monkeypatch)
    assert not taken
    found = _events(config)
    assert max(taken) > 2
    assert _figures(found) == _figures(single)
    wanted, got = tiny.of(single, CheckpointReady), tiny.of(found, CheckpointReady)
    assert [state.step for state in got] == [state.step for state in wanted] == [4, 9, 18, STEPS]
    for one, other in zip(wanted, got, strict=True):
        assert one.arrays.keys() == other.arrays.keys()
        assert [name for name in one.arrays if not np.array_equal(one.arrays[name], other.arrays[name])] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_goes_on_exactly_from_the_middle_of_a_stretch(family: str, folder: Path) -> None:
    config = _config(folder, FAMILIES[family])
    states = tiny.of(_events(config), CheckpointReady)
    middle, end = states[2], states[-1]
    assert (middle.step, end.step) == (18, STEPS)
    resumed = ResumeState(middle.step, middle.arrays, middle.meta)
    again = tiny.of(_events(config, resumed, {}), CheckpointReady)[-1]
    assert [name for name, array in end.arrays.items() if not np.array_equal(again.arrays[name], array)] == []


def test_a_stretch_ends_where_something_is_due(folder: Path, taken: list[int]) -> None:
    _events(_config(folder), said={})
    # one step plain and one timed, then to the early steps 5 and 10, to the judging at 11 and 22, the early 20, the end
    assert taken == [3, 5, 8, 2, 2]


def test_a_stretch_is_as_long_as_the_steps_are_short(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_runner, "MAX_LAUNCH_S", 0.05)
    session = tiny.session(_config(folder))
    runner = StepRunner(session)
    tiny.of(list(runner.run(100, lambda step: False)), Metrics)  # eager: the optimizer has no state yet
    for step_s, size in ((0.0, 1), (1.0, 1), (0.02, 2), (0.001, step_runner.MAX_LAUNCH_STEPS)):
        session.compile_policy.step_s = step_s
        assert len(tiny.of(list(runner.run(100, lambda step: False)), Metrics)) == size


def test_whoever_commands_is_asked_between_any_two_steps(folder: Path, taken: list[int]) -> None:
    control = tiny.Script({14: [Threads(1)]})
    events = list(loop.train(_config(folder), control=control))
    assert max(taken) > 2 and set(range(1, STEPS)) <= set(control.polled)
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

        def seen(*given: Any) -> TrainingSession:
            self._attempts.append(real(*given))
            return self._attempts[-1]

        monkeypatch.setattr(setup, "set_up", seen)

    def poll(self, step: int) -> Sequence[Command]:
        if step >= self._step:
            with torch.no_grad():
                next(self._attempts[-1].model.parameters()).fill_(math.nan)
        return super().poll(step)


def test_figures_of_a_stretch_are_told_up_to_the_step_that_is_not_finite(
    folder: Path, monkeypatch: pytest.MonkeyPatch, taken: list[int]
) -> None:
    config, spoiler = _config(folder), _Spoiler(14, monkeypatch)
    events = list(loop.train(config, control=spoiler))
    assert taken[-1] == 8
    last = events[-1]
    assert isinstance(last, Finished) and last.outcome == "failed"
    assert last.reason.startswith("at step 15 the loss is nan")
    assert [event.code for event in tiny.of(events, Alert)].count("loss_not_finite") == 1
    sound = _one_by_one(config, monkeypatch, {})
    assert _figures(events) == {key: value for key, value in _figures(sound).items() if key[0] <= 14}


def test_the_steps_of_a_stretch_share_its_seconds(folder: Path, taken: list[int]) -> None:
    told = [event for event in tiny.of(_events(_config(folder), said={}), Metrics) if "train/loss" in event.values]
    assert 8 in taken
    eight = [event.elapsed_s for event in told if 12 <= event.step < 20]
    apart = np.diff(eight)
    assert min(apart) > 0 and np.allclose(apart, apart[0], rtol=1e-3)
    assert len({event.values["speed/images_per_s"] for event in told if 12 <= event.step < 20}) == 1
    assert all(math.isfinite(event.values["speed/images_per_s"]) for event in told)
