"""Checkpoints: the resumable state of a training as plain arrays and JSON, and back, with every shape checked."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.errors import CheckpointError
from trainers.events import Alert, Arrays, CheckpointReady, ResumeState, SettingChange
from trainers.families.weights import load_weights, model_arrays
from trainers.model_card import DataCard
from trainers.numerics import rng
from trainers.step import optim
from trainers.storage import branching
from trainers.training import setup
from trainers.training.alerts import AlertMonitor
from trainers.training.session import ResumableState, TrainingSession

STATE_VERSION = 1
_DATA_KEYS = ("name", "num_train", "num_test", "kind", "fingerprint")
_RESUME_OLDER = "resume an older checkpoint, or start a new run"


def checkpoint(session: TrainingSession, reason: Literal["schedule", "requested", "stop", "end"]) -> CheckpointReady:
    """Return copies of everything that an exact resume needs."""
    # Weights, optimizers and random numbers.
    arrays = _with_prefix("raw", model_arrays(session.model))
    if session.ema.is_separate:
        arrays |= _with_prefix("ema", model_arrays(session.ema.model))
    for name, optimizer in session.optimizers.items():
        arrays |= _with_prefix(f"optim/{name}", optim.to_arrays(optimizer))
    arrays["random/training"] = session.generator.get_state().numpy().copy()
    # The rest, as JSON, which has no NaN. Its keys never change.
    state = session.state
    finite = {name: value for name, value in state.test_metrics.items() if math.isfinite(value)}
    meta = {
        "schema": STATE_VERSION,
        "step": session.step,
        "images_seen": session.images_seen,
        "elapsed_s": session.stopwatch.elapsed_s,
        "deterministic": session.config.execution.deterministic,
        "changes": [
            {"step": change.step, "path": path, "value": value, "number": number}
            for number, change in enumerate(state.changes)
            for path, value in change.values.items()
        ],
        "watcher": state.alerts.to_json(),
        "evaluated_at": state.evaluated_step,
        "shown_at": state.snapshot_step,
        "figures": finite,
        "machine": setup.fingerprint(session),
        "data": session.data_card.model_dump(mode="json", include=set(_DATA_KEYS)),
    }
    return CheckpointReady(session.step, arrays, meta, reason)


def restore(
    session: TrainingSession, resume: ResumeState, recorded_changes: Sequence[SettingChange] = ()
) -> list[Alert]:
    """Bring a new session to the state of a checkpoint; return alerts about possible differences from it.

    Args:
        session: The new session.
        resume: The checkpoint.
        recorded_changes: All changes of settings in the run so far, those of the checkpoint first.

    Raises:
        CheckpointError: if the checkpoint is of another model, or damaged.
        DataError: if the run was trained on other data.
    """
    _check_data(session, resume.meta.get("data"))
    # Step, time, changed settings and the alert monitor.
    meta: Mapping[str, Any] = resume.meta
    is_weights_only = meta.get(branching.WEIGHTS_ONLY) is True
    try:
        state = ResumableState(
            changes=_changes(meta["changes"]),
            alerts=AlertMonitor() if is_weights_only else AlertMonitor.from_json(meta["watcher"]),
            test_metrics=dict(meta["figures"]),
            evaluated_step=int(meta["evaluated_at"]),
            snapshot_step=int(meta["shown_at"]),
        )
        state.future_changes = list(recorded_changes[len(state.changes) :])
        session.restore(resume.step, float(meta["elapsed_s"]), state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"the checkpoint's meta data is damaged ({error!r})", _RESUME_OLDER) from None
    # Weights, optimizers and random numbers. A branch from a snapshot has weights alone.
    load_weights(session.model, _without_prefix("raw", resume.arrays))
    if session.ema.is_separate:
        load_weights(session.ema.model, _without_prefix("raw" if is_weights_only else "ema", resume.arrays))
    if is_weights_only:
        device, name = session.device, f"training from the weights of step {resume.step}"
        session.generator.set_state(rng.named_generator(session.config.seed, name, device).get_state())
        return []
    for name, optimizer in session.optimizers.items():
        optim.from_arrays(optimizer, _without_prefix(f"optim/{name}", resume.arrays))
    random_state, expected = resume.arrays.get("random/training"), session.generator.get_state()
    if random_state is None or random_state.dtype != np.uint8 or random_state.shape != tuple(expected.shape):
        raise CheckpointError("the state of the random number generator is missing or of another device", _RESUME_OLDER)
    session.generator.set_state(torch.from_numpy(random_state.copy()))
    # Under `deterministic`, warn of differences from the machine that wrote it.
    machine, saved = setup.fingerprint(session), meta.get("machine")
    if not session.config.execution.deterministic or not isinstance(saved, dict) or machine == saved:
        return []
    changes = ", ".join(
        f"{key} {saved.get(key)} → {value}" for key, value in machine.items() if saved.get(key) != value
    )
    message = f"the resumed training may differ in rounding from an uninterrupted one: {changes}"
    return [Alert(session.step, "warning", "resume_not_exact", message)]


def _changes(rows: Sequence[Mapping[str, Any]]) -> list[SettingChange]:
    """Return the changes of a checkpoint, in which each setting has a row; rows of one change have one number."""
    numbered = [(row.get("number", -1 - index), row) for index, row in enumerate(rows)]  # earlier versions had none
    groups = (list(group) for _, group in groupby(numbered, key=lambda item: item[0]))
    return [
        SettingChange(int(group[0][1]["step"]), {row["path"]: row["value"] for _, row in group}) for group in groups
    ]


def _check_data(session: TrainingSession, saved: object) -> None:
    """Refuse to go on with other data than those of the checkpoint; earlier versions did not record them."""
    if not isinstance(saved, dict):
        return
    try:
        earlier = DataCard(**{key: saved[key] for key in _DATA_KEYS})
    except (KeyError, ValueError):
        raise CheckpointError("the checkpoint's description of the data is damaged", _RESUME_OLDER) from None
    present = session.data_card
    where = getattr(session.plan.data_options, "path", "") or present.name
    earlier.check_same(present.num_train, present.num_test, present.fingerprint, where)


def _with_prefix(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _without_prefix(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    start = f"{prefix}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
