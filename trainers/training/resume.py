"""The resumable state of a training as plain arrays and JSON, and back, with every shape checked."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.errors import CheckpointError
from trainers.events import Alert, Arrays, CheckpointReady, ResumeState, SnapshotReady
from trainers.families.interface import Model
from trainers.training import optim, rng, settable, timing
from trainers.training.alerts import AlertMonitor
from trainers.training.session import ResumableState, TrainingSession, snapshot_card

SCHEMA = 1
_OLDER = "resume an older checkpoint, or start the run anew"


def snapshot(training: TrainingSession) -> SnapshotReady:
    """Return copies of the EMA weights with their card."""
    return SnapshotReady(training.step, model_arrays(training.ema.settled()), snapshot_card(training))


def state(training: TrainingSession, reason: Literal["schedule", "asked", "stop", "end"]) -> CheckpointReady:
    """Return copies of everything that an exact resume needs."""
    arrays = _prefixed("raw", model_arrays(training.model))
    if training.ema.separate:
        arrays |= _prefixed("ema", model_arrays(training.ema.model))
    for name, optimizer in training.optimizers.items():
        arrays |= _prefixed(f"optim/{name}", optim.to_arrays(optimizer))
    arrays["random/training"] = training.generator.get_state().numpy().copy()
    return CheckpointReady(training.step, arrays, _meta(training), reason)


def restore(training: TrainingSession, resume: ResumeState) -> list[Alert]:
    """Bring a fresh training to a saved state; return what cannot be promised about it.

    Raises:
        CheckpointError: if the state is of another model, or damaged.
    """
    try:
        _restore_memory(training, resume.meta)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"the checkpoint's meta data is not understood ({error!r})", _OLDER) from None
    load_weights(training.model, _under("raw", resume.arrays))
    if training.ema.separate:
        load_weights(training.ema.model, _under("ema", resume.arrays))
    for name, optimizer in training.optimizers.items():
        optim.from_arrays(optimizer, _under(f"optim/{name}", resume.arrays))
    _restore_generator(training.generator, resume.arrays.get("random/training"))
    training.step = resume.step
    training.time_left = timing.EtaEstimator(training.progress, training.stopwatch.elapsed_s)
    return _differences(training, resume.meta)


def model_arrays(model: Model) -> dict[str, NDArray[np.generic]]:
    """Return copies of a model's weights and buffers."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def load_weights(model: Model, arrays: Arrays) -> None:
    """Give a model its weights.

    Raises:
        CheckpointError: naming the first array that is missing, unknown or of another shape.
    """
    expected = model.state_dict()
    for name in (*expected, *arrays):
        if name not in arrays:
            raise CheckpointError(f"the weights lack '{name}'", _OLDER)
        if name not in expected:
            raise CheckpointError(f"the weights hold '{name}', which this model has not", _OLDER)
        have, want = tuple(arrays[name].shape), tuple(expected[name].shape)
        if have != want:
            raise CheckpointError(f"the weights '{name}' have shape {have}, the model needs {want}", _OLDER)
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})


def _meta(training: TrainingSession) -> dict[str, object]:
    memory = training.memory
    watcher = {key: sorted(value) if isinstance(value, set) else value for key, value in asdict(memory.watcher).items()}
    return {
        "schema": SCHEMA,
        "step": training.step,
        "images_seen": training.images_seen,
        "elapsed_s": training.stopwatch.elapsed_s,
        "deterministic": training.config.execution.deterministic,
        "changes": list(memory.changes),
        "watcher": watcher,
        "evaluated_at": memory.evaluated_at,
        "shown_at": memory.shown_at,
        "figures": {name: value for name, value in memory.figures.items() if math.isfinite(value)},  # JSON has no NaN
        "machine": _fingerprint(training),
    }


def _restore_memory(training: TrainingSession, meta: Mapping[str, Any]) -> None:
    watcher: dict[str, Any] = {k: set(v) if isinstance(v, list) else v for k, v in dict(meta["watcher"]).items()}
    training.memory = ResumableState(
        changes=list(meta["changes"]),
        watcher=AlertMonitor(**watcher),
        figures=dict(meta["figures"]),
        evaluated_at=int(meta["evaluated_at"]),
        shown_at=int(meta["shown_at"]),
    )
    training.stopwatch = timing.Stopwatch(training.clock, float(meta["elapsed_s"]))
    for change in training.memory.changes:
        training.plan = settable.changed(training.plan, training.model, change["path"], change["value"])


def _restore_generator(generator: torch.Generator, saved: NDArray[np.generic] | None) -> None:
    expected = generator.get_state()
    if saved is None or saved.dtype != np.uint8 or saved.shape != tuple(expected.shape):
        raise CheckpointError("the state of the random numbers is missing or of another device", _OLDER)
    generator.set_state(torch.from_numpy(saved.copy()))


def _fingerprint(training: TrainingSession) -> dict[str, Any]:
    compiled = training.config.execution.compile == "on"
    return rng.fingerprint(training.device, bfloat16=training.compute.bfloat16, compiled=compiled)


def _differences(training: TrainingSession, meta: Mapping[str, Any]) -> list[Alert]:
    now, then = _fingerprint(training), meta.get("machine")
    if not training.config.execution.deterministic or not isinstance(then, dict) or now == then:
        return []
    named = ", ".join(f"{key} {then.get(key)} → {value}" for key, value in now.items() if then.get(key) != value)
    message = f"the resumed training may differ in rounding from an uninterrupted one: {named}"
    return [Alert(training.step, "warning", "resume_not_exact", message)]


def _prefixed(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _under(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
