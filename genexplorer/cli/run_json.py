"""Runs as JSON: the shapes that `--json` prints and that scripts rely on."""

from typing import TYPE_CHECKING, Any

from genexplorer.runs import layout
from genexplorer.runs.record import RunStatus

if TYPE_CHECKING:
    from genexplorer.runs.reader import RunReader
    from trainers.events import MetricSpec


def status_json(status: RunStatus) -> dict[str, Any]:
    """Return one run at a glance. Times are Unix times and seconds."""
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
        "objective": {"metric": status.headline_name, "value": status.headline} if status.headline_name else None,
        "folder": str(status.folder),
    }


def run_json(reader: "RunReader", status: RunStatus) -> dict[str, Any]:
    """Return all about one run: its status, the latest value of each metric, its settings and where its files are."""
    specs = reader.specs()
    metrics = {
        name: {"value": point.value, "step": point.step, **_meaning(specs.get(name))}
        for name, point in sorted(reader.latest().items())
    }
    kinds: dict[str, int] = {}
    for picture in reader.pictures():
        kinds[picture.kind] = kinds.get(picture.kind, 0) + 1
    return {
        **status_json(status),
        "metrics": metrics,
        "snapshots": list(reader.snapshots()),
        "pictures": kinds,
        "attempts": [
            {
                "number": attempt.number,
                "started": attempt.started,
                "ended": attempt.ended,
                "first_step": attempt.first_step,
                "outcome": attempt.outcome,
                "reason": attempt.reason,
            }
            for attempt in reader.attempts()
        ],
        "alert_messages": [
            {"step": alert.step, "severity": alert.severity, "code": alert.code, "message": alert.message}
            for alert in reader.alerts()
        ],
        "config": reader.config().model_dump(mode="json"),
        "paths": paths_json(status),
    }


def _meaning(spec: "MetricSpec | None") -> dict[str, str]:
    """Return what a figure must be quoted with."""
    return {"unit": spec.unit, "title": spec.title, "setup": spec.setup} if spec else {"unit": ""}


def paths_json(status: RunStatus) -> dict[str, str]:
    """Return where a run's files are; not all of them exist at all times."""
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
