"""Alerts and configuration beside the curves, in terminals of at least 120 columns."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.key_bindings import link, run_on
from genexplorer.dashboard.tabs.config import config_lines
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow

if TYPE_CHECKING:
    from trainers.config import RunConfig

_SECTIONS = ("model", "data", "optim", "schedule")
_MAX_ALERTS = 4


class Sidebar(Vertical):
    """The alerts and the configuration of a run."""

    _config: "RunConfig | None" = None
    _alerts: tuple[AlertRow, ...] | None = None
    _watch_for = ""

    def compose(self) -> ComposeResult:
        """Create the texts."""
        watch_for = Static("", markup=False, id="side-watch-for")
        watch_for.display = False
        yield watch_for
        yield Static("", markup=False, id="side-alerts")
        with VerticalScroll(can_focus=False):
            yield Static("", markup=False, id="side-config")

    def show(self, run: RunView | None) -> None:
        """Show a run."""
        alerts, config = (run.alerts, run.config) if run else ((), None)
        watch_for = run.watch_for if run else ""
        if watch_for != self._watch_for:
            self._watch_for = watch_for
            text = self.query_one("#side-watch-for", Static)
            text.update(Content.assemble(("What to watch\n", "bold $accent"), watch_for))
            text.display = bool(watch_for)
        if alerts != self._alerts:
            self._alerts = alerts
            self.query_one("#side-alerts", Static).update(alert_lines(alerts))
        if config is not self._config:
            self._config = config
            lines = config_lines(config, _SECTIONS) if config else Content("")
            self.query_one("#side-config", Static).update(lines)


def alert_lines(alerts: tuple[AlertRow, ...]) -> Content:
    """Return the last alerts, newest first."""
    if not alerts:
        return Content.assemble(("Alerts\n", "bold"), ("none", "$muted"))
    title = link(f"Alerts ({len(alerts)}), press d\n", f"screen.{run_on('RunsPane', 'diagnose')}", "bold")
    rows = [Content.assemble(("⚠ ", "$warning"), f"{a.step:,} {a.message}") for a in reversed(alerts[-_MAX_ALERTS:])]
    return title + Content("\n").join(rows)
