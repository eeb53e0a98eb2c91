"""Config and alerts beside the curves, from 120 columns on."""

from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.links import link
from genexplorer.dashboard.tabs.config import config_lines
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow

if TYPE_CHECKING:
    from trainers.config import RunConfig

_SHOWN = ("model", "data", "optim", "schedule")
_ALERTS = 4


class Sidebar(Vertical):
    """What was asked for, and what went wrong."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._config: RunConfig | None = None
        self._alerts: tuple[AlertRow, ...] | None = None
        self._look_at = ""

    def compose(self) -> ComposeResult:
        """Lay out alerts above config."""
        watch_for = Static("", markup=False, id="side-look-at")
        watch_for.display = False
        yield watch_for
        yield Static("", markup=False, id="side-alerts")
        with VerticalScroll(can_focus=False):
            yield Static("", markup=False, id="side-config")

    def show(self, run: RunView | None) -> None:
        """Show a run's alerts and config."""
        alerts, config = (run.alerts, run.config) if run else ((), None)
        watch_for = run.watch_for if run else ""
        if watch_for != self._look_at:
            self._look_at = watch_for
            words = Content.assemble(("What to look at\n", "bold $accent"), watch_for)
            self.query_one("#side-look-at", Static).update(words if watch_for else Content(""))
            self.query_one("#side-look-at").display = bool(watch_for)
        if alerts != self._alerts:
            self._alerts = alerts
            self.query_one("#side-alerts", Static).update(alert_lines(alerts))
        if config is not self._config:
            self._config = config
            lines = config_lines(config, _SHOWN) if config else Content("")
            self.query_one("#side-config", Static).update(lines)


def alert_lines(alerts: tuple[AlertRow, ...]) -> Content:
    """Return the newest alerts, the newest first."""
    if not alerts:
        return Content.assemble(("Alerts\n", "bold"), ("none", "$muted"))
    title = link(f"Alerts ({len(alerts)}), d explains\n", "screen.alerts", "bold")
    rows = [Content.assemble(("⚠ ", "$warning"), f"{a.step:,} {a.message}") for a in reversed(alerts[-_ALERTS:])]
    return title + Content("\n").join(rows)
