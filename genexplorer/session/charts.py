"""Which curves share a chart and how each is drawn: train and test together, and quantities that declare the same."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from trainers.events import Better, MetricSpec

Role = Literal["train", "test_ema", "test_raw"]
# in the order of the screen; unknown ones come last
PANELS = ("objective", "discriminator", "diversity", "samples", "density", "latent", "inverse", "optimization", "speed")
_NUMBERED = re.compile(r"_(\d+)$")


@dataclass(frozen=True)
class LineStyle:
    """How one curve is told from the others without color alone."""

    role: Role
    dash: Literal["solid", "dashed", "dotted"]
    label: str  # short enough to stand on the line: "train", "test", "test, raw", "dim 2", "D"
    index: int | None = None  # of a numbered metric such as test/kl_dim_2_ema, or of a quantity: takes a class color


@dataclass(frozen=True)
class Chart:
    """One chart: every metric of one quantity, or of several that declare the same chart."""

    quantity: str  # "elbo": the first one, by which the chart is known
    title: str  # "ELBO"
    unit: str  # "nats"
    panel: str
    metrics: tuple[str, ...]  # train first, then test
    better: Better
    lines: tuple[tuple[str, str], ...] = ()  # of several quantities: each one with what its line is called

    @property
    def label(self) -> str:
        """The name of the vertical axis: 'ELBO (nats)'."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def shows(self, quantity: str) -> bool:
        """Return whether a quantity is drawn here."""
        return quantity == self.quantity or any(quantity == known for known, _ in self.lines)

    def style(self, metric: str) -> LineStyle:
        """Return how a metric is drawn here: where quantities share the chart, each has its name and its color."""
        told = style(metric)
        for index, (quantity, name) in enumerate(self.lines):
            if _quantity_of(metric) == quantity:
                label = name if told.role == "train" else f"{name}, {told.label}"
                return replace(told, label=label, index=index)
        return told


def charts(specs: Mapping[str, MetricSpec] | Iterable[MetricSpec]) -> list[Chart]:
    """Group declared metrics into charts, in the order of the panels, then in the order of their declaration."""
    declared = list(specs.values() if isinstance(specs, Mapping) else specs)
    groups: dict[tuple[str, str], list[MetricSpec]] = {}
    for spec in declared:
        key = (spec.panel, spec.chart) if spec.chart else ("", spec.quantity)
        groups.setdefault(key, []).append(spec)
    made = [_chart(members) for members in groups.values()]
    return sorted(made, key=lambda chart: _rank(chart.panel))


def chart_of(made: Sequence[Chart], quantity: str) -> Chart | None:
    """Return the chart that shows a quantity, or None."""
    return next((chart for chart in made if chart.shows(quantity)), None)


def chosen_chart(made: Sequence[Chart], quantity: str, total: str) -> Chart | None:
    """Return the chart of a quantity; where there is none the objective's, else the first."""
    return chart_of(made, quantity) or chart_of(made, total) or next(iter(made), None)


def style(metric: str) -> LineStyle:
    """Return how a metric is drawn: train solid, test of the EMA weights dashed, test of the raw weights dotted."""
    split, _, rest = metric.partition("/")
    raw = rest.endswith("_raw")
    role: Role = "train" if split != "test" else "test_raw" if raw else "test_ema"
    numbered = _NUMBERED.search(rest.removesuffix("_ema").removesuffix("_raw"))
    label = {"train": "train", "test_ema": "test", "test_raw": "test, raw"}[role]
    index = int(numbered.group(1)) if numbered else None
    if index is not None:
        label = f"dim {index + 1}" + (", raw" if raw else "")
        return LineStyle(role, "dotted" if raw else "solid", label, index)
    if split not in ("train", "test"):
        label = rest.replace("_", " ")
    dashes: dict[Role, Literal["solid", "dashed", "dotted"]] = {
        "train": "solid",
        "test_ema": "dashed",
        "test_raw": "dotted",
    }
    return LineStyle(role, dashes[role], label)


def _chart(members: list[MetricSpec]) -> Chart:
    first = members[0]
    quantities = list(dict.fromkeys(spec.quantity for spec in members))
    order = {"train": 0, "test_ema": 1, "test_raw": 2}

    def place(spec: MetricSpec) -> tuple[int, int, int]:
        return order[style(spec.name).role], quantities.index(spec.quantity), _index(spec.name)

    names = tuple(spec.name for spec in sorted(members, key=place))
    lines = tuple((quantity, _line_name(quantity, members)) for quantity in quantities) if len(quantities) > 1 else ()
    title = first.chart or _shared_title(members)
    return Chart(quantities[0], title, first.unit, first.panel, names, first.better, lines)


def _line_name(quantity: str, members: list[MetricSpec]) -> str:
    named = (spec.label for spec in members if spec.quantity == quantity and spec.label)
    return next(named, quantity.replace("_", " "))


def _quantity_of(metric: str) -> str:
    return metric.partition("/")[2].removesuffix("_ema").removesuffix("_raw")


def plain_title(spec: MetricSpec) -> str:
    """Return a title without split and weights: 'train ELBO' and 'test ELBO (EMA weights)' are both 'ELBO'."""
    title = re.sub(r"\s*\([^()]*weights?\b[^()]*\)", "", spec.title)
    return re.sub(r"^(train|training|test)\s+", "", title) or spec.quantity


def _shared_title(members: list[MetricSpec]) -> str:
    """Return what the titles have in common."""
    title = plain_title(members[0])
    if len(members) > 1 and style(members[0].name).index is not None:
        title = re.sub(r"\s*(of\s+)?(latent\s+)?(dimension|dim|z)?[ _]?\d+$", "", title) + " by dimension"
    return title or members[0].quantity


def _index(name: str) -> int:
    index = style(name).index
    return -1 if index is None else index


def _rank(panel: str) -> int:
    return PANELS.index(panel) if panel in PANELS else len(PANELS)
