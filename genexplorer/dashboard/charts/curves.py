"""Builds `ChartData` from the metrics of runs: which curves, their styles, and the marks on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from genexplorer.dashboard.charts.braille import SOLID, Dash
from genexplorer.dashboard.charts.chart import Axis, ChartData, ChartLine, ChartMark
from genexplorer.dashboard.view import ComparedRun, RunView
from genexplorer.runs.record import Series, XAxis
from genexplorer.session import charts, formatting
from genexplorer.session.charts import Chart, LineStyle, smooth

LETTERS = "ABCDEFGHIJ"  # of compared runs, in the order in which they were marked
SMOOTHING = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)  # weights, from none to much
_DASHES = {"solid": SOLID, "dashed": Dash(5, 3), "dotted": Dash(1, 2)}
_ROLES = {"train": "train", "test_ema": "test", "test_raw": "other"}
_AXES: Mapping[XAxis, Axis] = {
    "step": Axis("step"),
    "time": Axis("time, h:m:s", formatting.duration, is_time=True),
    "images": Axis("images"),
}


@dataclass(frozen=True)
class CurveOptions:
    """How curves are displayed."""

    quantity: str = ""  # empty: the family's objective
    x: XAxis = "step"
    log: bool = False
    full_range: bool = False
    smoothing: int = 0  # index into SMOOTHING

    @property
    def weight(self) -> float:
        """The weight of the exponential smoothing."""
        return SMOOTHING[self.smoothing]

    @property
    def notes(self) -> str:
        """The options that differ from the defaults, for the chart's corner."""
        parts = [f"smooth {self.weight:g}" if self.weight else "", "log" if self.log else ""]
        return " · ".join(part for part in parts if part)


def selected_chart(run: RunView, quantity: str) -> Chart | None:
    """Return the chart of a quantity, by default of the objective, else the first."""
    return charts.selected_chart(run.curves.charts, quantity, run.theory.total if run.theory else "")


def run_chart(run: RunView, chart: Chart, options: CurveOptions, *, small: bool = False) -> ChartData:
    """Return the chart of one run, train and test together; a small one has no marks and notes."""
    metrics = [(name, run.curves.series[name]) for name in chart.metrics if name in run.curves.series]
    lines = tuple(_line(chart.style(name), series, options) for name, series in metrics if len(series.x))
    axis = _AXES[run.curves.x]
    if small:
        empty = ChartData.empty if metrics else ""  # not read yet: unknown whether there are points
        return ChartData(chart.label, lines, axis=axis, plain=True, number=formatting.number, empty=empty)
    marks = _change_marks(run, options.x)
    if options.x == "step":
        marks += [ChartMark(float(step), "✗NaN", "alert") for _, series in metrics for step in series.special[:20]]
    return ChartData(
        title=chart.label,
        lines=lines,
        marks=tuple(marks),
        cursor=run.cursor_x,
        log=options.log,
        full_range=options.full_range,
        notes=options.notes,
        number=formatting.number,
        empty=no_points_text(run),
        axis=axis,
    )


def comparison_chart(runs: tuple[ComparedRun, ...], chart: Chart, options: CurveOptions) -> ChartData:
    """Return the chart of one metric of several runs: the test curve if all have one, else the training curve."""
    metric = _shared_metric(runs, chart)
    lines = []
    for index, run in enumerate(runs):
        series = run.series.get(metric)
        if series is not None and len(series.x):
            lines.append(
                ChartLine(
                    f"{LETTERS[index % len(LETTERS)]} {run.status.name or run.status.id}",
                    f"run{index % 10}",
                    series.x,
                    smooth(series.mean, options.weight) if options.weight else series.mean,
                    series.mean if options.weight else None,
                    tuple(_DASHES.values())[index % 3],
                    points=metric.startswith("test/"),
                )
            )
    label = chart.style(metric).label if metric else "no curve in common"
    return ChartData(
        title=f"{chart.label}, {label}, {len(runs)} runs",
        lines=tuple(lines),
        log=options.log,
        full_range=options.full_range,
        notes=options.notes,
        number=formatting.number,
        empty="These runs have no such curve in common yet.\nm: another metric",
        axis=_AXES[options.x],
    )


def no_points_text(run: RunView) -> str:
    """Return the text in the place of a chart without points."""
    if run.problem:
        return "This run cannot be read."
    if run.status.state.active:
        phase = run.status.phase or run.status.state.value
        return f"{phase.capitalize()} {run.status.phase_detail}…\nThe first points come within seconds of training."
    return "No points were recorded.\n4: log"


def _shared_metric(runs: tuple[ComparedRun, ...], chart: Chart) -> str:
    """Return the metric to compare: the best kind of which every run has at least two points."""
    order = {"test_ema": 0, "train": 1, "test_raw": 2}
    names = sorted(chart.metrics, key=lambda name: order[chart.style(name).role])
    for name in names:
        if all(name in run.series and len(run.series[name].x) > 1 for run in runs):
            return name
    return next((name for name in names if any(name in run.series for run in runs)), "")


def _line(style: LineStyle, series: Series, options: CurveOptions) -> ChartLine:
    smoothed = options.weight > 0 and style.role == "train"
    return ChartLine(
        label=style.label,
        role=_ROLES[style.role] if style.index is None else f"run{style.index % 10}",
        x=series.x,
        y=smooth(series.mean, options.weight) if smoothed else series.mean,
        raw=series.mean if smoothed else None,
        dash=_DASHES[style.dash] if style.role == "test_raw" else SOLID,
        points=style.role == "test_ema" and style.dash == "dashed",
    )


def _change_marks(run: RunView, x: XAxis) -> list[ChartMark]:
    """Return the setting changes that took effect; their position is unknown on the axis of images."""
    if x == "images":
        return []
    marks = []
    for change in run.changes:
        if change.error or change.command not in ("set", "threads"):
            continue
        if change.command == "threads":
            text = "▲1 thread" if change.value == 1 else f"▲{change.value} threads"
        else:
            value = f"{change.value:g}" if isinstance(change.value, int | float) else str(change.value)
            text = f"▲{change.path.rpartition('.')[2]} {value}"
        marks.append(ChartMark(float(change.step) if x == "step" else change.elapsed_s, text))
    return marks
