"""Settings as people write them, 'model.beta=4': in the CLI, in environment variables, in the form of a new run."""

import shlex
import tomllib
from typing import Any

from genexplorer.errors import ConfigError

_EXAMPLE_SETTING = "model.beta=4"


def parse_settings(text: str) -> dict[str, Any]:
    """Parse 'model.beta=4 optim.lr=3e-4': values as in TOML, quoted if they contain spaces.

    Raises:
        ConfigError: if a part is not of the form key=value, or a key is given twice.
    """
    try:
        parts = shlex.split(text)
    except ValueError:
        raise ConfigError("settings: a quotation mark is not closed", f"for instance {_EXAMPLE_SETTING}") from None
    settings: dict[str, Any] = {}
    for part in parts:
        key, value = parse_assignment(part.rstrip(",;"), "settings:")
        if key in settings:
            raise ConfigError(f"settings: {key} is given twice", "give it once")
        settings[key] = value
    return settings


def parse_assignment(text: str, given_in: str) -> tuple[str, Any]:
    """Parse 'model.beta=4' as a dotted key and its value.

    Args:
        text: The assignment.
        given_in: Where it was given, such as "--set", for the error message.

    Raises:
        ConfigError: if it is not of the form key=value.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise ConfigError(f"{given_in} {text}: not of the form key=value", f"for instance {_EXAMPLE_SETTING}")
    return key, parse_value(value.strip())


def parse_value(text: str) -> Any:
    """Parse a value as TOML; other text is taken as a string, so that quotes can be omitted, also in a list."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        is_list = text.startswith("[") and text.endswith("]") and "[" not in text[1:]
        return [parse_value(part.strip()) for part in text[1:-1].split(",")] if is_list else text
    return parsed["value"] if list(parsed) == ["value"] else text
