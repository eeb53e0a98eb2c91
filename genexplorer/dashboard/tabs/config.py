"""Tab 3: the configuration of a run by section; values that differ from the preset are highlighted."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.widgets import Text
from genexplorer.errors import UserError
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    from trainers.config import RunConfig

CONFIG_SECTIONS = ("preset", "seed", "model", "data", "optim", "schedule", "execution")
_MAX_VALUE_CHARACTERS = 400


class ConfigPane(VerticalScroll):
    """The configuration of the selected run."""

    _config: "RunConfig | None" = None

    def compose(self) -> ComposeResult:
        """Create two texts: details of the run, and its configuration."""
        yield Text(id="run-details")
        yield Text(id="config-text")

    def show(self, run: RunDetails | None) -> None:
        """Show a run's configuration."""
        config = run.config if run else None
        if run is not None:
            details = _align_rows([(key, value, False) for key, value in _run_details(run)])
            self.query_one("#run-details", Text).show_text(Content.assemble(("run\n", "bold"), *details))
        if config is not self._config:
            self._config = config
            text = config_lines(config, CONFIG_SECTIONS) if config else Content("The configuration cannot be read.")
            self.query_one("#config-text", Text).show_text(text)


def _run_details(run: RunDetails) -> list[tuple[str, str]]:
    status = run.status
    details = [("name", status.name), ("id", status.id), ("folder", str(run.folder)), ("tags", ", ".join(status.tags))]
    details += [("note", status.note), ("attempt", str(status.attempt or "")), ("device", status.device)]
    details += [("worker", f"process {status.pid} on {status.host}" if status.pid and status.state.active else "")]
    return [(key, value) for key, value in details if value]


def config_lines(config: "RunConfig", sections: tuple[str, ...]) -> Content:
    """Return sections of a configuration with aligned keys; a • and the accent mark differences from the preset."""
    from trainers import presets

    # Read the values of the preset.
    values, preset_values = config.model_dump(mode="json"), None
    with suppress(UserError):  # the preset is not installed here
        preset_values = presets.assemble(config.preset).model_dump(mode="json")
    # Format settings outside of sections first, then each section.
    parts: list[Any] = []
    nested = [key for key in sections if isinstance(values[key], Mapping)]
    parts += _align_rows(
        [
            (key, values[key], _differs_from_preset(preset_values, key, values[key]))
            for key in sections
            if key not in nested
        ]
    )
    for key in nested:
        preset_section = preset_values.get(key, {}) if preset_values is not None else None
        rows = [(name, value, _differs_from_preset(preset_section, name, value)) for name, value in values[key].items()]
        parts += ["\n", (f"{key}\n", "bold"), *_align_rows([row for row in rows if row[1] is not None])]
    return Content.assemble(*parts)


def _align_rows(rows: list[tuple[str, Any, bool]]) -> list[tuple[str, str]]:
    width = max((len(key) for key, _, _ in rows), default=0)
    parts = []
    for key, value, differs in rows:
        parts.append((f"{'• ' if differs else '  '}{key:<{width}}  ", "$accent" if differs else "$muted"))
        parts.append((one_line(_value_text(value), _MAX_VALUE_CHARACTERS) + "\n", "$accent" if differs else ""))
    return parts


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "-".join(_value_text(item) for item in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differs_from_preset(preset_values: Mapping[str, Any] | None, key: str, value: Any) -> bool:
    return preset_values is not None and key not in ("seed", "preset") and preset_values.get(key) != value
