"""Files of arrays: `.npy`, `.npz` (Keras, MedMNIST), HDF5 and `.csv` (Kaggle), of images or 2-D points."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainers.data import array_containers, idx
from trainers.data.cached_arrays import Arrays as CachedArrays
from trainers.data.cached_arrays import cached_arrays
from trainers.data.catalog import ImageOptions, SplitOptions, is_nearly_binary
from trainers.data.dataset import (
    ImageData,
    Images,
    Labels,
    PointData,
    num_test_examples,
    plot_bounds,
    split_indices,
)
from trainers.errors import DataError
from trainers.registry import DataSet, DataTraits, ImageShape

EXTENSIONS = array_containers.EXTENSIONS | {".csv"}
MAX_FILE_BYTES = array_containers.MAX_FILE_BYTES
_NUM_TRAIT_IMAGES = 256
_MAX_CLASSES = 1000
# Names of arrays in .npz files, by role, the usual ones first: Keras, MedMNIST, scikit-learn, Kaggle.
_NAMES = {
    "train": ("x_train", "train_images", "train_x", "train", "images", "data", "x", "imgs", "arr_0"),
    "train_labels": ("y_train", "train_labels", "train_y", "labels", "targets", "target", "y", "arr_1"),
    "test": ("x_test", "test_images", "test_x", "test"),
    "test_labels": ("y_test", "test_labels", "test_y"),
}


class ImageFileOptions(SplitOptions, ImageOptions):
    """Options of a file of images."""

    images: str = ""  # of ".npz" and ".h5": name of the array of images; empty: by usual names
    labels: str = ""  # of ".npz" and ".h5": name of the array of labels; empty: by usual names
    layout: Literal["auto", "channels-first", "channels-last"] = "auto"
    value_range: tuple[float, float] | None = None  # of floats: black and white; None: [0, 1]


class PointFileOptions(SplitOptions):
    """Options of a file of points."""

    points: str = ""  # of ".npz" and ".h5": name of the array of points


class Arrays(NamedTuple):
    """The arrays of a file by role, as stored; the test split may be missing."""

    train: NDArray[Any]
    train_labels: NDArray[Any] | None
    test: NDArray[Any] | None
    test_labels: NDArray[Any] | None


def find_data_set(path: Path) -> str:
    """Return the name of the data set that reads a file: "points-file" for two numbers per example.

    Raises:
        DataError: if the file cannot be read.
    """
    if path.suffix.lower() == ".csv":
        return "points-file" if len(_csv_head(path)[1]) in (2, 3) else "arrays-file"
    shapes = array_containers.shapes(path)
    is_points = all(len(shape) <= 2 for shape in shapes.values()) and any(
        len(shape) == 2 and shape[1] == 2 for shape in shapes.values()
    )
    return "points-file" if is_points else "arrays-file"


def load_images(options: ImageFileOptions) -> ImageData:
    """Return the images of a file.

    Raises:
        DataError: if the file cannot be read, or its arrays are no images.
    """
    path = Path(options.path)
    keys = ("images", "labels", "layout", "value_range", "test_fraction", "split_seed")
    arrays = _cached(path, options.model_dump(mode="json", include=set(keys)), lambda: _ordered_images(path, options))
    images, (train_labels, test_labels) = arrays["images"].transpose(0, 2, 3, 1), _split_labels(arrays)
    num_test, limit, limit_test = int(arrays["num_test"]), options.limit, options.limit_test
    return ImageData(
        path.stem,
        images[num_test:][:limit],
        images[:num_test][:limit_test],
        None if train_labels is None else train_labels[:limit],
        None if test_labels is None else test_labels[:limit_test],
    )


def _split_labels(arrays: CachedArrays) -> tuple[Labels | None, Labels | None]:
    """Return the labels of training and test split; a file may have those of the training split alone."""
    labels, num_test = arrays.get("labels"), int(arrays["num_test"])
    if labels is None:
        return arrays.get("train_labels"), None
    return labels[num_test:], labels[:num_test]


def _cached(path: Path, settings: Mapping[str, Any], make: Callable[[], CachedArrays]) -> CachedArrays:
    """Return the arrays made of a file, from the cache unless they are as fast to read from the file itself."""
    return make() if path.suffix.lower() == ".npy" else cached_arrays(path, settings, make)


def _ordered_images(path: Path, options: ImageFileOptions) -> CachedArrays:
    """Return the images (M + N, C, H, W), as batches are, and labels of a file, those of the test split first."""
    stored = _read(path, options.images, options.labels)
    train = _to_images(stored.train, path, options)
    test = None if stored.test is None else _to_images(stored.test, path, options)
    if test is not None and test.shape[1:] != train.shape[1:]:
        message = f"{path}: training shape {train.shape[1:]}, but test shape {test.shape[1:]}"
        raise DataError(message, "use one shape")
    return _ordered(path, options, "images", (train, test), stored, lambda part: part.transpose(0, 3, 1, 2))


def _ordered(
    path: Path,
    options: SplitOptions,
    name: str,
    examples: tuple[NDArray[Any], NDArray[Any] | None],
    stored: Arrays,
    to_layout: Callable[[NDArray[Any]], NDArray[Any]],
) -> CachedArrays:
    """Return examples and labels, those of the test split first, and the size of that."""
    train, test = examples
    labels = _to_labels(stored.train_labels, len(train), path)
    arrays: dict[str, NDArray[Any]] = {}
    if test is None:
        first, second = _split(len(train), options)
        order = np.concatenate((second, first))
        arrays[name] = np.ascontiguousarray(to_layout(train[order]))
        arrays["num_test"] = np.array(len(second))
        if labels is not None:
            arrays["labels"] = labels[order]
        return arrays
    arrays[name] = np.concatenate((to_layout(test), to_layout(train)))
    arrays["num_test"] = np.array(len(test))
    test_labels = _to_labels(stored.test_labels, len(test), path)
    if labels is not None and test_labels is not None:
        arrays["labels"] = np.concatenate((test_labels, labels))
    elif labels is not None:
        arrays["train_labels"] = labels
    return arrays


def peek_images(options: ImageFileOptions) -> ImageShape:
    """Return the image shape (C, H, W), reading only headers of `.npy` and `.npz` and the first line of `.csv`.

    Raises:
        DataError: as `load_images`.
    """
    path = Path(options.path)
    if path.suffix.lower() == ".csv":
        columns = len(_csv_head(path)[1])
        side = _square_side(columns) or _square_side(columns - 1)
        if side is None:
            raise DataError(f"{path}: {columns} columns are no square images, nor a label and square images")
        return 1, side, side
    name = _name(array_containers.shapes(path), "train", options.images, path)
    return _shape_of_images(array_containers.shapes(path)[name], path, options)


def image_traits(options: ImageFileOptions) -> DataTraits:
    """Return the properties on which settings of a model depend."""
    shape = peek_images(options)
    if shape[0] == 3:
        return DataTraits(shape, "images", is_nearly_binary=False)
    path = Path(options.path)
    stored = _read(path, options.images, options.labels, _NUM_TRAIT_IMAGES).train
    return DataTraits(shape, "images", is_nearly_binary(_to_images(stored[:_NUM_TRAIT_IMAGES], path, options)))


def count(options: SplitOptions) -> int | None:
    """Return the number of training examples; None where a whole file would have to be read for it."""
    path = Path(options.path)
    if path.suffix.lower() == ".csv":
        return None
    shapes = array_containers.shapes(path)
    name = _name(shapes, "train", getattr(options, "images", "") or getattr(options, "points", ""), path)
    total = shapes[name][0]
    if _usual_name(shapes, "test") is None:
        total -= num_test_examples(total, options.test_fraction)
    return min(total, getattr(options, "limit", None) or total)


def load_points(options: PointFileOptions) -> PointData:
    """Return the points of a file: two columns; a third of integers is the class.

    Raises:
        DataError: if the file cannot be read, or has no points.
    """
    path = Path(options.path)
    settings = options.model_dump(mode="json", include={"points", "test_fraction", "split_seed"})
    arrays = _cached(path, settings, lambda: _ordered_points(path, options))
    num_test, points = int(arrays["num_test"]), arrays["points"]
    train, test = points[num_test:], points[:num_test]
    return PointData(path.stem, train, test, plot_bounds(train), *_split_labels(arrays))


def _ordered_points(path: Path, options: PointFileOptions) -> CachedArrays:
    """Return the points (M + N, 2) and classes of a file, those of the test split first."""
    stored = _read(path, options.points, "")
    points = stored.train
    if points.ndim != 2 or points.shape[1] != 2 or points.dtype.kind not in "iuf":
        raise DataError(f"{path}: an array of shape {points.shape}; expected points (N, 2)", "give two columns")
    if stored.test is not None and (stored.test.ndim != 2 or stored.test.shape[1] != 2):
        raise DataError(f"{path}: a test array of shape {stored.test.shape}; expected points (N, 2)")
    train, test = points.astype(np.float32), None if stored.test is None else stored.test.astype(np.float32)
    if not np.isfinite(train).all():
        raise DataError(f"{path}: contains NaN or infinite coordinates", "remove these points")
    return _ordered(path, options, "points", (train, test), stored, lambda part: part)


def _read(path: Path, images: str, labels: str, max_rows: int | None = None) -> Arrays:
    """Return the arrays of a file by role; at most so many rows, where that is faster.

    Raises:
        DataError: if it cannot be read, or has no arrays of these names.
    """
    if path.suffix.lower() == ".csv":
        return _read_csv(path, max_rows)
    # Choose an array for each role.
    shapes = array_containers.shapes(path)
    roles = {"train": _name(shapes, "train", images, path)}
    if path.suffix.lower() != ".npy":
        roles |= {role: name for role in _NAMES if role != "train" and (name := _usual_name(shapes, role))}
        if labels:
            roles["train_labels"] = labels
        if labels and labels not in shapes:
            raise DataError(f"{path}: has no array '{labels}'", f"it has {', '.join(shapes)}")
    # Read them.
    named_arrays = array_containers.read(path, set(roles.values()), max_rows)
    arrays = {role: named_arrays[name] for role, name in roles.items()}
    return Arrays(arrays["train"], arrays.get("train_labels"), arrays.get("test"), arrays.get("test_labels"))


def _name(shapes: Mapping[str, tuple[int, ...]], role: str, requested: str, path: Path) -> str:
    """Return the name of the array of a role: the requested one, one of a usual name, else the only large one."""
    if requested:
        if requested not in shapes:
            raise DataError(f"{path}: has no array '{requested}'", f"it has {', '.join(shapes)}")
        return requested
    if usual := _usual_name(shapes, role):
        return usual
    large = [name for name, shape in shapes.items() if len(shape) >= 2]
    if len(large) == 1:
        return large[0]
    hint = f"set data.images to one of {', '.join(shapes)}"
    raise DataError(f"{path}: which of its arrays are the images is unclear", hint)


def _usual_name(shapes: Mapping[str, tuple[int, ...]], role: str) -> str | None:
    """Return the array that has one of the usual names of a role, in upper or lower case; None if there is none."""
    names = {name.lower().replace("/", "_"): name for name in shapes}  # HDF5 has groups: "train/images"
    return next((names[usual] for usual in _NAMES[role] if usual in names), None)


def _shape_of_images(shape: tuple[int, ...], path: Path, options: ImageFileOptions) -> ImageShape:
    """Return (C, H, W) of an array of images (N, H, W), (N, H, W, C), (N, C, H, W) or (N, H · W).

    Raises:
        DataError: for any other shape.
    """
    if 0 in shape:
        raise DataError(f"{path}: an array of shape {shape} has no images", "give at least two")
    hint = "expected (N, H, W), (N, H, W, C), (N, C, H, W), or (N, H · W) for square gray images"
    if len(shape) == 2 and (side := _square_side(shape[1])) is not None:
        return 1, side, side
    if len(shape) == 3:
        return 1, shape[1], shape[2]
    if len(shape) == 4:
        is_first, is_last = shape[1] in (1, 3), shape[3] in (1, 3)
        first = options.layout == "channels-first" or (options.layout == "auto" and is_first and not is_last)
        if first and is_first:
            return shape[1], shape[2], shape[3]
        if not first and is_last:
            return shape[3], shape[1], shape[2]
        hint = f"C, the number of channels, must be 1 or 3: {hint}"
    raise DataError(f"{path}: an array of shape {shape} is not one of images", hint)


def _to_images(array: NDArray[Any], path: Path, options: ImageFileOptions) -> Images:
    """Return images as (N, H, W, C), uint8."""
    channels, height, width = _shape_of_images(array.shape, path, options)
    if max(height, width) > idx.MAX_SIDE_PX:
        raise DataError(f"{path}: {height}×{width} images, larger than {idx.MAX_SIDE_PX} pixels per side")
    # Bring the values to 0..255.
    if options.value_range is not None:
        low, high = options.value_range
        if not low < high:
            raise DataError(f"data.value_range: {options.value_range} is empty", "give black and white, such as [-1,1]")
        array = np.rint((array.astype(np.float32) - low) * np.float32(255 / (high - low))).clip(0, 255)
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise DataError(f"{path}: has values that are NaN or infinite", "replace them, or leave these images out")
        if not 0 <= low <= high <= 1:
            hint = f"say which values are black and white, such as --set data.value_range=[{low:g},{high:g}]"
            raise DataError(f"{path}: values from {low:g} to {high:g}; floats must be in [0, 1]", hint)
        array = np.rint(array * 255)
    elif array.dtype == np.bool_:
        array = array * np.uint8(255)
    elif array.dtype != np.uint8:
        low, high = int(array.min()), int(array.max())
        if array.dtype.kind not in "iu" or low < 0 or high > 255:
            hint = f"say which values are black and white: --set data.value_range=[{low},{high}]"
            raise DataError(f"{path}: {array.dtype} values from {low} to {high}; expected 0 to 255", hint)
    array = array.astype(np.uint8, copy=False)
    # Bring the axes to (N, H, W, C).
    if array.ndim == 4 and array.shape[1:] == (channels, height, width) != (height, width, channels):
        array = array.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(array).reshape(len(array), height, width, channels)


def _to_labels(labels: NDArray[Any] | None, count: int, path: Path) -> Labels | None:
    """Return labels as (N,), or None; one-hot and (N, 1) labels are taken too."""
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] > 1 and (labels.sum(axis=1) == 1).all() and labels.max() == 1:
        labels = labels.argmax(axis=1)
    labels = labels.reshape(len(labels), -1)[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (count,):
        raise DataError(f"{path}: labels of shape {labels.shape} for {count:,} examples", "give one for each")
    if labels.dtype.kind not in "iufb":
        raise DataError(f"{path}: labels of type {labels.dtype}, not integers", "number the classes from 0")
    whole = labels.astype(np.int64)
    if (whole != labels).any() or whole.min() < 0 or whole.max() >= _MAX_CLASSES:
        raise DataError(f"{path}: labels must be integers from 0 to {_MAX_CLASSES - 1}", "renumber the classes")
    return whole.astype(np.uint8 if whole.max() < 256 else np.int32)


def _split(count: int, options: SplitOptions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of the training and of the test split.

    Raises:
        DataError: if there is one example, or none.
    """
    if count < 2:
        raise DataError(f"{options.path}: has {count} example; at least 2 are needed", "add some")
    return split_indices(count, options.test_fraction, options.split_seed)


def _csv_head(path: Path) -> tuple[list[str], list[str]]:
    """Return the header of a CSV file, empty if it has none, and the first line of values."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = [line for _, line in zip(range(2), csv.reader(stream), strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file ({error})", "save it as UTF-8 text with commas") from None
    if not lines:
        raise DataError(f"{path}: empty", "choose another file")
    try:
        [float(value) for value in lines[0]]
    except ValueError:
        if len(lines) < 2:
            raise DataError(f"{path}: has a header and no values", "choose another file") from None
        return lines[0], lines[1]
    return [], lines[0]


def _read_csv(path: Path, max_rows: int | None) -> Arrays:
    """Return the columns of a CSV file. The label is titled so, is the first beside a square image, or the third."""
    header, first = _csv_head(path)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            table = np.loadtxt(
                stream, np.float32, delimiter=",", skiprows=1 if header else 0, ndmin=2, max_rows=max_rows
            )
    except (OSError, ValueError, UnicodeDecodeError) as error:
        message = f"{path}: not a table of numbers ({' '.join(str(error).split())[:120]})"
        raise DataError(message, "give a comma-separated row of numbers for each example") from None
    titles = [title.strip().lower() for title in header]
    column = next((titles.index(name) for name in ("label", "class", "target", "y") if name in titles), None)
    if column == 1 and len(first) == 2:
        column = None  # the coordinates x and y
    if column is None and _square_side(len(first)) is None and _square_side(len(first) - 1) is not None:
        column = 0
    if column is None and len(first) == 3:
        column = 2
    if column is None:
        return Arrays(_whole(table), None, None, None)
    return Arrays(_whole(np.delete(table, column, axis=1)), table[:, column], None, None)


def _whole(table: NDArray[np.float32]) -> NDArray[Any]:
    """Return gray levels as uint8 where all values are whole numbers from 0 to 255 and some exceed 1."""
    is_whole = table.size and table.shape[1] > 3 and (np.rint(table) == table).all()
    return table.astype(np.uint8) if is_whole and table.min() >= 0 and 1 < table.max() <= 255 else table


def _square_side(count: int) -> int | None:
    side = round(count**0.5)
    return side if side > 1 and side * side == count else None


IMAGE_ARRAYS = DataSet(
    name="arrays-file",
    title="a file of images: .npy, .npz (Keras, MedMNIST), .h5, .csv (Kaggle)",
    options=ImageFileOptions,
    load=load_images,
    peek=peek_images,
    count=count,
    traits=image_traits,
    location=("path", "images", "labels", "layout", "value_range"),
)

POINT_ARRAYS = DataSet(
    name="points-file",
    title="a file of 2-D points: .npy, .npz, .h5 or .csv with two columns",
    options=PointFileOptions,
    load=load_points,
    peek=lambda options: (2, 1, 1),
    count=count,
    kind="points",
    location=("path", "points"),
)
