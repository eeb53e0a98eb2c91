"""Curves of runs for papers: SVG or PDF, vectors with text as text, by matplotlib."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from genexplorer.errors import ConfigError, UserError
from genexplorer.runs.reader import RunReader
from genexplorer.session.change_marks import change_marks
from genexplorer.session.charts import Chart, charts, smooth
from genexplorer.session.comparison import ComparableRun, compare
from trainers.storage import atomic_files

if TYPE_CHECKING:
    from genexplorer.runs.record import Series, XAxis

WIDTHS_CM = {"column": 8.25, "page": 17.0}  # of two-column proceedings
_ASPECT = 0.62
_LABEL_WIDTH_PT, _LABEL_HEIGHT_PT = 60.0, 8.0
_MAX_VALUES = 2000  # of each curve
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe & Ito 2008
_LINE_STYLES = {"solid": "-", "dashed": (0, (5, 2)), "dotted": (0, (1, 1.5))}
_X_NAMES: "dict[XAxis, str]" = {"step": "step", "images": "images seen", "time": "training time (s)"}


@dataclass(frozen=True)
class FigureStyle:
    """How a figure looks.

    Args:
        width: "column" or "page".
        font: "serif" or "sans-serif".
        x_axis: "step", "images" or "time".
        smoothing: Weight of the exponential smoothing of training curves, in [0, 1).
        logarithmic: Whether the y axis is logarithmic.
    """

    width: str = "column"
    font: Literal["serif", "sans-serif"] = "serif"
    x_axis: "XAxis" = "step"
    smoothing: float = 0.8
    logarithmic: bool = False


@dataclass(frozen=True)
class _CurveEnd:
    """Where the label of a curve belongs."""

    x: float
    y: float
    label: str
    color: str


def write_curves(folders: Sequence[Path], out: Path, quantity: str = "", style: FigureStyle = FigureStyle()) -> str:
    """Draw the curves of a quantity: of one run all of them with the changes of settings, of several the same metric.

    Args:
        folders: The run folders.
        out: An .svg or .pdf file; an existing one is replaced.
        quantity: The quantity, such as "kl"; by default the objective of the first run's family.
        style: How the figure looks.

    Returns:
        The label of the quantity.

    Raises:
        UserError: if matplotlib is not installed, or there is nothing to draw.
        DamagedRunError: if a run cannot be read.
        OSError: if the disk refuses.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("matplotlib is not installed, which curves for papers need", "pip install matplotlib") from None
    readers = [RunReader(folder) for folder in folders]
    chart = _chart(readers[0], quantity)
    width = WIDTHS_CM[style.width] / 2.54
    settings = {
        "font.family": style.font,
        "mathtext.fontset": "cm" if style.font == "serif" else "dejavusans",
        "font.size": 8,
        "axes.linewidth": 0.6,
        "svg.fonttype": "none",  # text stays text
        "pdf.fonttype": 42,  # TrueType, as publishers require
        "svg.hashsalt": "genexplorer",  # the same run gives the same file
    }
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns of the fixed date of PDF files
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(width, width * _ASPECT), layout="constrained")
        axes = figure.add_subplot()
        if len(readers) == 1:
            ends = _draw_run(axes, readers[0], chart, style)
        else:
            ends = _draw_comparison(axes, readers, chart, style)
        _finish(axes, chart, style)
        _label_ends(axes, ends)
        is_pdf = out.suffix.lower() == ".pdf"
        metadata: dict[str, Any] = {"CreationDate": None} if is_pdf else {"Date": None}
        with atomic_files.replacing(out) as temporary, temporary.open("wb") as file:
            canvas = FigureCanvasPdf(figure) if is_pdf else FigureCanvasSVG(figure)
            (canvas.print_pdf if is_pdf else canvas.print_svg)(file, metadata=metadata)
    return chart.label


def _chart(reader: RunReader, quantity: str) -> Chart:
    available = charts(reader.metric_specs())
    try:
        default = reader.config().theory().objective_quantity
    except UserError:  # a family of a package that is not installed here
        default = ""
    name = quantity or default
    selected = next((chart for chart in available if chart.quantity == name), None)
    if selected is None and not quantity and available:
        return available[0]
    if selected is None:
        listed = ", ".join(chart.quantity for chart in available) or "none yet"
        raise ConfigError(f"{reader.status().name} has no curves of '{name[:40]}'", f"it has: {listed}")
    return selected


def _draw_run(axes: Any, reader: RunReader, chart: Chart, style: FigureStyle) -> list[_CurveEnd]:
    """Draw the curves of one run, and the changes of its settings; return the ends of the curves."""
    ends: list[_CurveEnd] = []
    for index, name in enumerate(chart.metrics):
        series, line = reader.series(name, style.x_axis, _MAX_VALUES), chart.style(name)
        if not len(series.x):
            continue
        color = _COLORS[(line.index if line.index is not None else index) % len(_COLORS)]
        y = _values(series, style.smoothing if line.role == "train" else 0.0)
        if line.role == "train" and style.smoothing:
            axes.plot(series.x, series.mean, color=color, linewidth=0.4, alpha=0.3)
        axes.plot(series.x, y, color=color, linewidth=1.0, linestyle=_LINE_STYLES[line.dash])
        ends.append(_CurveEnd(float(series.x[-1]), _last(y), line.label, color))
    if style.x_axis != "images":
        for mark in change_marks(reader.command_history()):
            x = mark.step if style.x_axis == "step" else mark.elapsed_s
            axes.axvline(x, color="0.45", linewidth=0.6, linestyle=(0, (1, 2)))
            axes.annotate(
                mark.text, (x, 0.02), xycoords=("data", "axes fraction"), rotation=90, fontsize=6, color="0.35",
                ha="right", va="bottom",
            )  # fmt: skip
    return ends


def _draw_comparison(axes: Any, readers: Sequence[RunReader], chart: Chart, style: FigureStyle) -> list[_CurveEnd]:
    """Draw the same metric of several runs; return the ends of the curves.

    Raises:
        ConfigError: if the metrics of two runs are not comparable.
    """
    all_series = [
        {name: reader.series(name, style.x_axis, _MAX_VALUES) for name in chart.metrics} for reader in readers
    ]
    runs = [
        ComparableRun(
            reader.status().dataset,
            reader.metric_specs(),
            {name: len(series.x) for name, series in of_run.items() if len(series.x)},
        )
        for reader, of_run in zip(readers, all_series, strict=True)
    ]
    comparison = compare(runs, chart)
    for index, reason in comparison.reasons.items():
        raise ConfigError(f"{readers[index].status().name} is not comparable: {reason}", "leave it out")
    ends: list[_CurveEnd] = []
    for index, (reader, of_run) in enumerate(zip(readers, all_series, strict=True)):
        series = of_run[comparison.metric]
        color = _COLORS[index % len(_COLORS)]
        y = _values(series, style.smoothing if comparison.metric.startswith("train/") else 0.0)
        axes.plot(series.x, y, color=color, linewidth=1.0)
        if len(series.x):
            ends.append(_CurveEnd(float(series.x[-1]), _last(y), reader.status().name, color))
    return ends


def _finish(axes: Any, chart: Chart, style: FigureStyle) -> None:
    axes.set_xlabel(_X_NAMES[style.x_axis])
    axes.set_ylabel(_plain(chart.label))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(width=0.6, length=2.5)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4), useMathText=True)
    if style.logarithmic:
        axes.set_yscale("symlog" if axes.get_ylim()[0] <= 0 else "log")
    else:
        _crop_start(axes)


def _crop_start(axes: Any) -> None:
    """Let the y axis follow the later part of the curves: the first steps are often far off."""
    late = [line.get_ydata()[len(line.get_ydata()) // 20 :] for line in axes.get_lines() if len(line.get_ydata()) > 2]
    values = np.concatenate([np.asarray(part, float) for part in late]) if late else np.zeros(0)
    values = values[np.isfinite(values)]
    if len(values) > 20:
        low, high = np.quantile(values, (0.002, 0.998))
        margin = 0.08 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + margin)


def _label_ends(axes: Any, ends: Sequence[_CurveEnd]) -> None:
    """Write the label of each curve beside its end, moved apart where two would overlap; there is no legend."""
    points_per_pixel = 72 / axes.figure.dpi
    placed: list[tuple[float, float]] = []  # x and y in points
    for end in sorted((end for end in ends if np.isfinite(end.y)), key=lambda end: -end.y):
        x, y = (float(value) * points_per_pixel for value in axes.transData.transform((end.x, end.y)))
        near = [other_y for other_x, other_y in placed if abs(other_x - x) < _LABEL_WIDTH_PT]
        lowest = min(near, default=np.inf)
        label_y = min(y, lowest - _LABEL_HEIGHT_PT)
        placed.append((x, label_y))
        axes.annotate(
            _plain(end.label), (end.x, end.y), xytext=(4, label_y - y), textcoords="offset points", color=end.color,
            fontsize=7, va="center", annotation_clip=False,
        )  # fmt: skip


def _values(series: "Series", smoothing: float) -> Any:
    return smooth(series.mean, smoothing, series.x, num_recorded=series.num_values) if smoothing else series.mean


def _last(y: Any) -> float:
    finite = y[np.isfinite(y)]
    return float(finite[-1]) if len(finite) else float("nan")


def _plain(text: str) -> str:
    """Return a text in which matplotlib finds no formula."""
    return text.replace("$", r"\$")
