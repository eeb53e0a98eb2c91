"""Tab 3: the settings of a run by section as they are now; those that differ from the preset are highlighted."""

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.widgets import Text
from genexplorer.errors import UserError
from genexplorer.runs.sanitize import one_line
from genexplorer.session import formatting
from genexplorer.session.change_marks import earlier_values, settings_text

if TYPE_CHECKING:
    from trainers.config import RunConfig

CONFIG_SECTIONS = ("preset", "seed", "model", "data", "optim", "schedule", "execution")
_MAX_VALUE_CHARACTERS = 400


class ConfigPane(VerticalScroll):
    """The configuration of the selected run."""

    _inputs: tuple[object, object] = (None, None)  # compared by identity
    _changed = ""  # the settings that were changed, in one line

    def compose(self) -> ComposeResult:
        """Create two texts: details of the run, and its configuration."""
        yield Text(id="run-details")
        yield Text(id="config-text")

    def show(self, run: RunDetails | None) -> None:
        """Show a run's configuration."""
        config, changes = (run.present_config, run.changes) if run else (None, ())
        if config is not self._inputs[0] or changes is not self._inputs[1]:
            self._inputs, self._changed = (config, changes), ""
            text = Content("The configuration cannot be read.")
            if run is not None and run.config is not None and config is not None:
                earlier = earlier_values(run.config, changes)
                self._changed = settings_text(config, earlier)
                text = config_lines(config, CONFIG_SECTIONS, earlier)
            self.query_one("#config-text", Text).show_text(text)
        if run is not None:
            rows = [*_run_details(run), *([("changed", self._changed)] if self._changed else [])]
            details = _align_rows([(key, value, False) for key, value in rows])
            self.query_one("#run-details", Text).show_text(Content.assemble(("run\n", "bold"), *details))


def _run_details(run: RunDetails) -> list[tuple[str, str]]:
    status = run.status
    details = [("name", status.name), ("id", status.id), ("folder", str(run.folder)), ("tags", ", ".join(status.tags))]
    details += [("parent", formatting.origin(status.parent) if status.parent else "")]
    details += [("note", status.note), ("attempt", str(status.attempt or "")), ("device", status.device)]
    details += [("worker", f"process {status.pid} on {status.host}" if status.pid and status.state.active else "")]
    return [(key, value) for key, value in details if value]


def config_lines(
    config: "RunConfig",
    sections: tuple[str, ...],
    earlier: Mapping[str, str] = MappingProxyType({}),
    *,
    max_key_width: int | None = None,
) -> Content:
    """Return sections of a configuration with aligned keys; a • and the accent mark differences from the preset.

    Args:
        config: The configuration as it is now.
        sections: The sections to list.
        earlier: Earlier values of changed settings by dotted key, in words.
        max_key_width: Put the value of a longer key below it, for narrow columns; in characters.
    """
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
        ],
        max_key_width,
    )
    for key in nested:
        preset_section = preset_values.get(key, {}) if preset_values is not None else None
        rows = []
        for name, value in values[key].items():
            text, before = _value_text(value), earlier.get(f"{key}.{name}", "")
            if value is not None or before:
                differs = _differs_from_preset(preset_section, name, value)
                rows.append((name, f"{text} ({before})" if before else text, differs))
        parts += ["\n", (f"{key}\n", "bold"), *_align_rows(rows, max_key_width)]
    return Content.assemble(*parts)


def _align_rows(rows: list[tuple[str, Any, bool]], max_key_width: int | None = None) -> list[tuple[str, str]]:
    # A single long key would push all values out of a narrow column.
    widths = [len(key) for key, _, _ in rows]
    width = max((each for each in widths if max_key_width is None or each <= max_key_width), default=0)
    parts = []
    for key, value, differs in rows:
        gap = " " * (width + 2 - len(key)) if len(key) <= width else "\n" + " " * (width + 4)
        parts.append((f"{'• ' if differs else '  '}{key}{gap}", "$accent" if differs else "$muted"))
        parts.append((one_line(_value_text(value), _MAX_VALUE_CHARACTERS) + "\n", "$accent" if differs else ""))
    return parts


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "-".join(_value_text(item) for item in value) or "none"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differs_from_preset(preset_values: Mapping[str, Any] | None, key: str, value: Any) -> bool:
    return preset_values is not None and key not in ("seed", "preset") and preset_values.get(key) != value
