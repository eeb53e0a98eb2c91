"""Copies the records of a run up to a step into the database of a branch: its curves begin with those of its parent."""

from dataclasses import dataclass
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.database import buckets, read, sqlite, write
from genexplorer.runs.record import MetricValue
from trainers.events import MetricSpec

INHERITED_ATTEMPT = 0  # of the copied records: they belong to no attempt of the branch itself
_EARLIER = "WHERE step <= ?"
_CONDITIONS = {
    "ticks": _EARLIER,
    "scalars": _EARLIER,
    "buckets": "WHERE bucket <= (? >> (level * 3))",  # a bucket of level k covers 8^k steps
    "alerts": f"{_EARLIER} AND superseded = 0",
    "changes": f"{_EARLIER} AND superseded = 0",
    "pictures": _EARLIER,
}


@dataclass(frozen=True)
class History:
    """What a branch inherits, at its first step.

    Args:
        elapsed_s: Seconds of training.
        num_alerts: Number of alerts.
        metric_specs: The declared metrics, by name.
        latest: The last value of each metric.
    """

    elapsed_s: float
    num_alerts: int
    metric_specs: dict[str, MetricSpec]
    latest: dict[str, MetricValue]


def copy_history(parent: Path, folder: Path, step: int, *, is_own: bool = False) -> History:
    """Create a run's database with the metrics, alerts, changes and pictures of another run up to a step.

    Args:
        parent: The other run's folder; it may be training.
        folder: The run folder, which has no database yet.
        step: The last step that is copied.
        is_own: Whether the other run is in the same runs folder, so that its database is trusted.

    Raises:
        DamagedRunError: if the parent's database is missing or invalid.
        OSError: if the disk refuses.
    """
    problem = f"{parent.name}/{layout.DATABASE} cannot be read"
    with sqlite.open_copy(parent / layout.DATABASE, folder, problem, is_own=is_own) as (source, target):
        for _ in sqlite.copy_rows(source, target, "metrics"):
            pass
        constants = {"attempt": INHERITED_ATTEMPT}
        for table, condition in _CONDITIONS.items():
            for _ in sqlite.copy_rows(source, target, table, condition, (step,), constants=constants):
                pass
        # The buckets and the latest values end at the step.
        later = [row[0] for row in target.execute("SELECT id FROM metrics WHERE last_step > ?", (step,))]
        buckets.cut(target, later, step)
        revision = max((row[0] for row in target.execute("SELECT revision FROM metrics")), default=0)
        write.refresh_latest(target, later, revision + 1)
        num_alerts = target.execute("SELECT count(*) FROM alerts").fetchone()[0]
        specs, (_, latest) = read.metric_specs(target), read.latest(target)
        return History(read.elapsed_s(target, step), int(num_alerts), specs, latest)
