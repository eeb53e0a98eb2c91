"""Weights of another model: loaded where name and shape fit, the others listed."""

from pathlib import Path

import numpy as np
import pytest

from tests.trainers import tiny
from trainers import api
from trainers.errors import CheckpointError, ConfigError
from trainers.events import Alert, InitialWeights, SnapshotReady
from trainers.families.weights import fit, load_fitting, load_weights, model_arrays

SHAPE = (1, 9, 7)


def test_all_weights_of_an_equal_model_fit() -> None:
    model, other = tiny.vae(tiny.options(), SHAPE), tiny.vae(tiny.options(), SHAPE, seed=1)
    result = load_fitting(model, InitialWeights(model_arrays(other), "the weights of a friend"))
    assert not tiny.unequal(model_arrays(model), model_arrays(other))
    total = len(model.state_dict())
    assert result.lines() == [f"{total} of {total} tensors of the model start as the weights of a friend"]


def test_other_shapes_and_names_are_left_out_and_listed() -> None:
    model, other = tiny.vae(tiny.options(), SHAPE), tiny.vae(tiny.options(latent_dim=3), SHAPE, seed=1)
    before, arrays = model_arrays(model), {**model_arrays(other), "critic.weight": np.zeros(3, np.float32)}
    del arrays["decoder.layers.2.bias"]
    result = load_fitting(model, InitialWeights(arrays, "the weights of a friend"))
    after = model_arrays(model)
    for name, array in after.items():
        expected = arrays[name] if name in result.loaded else before[name]
        assert np.array_equal(array, expected), name
    assert result.initialized and set(result.initialized) == {
        name for name in before if name not in arrays or before[name].shape != arrays[name].shape
    }
    first, left_out, new = result.lines(limit=2)
    assert f"{len(result.loaded)} of {len(before)} tensors" in first
    assert "critic.weight (not in this model)" in result.left_out
    assert left_out.startswith("left out: ") and "here" in left_out and "more" in left_out
    assert new == "not in the other model: decoder.layers.2.bias"


def test_nothing_that_fits_is_an_error() -> None:
    model, other = tiny.vae(tiny.options(), SHAPE), {"a": np.zeros(2), "b": np.zeros(2), "c": np.zeros(2)}
    with pytest.raises(ConfigError, match=r"none of the weights fits .* a \(not in this model\), b .* and 1 more"):
        fit(model, InitialWeights(other, "the weights"))
    with pytest.raises(CheckpointError, match=r"unexpected|lack"):
        load_weights(model, other)


def test_a_training_starts_from_weights_that_fit(folder: Path) -> None:
    (source,) = [event for event in tiny.train(tiny.config(folder, steps=12)) if isinstance(event, SnapshotReady)][-1:]
    wider = tiny.config(folder, {"model": {"latent_dim": 3}}, steps=1)
    events = list(api.train(wider, init=source))
    (alert,) = [event for event in tiny.of(events, Alert) if event.code == "initial_weights"]
    assert "start as the weights of step 12" in alert.message and "left out: " in alert.message
    start = tiny.of(events, SnapshotReady)[0]
    equal = [name for name, array in source.arrays.items() if np.array_equal(array, start.arrays[name])]
    assert "decoder.layers.2.weight" in equal, "also as EMA weights, which a snapshot has"
    assert start.step == 0 and len(equal) < len(source.arrays)
    # What cannot be: no weights, both a checkpoint and weights, another kind of source.
    conv = tiny.config(folder, {"model": tiny.ARCHITECTURES["conv"]}, steps=1)
    nothing = SnapshotReady(0, {"x": np.zeros(1, np.float32)}, source.card)
    with pytest.raises(ConfigError, match="none of"):
        api.train(conv, init=nothing)
    with pytest.raises(ConfigError, match="init"):
        api.train(wider, init=source, resume=folder)
    with pytest.raises(ConfigError, match="init"):
        api.train(wider, init=3)  # type: ignore[arg-type]
