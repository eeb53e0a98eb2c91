"""Tab 3: what was asked for, section by section; what differs from the preset stands out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.view import RunView
from genexplorer.errors import UserError
from genexplorer.runs.sanitize import one_line

if TYPE_CHECKING:
    from trainers.config import RunConfig

SECTIONS = ("preset", "seed", "model", "data", "optim", "schedule", "execution")
_VALUE_LIMIT = 400


class ConfigPane(VerticalScroll):
    """The configuration of the selected run."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._config: RunConfig | None = None
        self._about: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out two texts: the run, its config."""
        yield Static("", markup=False, id="about")
        yield Static("", markup=False, id="config-text")

    def show(self, run: RunView | None) -> None:
        """Show a run's configuration."""
        config = run.config if run else None
        about = _about_facts(run) if run else ()
        if about != self._about:
            self._about = about
            self.query_one("#about", Static).update(_about_lines(about))
        if config is not self._config:
            self._config = config
            text = config_lines(config, SECTIONS) if config else Content("No configuration could be read.")
            self.query_one("#config-text", Static).update(text)


def _about_facts(run: RunView) -> tuple[tuple[str, str], ...]:
    status = run.status
    facts = [("name", status.name), ("id", status.id), ("folder", str(run.folder)), ("tags", ", ".join(status.tags))]
    facts += [("note", status.note), ("attempt", str(status.attempt or "")), ("device", status.device)]
    facts += [("worker", f"process {status.pid} on {status.host}" if status.pid and status.state.live else "")]
    return tuple((key, value) for key, value in facts if value)


def _about_lines(facts: tuple[tuple[str, str], ...]) -> Content:
    return Content.assemble(("run\n", "bold"), *_aligned([(key, value, False) for key, value in facts]))


def config_lines(config: "RunConfig", sections: tuple[str, ...]) -> Content:
    """Return sections of a configuration, keys aligned; a • and the accent mark what differs from the preset."""
    values = config.model_dump(mode="json")
    base = _preset_values(config)
    parts: list[Any] = []
    plain = [(key, values[key], _differs(base, key, values[key])) for key in sections if not _is_section(values, key)]
    parts += _aligned(plain)
    for key in sections:
        if _is_section(values, key):
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


def _is_section(values: Mapping[str, Any], key: str) -> bool:
    return isinstance(values.get(key), Mapping)


def _differs(base: Mapping[str, Any] | None, key: str, value: Any) -> bool:
    return base is not None and key not in ("seed", "preset") and base.get(key) != value


def _preset_values(config: "RunConfig") -> dict[str, Any] | None:
    """Return what the run's preset says by itself; None where the preset is not known here."""
    try:
        from trainers import presets

        return presets.assemble(config.preset).model_dump(mode="json")
    except UserError:
        return None
