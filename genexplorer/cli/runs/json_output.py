"""JSON output of runs, as printed by `--json`; scripts depend on these fields."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from genexplorer.errors import UserError
from genexplorer.runs import layout
from genexplorer.runs.record import RunStatus

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader

T = TypeVar("T")


def status_json(status: RunStatus) -> dict[str, Any]:
    """Return the status of a run. Times are Unix times and seconds."""
    return {
        "id": status.id,
        "name": status.name,
        "status": status.state.value,
        "live": status.state.live,
        "reason": status.reason,
        "phase": status.phase,
        "preset": status.preset,
        "family": status.family,
        "data": status.data,
        "tags": list(status.tags),
        "note": status.note,
        "attempt": status.attempt,
        "pid": status.pid,
        "host": status.host,
        "answering": status.answering,
        "device": status.device,
        "threads": status.threads,
        "step": status.step,
        "total_steps": status.total_steps,
        "images_seen": status.images_seen,
        "progress": status.progress,
        "images_per_s": status.images_per_s,
        "seconds_left": status.seconds_left,
        "elapsed_s": status.elapsed_s,
        "created": status.created,
        "ended": status.ended,
        "alerts": status.num_alerts,
        "snapshot_step": status.snapshot_step,
        "objective": {"metric": status.primary_metric, "value": status.primary_value}
        if status.primary_metric
        else None,
        "folder": str(status.folder),
    }


def run_json(reader: "RunReader", status: RunStatus) -> dict[str, Any]:
    """Return the status of a run, its latest metrics, settings, attempts and paths.

    What cannot be read of a damaged run is empty.
    """
    specs = if_readable(reader.specs) or {}
    metrics = {}
    for name, point in sorted((if_readable(reader.latest) or {}).items()):
        spec = specs.get(name)
        description = {"unit": spec.unit, "title": spec.title, "setup": spec.setup} if spec else {"unit": ""}
        metrics[name] = {"value": point.value, "step": point.step, **description}
    kinds = Counter(picture.kind for picture in (if_readable(reader.pictures) or []))
    return {
        **status_json(status),
        "metrics": metrics,
        "snapshots": list(reader.snapshots()),
        "pictures": dict(kinds),
        "attempts": [
            {
                "number": attempt.number,
                "started": attempt.started,
                "ended": attempt.ended,
                "first_step": attempt.first_step,
                "outcome": attempt.outcome,
                "reason": attempt.reason,
            }
            for attempt in (if_readable(reader.attempts) or [])
        ],
        "alert_messages": [
            {"step": alert.step, "severity": alert.severity, "code": alert.code, "message": alert.message}
            for alert in (if_readable(reader.alerts) or [])
        ],
        "config": if_readable(lambda: reader.config().model_dump(mode="json")),
        "paths": paths_json(status),
    }


def if_readable(read: Callable[[], T]) -> T | None:
    """Return what `read` returns, or None if that part of the run is damaged."""
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
