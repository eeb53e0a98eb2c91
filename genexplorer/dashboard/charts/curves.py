"""From what was read of runs to a drawing: which curves, how they are told apart, what is marked on them."""

from collections.abc import Mapping
from dataclasses import dataclass

from genexplorer.dashboard.charts.braille import SOLID, Dash
from genexplorer.dashboard.charts.chart import Axis, ChartData, ChartLine, ChartMark
from genexplorer.dashboard.panes.run_list import LETTERS
from genexplorer.dashboard.view import ComparedRun, RunView
from genexplorer.runs.record import Change, Series, XAxis
from genexplorer.session import charts, formatting
from genexplorer.session.charts import Chart, LineStyle
from genexplorer.session.smoothing import smooth

_DASHES = {"solid": SOLID, "dashed": Dash(5, 3), "dotted": Dash(1, 2)}
_ROLES = {"train": "train", "test_ema": "test", "test_raw": "other"}
_AXES: Mapping[XAxis, Axis] = {
    "step": Axis("step"),
    "time": Axis("time, h:m:s", formatting.duration, is_time=True),
    "images": Axis("images"),
}
WEIGHTS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)  # of smoothing, from none to much


@dataclass(frozen=True)
class CurveOptions:
    """How curves are shown."""

    quantity: str = ""  # empty: the family's objective
    x: XAxis = "step"
    log: bool = False
    whole: bool = False
    smoothing: int = 0  # a place in WEIGHTS

    @property
    def weight(self) -> float:
        """The weight of smoothing."""
        return WEIGHTS[self.smoothing]

    @property
    def notes(self) -> str:
        """What of this is unusual, for the chart's corner."""
        parts = [f"smooth {self.weight:g}" if self.weight else "", "log" if self.log else ""]
        return " · ".join(part for part in parts if part)


def chosen_chart(run: RunView, quantity: str) -> Chart | None:
    """Return the chart of a quantity; without one the objective's, else the first."""
    return charts.chosen_chart(run.curves.charts, quantity, run.theory.total if run.theory else "")


def run_chart(run: RunView, chart: Chart, looks: CurveOptions, *, small: bool = False) -> ChartData:
    """Return the drawing of one run's chart: train and test together."""
    metrics = [(name, run.curves.series[name]) for name in chart.metrics if name in run.curves.series]
    lines = tuple(_line(chart.style(name), series, looks) for name, series in metrics if len(series.x))
    if small:  # without room for more than the essence
        empty = ChartData.empty if metrics else ""  # they were not asked for yet: nothing can be said
        return ChartData(
            chart.label, lines, axis=_AXES[run.curves.x], plain=True, number=formatting.number, empty=empty
        )
    marks = tuple(_marks(run, looks.x)) + tuple(_gaps(metrics, looks.x))
    return ChartData(
        title=chart.label,
        lines=lines,
        marks=marks,
        cursor=run.cursor_x,
        log=looks.log,
        whole=looks.whole,
        notes=looks.notes,
        number=formatting.number,
        empty=empty_words(run),
        axis=_AXES[run.curves.x],
    )


def comparison_chart(runs: tuple[ComparedRun, ...], chart: Chart, looks: CurveOptions) -> ChartData:
    """Return the drawing of one metric of several runs: the test curve where all have one, else the training's."""
    metric = _shared_metric(runs, chart)
    lines = []
    for index, run in enumerate(runs):
        series = run.series.get(metric)
        if series is not None and len(series.x):
            raw = series.mean if looks.weight else None
            lines.append(
                ChartLine(
                    f"{LETTERS[index % len(LETTERS)]} {run.status.name or run.status.id}",
                    f"run{index % 10}",
                    series.x,
                    smooth(series.mean, looks.weight) if looks.weight else series.mean,
                    raw,
                    tuple(_DASHES.values())[index % 3],
                    points=metric.startswith("test/"),
                )
            )
    title = f"{chart.label}, {chart.style(metric).label if metric else 'no curve in common'}, {len(runs)} runs"
    return ChartData(
        title=title,
        lines=tuple(lines),
        log=looks.log,
        whole=looks.whole,
        notes=looks.notes,
        number=formatting.number,
        empty="These runs have no curve of this in common yet.\nm chooses another metric.",
        axis=_AXES[looks.x],
    )


def empty_words(run: RunView) -> str:
    """Return what stands in the place of curves that have no points yet."""
    if run.problem:
        return "This run cannot be read."
    if run.status.state.live:
        phase = run.status.phase or run.status.state.value
        return f"{phase.capitalize()} {run.status.phase_detail}…\nThe first points come within seconds of training."
    return "No points were recorded.\n4 shows the log."


def _shared_metric(runs: tuple[ComparedRun, ...], chart: Chart) -> str:
    """Return the metric by which runs are compared: of the best kind that every run has at least twice."""
    order = {"test_ema": 0, "train": 1, "test_raw": 2}
    names = sorted(chart.metrics, key=lambda name: order[chart.style(name).role])
    for name in names:
        if all(name in run.series and len(run.series[name].x) > 1 for run in runs):
            return name
    return next((name for name in names if any(name in run.series for run in runs)), "")


def _line(told: LineStyle, series: Series, looks: CurveOptions) -> ChartLine:
    calm = smooth(series.mean, looks.weight) if looks.weight and told.role == "train" else series.mean
    return ChartLine(
        label=told.label,
        role=_role(told),
        x=series.x,
        y=calm,
        raw=series.mean if calm is not series.mean else None,
        dash=_DASHES[told.dash] if told.role == "test_raw" else SOLID,
        points=told.role == "test_ema" and told.dash == "dashed",
    )


def _role(told: LineStyle) -> str:
    return _ROLES[told.role] if told.index is None else f"run{told.index % 10}"


def _marks(run: RunView, x: XAxis) -> list[ChartMark]:
    """Return the changes that took effect; on the axis of images they have no place."""
    if x == "images":
        return []
    return [
        ChartMark(float(change.step) if x == "step" else change.elapsed_s, _change_text(change))
        for change in run.changes
        if not change.error and change.command in ("set", "threads")
    ]


def _change_text(change: Change) -> str:
    if change.command == "threads":
        return f"▲{change.value} thr"
    value = f"{change.value:g}" if isinstance(change.value, int | float) else str(change.value)
    return f"▲{change.path.rpartition('.')[2]} {value}"


def _gaps(metrics: list[tuple[str, Series]], x: XAxis) -> list[ChartMark]:
    """Return marks at the steps where a value was not finite."""
    if x != "step":
        return []
    return [ChartMark(float(step), "✗NaN", "alert") for _, series in metrics for step in series.special[:20]]
