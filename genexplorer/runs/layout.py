"""The names inside a run folder."""

from pathlib import Path

CONFIG = "config.json"
LIVE = "live.bin"
DATABASE = "metrics.sqlite"
SNAPSHOTS = "snapshots"
CHECKPOINTS = "checkpoints"
PICTURES = "pictures"
EVALUATIONS = "evaluations"
NOTES = "notes.json"
CONTROL = "control"
WATCH = "watch"  # inside control/: touched by a face that looks, see `genexplorer.runs.control`
LOG = "worker.log"
LOCK = "worker.lock"
CARD = "card.json"
WEIGHTS = "weights.safetensors"
TRASH_PREFIX = ".trash-"


def step_folder(parent: Path, step: int) -> Path:
    """Return the folder of a snapshot or checkpoint: `step-00000500`, which sorts as its number does."""
    return parent / f"step-{step:08d}"


def step_of(folder: Path) -> int | None:
    """Return the step that a folder's name says, or None if it says none."""
    prefix, _, digits = folder.name.partition("-")
    return int(digits) if prefix == "step" and digits.isascii() and digits.isdigit() else None
