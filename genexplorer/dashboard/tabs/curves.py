"""Tab 1: the curves of one quantity in a large chart, the other quantities in small ones, an image, and the sidebar."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message

from genexplorer.dashboard.charts.chart import ChartData
from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.charts.curves import (
    SMOOTHING_WEIGHTS,
    CurveOptions,
    comparison_chart,
    no_values_text,
    run_chart,
    selected_chart,
)
from genexplorer.dashboard.details import NUM_SMALL_CHARTS, DashboardDetails, RunCurves, RunDetails
from genexplorer.dashboard.images.pane import ImagePane
from genexplorer.dashboard.key_bindings import KeyBinding, forwarded_action, link
from genexplorer.dashboard.panes.bars import StatusBar
from genexplorer.dashboard.screens.dialogs import ChoiceScreen
from genexplorer.dashboard.tabs.config import config_lines
from genexplorer.dashboard.widgets import Text
from genexplorer.runs.record import AlertRow, XAxis
from genexplorer.session import formatting
from genexplorer.session.step_selection import StepSelection

if TYPE_CHECKING:
    from trainers.config import RunConfig

_WELCOME_TEXT = "No runs yet.\n\nn trains a 2-D VAE (4 min)\ng shows the presets\n? shows all keys"
_X_AXES: tuple[XAxis, ...] = ("step", "time", "images")
_SIDEBAR_SECTIONS = ("model", "data", "optim", "schedule")
_SIDEBAR_KEY_WIDTH = 14  # characters
_MAX_SIDEBAR_ALERTS = 4


class CurvesPane(Horizontal):
    """Charts, with an image and the sidebar beside them in a wide terminal. The screen keeps `run` up to date."""

    KEYS: ClassVar[tuple[KeyBinding, ...]] = (
        KeyBinding("m", "choose_metric", "metric", "choose the metric", "Curves", in_footer=True),
        KeyBinding("l", "toggle_option('log_scale')", "log scale", "logarithmic y axis", "Curves"),
        KeyBinding("x", "next_x_axis", "x axis", "x axis: step, time or images", "Curves"),
        KeyBinding("plus,equals_sign", "smooth(1)", "smooth", "more smoothing; the raw curve stays, faint", "Curves"),
        KeyBinding("minus", "smooth(-1)", "smooth less", "less smoothing", "Curves"),
        KeyBinding(
            "a",
            "toggle_option('show_full_range')",
            "full range",
            "full y range, or cropped to the later values",
            "Curves",
        ),
    )

    @dataclass
    class QuantityChosen(Message):
        """Another quantity was chosen for the large chart."""

        quantity: str

    class OptionsChanged(Message):
        """`options` has changed."""

    options = CurveOptions()
    run: RunDetails | None = None
    _large_chart_inputs: tuple[object, ...] = ()
    _small_chart_inputs: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Create the charts and the panes beside them."""
        with Vertical(id="charts"):
            yield ChartView(id="large")
            with Horizontal(id="small"):
                for index in range(NUM_SMALL_CHARTS):
                    yield ChartView(classes="small" if index < 2 else "small rare")
        yield ImagePane(id="beside")
        yield Sidebar(id="side")

    @property
    def large_chart(self) -> ChartView:
        """The large chart."""
        return self.query_one("#large", ChartView)

    def show(self, details: DashboardDetails, step_selection: StepSelection) -> None:
        """Show the details; only changed charts are drawn again."""
        self._show_large(details)
        self._show_small(details.run)
        self.query_one(ImagePane).show(details.run, step_selection)
        self.query_one(Sidebar).show(details.run)

    def _show_large(self, details: DashboardDetails) -> None:
        # Move only the line of the selected step if nothing else has changed.
        run, options = details.run, self.options
        inputs = (
            run.curves if run else None,
            tuple(id(compared.series) for compared in details.compared) if details.compared else (),
            options,
            details.loaded and not details.runs,
            (run.marks, run.status.state, run.status.phase, run.error, run.folder) if run else None,
        )
        if inputs == self._large_chart_inputs:
            if run is not None and not details.compared:
                self.large_chart.select_x(run.selected_x)
            return
        self._large_chart_inputs = inputs
        # Draw the chart of the run or of the comparison, or a text instead.
        chart = selected_chart(run, options.quantity) if run is not None else None
        if run is None:
            data = ChartData("", (), placeholder=_WELCOME_TEXT if details.loaded and not details.runs else "")
        elif chart is None:
            data = ChartData("", (), placeholder=no_values_text(run))
        elif details.compared:
            data = comparison_chart(details.compared, chart, options)
        else:
            data = run_chart(run, chart, options)
        self.large_chart.show(data)

    def _show_small(self, run: RunDetails | None) -> None:
        parent = self.query_one("#small")
        if not parent.display or run is None:
            return
        inputs = (run.curves, self.options, run.folder, run.marks)
        if inputs == self._small_chart_inputs:
            return
        self._small_chart_inputs = inputs
        large_chart = selected_chart(run, self.options.quantity)
        small = [chart for chart in run.curves.charts if chart != large_chart]
        options = replace(self.options, log_scale=False)
        for index, chart_view in enumerate(parent.query_children(ChartView)):
            chart = small[index] if index < len(small) else None
            chart_view.quantity = chart.quantity if chart else ""
            chart_view.show(run_chart(run, chart, options, small=True) if chart else ChartData("", (), placeholder=""))

    def show_quantity(self, quantity: str) -> None:
        """Choose the quantity of the large chart; takes effect with the next details."""
        self.options = replace(self.options, quantity=quantity, log_scale=False)

    def action_choose_metric(self) -> None:
        """Choose the quantity of the large chart from a list."""
        run = self.run
        if run is None or not run.curves.charts:
            self.post_message(StatusBar.Notice("No metrics yet."))
            return
        # List each quantity with its latest value.
        values = []
        for chart in run.curves.charts:
            latest = [run.values[name] for name in chart.metrics if name in run.values]
            values.append(formatting.number(latest[-1], chart.unit) if latest else "")
        width = max(map(cell_len, values)) + 2
        choices = [
            (chart.quantity, chart.title, value + " " * (width - cell_len(value)) + chart.panel)
            for chart, value in zip(run.curves.charts, values, strict=True)
        ]
        current = selected_chart(run, self.options.quantity)

        def choose(quantity: str | None) -> None:
            if quantity is not None:
                self.post_message(self.QuantityChosen(quantity))

        self.app.push_screen(ChoiceScreen("Which metric?", choices, current.quantity if current else ""), choose)

    def action_toggle_option(self, option: str) -> None:
        """Toggle an option: "log_scale" or "show_full_range"."""
        self._change_options(**{option: not getattr(self.options, option)})

    def action_next_x_axis(self) -> None:
        """Change to the next x axis."""
        x_axis = _X_AXES[(_X_AXES.index(self.options.x_axis) + 1) % len(_X_AXES)]
        self.post_message(StatusBar.Notice(f"x axis: {x_axis}"))
        self._change_options(x_axis=x_axis)

    def action_smooth(self, change: int) -> None:
        """Smooth more (1) or less (−1)."""
        self._change_options(
            smoothing_index=min(max(self.options.smoothing_index + change, 0), len(SMOOTHING_WEIGHTS) - 1)
        )

    def _change_options(self, **changes: Any) -> None:
        self.options = replace(self.options, **changes)
        self.post_message(self.OptionsChanged())


def step_at_x(curves: RunCurves, x: float) -> int:
    """Return the step at an x value of the large chart, whose x axis may show time or images."""
    xs = next(iter(curves.series.values())).x if curves.series else np.zeros(0)
    if curves.x_axis == "step" or curves.steps is None or len(curves.steps) != len(xs) or not len(xs):
        return round(x)
    return round(float(np.interp(x, xs, curves.steps)))


class Sidebar(Vertical):
    """Alerts and configuration beside the curves, in terminals of at least 120 columns."""

    _config: "RunConfig | None" = None

    def compose(self) -> ComposeResult:
        """Create the texts."""
        yield Text(id="side-expected-failure")
        yield Text(id="side-alerts")
        with VerticalScroll(can_focus=False):
            yield Text(id="side-config")

    def show(self, run: RunDetails | None) -> None:
        """Show a run."""
        config, expected_failure = (run.present_config, run.expected_failure) if run else (None, "")
        watch_for_text = self.query_one("#side-expected-failure", Text)
        watch_for_text.display = bool(expected_failure)
        watch_for_text.show_text(Content.assemble(("Fails on purpose\n", "bold $accent"), expected_failure))
        self.query_one("#side-alerts", Text).show_text(alert_lines(run.alerts if run else ()))
        if config is not self._config:
            self._config = config
            lines = config_lines(config, _SIDEBAR_SECTIONS, max_key_width=_SIDEBAR_KEY_WIDTH) if config else Content("")
            self.query_one("#side-config", Text).show_text(lines)


def alert_lines(alerts: tuple[AlertRow, ...]) -> Content:
    """Return the last alerts, newest first."""
    if not alerts:
        return Content.assemble(("Alerts\n", "bold"), ("none", "$muted"))
    title = link(f"Alerts ({len(alerts)}), press d\n", f"screen.{forwarded_action('RunsPane', 'diagnose')}", "bold")
    rows = [
        Content.assemble(("⚠ ", "$warning"), f"{a.step:,} {a.message}") for a in reversed(alerts[-_MAX_SIDEBAR_ALERTS:])
    ]
    return title + Content("\n").join(rows)
