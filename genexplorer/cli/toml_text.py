"""A run's configuration as a TOML file that `train --config` reads back."""

from collections.abc import Mapping
from typing import Any

from trainers.config import RunConfig


def to_toml(config: RunConfig) -> str:
    """Write every setting of a configuration; settings that are not set are left out, as TOML has no null."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Train with: genexplorer train --config THIS_FILE"))
    values = config.model_dump(mode="json")
    for key, value in values.items():
        if not isinstance(value, Mapping) and value is not None:
            document.add(key, tomlkit.item(value))
    for key, value in values.items():
        if isinstance(value, Mapping):
            document.add(tomlkit.nl())
            document.add(key, _table(value))
    return tomlkit.dumps(document)


def _table(values: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for key, value in values.items():
        if isinstance(value, Mapping):
            table.add(key, _table(value))
        elif value is not None:
            table.add(key, value)
    return table
