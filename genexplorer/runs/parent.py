"""The run from which another one started, in parent.json of the latter: it stays when the parent is gone or renamed."""

from pathlib import Path

from genexplorer.runs import layout, notes
from genexplorer.runs.record import Parent
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.untrusted_files import read_json_or_empty
from trainers.storage import atomic_files

_MAX_BYTES = 1 << 16


def write(folder: Path, parent: Parent) -> None:
    """Store the parent of a run.

    Raises:
        OSError: if the disk refuses.
    """
    values = {"kind": parent.kind, "id": parent.id, "name": parent.name, "step": parent.step}
    values |= {"exact": parent.exact, "weights": parent.weights, "changes": parent.changes}
    atomic_files.write_json(folder / layout.PARENT, values)


def read(folder: Path) -> Parent | None:
    """Return the parent of a run; None if it has none, or its record cannot be read."""
    values = read_json_or_empty(folder / layout.PARENT, _MAX_BYTES)
    step, run_id = values.get("step"), one_line(values.get("id", ""), 120)
    kind = values.get("kind")
    if not isinstance(step, int) or not 0 <= step < 10**15 or not run_id or kind not in ("fork", "init"):
        return None
    changes = values.get("changes")
    return Parent(
        "fork" if kind == "fork" else "init",
        run_id,
        one_line(values.get("name", ""), notes.MAX_NAME_LENGTH) or run_id,
        step,
        exact=values.get("exact") is True,
        weights="raw" if values.get("weights") == "raw" else "ema",
        changes=one_line(changes, 400) if isinstance(changes, str) else "",
    )
