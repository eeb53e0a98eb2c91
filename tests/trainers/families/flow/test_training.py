"""Flows in the loop: exact resume, clipping at every step, pictures of the trace, and an explosion that is reported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import tiny
from trainers import presets
from trainers.config import RunConfig
from trainers.events import Alert, CheckpointReady, Finished, ImagesReady, ResumeState, Stop
from trainers.storage import checkpoint
from trainers.training import loop

SMALL: dict[str, Any] = {
    "couplings": 2,
    "channels": [6, 5],
    "blocks": 1,
    "bins": 4,
    "hidden": [8],
    "noise_couplings": 2,
    "noise_width": 6,
}


def config(folder: Path, preset: str, *layers: dict[str, Any], steps: int = 12) -> RunConfig:
    base: dict[str, Any] = {
        "model": SMALL,
        "optim": {"batch_size": 32},
        "schedule": {"steps": steps, "warmup_steps": 0},
        "execution": {"threads": 1, "deterministic": True, "eval_every": 50},
    }
    if preset != "flow-toy":
        base["data"] = {"name": "idx", "path": str(folder), "binarization": "none"}
    return presets.assemble(preset, base, *layers)


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "conv": ("realnvp", {}),
    "conv, spline": ("nsf", {}),
    "learned noise": ("realnvp", {"model": {"dequantization": "variational"}}),
    "points": ("flow-toy", {"data": {"name": "moons"}}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(folder: Path, tmp_path: Path, kind: str) -> None:
    preset, layer = KINDS[kind]
    given = config(folder, preset, layer)
    whole = tiny.of(list(loop.train(given)), CheckpointReady)[-1]
    stopped = list(loop.train(given, control=tiny.Script({7: [Stop()]})))
    state = tiny.of(stopped, CheckpointReady)[-1]
    assert state.step == 7
    checkpoint.save(tmp_path / "c", state.arrays, state.meta)
    resumed: ResumeState = checkpoint.load(tmp_path / "c")
    again = tiny.of(list(loop.train(given, resume=resumed)), CheckpointReady)[-1]
    assert whole.arrays.keys() == again.arrays.keys() and again.step == 12
    for name, array in whole.arrays.items():
        assert np.array_equal(array, again.arrays[name]), name


def test_gradients_are_clipped_at_every_step(folder: Path) -> None:
    """A trap: gradients clipped once before the training. With plain descent a step is as long as its gradient."""
    clip, lr = 0.01, 0.5
    sgd = {"optim": {"name": "sgd", "beta1": 0.0, "lr": lr, "grad_clip": clip}, "schedule": {"lr": "constant"}}
    session = tiny.session(config(folder, "realnvp", sgd))
    parameters = list(session.model.parameters())
    for _ in range(4):
        before = [parameter.detach().clone() for parameter in parameters]
        norm = tiny.next_step(session)["train/grad_norm"]
        moved = torch.cat([(a - b).flatten() for a, b in zip(parameters, before, strict=True)]).norm().item()
        assert norm > 10 * clip
        assert moved == pytest.approx(lr * clip, rel=1e-3)


def test_the_trace_of_test_images_is_among_the_pictures(folder: Path) -> None:
    events = list(loop.train(config(folder, "realnvp", {"model": {"couplings": 6}}, steps=2)))
    pictures = [event for event in tiny.of(events, ImagesReady) if event.kind == "trace"]
    assert len(pictures) >= 2
    for event in pictures:
        assert event.columns == 10 and event.images.shape == (80, 9, 7, 1)
    rows = pictures[0].images.reshape(8, 10, 9, 7, 1)
    originals = next(event for event in tiny.of(events, ImagesReady) if event.kind == "reconstructions").images[:8]
    assert np.abs(rows[:, 0].astype(int) - originals).max() <= 1  # each row begins with the image
    assert np.array_equal(rows[:, 0], rows[:, 1])  # and the logit is shown as what it is the logit of
    last = pictures[-1].images.reshape(8, 10, 9, 7, 1)
    assert not np.array_equal(last[:, 0], last[:, -1])


def test_a_preset_that_diverges_raises_warnings_and_stops(folder: Path) -> None:
    """On purpose: `flow-explode` has no bound on its log-scale, and a learning rate that grows until it shows."""
    events = list(loop.train(config(folder, "flow-explode", {"optim": {"lr": 1.0}}, steps=400)))
    end = events[-1]
    assert isinstance(end, Finished) and end.outcome == "failed"
    assert [alert.code for alert in tiny.of(events, Alert)][-1] == "loss_not_finite"
