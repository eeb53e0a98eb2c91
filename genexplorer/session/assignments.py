"""Settings as text, 'model.beta=4', with the value in TOML, for the command line and for forms."""

import tomllib
from typing import Any

from genexplorer.errors import ConfigError

EXAMPLE = "model.beta=4"


def parse_value(text: str) -> Any:
    """Parse a value as TOML; other text is taken as a string, so that quotes can be omitted."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if list(parsed) == ["value"] else text


def parse_assignment(text: str, source: str) -> tuple[str, Any]:
    """Parse 'model.beta=4' as a dotted key and its value.

    Args:
        text: The assignment.
        source: Where it was given, such as "--set", for the error message.
    Raises:
        ConfigError: if it is not of the form key=value.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise ConfigError(f"{source} {text}: not of the form key=value", f"for instance {EXAMPLE}")
    return key, parse_value(value.strip())
