"""The parameters of what an explorer is asked: checked, with one clear line for what is wrong."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.errors import ConfigError

MAX_COUNT = 100_000  # images or latents at once
MAX_CELLS = 16_384  # of a manifold
MAX_TEMPERATURE = 100.0
MAX_ANSWER_BYTES = 1 << 28


def whole(params: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """Return a whole number between two bounds.

    Raises:
        ConfigError: if it is none.
    """
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name}: {value!r} is not a whole number from {low:,} to {high:,}", "change it")
    return value


def number(params: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """Return a finite number between two bounds.

    Raises:
        ConfigError: if it is none.
    """
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name}: {value!r} is not a number from {low:g} to {high:g}", "change it")
    return float(value)


def word(params: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Return one of some words, the first by default.

    Raises:
        ConfigError: if it is another.
    """
    value = params.get(name, choices[0])
    if value not in choices:
        raise ConfigError(f"{name}: {value!r} is none of {', '.join(choices)}", "change it")
    return str(value)


def bounds(params: Mapping[str, Any], coords: str) -> tuple[float, float, float, float]:
    """Return (x0, x1, y0, y1): in coords "u" within [0, 1] and by default all of it, in "z" by default ±3.

    Raises:
        ConfigError: if they are not four finite numbers, or lie outside.
    """
    value = params.get("bounds")
    if value is None:
        return (0.0, 1.0, 0.0, 1.0) if coords == "u" else (-3.0, 3.0, -3.0, 3.0)
    low, high = (0.0, 1.0) if coords == "u" else (-1e6, 1e6)
    fits = (
        isinstance(value, list | tuple)
        and len(value) == 4
        and all(isinstance(edge, int | float) and math.isfinite(edge) and low <= edge <= high for edge in value)
    )
    if not fits:
        raise ConfigError(
            f"bounds: {value!r} are not four numbers x0, x1, y0, y1 in [{low:g}, {high:g}]", "change them"
        )
    x0, x1, y0, y1 = (float(edge) for edge in value)
    return x0, x1, y0, y1


def affordable(count: int, bytes_each: int, what: str) -> None:
    """Refuse an answer of too many bytes, before any of it is computed.

    Raises:
        ConfigError: saying how many it would be.
    """
    if count * bytes_each > MAX_ANSWER_BYTES:
        size = f"{count * bytes_each / 1e6:,.0f} MB, more than the {MAX_ANSWER_BYTES / 1e6:,.0f} MB of an answer"
        raise ConfigError(f"{count:,} {what} are {size}", f"ask for at most {MAX_ANSWER_BYTES // bytes_each:,}")


def latents(arrays: Mapping[str, Any], size: int, name: str = "z") -> NDArray[np.float32]:
    """Return an array of latents, (N, d), finite.

    Raises:
        ConfigError: if it is missing or has another shape.
    """
    z = arrays.get(name)
    if not isinstance(z, np.ndarray) or z.ndim != 2 or z.shape[1] != size or not 1 <= len(z) <= MAX_COUNT:
        shape = z.shape if isinstance(z, np.ndarray) else "nothing"
        raise ConfigError(f"{name}: {shape} is not (N, {size})", f"give latents of {size} numbers")
    return _finite(z, name, "latents")


def vector(arrays: Mapping[str, Any], name: str, size: int) -> NDArray[np.float32]:
    """Return an array (d,), finite.

    Raises:
        ConfigError: if it is missing or has another shape.
    """
    given = arrays.get(name)
    if not isinstance(given, np.ndarray) or given.shape != (size,):
        shape = given.shape if isinstance(given, np.ndarray) else "nothing"
        raise ConfigError(f"{name}: {shape} is not ({size},)", f"give {size} numbers")
    return _finite(given, name, "numbers")


def points(arrays: Mapping[str, Any]) -> NDArray[np.float32] | None:
    """Return the array `images` of points of the plane, (N, 2), finite, or None where there is none.

    Raises:
        ConfigError: if it has another shape.
    """
    given = arrays.get("images")
    if given is None:
        return None
    if not isinstance(given, np.ndarray) or given.ndim != 2 or given.shape[1] != 2 or not 1 <= len(given) <= MAX_COUNT:
        shape = given.shape if isinstance(given, np.ndarray) else type(given).__name__
        raise ConfigError(f"images: {shape} are not points (N, 2)", "give two coordinates each")
    return _finite(given, "images", "points")


def _finite(given: NDArray[Any], name: str, what: str) -> NDArray[np.float32]:
    numbers = given.dtype.kind in "fiu"
    if not numbers or not np.isfinite(given).all():
        raise ConfigError(f"{name}: holds a number that is not finite", f"give finite {what}")
    return np.array(given, dtype=np.float32)


def images(arrays: Mapping[str, Any], shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """Return the array `images`, (N, H, W, C) uint8, or None where there is none.

    Raises:
        ConfigError: if it has another shape or type.
    """
    given = arrays.get("images")
    if given is None:
        return None
    channels, height, width = shape
    wanted = (height, width, channels)
    fits = isinstance(given, np.ndarray) and given.dtype == np.uint8 and given.shape[1:] == wanted
    if not fits or not 1 <= len(given) <= MAX_COUNT:
        found = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
        raise ConfigError(f"images: {found} is not uint8 (N, {height}, {width}, {channels})", "resize them first")
    return np.array(given)


def indices(
    params: Mapping[str, Any], arrays: Mapping[str, Any], length: int, what: str = "the test set"
) -> NDArray[np.int64]:
    """Return which test data, or which axes, are meant: the array or parameter `indices`, or the parameter `index`.

    Raises:
        ConfigError: if there are none, or one is beyond them.
    """
    given = arrays.get("indices", params.get("indices"))
    if given is None:
        given = [params.get("index", 0)]
    hint = f"give numbers from 0 to {length - 1:,}"
    try:
        found = np.asarray(given).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError("indices: not whole numbers", hint) from None
    if found.dtype.kind not in "iu":
        raise ConfigError("indices: not whole numbers", hint)
    if not 1 <= len(found) <= MAX_COUNT or found.min() < 0 or found.max() >= length:
        raise ConfigError(f"indices: beyond {what}", hint)
    return found.astype(np.int64)
