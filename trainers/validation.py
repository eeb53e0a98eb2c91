"""The words for values that pydantic refuses: in every message, the rule that the value breaks, and the value."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_VALUE_CHARACTERS = 60
_WHOLE_NUMBER, _NUMBER, _LIST, _SECTION = (
    "a whole number",
    "a number",
    "a list, such as [512, 256]",
    "a section of keys",
)
_KINDS = {  # what a value must be, by the beginning of the type of pydantic's error
    "int": _WHOLE_NUMBER,
    "float": _NUMBER,
    "decimal": _NUMBER,
    "finite_number": "a finite number",
    "bool": "true or false",
    "string": "text",
    "bytes": "text",
    "json": "text in JSON",
    "complex": "a complex number, such as 1+2j",
    "path": "a path",
    "none": "none",
    "tuple": _LIST,
    "list": _LIST,
    "deque": _LIST,
    "named_tuple": _LIST,
    "set": _LIST,
    "frozen_set": _LIST,
    "iterable": _LIST,
    "dict": _SECTION,
    "frozen_dict": _SECTION,
    "ordered_dict": _SECTION,
    "mapping": _SECTION,
    "model": _SECTION,
    "dataclass": _SECTION,
    "date": "a date, such as 2026-01-31",
    "datetime": "a date and a time, such as 2026-01-31 12:00",
    "time": "a time, such as 12:00",
    "time_delta": "a duration, such as 00:30:00",
}
# What a value must be, by the type of the error; {} are the parts of its context.
_RULES = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing_size": "a whole number with fewer digits",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "bytes_too_short": "at least {min_length} bytes long",
    "bytes_too_long": "at most {max_length} bytes long",
    "string_pattern_mismatch": "text that matches {pattern}",
    "is_instance_of": "of type {class}",
}
# Errors that name something else than what a value must be.
_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda context: "is required",
    "too_short": lambda context: f"must have at least {_items(context['min_length'])}",
    "too_long": lambda context: f"must have at most {_items(context['max_length'])}",
    "invalid_key": lambda context: "the name of a setting must be text",
    "json_invalid": lambda context: f"is not valid JSON ({context['error']})",
}


def describe(error: "ErrorDetails") -> str:
    """Return the reason why a value is invalid: 'must be at least 1 (got 0)'."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in ("value_error", "assertion_error"):  # raised by our own validators
        message = error["msg"].partition(", ")[2] or error["msg"]
        message = message[:1].lower() + message[1:]
    elif kind in _SENTENCES:
        message = _SENTENCES[kind](context)
    elif rule := _RULES.get(kind) or _kind(kind):
        numbers = {key: f"{value:g}" for key, value in context.items() if isinstance(value, float)}
        message = "must be " + rule.format(**{**context, **numbers})
    else:
        message = re.sub(r"^Input should be (?:a valid )?", "must be ", error["msg"])
        message = message[:1].lower() + message[1:]
    value = error.get("input")
    is_shown = kind != "missing" and not (isinstance(value, str) and repr(value) in message)
    if kind == "value_error":  # of a section it concerns several values
        is_shown = is_shown and isinstance(value, str | int | float)
    return message + (_got(value) if is_shown else "")


def key_path(error: "ErrorDetails") -> list[str]:
    """Return the keys that lead to the value."""
    return [str(part) for part in error["loc"]]


def _kind(error_type: str) -> str:
    """Return the expected type of an error: 'text' for 'string_type'; empty if that is unknown."""
    prefixes = [prefix for prefix in _KINDS if error_type == prefix or error_type.startswith(prefix + "_")]
    return _KINDS[max(prefixes, key=len)] if prefixes else ""


def _items(count: int) -> str:
    return f"{count} value{'' if count == 1 else 's'}"


def _got(value: Any) -> str:
    """Return the value in brackets, cut if it is long; of an object its type."""
    is_plain = value is None or isinstance(value, str | int | float | list | tuple)
    text = "none" if value is None else repr(value) if is_plain else type(value).__name__
    return f" (got {text if len(text) <= MAX_VALUE_CHARACTERS else text[: MAX_VALUE_CHARACTERS - 1] + '…'})"
