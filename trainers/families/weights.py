"""The weights and buffers of a model as NumPy arrays, and back, with every name and shape checked."""

import numpy as np
import torch
from numpy.typing import NDArray

from trainers.errors import CheckpointError
from trainers.events import Arrays
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
