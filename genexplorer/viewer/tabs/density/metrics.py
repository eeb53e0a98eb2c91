"""The figures of a step that matter for a toy density. No Qt."""

from collections.abc import Mapping

from genexplorer.session import formatting
from trainers.events import MetricSpec

_WANTED = ("gap", "modes_covered", "energy_distance", "nll", "elbo")  # the first come first, where they are recorded
_MOST = 3


def figures(specs: Mapping[str, MetricSpec], values: Mapping[str, float]) -> list[tuple[str, str, str]]:
    """Return name, value with its unit, and what to quote it with, of the test set's figures that are there.

    Args:
        specs: By metric.
        values: At a step, by metric.
    """
    found = []
    for quantity in _WANTED:
        metric = next((f"test/{quantity}_{w}" for w in ("ema", "raw") if f"test/{quantity}_{w}" in values), None)
        if metric is None or metric not in specs:
            continue
        spec = specs[metric]
        name = spec.title.partition(" (")[0].removeprefix("test ")
        setup = ", ".join(part for part in (spec.title, spec.setup) if part)
        found.append((*_of(name, _words(values[metric], spec.unit)), setup))
    return found[:_MOST]


def _of(name: str, value: str) -> tuple[str, str]:
    """Return "modes covered" and "7 of 8" of "modes covered of 8" and "7"."""
    first, of, last = name.rpartition(" of ")
    return (first, f"{value} of {last}") if of and last.isdigit() else (name, value)


def _words(value: float, unit: str) -> str:
    return f"{value:.0f}" if not unit and float(value).is_integer() else formatting.number(value, unit)


def line(found: list[tuple[str, str, str]]) -> str:
    """Return the figures in one line; non-breaking within each, so that a break comes between two."""
    return "     ".join(f"{name} {value}".replace(" ", "\u00a0") for name, value, _ in found)
