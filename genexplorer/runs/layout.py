"""The names of the files and folders inside a run folder."""

from pathlib import Path

CONFIG = "config.json"
CHANGES = "changes.json"  # of settings, while it trained
LIVE = "live.bin"
DATABASE = "metrics.sqlite"
SNAPSHOTS = "snapshots"
CHECKPOINTS = "checkpoints"
PICTURES = "pictures"
EVALUATIONS = "evaluations"
NOTES = "notes.json"
DATA_LOCATION = "data.json"  # where the data are now, if they moved
PARENT = "parent.json"  # the run from which this one started, if there is one
INITIAL = "initial"  # folder of the weights from another run that a new one starts from
CONTROL = "control"
WATCH = "watch"  # in control/; front ends that display the run touch it, see `genexplorer.runs.commands.control`
WATCH_IDLE = "watch-calm"  # in control/; front ends that display the run, but have had no input for a while, touch it
LOG = "worker.log"
LIGHT = "light.json"  # of a light copy, which has no checkpoints: what was left out
LOCK = "worker.lock"
CARD = "card.json"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"  # of a snapshot or checkpoint; it is written last
TRASH_PREFIX = ".trash-"
_MAX_STEP_DIGITS = 15  # a step of 15 digits is exact as a float


def step_folder(parent: Path, step: int) -> Path:
    """Return the folder of a snapshot or checkpoint: `step-00000500`, which sorts as its number does."""
    return parent / f"step-{step:08d}"


def step_of(folder: Path) -> int | None:
    """Return the step in a folder's name; None if it has none."""
    digits = folder.name.removeprefix("step-")
    step = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_STEP_DIGITS else -1
    return step if step >= 0 and folder.name == step_folder(folder.parent, step).name else None
