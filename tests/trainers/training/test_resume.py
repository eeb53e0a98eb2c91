"""Exact resume: bit for bit what an uninterrupted training would have been."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainers import tiny
from trainers.config import RunConfig
from trainers.errors import CheckpointError
from trainers.events import Alert, CheckpointReady, Command, Finished, Metrics, ResumeState, Set, Started, Stop
from trainers.storage import checkpoint

STEPS = 24
CHANGES: dict[int, list[Command]] = {
    4: [Set({"optim.lr": 3e-3})],
    9: [Set({"model.beta": 0.5}), Set({"optim.grad_clip": 5.0})],
    17: [Set({"optim.lr": 2e-4})],
}
KINDS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "conv": {"model": tiny.ARCHITECTURES["conv"]},
    "gray": {"model": {"likelihood": "discretized-logistic"}, "data": {"binarization": "none"}},
    "sgd": {"optim": {"name": "sgd", "lr": 1e-4}},
    "no average": {"optim": {"ema_decay": 0}},
}


def deterministic(folder: Path, kind: str = "mlp") -> RunConfig:
    execution = {"deterministic": True, "eval_every": 7}
    return tiny.config(folder, KINDS[kind], {"model": {"kl_warmup": 10}, "execution": execution}, steps=STEPS)


def interrupted(config: RunConfig, folder: Path, stop: int) -> tuple[list[Any], list[Any]]:
    """Train to a stop, save and load the checkpoint, and train to the end; return the events of both attempts."""
    before = {step: commands for step, commands in CHANGES.items() if step <= stop}
    first = tiny.train(config, {**before, stop: [*before.get(stop, []), Stop()]})
    state = tiny.last_checkpoint(first)
    checkpoint.save(folder / "c", state.arrays, state.meta)
    after = {step: commands for step, commands in CHANGES.items() if step > stop}
    return first, tiny.train(config, after, checkpoint.load(folder / "c"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(
    folder: Path, tmp_path: Path, kind: str, seed: int
) -> None:
    config = deterministic(folder, kind)
    uninterrupted = tiny.train(config, CHANGES)
    stop = random.Random(f"{kind}{seed}").randrange(1, STEPS)
    first, second = interrupted(config, tmp_path, stop)
    expected, actual = tiny.last_checkpoint(uninterrupted), tiny.last_checkpoint(second)
    assert not tiny.unequal(expected.arrays, actual.arrays), f"stopped at step {stop}"
    resumed_metrics = {**tiny.metrics_by_step(first), **tiny.metrics_by_step(second)}
    assert resumed_metrics == tiny.metrics_by_step(uninterrupted)
    assert expected.meta["changes"] == actual.meta["changes"]
    assert actual.step == STEPS and second[-1] == Finished(STEPS, "succeeded")


def test_a_resumed_attempt_continues_where_the_first_stopped(folder: Path, tmp_path: Path) -> None:
    first, second = interrupted(deterministic(folder), tmp_path, 11)
    assert tiny.of(second, Started)[0].step == 11
    metrics = tiny.of(second, Metrics)
    assert metrics[0].step == 12 and metrics[0].images_seen == 12 * 32
    assert metrics[0].elapsed_s >= tiny.of(first, Metrics)[-1].elapsed_s
    assert tiny.of(second, Alert) == []


def test_changes_are_saved_with_their_step(folder: Path, tmp_path: Path) -> None:
    first, _ = interrupted(deterministic(folder), tmp_path, 10)
    assert tiny.of(first, CheckpointReady)[-1].meta["changes"] == [
        {"step": 4, "path": "optim.lr", "value": 3e-3, "number": 0},
        {"step": 9, "path": "model.beta", "value": 0.5, "number": 1},
        {"step": 9, "path": "optim.grad_clip", "value": 5.0, "number": 2},
    ]


def test_batches_and_random_numbers_resume_exactly_without_deterministic(folder: Path) -> None:
    config = tiny.config(folder, steps=STEPS)
    uninterrupted = tiny.train(config)
    state = tiny.of(tiny.train(config, {13: [Stop()]}), CheckpointReady)[-1]
    rest = tiny.train(config, resume=ResumeState(state.step, state.arrays, state.meta))
    expected, actual = (
        tiny.of(events, CheckpointReady)[-1].arrays["random/training"] for events in (uninterrupted, rest)
    )
    assert np.array_equal(expected, actual)


def saved(folder: Path) -> ResumeState:
    state = tiny.of(tiny.train(deterministic(folder), {3: [Stop()]}), CheckpointReady)[-1]
    return ResumeState(state.step, dict(state.arrays), dict(state.meta))


def test_another_machine_is_reported(folder: Path) -> None:
    state = saved(folder)
    machine = {**state.meta["machine"], "torch": "0.0"}  # type: ignore[dict-item]
    events = tiny.train(deterministic(folder), {}, ResumeState(3, state.arrays, {**state.meta, "machine": machine}))
    (alert,) = tiny.of(events, Alert)
    assert alert.code == "resume_not_exact" and "torch 0.0 →" in alert.message


def test_threads_are_those_of_the_start(folder: Path) -> None:
    state = saved(folder)
    machine = {**state.meta["machine"], "threads": 2}  # type: ignore[dict-item]
    config = deterministic(folder)
    free = config.model_copy(update={"execution": config.execution.model_copy(update={"threads": 0})})
    events = tiny.train(free, {}, ResumeState(3, state.arrays, {**state.meta, "machine": machine}))
    assert tiny.of(events, Started)[0].threads == 2


def drop(name: str) -> Any:
    return lambda arrays: arrays.pop(name)


FAULTS: dict[str, Any] = {
    "a weight is missing": (drop("raw/encoder.layers.0.bias"), "lack 'encoder.layers.0.bias'"),
    "a weight too many": (lambda arrays: arrays.update({"ema/x": np.zeros(1)}), "unexpected parameter 'x'"),
    "another shape": (
        lambda arrays: arrays.update({"raw/encoder.layers.0.bias": np.zeros(3, dtype=np.float32)}),
        "shape",
    ),
    "no random state": (drop("random/training"), "random number generator"),
    "short random state": (
        lambda arrays: arrays.update({"random/training": np.zeros(3, dtype=np.uint8)}),
        "random number generator",
    ),
    "no such parameter": (lambda arrays: arrays.update({"optim/vae/99/exp_avg": np.zeros(3)}), "belongs to no"),
    "optimizer shape": (lambda arrays: arrays.update({"optim/vae/0/exp_avg": np.zeros(3)}), "has shape"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_state_of_another_model_is_refused(folder: Path, fault: str) -> None:
    change, expected = FAULTS[fault]
    state = saved(folder)
    change(state.arrays)
    with pytest.raises(CheckpointError, match=expected):
        tiny.train(deterministic(folder), {}, state)


@pytest.mark.parametrize("meta", [{}, {"watcher": 3}])
def test_damaged_meta_data_is_refused(folder: Path, meta: dict[str, object]) -> None:
    state = saved(folder)
    machine = state.meta["machine"]
    with pytest.raises(CheckpointError, match="meta data is damaged"):
        tiny.train(deterministic(folder), {}, ResumeState(3, state.arrays, {"machine": machine, **meta}))
