"""Settings as a person types them: 'model.beta=4', the value as in TOML, the same on the command line and in forms."""

import tomllib
from typing import Any

from genexplorer.errors import ConfigError

EXAMPLE = "model.beta=4"


def parse_value(text: str) -> Any:
    """Read a value as TOML; what is not TOML is taken as the text itself, so that quotes can be left out."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if list(parsed) == ["value"] else text


def parse_assignment(text: str, where: str) -> tuple[str, Any]:
    """Read 'model.beta=4' as the dotted key and its value.

    Args:
        text: What was typed.
        where: What it was typed into, such as "--set", for the message.
    Raises:
        ConfigError: if it is not of the form key=value.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise ConfigError(f"{where} {text}: not of the form key=value", f"for instance {EXAMPLE}")
    return key, parse_value(value.strip())
