"""Loads a data set by its descriptor, and compares it with what the descriptor declares."""

from typing import Any

from trainers import registry
from trainers.data.dataset import ImageData, PointData
from trainers.errors import DataError
from trainers.registry import DataSet


def load(spec: DataSet, options: Any) -> ImageData | PointData:
    """Return the data of a data set.

    Raises:
        DataError: if they cannot be read, or differ from the declared kind or shape.
    """
    data = registry.resolve(spec.load)(options)
    kind = PointData if spec.kind == "points" else ImageData
    if not isinstance(data, kind):
        message = f"data set '{spec.name}' is of the kind '{spec.kind}', but its load returns {type(data).__name__}"
        raise DataError(message, f"return {kind.__name__}")
    declared = tuple(registry.resolve(spec.peek)(options))
    if data.image_shape != declared:
        message = f"data set '{spec.name}': its peek returns {declared}, but its data have {data.image_shape}"
        raise DataError(message, "make them equal: (C, H, W), or (2, 1, 1) for points")
    return data
