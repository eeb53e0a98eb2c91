"""Grouping of metrics into charts, line styles, and smoothing of curves."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainers.events import Better, MetricSpec

LineRole = Literal["train", "test_ema", "test_raw"]
# These panels come first and last in every training; those of a family come between, as they are declared.
FIRST_PANEL, LAST_PANELS = "objective", ("optimization", "speed")
_SMOOTHING_UNITS = 1000  # in the width of a curve; a smoothing weight is that of the past after one of them
_NUMBER_SUFFIX = re.compile(r"_(\d+)$")


@dataclass(frozen=True)
class LineStyle:
    """Line style of a curve; curves differ in more than color."""

    role: LineRole
    dash: Literal["solid", "dashed", "dotted"]
    label: str  # short enough for the end of the line: "train", "test", "test, raw", "dim 2", "D"
    index: int | None = (
        None  # of the class color: the number in test/kl_dim_2_ema, or that of the quantity in the chart
    )


_LINE_STYLES: dict[LineRole, LineStyle] = {  # in the order of the lines of a chart
    "train": LineStyle("train", "solid", "train"),
    "test_ema": LineStyle("test_ema", "dashed", "test"),
    "test_raw": LineStyle("test_raw", "dotted", "test, raw"),
}


@dataclass(frozen=True)
class Chart:
    """A chart: all metrics of a quantity, or of the quantities that declare the same chart."""

    quantity: str  # "elbo": the first one identifies the chart
    title: str  # "ELBO"
    unit: str  # "nats"
    panel: str
    metrics: tuple[str, ...]  # train first, then test
    better: Better
    lines: tuple[tuple[str, str], ...] = ()  # (quantity, label of its line), if the chart shows several quantities

    @property
    def label(self) -> str:
        """Label of the vertical axis: 'ELBO (nats)'."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def shows(self, quantity: str) -> bool:
        """Return whether the chart shows a quantity."""
        return quantity == self.quantity or any(quantity == name for name, _ in self.lines)

    def style(self, metric: str) -> LineStyle:
        """Return the line style of a metric; quantities that share the chart have a label and a color each."""
        default = style(metric)
        for index, (quantity, name) in enumerate(self.lines):
            if _quantity_of(metric) == quantity:
                label = name if default.role == "train" else f"{name}, {default.label}"
                return replace(default, label=label, index=index)
        return default


def charts(specs: Mapping[str, MetricSpec] | Iterable[MetricSpec]) -> list[Chart]:
    """Group metrics into charts, in the order of the panels, then of their declaration."""
    declared = list(specs.values() if isinstance(specs, Mapping) else specs)
    groups: dict[tuple[str, str], list[MetricSpec]] = {}
    for spec in declared:
        key = (spec.panel, spec.chart) if spec.chart else ("", spec.quantity)
        groups.setdefault(key, []).append(spec)
    panels = [FIRST_PANEL, *(spec.panel for spec in declared if spec.panel not in LAST_PANELS), *LAST_PANELS]
    order = {panel: i for i, panel in reversed(list(enumerate(panels)))}  # the first position of each
    return sorted((_chart(members) for members in groups.values()), key=lambda chart: order[chart.panel])


def chart_of(all_charts: Sequence[Chart], quantity: str) -> Chart | None:
    """Return the chart that shows a quantity, or None."""
    return next((chart for chart in all_charts if chart.shows(quantity)), None)


def selected_chart(all_charts: Sequence[Chart], quantity: str, total: str) -> Chart | None:
    """Return the chart of a quantity, else of the objective, else the first."""
    return chart_of(all_charts, quantity) or chart_of(all_charts, total) or next(iter(all_charts), None)


def style(metric: str) -> LineStyle:
    """Return the line style of a metric: train solid, test (EMA) dashed, test (raw) dotted."""
    split, _, name = metric.partition("/")
    raw = name.endswith("_raw")
    role: LineRole = "train" if split != "test" else "test_raw" if raw else "test_ema"
    numbered = _NUMBER_SUFFIX.search(_quantity_of(metric))
    if numbered:
        index = int(numbered.group(1))
        return LineStyle(role, "dotted" if raw else "solid", f"dim {index + 1}" + (", raw" if raw else ""), index)
    default = _LINE_STYLES[role]
    return default if split in ("train", "test") else replace(default, label=name.replace("_", " "))


def _chart(members: list[MetricSpec]) -> Chart:
    first = members[0]
    quantities = list(dict.fromkeys(spec.quantity for spec in members))

    def position(spec: MetricSpec) -> tuple[int, int, int]:
        line = style(spec.name)
        return (
            list(_LINE_STYLES).index(line.role),
            quantities.index(spec.quantity),
            -1 if line.index is None else line.index,
        )

    names = tuple(spec.name for spec in sorted(members, key=position))
    # Quantities that share a chart: the label of each one's line is declared by one of its metrics.
    labels = {spec.quantity: spec.label for spec in reversed(members) if spec.label}
    lines = tuple((q, labels.get(q, q.replace("_", " "))) for q in quantities) if len(quantities) > 1 else ()
    title = first.chart or _shared_title(members)
    return Chart(quantities[0], title, first.unit, first.panel, names, first.better, lines)


def _quantity_of(metric: str) -> str:
    return metric.partition("/")[2].removesuffix("_ema").removesuffix("_raw")


def plain_title(spec: MetricSpec) -> str:
    """Return a title without split and weights: 'train ELBO' and 'test ELBO (EMA weights)' are both 'ELBO'."""
    title = re.sub(r"\s*\([^()]*weights?\b[^()]*\)", "", spec.title)
    return re.sub(r"^(train|training|test)\s+", "", title) or spec.quantity


def _shared_title(members: list[MetricSpec]) -> str:
    """Return the common title of the metrics of a chart."""
    title = plain_title(members[0])
    if len(members) > 1 and style(members[0].name).index is not None:
        title = re.sub(r"\s*(of\s+)?(latent\s+)?(dimension|dim|z)?[ _]?\d+$", "", title) + " by dimension"
    return title or members[0].quantity


def smooth(
    values: ArrayLike,
    weight: float,
    x: ArrayLike | None = None,
    full_width: float | None = None,
    num_recorded: int = 0,
) -> NDArray[np.float64]:
    """Return the debiased exponential moving average of a curve.

    Args:
        values: The curve, (N,). Values that are not finite are NaN in the result and do not affect their neighbors.
        weight: Weight of the past, in [0, 1); 0 changes nothing.
        x: Positions of the values, (N,), ascending. The past then has this weight after a thousandth of the width of
            the curve, so that the result does not depend on how many points are drawn.
        full_width: Width of the whole curve, if these values are a part of it.
        num_recorded: Recorded values of the whole curve. With fewer than a thousand, the past has this weight after
            one of them, or a short curve would not be smoothed at all; 0 where it is not known.
    Returns:
        The smoothed curve, (N,).
    Raises:
        ValueError: if the weight is outside [0, 1).
    Reference: the bias correction of Kingma & Ba 2015, section 3, arXiv:1412.6980.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"the smoothing weight must be in [0, 1), got {weight}")
    curve = np.asarray(values, dtype=np.float64)
    smoothed = np.full(curve.shape, np.nan)
    positions = np.arange(len(curve), dtype=np.float64) if x is None else np.asarray(x, dtype=np.float64)
    finite = np.flatnonzero(np.isfinite(curve) & np.isfinite(positions))
    if not finite.size:
        return smoothed
    # The first value has the distance of the second.
    gaps, unit = np.ones(len(finite)), 1.0
    if x is not None:
        gaps[1:] = np.diff(positions[finite])
        gaps[:1] = gaps[1:2] if len(gaps) > 1 else 1.0
        width = positions[finite[-1]] - positions[finite[0]] if full_width is None else full_width
        num_units = min(_SMOOTHING_UNITS, max(1, num_recorded - 1)) if num_recorded else _SMOOTHING_UNITS
        unit = width / num_units if width > 0 else 1.0
    decays = weight ** np.maximum(gaps / unit, 1e-6)
    mean, total = 0.0, 0.0
    for i, decay in zip(finite.tolist(), decays.tolist(), strict=True):
        mean = decay * mean + (1 - decay) * float(curve[i])
        total = decay * total + (1 - decay)
        smoothed[i] = mean / total
    return smoothed
