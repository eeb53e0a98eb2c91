"""Data sets made of arrays in memory. They exist in this process only: a background worker cannot load them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers import arguments
from trainers.config import Section
from trainers.data import idx
from trainers.data.catalog import Binarization
from trainers.data.dataset import ImageData, Images, Labels, PointData, plot_bounds, split_indices
from trainers.data.preprocess import EVALUATION_SEED
from trainers.errors import DataError
from trainers.registry import DataSet
from trainers.storage.atomic_files import write_bytes

DATASET_NAME = "arrays"
_TEST_FRACTION = 0.1
_EXPECTED_SHAPES = "images (N, H, W) or (N, C, H, W) with C = 1 or 3, or 2-D points (N, 2)"


class ImageArrayOptions(Section):
    """Options of images in memory."""

    binarization: Binarization = "none"


class PointArrayOptions(Section):
    """2-D points in memory have no options."""


def from_arrays(data: Any, labels: Any = None) -> DataSet:
    """Make a data set of arrays or tensors.

    Args:
        data: Images, (N, H, W) or (N, C, H, W), uint8 or floats in [0, 1], or 2-D points, (N, 2), floats. A pair
            (train, test) gives both splits; of a single array a random tenth, the same every time, is the test split.
            Floats are stored with 256 gray levels.
        labels: Integers 0..255, (N,), or a pair, like `data`.

    Raises:
        DataError: if a shape, dtype or value does not fit; the message names the argument.
    """
    # Take the two splits as they are.
    if isinstance(data, tuple):
        train, test = (_values(part, f"data[{index}]") for index, part in enumerate(_pair(data, "data")))
        parts = (None, None) if labels is None else _pair(labels, "labels")
        train_labels, test_labels = _labels(parts[0], len(train)), _labels(parts[1], len(test))
    # Or split one array at random, the same every time.
    else:
        train, train_labels = _values(data, "data"), _labels(labels, len(data))
        if len(train) < 2:
            raise DataError("data: 1 example; at least 2 are needed", "pass more, or a (train, test) pair")
        indices, test_indices = split_indices(len(train), _TEST_FRACTION, EVALUATION_SEED)
        test_labels = None if train_labels is None else train_labels[test_indices]
        train_labels = None if train_labels is None else train_labels[indices]
        train, test = train[indices], train[test_indices]
    if train.shape[1:] != test.shape[1:]:
        raise DataError(f"data: training shape {train.shape[1:]}, but test shape {test.shape[1:]}", "use one shape")
    # Describe them like a data set on disk.
    loaded: ImageData | PointData
    if train.ndim == 2:
        loaded = PointData(DATASET_NAME, train, test, plot_bounds(train), train_labels, test_labels)
    else:
        loaded = ImageData(DATASET_NAME, train, test, train_labels, test_labels)
    is_point_data = isinstance(loaded, PointData)
    return DataSet(
        name=DATASET_NAME,
        title="arrays in memory",
        options=PointArrayOptions if is_point_data else ImageArrayOptions,
        load=lambda options: loaded,
        peek=lambda options: loaded.image_shape,
        kind="points" if is_point_data else "images",
    )


def save_images(folder: str | Path, data: Any, labels: Any = None) -> Path:
    """Write images as a folder of IDX files, which background runs and other processes can train on by its path.

    Args:
        folder: Created if missing; files of these names are replaced.
        data: Images, as in `from_arrays`.
        labels: Labels of the images, as in `from_arrays`.

    Returns:
        The folder.

    Raises:
        DataError: as `from_arrays`, or if the data are 2-D points.
        OSError: if writing failed.
    """
    # Check the arrays as for training.
    arguments.instance("folder", folder, str | Path, "a folder", error=DataError)
    spec = from_arrays(data, labels)
    images = spec.load(None) if callable(spec.load) else None
    if not isinstance(images, ImageData):
        raise DataError("data: 2-D points cannot be saved as images", "train on them with trainers.train")
    # Remove files of an earlier call, which would be paired with the new ones.
    folder = Path(folder).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    for kind in ("images-idx3", "images-idx4", "labels-idx1"):
        for split in ("train", "t10k"):
            (folder / f"{split}-{kind}-ubyte").unlink(missing_ok=True)
    # Write both splits.
    splits = ("train", images.train, images.train_labels), ("t10k", images.test, images.test_labels)
    for split, pixels, classes in splits:
        gray = pixels[..., 0] if pixels.shape[3] == 1 else pixels
        write_bytes(folder / f"{split}-images-idx{gray.ndim}-ubyte", idx.to_bytes(gray))
        if classes is not None:
            write_bytes(folder / f"{split}-labels-idx1-ubyte", idx.to_bytes(classes.astype(np.uint8)))
    return folder


def to_numpy(value: Any, name: str) -> NDArray[Any]:
    """Convert a tensor, array or nested list to a NumPy array.

    Raises:
        DataError: if it has no numeric dtype, naming the argument.
    """
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = (value.float() if value.is_floating_point() else value).numpy()
        array = np.asarray(value)
    except ValueError:
        hint = "pass a tuple (train, test) for two splits"
        raise DataError(f"{name}: a list of arrays with different shapes", hint) from None
    except (TypeError, RuntimeError, AttributeError):  # a sparse tensor, or an object with a broken conversion
        raise DataError(f"{name}: expected an array of numbers, got {type(value).__name__}") from None
    if array.dtype.kind not in "biuf":
        raise DataError(f"{name}: expected an array of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array


def _pair(value: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise DataError(f"{name}: expected a pair (train, test)", "pass a tuple of two arrays")
    return value


def _values(value: Any, name: str) -> NDArray[Any]:
    """Return images as (N, H, W, C) uint8, or points as (N, 2) float32."""
    array = to_numpy(value, name)
    is_point_data = array.ndim == 2 and array.shape[1] == 2
    if not (is_point_data or array.ndim in (3, 4)) or 0 in array.shape:
        raise DataError(f"{name}: shape {array.shape}; expected {_EXPECTED_SHAPES}")
    if not is_point_data:
        return _images(array if array.ndim == 4 else array[:, None], name)
    if not np.isfinite(array).all():
        raise DataError(f"{name}: contains NaN or infinite coordinates", "remove these points")
    return array.astype(np.float32)


def _images(array: NDArray[Any], name: str) -> Images:
    """Return (N, H, W, C) uint8 for images (N, C, H, W), uint8, bool or floats in [0, 1]."""
    # Check the shape.
    if array.shape[1] not in (1, 3):
        channels_last = array.shape[3] in (1, 3)
        hint = "channels come second: data.transpose(0, 3, 1, 2)" if channels_last else "use 1 or 3 channels"
        raise DataError(f"{name}: shape {array.shape}; expected {_EXPECTED_SHAPES}", hint)
    if max(array.shape[2:]) > idx.MAX_SIDE_PX:
        raise DataError(
            f"{name}: {array.shape[2]}×{array.shape[3]} images, larger than {idx.MAX_SIDE_PX} pixels per side"
        )
    # Convert to gray levels.
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not 0 <= low <= high <= 1:
            raise DataError(f"{name}: values from {low:g} to {high:g}; expected [0, 1]", "rescale them, or pass uint8")
        array = np.rint(array * 255)
    elif array.dtype == np.bool_:
        array = array * np.uint8(255)
    elif array.dtype != np.uint8:
        raise DataError(f"{name}: dtype {array.dtype}; expected uint8, bool or floats in [0, 1]", "convert it")
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1), dtype=np.uint8)


def _labels(value: Any, count: int) -> Labels | None:
    if value is None:
        return None
    labels = to_numpy(value, "labels")
    if labels.shape != (count,):
        raise DataError(f"labels: shape {labels.shape}; expected ({count},), one label per example")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() > 255:
        raise DataError(f"labels: dtype {labels.dtype}; expected integers from 0 to 255")
    return labels.astype(np.uint8)
