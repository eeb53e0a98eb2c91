"""Which values of several runs may be compared: those of the same metric with the same unit, data and setup."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer.errors import UserError
from genexplorer.runs.database.sqlite import open_for_reading
from genexplorer.runs.record import RunStatus
from genexplorer.runs.sanitize import one_line
from trainers.events import MetricSpec

if TYPE_CHECKING:  # the list of runs should not import NumPy
    from genexplorer.session.charts import Chart

MAX_COMPARED_SETUPS = 100  # runs of a list whose setups are read: a millisecond each
_MAX_SETUP_CHARACTERS = 1000
_PANELS_WITHOUT_DATA = ("optimization", "speed")  # their values compare across data sets, unless they declare a setup
_SETUP_SEPARATOR = re.compile(r", (?![^()]*\))")  # a comma outside of parentheses
_TEST_PRIORITY = {"test_ema": 0, "train": 1, "test_raw": 2}


@dataclass(frozen=True)
class ComparableRun:
    """The data and metrics of a run, for a comparison.

    Args:
        dataset: Name of its data set.
        specs: Its metrics by name.
        num_values: Number of values of each metric that has any.
    """

    dataset: str
    specs: Mapping[str, MetricSpec]
    num_values: Mapping[str, int]


@dataclass(frozen=True)
class Comparison:
    """The metric that is compared, and why some of the runs, by index, are left out."""

    metric: str  # empty if no run has values
    reasons: Mapping[int, str]


def compare(runs: Sequence[ComparableRun], chart: "Chart") -> Comparison:
    """Choose the metric of a chart to compare, and the runs that are comparable with the first one that has it.

    The metric is the first of test EMA, train, test raw of which every run with this chart has two values.
    """
    # Choose the metric.
    names = sorted(chart.metrics, key=lambda name: _TEST_PRIORITY[chart.style(name).role])
    with_chart = [run for run in runs if any(run.num_values.get(name) for name in names)]
    shared = (name for name in names if with_chart and all(run.num_values.get(name, 0) > 1 for run in with_chart))
    metric = next(shared, "") or next((name for name in names if any(name in run.num_values for run in runs)), "")
    # Compare every run with the first one that has it.
    reference = next((run for run in runs if run.num_values.get(metric)), None)
    reasons: dict[int, str] = {}
    for index, run in enumerate(runs):
        if not run.num_values.get(metric):
            has_chart = run in with_chart or any(name in run.specs for name in names)
            reasons[index] = "no such values yet" if has_chart else f"no {chart.title}"
        elif reference is not None and metric in run.specs and metric in reference.specs:
            reason = difference(run.specs[metric], reference.specs[metric], run.dataset, reference.dataset)
            if reason:
                reasons[index] = reason
    return Comparison(metric, reasons)


def difference(spec: MetricSpec, reference: MetricSpec, dataset: str = "", reference_dataset: str = "") -> str:
    """Return why a metric of one run cannot be compared with that of another, in a few words; empty if it can be."""
    if spec.unit != reference.unit:
        return f"{spec.unit or 'no unit'}, not {reference.unit or 'a number without unit'}"
    depends_on_data = bool(spec.setup) or spec.panel not in _PANELS_WITHOUT_DATA
    if depends_on_data and dataset and reference_dataset and dataset != reference_dataset:
        return f"{dataset}, not {reference_dataset}"
    if spec.setup == reference.setup:
        return ""
    # Name the parts of the setups that differ.
    own, other = _SETUP_SEPARATOR.split(spec.setup), _SETUP_SEPARATOR.split(reference.setup)
    extra = ", ".join(part for part in own if part and part not in other)
    missing = ", ".join(part for part in other if part and part not in own)
    return f"{extra}, not {missing}" if extra and missing else extra or f"not {missing or 'the same setup'}"


def list_notes(runs: Sequence[RunStatus]) -> list[str]:
    """Return one line for each reason why objectives in a list of runs cannot be compared, newest run first."""
    notes = []
    with_objective = [run for run in runs if run.primary_metric and run.primary_value is not None]
    groups: dict[tuple[str, str], list[RunStatus]] = {}
    for run in with_objective:
        groups.setdefault((run.primary_metric, run.dataset), []).append(run)
    if len(groups) > 1:
        notes.append("objectives of different metrics or data are not comparable")
    # Compare the setups of runs with the same metric and data: with that of the newest one.
    for (metric, _), members in groups.items():
        if len(members) < 2:
            continue
        specs = [(run, _declared(run.folder, metric)) for run in members[:MAX_COMPARED_SETUPS]]
        readable = [(run, spec) for run, spec in specs if spec is not None]
        reasons: dict[str, list[str]] = {}
        for run, spec in readable[1:]:
            if reason := difference(spec, readable[0][1]):
                reasons.setdefault(reason, []).append(run.name or run.id)
        for reason, names in reasons.items():
            others = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            newest = readable[0][0].name or readable[0][0].id
            notes.append(f"{metric} of {others} is not comparable with that of {newest}: {reason}")
    return notes


def _declared(folder: Path, metric: str) -> MetricSpec | None:
    """Return unit and setup of a metric; None if they cannot be read."""
    try:
        with open_for_reading(folder) as connection:
            row = connection.execute("SELECT unit, setup FROM metrics WHERE name = ?", (metric,)).fetchone()
    except (UserError, OSError):
        return None
    if row is None:
        return None
    unit, setup = (one_line(str(text), _MAX_SETUP_CHARACTERS) for text in row)
    return MetricSpec(metric, metric, metric, unit, "neither", "objective", setup)
