"""Builds `ChartData` from the metrics of runs: which curves, their styles, and the annotations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genexplorer.dashboard.charts.braille import SOLID, Dash
from genexplorer.dashboard.charts.chart import Axis, ChartAnnotation, ChartData, ChartLine
from genexplorer.dashboard.details import ComparedRun, RunDetails
from genexplorer.runs.record import Series, XAxis
from genexplorer.session import charts, formatting
from genexplorer.session.charts import Chart, LineStyle, smooth
from genexplorer.session.comparison import ComparableRun, Comparison, compare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COMPARISON_LABELS = "ABCDEFGHIJ"  # the letters of compared runs, in the order in which they were marked
SMOOTHING_WEIGHTS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)  # weights of the exponential smoothing, from none to much
_MAX_NAN_ANNOTATIONS = 20  # of one curve; more would cover the chart
_DASHES = {"solid": SOLID, "dashed": Dash(5, 3), "dotted": Dash(1, 2)}
_STYLE_NAMES = {"train": "train", "test_ema": "test", "test_raw": "other"}
_X_AXES: Mapping[XAxis, Axis] = {
    "step": Axis("step"),
    "time": Axis("time, h:m:s", formatting.duration, is_time=True),
    "images": Axis("images"),
}


@dataclass(frozen=True)
class CurveOptions:
    """How curves are displayed."""

    quantity: str = ""  # of the large chart; empty: the objective of the model's family
    x_axis: XAxis = "step"
    log_scale: bool = False  # of the y axis
    show_full_range: bool = False  # of the y axis; otherwise early values may be cropped
    smoothing_index: int = 0  # index into SMOOTHING_WEIGHTS

    @property
    def smoothing_weight(self) -> float:
        """The weight of the exponential smoothing."""
        return SMOOTHING_WEIGHTS[self.smoothing_index]

    @property
    def notes(self) -> str:
        """The options that differ from the defaults, for the chart's corner."""
        parts = [f"smooth {self.smoothing_weight:g}" if self.smoothing_weight else "", "log" if self.log_scale else ""]
        return " · ".join(part for part in parts if part)


def selected_chart(run: RunDetails, quantity: str) -> Chart | None:
    """Return the chart of a quantity, by default of the objective, else the first."""
    return charts.selected_chart(run.curves.charts, quantity, run.theory.objective_quantity if run.theory else "")


def run_chart(run: RunDetails, chart: Chart, options: CurveOptions, *, small: bool = False) -> ChartData:
    """Return the chart of one run, train and test together; a small one has no notes, and marks without texts."""
    metrics = [(name, run.curves.series[name]) for name in chart.metrics if name in run.curves.series]
    lines = tuple(_chart_line(chart.style(name), series, options) for name, series in metrics if len(series.x))
    # Lines, axis and changed settings; a small chart has nothing else.
    axis = _X_AXES[run.curves.x_axis]
    if small:
        placeholder = ChartData.placeholder if metrics else ""  # not read yet: unknown whether there are values
        return ChartData(
            chart.label,
            lines,
            annotations=tuple(ChartAnnotation(x, "▲") for x, _ in run.marks),
            axis=axis,
            inherited_until=run.inherited_until,
            is_small=True,
            format_number=formatting.number,
            placeholder=placeholder,
        )
    # Annotations: changed settings, and values that are not finite.
    annotations = [
        *(ChartAnnotation(x, f"▲{text}") for x, text in run.marks),
        *_nan_annotations([(series, "✗NaN") for _, series in metrics], options.x_axis),
    ]
    return ChartData(
        title=chart.label,
        lines=lines,
        annotations=tuple(annotations),
        selected_x=run.selected_x,
        inherited_until=run.inherited_until,
        log_scale=options.log_scale,
        show_full_range=options.show_full_range,
        notes=options.notes,
        format_number=formatting.number,
        placeholder=no_values_text(run),
        axis=axis,
    )


def comparison_chart(runs: tuple[ComparedRun, ...], chart: Chart, options: CurveOptions) -> ChartData:
    """Return the chart of one metric of several runs: the test curve if all have one, else the training curve.

    Runs whose values are not comparable with those of the first are left out, with the reason.
    """
    comparison = comparison_of(runs, chart)
    metric = comparison.metric
    lines, labeled, marks, warnings = [], [], [], []
    for index, run in enumerate(runs):
        letter, name = COMPARISON_LABELS[index % len(COMPARISON_LABELS)], run.status.name or run.status.id
        if index in comparison.reasons:
            warnings.append(f"{letter} {name} left out: {comparison.reasons[index]}")
            continue
        series = run.series[metric]
        labeled.append((series, f"✗NaN {letter}"))
        marks += [ChartAnnotation(x, f"▲{letter} {text}") for x, text in run.marks]
        lines.append(
            ChartLine(
                f"{letter} {name}",
                f"run{index % 10}",
                series.x,
                _smoothed(series, options) if options.smoothing_weight else series.mean,
                series.mean if options.smoothing_weight else None,
                tuple(_DASHES.values())[index % 3],
                has_markers=metric.startswith("test/"),
                low=series.low,
                high=series.high,
            )
        )
    label = chart.style(metric).label if metric else "no curve in common"
    count = f"{len(lines)} of {len(runs)}" if warnings else f"{len(runs)}"
    return ChartData(
        title=f"{chart.label}, {label}, {count} runs",
        lines=tuple(lines),
        annotations=(*marks, *_nan_annotations(labeled, options.x_axis)),
        log_scale=options.log_scale,
        show_full_range=options.show_full_range,
        notes=options.notes,
        format_number=formatting.number,
        placeholder="These runs have no such curve in common yet.\nm: another metric",
        axis=_X_AXES[options.x_axis],
        warnings=tuple(warnings),
    )


def comparison_of(runs: tuple[ComparedRun, ...], chart: Chart) -> Comparison:
    """Return the metric to compare, and which runs are left out."""
    return compare(
        [
            ComparableRun(
                run.status.dataset,
                run.specs,
                {name: len(series.x) for name, series in run.series.items() if len(series.x)},
            )
            for run in runs
        ],
        chart,
    )


def _nan_annotations(labeled: list[tuple[Series, str]], x: XAxis) -> list[ChartAnnotation]:
    """Return a mark at each value of some curves that is NaN or infinite."""
    return [
        ChartAnnotation(float(position), text, "alert")
        for series, text in labeled
        if series.x_axis == x
        for position in series.special_x[:_MAX_NAN_ANNOTATIONS]
    ]


def no_values_text(run: RunDetails) -> str:
    """Return the text that replaces a chart without values."""
    if run.error:
        return "This run cannot be read."
    if run.status.state.active:
        phase = run.status.phase or run.status.state.value
        return f"{phase.capitalize()} {run.status.phase_detail}…\nThe first values come within seconds of training."
    return "No values were recorded.\n4: log"


def _smoothed(series: Series, options: CurveOptions) -> "NDArray[np.float64]":
    return smooth(series.mean, options.smoothing_weight, series.x, num_recorded=series.num_values)


def _chart_line(style: LineStyle, series: Series, options: CurveOptions) -> ChartLine:
    smoothed = options.smoothing_weight > 0 and style.role == "train"
    return ChartLine(
        label=style.label,
        style=_STYLE_NAMES[style.role] if style.index is None else f"run{style.index % 10}",
        x=series.x,
        y=_smoothed(series, options) if smoothed else series.mean,
        raw=series.mean if smoothed else None,
        dash=_DASHES[style.dash] if style.role == "test_raw" else SOLID,
        has_markers=style.role == "test_ema" and style.dash == "dashed",
        low=series.low,
        high=series.high,
    )
