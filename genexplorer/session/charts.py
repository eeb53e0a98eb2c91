"""Which curves share a chart and how each is drawn: train and test of one quantity together."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from trainers.events import Better, MetricSpec

Role = Literal["train", "test_ema", "test_raw"]
PANELS = ("objective", "latent", "optimisation", "speed")  # in the order of the screen; unknown ones come last
_NUMBERED = re.compile(r"_(\d+)$")


@dataclass(frozen=True)
class Chart:
    """One chart: every metric of one quantity."""

    quantity: str  # "elbo"
    title: str  # "ELBO"
    unit: str  # "nats"
    panel: str
    metrics: tuple[str, ...]  # train first, then test
    better: Better

    @property
    def label(self) -> str:
        """The name of the vertical axis: 'ELBO (nats)'."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class LineStyle:
    """How one curve is told from the others without colour alone."""

    role: Role
    dash: Literal["solid", "dashed", "dotted"]
    label: str  # short enough to stand on the line: "train", "test", "test, raw", "dim 2"
    index: int | None = None  # of a numbered metric such as test/kl_dim_2_ema: takes a class colour


def charts(specs: Mapping[str, MetricSpec] | Iterable[MetricSpec]) -> list[Chart]:
    """Group declared metrics into charts, in the order of the panels, then in the order of their declaration."""
    declared = list(specs.values() if isinstance(specs, Mapping) else specs)
    groups: dict[str, list[MetricSpec]] = {}
    for spec in declared:
        groups.setdefault(spec.quantity, []).append(spec)
    made = [_chart(quantity, members) for quantity, members in groups.items()]
    return sorted(made, key=lambda chart: _rank(chart.panel))


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


def _chart(quantity: str, members: list[MetricSpec]) -> Chart:
    first = members[0]
    order = {"train": 0, "test_ema": 1, "test_raw": 2}
    names = sorted((spec.name for spec in members), key=lambda name: (order[style(name).role], _index(name)))
    return Chart(quantity, _shared_title(members), first.unit, first.panel, tuple(names), first.better)


def _shared_title(members: list[MetricSpec]) -> str:
    """Return what the titles have in common: 'train ELBO' and 'test ELBO (EMA weights)' are both 'ELBO'."""
    title = re.sub(r"\s*\([^()]*weights?\)", "", members[0].title)
    title = re.sub(r"^(train|training|test)\s+", "", title)
    if len(members) > 1 and style(members[0].name).index is not None:
        title = re.sub(r"\s*(of\s+)?(latent\s+)?(dimension|dim|z)?[ _]?\d+$", "", title) + " by dimension"
    return title or members[0].quantity


def _index(name: str) -> int:
    index = style(name).index
    return -1 if index is None else index


def _rank(panel: str) -> int:
    return PANELS.index(panel) if panel in PANELS else len(PANELS)
