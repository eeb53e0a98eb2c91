"""Validation of the parameters and arrays of a query: each error names the parameter and the allowed values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.errors import ConfigError

MAX_ITEMS = 100_000  # largest number of images or latents in one query
MAX_MANIFOLD_CELLS = 16_384
MAX_TEMPERATURE = 100.0
MAX_RESULT_BYTES = 1 << 28
Params = Mapping[str, Any]
Bounds = tuple[float, float, float, float]  # x0, x1, y0, y1


def integer(params: Params, name: str, default: int, low: int, high: int) -> int:
    """Return an integer parameter between two bounds.

    Raises:
        ConfigError: if it is not an integer in that range.
    """
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name}: got {value!r}", f"give an integer from {low:,} to {high:,}")
    return value


def number(params: Params, name: str, default: float, low: float, high: float) -> float:
    """Return a finite number between two bounds.

    Raises:
        ConfigError: if it is not a number in that range.
    """
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name}: got {value!r}", f"give a number from {low:g} to {high:g}")
    return float(value)


def choice(params: Params, name: str, choices: tuple[str, ...]) -> str:
    """Return a parameter that is one of `choices`, by default the first.

    Raises:
        ConfigError: if it is another.
    """
    value = params.get(name, choices[0])
    if value not in choices:
        raise ConfigError(f"{name}: got {value!r}", f"choose one of {', '.join(choices)}")
    return str(value)


def bounds(params: Params, coords: str) -> Bounds:
    """Return (x0, x1, y0, y1): in coords "u" within [0, 1] and by default all of it, in "z" by default ±3.

    Raises:
        ConfigError: if they are not four finite numbers in that range.
    """
    value = params.get("bounds")
    if value is None:
        return (0.0, 1.0, 0.0, 1.0) if coords == "u" else (-3.0, 3.0, -3.0, 3.0)
    low, high = (0.0, 1.0) if coords == "u" else (-1e6, 1e6)
    is_list = isinstance(value, list | tuple) and len(value) == 4
    # Comparisons with NaN are false.
    if not (is_list and all(isinstance(edge, int | float) and low <= edge <= high for edge in value)):
        raise ConfigError(f"bounds: got {value!r}", f"give four numbers x0, x1, y0, y1 from {low:g} to {high:g}")
    x0, x1, y0, y1 = (float(edge) for edge in value)
    return x0, x1, y0, y1


def check_size(count: int, bytes_each: int, items: str) -> None:
    """Refuse a result that would be too large, before any of it is computed.

    Raises:
        ConfigError: with the size, and how many items are allowed.
    """
    if count * bytes_each > MAX_RESULT_BYTES:
        size, limit = count * bytes_each / 1e6, MAX_RESULT_BYTES / 1e6
        hint = f"request at most {MAX_RESULT_BYTES // bytes_each:,}"
        raise ConfigError(f"{count:,} {items} are {size:,.0f} MB, more than the {limit:,.0f} MB of a result", hint)


def latents(arrays: Params, size: int, name: str = "z") -> NDArray[np.float32]:
    """Return an array of latents, (N, size), finite.

    Raises:
        ConfigError: if it is missing, has another shape, or is not finite.
    """
    return _rows(arrays.get(name), name, size, "latents")


def vector(arrays: Params, name: str, size: int) -> NDArray[np.float32]:
    """Return an array of shape (size,), finite.

    Raises:
        ConfigError: if it is missing, has another shape, or is not finite.
    """
    array = arrays.get(name)
    if not isinstance(array, np.ndarray) or array.shape != (size,):
        raise ConfigError(f"{name}: got {_describe(array)}", f"give a vector of shape ({size},)")
    return _as_finite(array, name)


def points(arrays: Params) -> NDArray[np.float32] | None:
    """Return the array `images` of 2-D points, (N, 2), finite; None where it is missing.

    Raises:
        ConfigError: if it has another shape, or is not finite.
    """
    array = arrays.get("images")
    return None if array is None else _rows(array, "images", 2, "points")


def images(arrays: Params, shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """Return the array `images`, (N, H, W, C) uint8; None where it is missing.

    Raises:
        ConfigError: if it has another shape or type.
    """
    array = arrays.get("images")
    if array is None:
        return None
    channels, height, width = shape
    valid = isinstance(array, np.ndarray) and array.dtype == np.uint8 and array.shape[1:] == (height, width, channels)
    if not valid or not 1 <= len(array) <= MAX_ITEMS:
        hint = f"give uint8 images of shape (N, {height}, {width}, {channels}), N at most {MAX_ITEMS:,}"
        raise ConfigError(f"images: got {_describe(array)}", hint)
    return np.array(array)


def indices(params: Params, arrays: Params, length: int, items: str = "the test set") -> NDArray[np.int64]:
    """Return the array or parameter `indices`, or the parameter `index` as an array; 0 by default.

    Raises:
        ConfigError: if there are none, or one is out of range.
    """
    value = arrays.get("indices", params.get("indices"))
    if value is None:
        value = [params.get("index", 0)]
    # Convert it to an array of integers, then check their range.
    hint = f"give integers from 0 to {length - 1:,}"
    try:
        array = np.asarray(value).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("indices: not a list of integers", hint) from None
    if array.dtype.kind not in "iu":
        raise ConfigError("indices: not a list of integers", hint)
    if not 1 <= len(array) <= MAX_ITEMS or array.min() < 0 or array.max() >= length:
        raise ConfigError(f"indices: out of range of {items}", hint)
    return array.astype(np.int64)


def _rows(array: Any, name: str, size: int, items: str) -> NDArray[np.float32]:
    """Return an array of shape (N, size), finite, of at most `MAX_ITEMS` rows."""
    if (
        not isinstance(array, np.ndarray)
        or array.ndim != 2
        or array.shape[1] != size
        or not 1 <= len(array) <= MAX_ITEMS
    ):
        hint = f"give {items} of shape (N, {size}), N at most {MAX_ITEMS:,}"
        raise ConfigError(f"{name}: got {_describe(array)}", hint)
    return _as_finite(array, name)


def _as_finite(array: NDArray[Any], name: str) -> NDArray[np.float32]:
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ConfigError(f"{name}: contains NaN or infinity", "give finite numbers")
    return np.array(array, dtype=np.float32)


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
