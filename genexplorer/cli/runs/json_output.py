"""JSON output of runs, as printed by `--json`; scripts depend on these fields."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from genexplorer.errors import UserError
from genexplorer.runs import layout, settings
from genexplorer.runs.record import RunStatus
from trainers.events import ON_RESUME

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader
    from genexplorer.runs.record import LogLine

T = TypeVar("T")
# Fields of `RunStatus` that are printed under their own name.
_STATUS_FIELDS = (
    *("reason", "phase", "preset", "family", "tags", "note", "attempt", "pid", "host", "device"),
    *("threads", "step", "total_steps", "images_seen", "progress", "images_per_s", "seconds_left", "elapsed_s"),
    *("created", "ended"),
)


def status_json(status: RunStatus) -> dict[str, Any]:
    """Return the status of a run. Times are Unix times and seconds."""
    objective = {"metric": status.primary_metric, "value": status.primary_value}
    return {
        "id": status.id,
        "name": status.name,
        "status": status.state.value,
        "live": status.state.active,
        **{name: getattr(status, name) for name in _STATUS_FIELDS},
        "data": status.dataset,
        "answering": status.is_responding,
        "alerts": status.num_alerts,
        "snapshot_step": status.snapshot_step,
        "objective": objective if status.primary_metric else None,
        "parent": asdict(status.parent) if status.parent else None,
        "folder": str(status.folder),
    }


def run_json(reader: "RunReader", status: RunStatus) -> dict[str, Any]:
    """Return the status of a run, its latest metrics, settings, attempts and paths.

    What cannot be read of a damaged run is empty.
    """
    specs = if_readable(reader.metric_specs) or {}
    metrics = {}
    for name, point in sorted((if_readable(reader.latest) or {}).items()):
        spec = specs.get(name)
        description = {"unit": spec.unit, "title": spec.title, "setup": spec.setup} if spec else {"unit": ""}
        metrics[name] = {"value": point.value, "step": point.step, **description}
    kinds = Counter(image.kind for image in (if_readable(reader.images) or []))
    return {
        **status_json(status),
        "metrics": metrics,
        "snapshots": list(reader.snapshots()),
        "pictures": dict(kinds),
        "attempts": [asdict(attempt) for attempt in (if_readable(reader.attempts) or [])],
        "alert_messages": [
            {"step": alert.step, "severity": alert.severity, "code": alert.code, "message": alert.message}
            for alert in (if_readable(reader.alerts) or [])
        ],
        "config": if_readable(lambda: reader.config().model_dump(mode="json")),
        "changes": [
            {"step": None if change.step == ON_RESUME else change.step, "values": dict(change.values)}
            for change in (if_readable(lambda: settings.read_changes(status.folder)) or ())
        ],
        "paths": paths_json(status),
    }


def log_line_json(line: "LogLine") -> dict[str, Any]:
    """Return a line of a run's log. The time is a Unix time."""
    return {"time": line.time, "step": line.step, "severity": line.severity, "message": line.message}


def if_readable(read: Callable[[], T]) -> T | None:
    """Call `read` and return its result; None if that part of the run is damaged."""
    try:
        return read()
    except UserError:
        return None


def paths_json(status: RunStatus) -> dict[str, str]:
    """Return the paths of a run's files; not all of them exist at all times."""
    names = {
        "config": layout.CONFIG,
        "database": layout.DATABASE,
        "log": layout.LOG,
        "snapshots": layout.SNAPSHOTS,
        "checkpoints": layout.CHECKPOINTS,
        "pictures": layout.PICTURES,
        "notes": layout.NOTES,
    }
    return {"folder": str(status.folder), **{key: str(status.folder / name) for key, name in names.items()}}
