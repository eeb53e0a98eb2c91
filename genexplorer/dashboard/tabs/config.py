"""Tab 3: the configuration of a run by section; values that differ from the preset are highlighted."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from genexplorer.dashboard.view import RunView
from genexplorer.dashboard.widgets import Text
from genexplorer.errors import UserError
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    from trainers.config import RunConfig

SECTIONS = ("preset", "seed", "model", "data", "optim", "schedule", "execution")
_VALUE_LIMIT = 400


class ConfigPane(VerticalScroll):
    """The configuration of the selected run."""

    _config: "RunConfig | None" = None

    def compose(self) -> ComposeResult:
        """Create two texts: facts about the run, and its configuration."""
        yield Text(id="about")
        yield Text(id="config-text")

    def show(self, run: RunView | None) -> None:
        """Show a run's configuration."""
        config = run.config if run else None
        if run is not None:
            facts = _aligned([(key, value, False) for key, value in _facts(run)])
            self.query_one("#about", Text).show_text(Content.assemble(("run\n", "bold"), *facts))
        if config is not self._config:
            self._config = config
            text = config_lines(config, SECTIONS) if config else Content("The configuration cannot be read.")
            self.query_one("#config-text", Text).show_text(text)


def _facts(run: RunView) -> list[tuple[str, str]]:
    status = run.status
    facts = [("name", status.name), ("id", status.id), ("folder", str(run.folder)), ("tags", ", ".join(status.tags))]
    facts += [("note", status.note), ("attempt", str(status.attempt or "")), ("device", status.device)]
    facts += [("worker", f"process {status.pid} on {status.host}" if status.pid and status.state.active else "")]
    return [(key, value) for key, value in facts if value]


def config_lines(config: "RunConfig", sections: tuple[str, ...]) -> Content:
    """Return sections of a configuration with aligned keys; a • and the accent mark differences from the preset."""
    from trainers import presets

    values, base = config.model_dump(mode="json"), None
    with suppress(UserError):  # the preset is not installed here
        base = presets.assemble(config.preset).model_dump(mode="json")
    parts: list[Any] = []
    nested = [key for key in sections if isinstance(values[key], Mapping)]
    parts += _aligned([(key, values[key], _differs(base, key, values[key])) for key in sections if key not in nested])
    for key in nested:
        inner = base.get(key, {}) if base is not None else None
        rows = [(name, value, _differs(inner, name, value)) for name, value in values[key].items()]
        parts += ["\n", (f"{key}\n", "bold"), *_aligned([row for row in rows if row[1] is not None])]
    return Content.assemble(*parts)


def _aligned(rows: list[tuple[str, Any, bool]]) -> list[tuple[str, str]]:
    width = max((len(key) for key, _, _ in rows), default=0)
    parts = []
    for key, value, differs in rows:
        parts.append((f"{'• ' if differs else '  '}{key:<{width}}  ", "$accent" if differs else "$muted"))
        parts.append((one_line(_text(value), _VALUE_LIMIT) + "\n", "$accent" if differs else ""))
    return parts


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return "-".join(_text(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _differs(base: Mapping[str, Any] | None, key: str, value: Any) -> bool:
    return base is not None and key not in ("seed", "preset") and base.get(key) != value
