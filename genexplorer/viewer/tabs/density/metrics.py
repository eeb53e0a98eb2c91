"""The few test metrics of a step that matter for 2-D data. No Qt."""

from collections.abc import Mapping

from genexplorer.session import formatting
from trainers.events import MetricSpec

_QUANTITIES = ("gap", "modes_covered", "energy_distance", "nll", "elbo")  # in the order of preference
_MAX_METRICS = 3


def summary(specs: Mapping[str, MetricSpec], values: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Return name, value with unit, and setup of up to three test metrics.

    Args:
        specs: By metric.
        values: At a step, by metric.
    """
    metrics = []
    for quantity in _QUANTITIES:
        metric = next((f"test/{quantity}_{w}" for w in ("ema", "raw") if f"test/{quantity}_{w}" in values), None)
        if metric is None or metric not in specs:
            continue
        spec = specs[metric]
        name = spec.title.partition(" (")[0].removeprefix("test ")
        setup = ", ".join(part for part in (spec.title, spec.setup) if part)
        metrics.append((*_split_count(name, _number(values[metric], spec.unit)), setup))
    return metrics[:_MAX_METRICS]


def _split_count(name: str, value: str) -> tuple[str, str]:
    """Return "modes covered" and "7 of 8" of "modes covered of 8" and "7"."""
    first, separator, total = name.rpartition(" of ")
    return (first, f"{value} of {total}") if separator and total.isdigit() else (name, value)


def _number(value: float, unit: str) -> str:
    return f"{value:.0f}" if not unit and float(value).is_integer() else formatting.number(value, unit)


def summary_line(metrics: list[tuple[str, str, str]]) -> str:
    """Return metrics in one line, with non-breaking spaces within each."""
    return "     ".join(f"{name} {value}".replace(" ", "\u00a0") for name, value, _ in metrics)
