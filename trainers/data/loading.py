"""Loads a data set by its descriptor, and compares it with what the descriptor declares."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

from trainers import registry
from trainers.data.dataset import ImageData, PointData
from trainers.errors import DataError
from trainers.registry import DataSet

_PROGRESS_INTERVAL_S = 0.2


class _CanceledError(Exception):
    """The preparation is not wanted any more."""


def prepare(spec: DataSet, options: Any) -> Generator[tuple[int, int], None, str]:
    """Make what a data set needs before it can be loaded, such as a cache of decoded images.

    Closing the generator cancels the work.

    Yields:
        The numbers of files done and of all files, now and then; (0, 0) while the latter is unknown.

    Returns:
        A line about what was left out; empty if there is nothing.

    Raises:
        DataError: if the data cannot be read.
    """
    if spec.prepare is None:
        return ""
    make, is_canceled, progress = registry.import_object(spec.prepare), Event(), [(0, 0)]

    def on_progress(done: int, total: int) -> None:
        progress[0] = done, total
        if is_canceled.is_set():
            raise _CanceledError

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(make, options, on_progress)
        try:
            while not wait([future], _PROGRESS_INTERVAL_S).done:
                yield progress[0]
        finally:
            is_canceled.set()
    skipped: str = future.result()
    return skipped


def load(spec: DataSet, options: Any) -> ImageData | PointData:
    """Return the data of a data set.

    Raises:
        DataError: if they cannot be read, or differ from the declared kind or shape.
    """
    data = registry.import_object(spec.load)(options)
    kind = PointData if spec.kind == "points" else ImageData
    if not isinstance(data, kind):
        message = f"data set '{spec.name}' is of the kind '{spec.kind}', but its load returns {type(data).__name__}"
        raise DataError(message, f"return {kind.__name__}")
    declared = tuple(registry.import_object(spec.peek)(options))
    if data.image_shape != declared:
        message = f"data set '{spec.name}': its peek returns {declared}, but its data have {data.image_shape}"
        raise DataError(message, "make them equal: (C, H, W), or (2, 1, 1) for points")
    return data
