"""Checks of the arguments of the public API: each error names the argument, the expected value and the given one."""

import math
import operator
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

from trainers.errors import ConfigError, UserError

MAX_SEED = 2**63 - 1
_MAX_VALUE_CHARACTERS = 60
Types = type | UnionType | tuple[type, ...]


def integer(name: str, value: Any, low: int, high: int, *, unit: str = "", error: type[UserError] = ConfigError) -> int:
    """Return an integer, of Python or NumPy, between two bounds.

    Args:
        name: Name of the argument.
        value: Its value.
        low: The least allowed value.
        high: The largest allowed value.
        unit: What is counted, such as "samples".
        error: Class of the error.

    Raises:
        UserError: of that class, if it is something else or out of range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not low <= number <= high:
        raise error(f"{name}: expected {low:,} to {high:,} {unit}".rstrip() + f", got {_describe(value)}")
    return number


def seed(value: Any, name: str = "seed", *, error: type[UserError] = ConfigError) -> int:
    """Return a seed.

    Raises:
        UserError: if it is no integer from 0 to 2⁶³ − 1.
    """
    return integer(name, value, 0, MAX_SEED, error=error)


def seconds(name: str, value: Any) -> float | None:
    """Return a time limit in seconds; None is no limit.

    Raises:
        ConfigError: if it is neither None nor a number of at least 0.
    """
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not number >= 0:
        raise ConfigError(f"{name}: expected seconds or None, got {_describe(value)}")
    return number


def instance(name: str, value: Any, types: Types, expected: str, *, error: type[UserError] = ConfigError) -> None:
    """Refuse a value of another type.

    Args:
        name: Name of the argument.
        value: Its value.
        types: Types that are accepted.
        expected: Describes them: "a folder".
        error: Class of the error.

    Raises:
        UserError: of that class.
    """
    if not isinstance(value, types):
        raise error(f"{name}: expected {expected}, got {_describe(value)}")


def mapping(name: str, value: Any, example: str) -> None:
    """Refuse values that are no mapping with texts as keys; None is accepted.

    Raises:
        ConfigError: with an example.
    """
    if value is None:
        return
    instance(name, value, Mapping, f"a mapping such as {example}")
    for key in value:
        instance(f"{name}: key", key, str, f"text, as in {example}")


def texts(name: str, value: Any, example: str) -> tuple[str, ...]:
    """Return several texts. A single one is refused: its letters would be taken for texts.

    Raises:
        ConfigError: with an example.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ConfigError(f"{name}: expected a list such as {example}, got {_describe(value)}")
    items = tuple(value)
    for item in items:
        instance(name, item, str, f"texts, as in {example}")
    return items


def _describe(value: Any) -> str:
    """Return a value as text if that is short, else its type."""
    is_plain = value is None or isinstance(value, str | int | float | list | tuple | dict)
    text = repr(value) if is_plain else ""
    return text if 0 < len(text) <= _MAX_VALUE_CHARACTERS else type(value).__name__
