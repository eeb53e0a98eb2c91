"""The weights and buffers of a model as NumPy arrays, and back, with every name and shape checked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.errors import CheckpointError, ConfigError
from trainers.events import Arrays, InitialWeights
from trainers.families.interface import Model

_RESUME_OLDER = "resume an older checkpoint, or start a new run"


def model_arrays(model: Model) -> dict[str, NDArray[np.generic]]:
    """Return copies of a model's weights and buffers."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}


def load_weights(model: Model, arrays: Arrays) -> None:
    """Load a model's weights and buffers.

    Raises:
        CheckpointError: naming the first array that is missing, unexpected or of another shape.
    """
    expected = model.state_dict()
    for name in (*expected, *arrays):
        if name not in arrays:
            raise CheckpointError(f"the weights lack '{name}'", _RESUME_OLDER)
        if name not in expected:
            raise CheckpointError(f"unexpected parameter '{name}' in the weights", _RESUME_OLDER)
        shape, expected_shape = tuple(arrays[name].shape), tuple(expected[name].shape)
        if shape != expected_shape:
            raise CheckpointError(
                f"the weights '{name}' have shape {shape}, the model needs {expected_shape}", _RESUME_OLDER
            )
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})


@dataclass(frozen=True)
class WeightsFit:
    """Which weights and buffers of another model fit a model: those with an equal name and shape.

    Args:
        source: What the other weights are: "the EMA weights of calm-owl, step 4,000".
        loaded: Names of those that fit.
        left_out: Those of the other model that do not, each with the reason.
        initialized: Names of the model's own that stay as initialized.
        new: Those of them that the other model does not have at all.
    """

    source: str
    loaded: tuple[str, ...]
    left_out: tuple[str, ...]
    initialized: tuple[str, ...]
    new: tuple[str, ...]

    def lines(self, limit: int = 4) -> list[str]:
        """Return one to three lines of text, with at most `limit` names in each."""
        total = len(self.loaded) + len(self.initialized)
        lines = [f"{len(self.loaded)} of {total} tensors of the model start as {self.source}"]
        if self.left_out:
            lines.append(f"left out: {_some(self.left_out, limit)}")
        if self.new:
            lines.append(f"not in the other model: {_some(self.new, limit)}")
        return lines


def fit(model: Model, initial: InitialWeights) -> WeightsFit:
    """Return which weights fit a model, which may be on the meta device.

    Raises:
        ConfigError: if none fits.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    loaded, left_out = [], []
    for name, array in initial.arrays.items():
        if name not in shapes:
            left_out.append(f"{name} (not in this model)")
        elif tuple(array.shape) != shapes[name]:
            left_out.append(f"{name} ({_shape(array.shape)}, here {_shape(shapes[name])})")
        else:
            loaded.append(name)
    parameters = {name for name, _ in model.named_parameters()}
    if not parameters.intersection(loaded):
        reason = f": {_some(left_out, 2)}" if left_out else ""
        raise ConfigError(
            f"none of {initial.source} fits this model{reason}", "take them from a run of a similar model"
        )
    initialized = tuple(name for name in shapes if name not in loaded)
    new = tuple(name for name in shapes if name not in initial.arrays)
    return WeightsFit(initial.source, tuple(loaded), tuple(left_out), initialized, new)


def fit_without_model(
    build: Callable[[Any, Any], Model], options: Any, shape: Any, initial: InitialWeights
) -> WeightsFit:
    """Return which weights fit the model that `build` returns, without allocating it.

    Raises:
        ConfigError: if none fits.
    """
    with torch.device("meta"):
        return fit(build(options, shape), initial)


def load_fitting(model: Model, initial: InitialWeights) -> WeightsFit:
    """Load the weights and buffers that fit a model, and return which.

    Raises:
        ConfigError: if none fits.
    """
    result = fit(model, initial)
    arrays = {name: torch.from_numpy(np.array(initial.arrays[name])) for name in result.loaded}
    model.load_state_dict(arrays, strict=False)
    return result


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _some(names: list[str] | tuple[str, ...], limit: int) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
