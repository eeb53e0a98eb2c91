"""Expected disk use of a training: its metrics, which grow with every step, and its weights, which have a bound."""

import math
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts.retention import MAX_SNAPSHOTS
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.session.eta import Estimate, expected_time, images_to_train
from trainers import plan, registry
from trainers.plan import Plan
from trainers.presets import assemble

# Measured: a step takes 25 bytes and each of its values 34, buckets included; a VAE records 8 or 9, a flow 7, a GAN 13.
_STEP_BYTES = 25 + 34 * 10
_EMPTY_DATABASE_BYTES = 70_000
MIN_MEASURED_STEPS = 500  # shorter runs are mostly evaluations
_MAX_MEASURED_RUNS = 50
_SNAPSHOT_BYTES = 4  # for each parameter: EMA weights in float32
_CHECKPOINT_BYTES = 16  # raw weights, EMA weights and two moments
_AMPLE_BYTES = 100e9  # no estimate is needed
_NUM_CHECKPOINTS = 3  # the newest two, and the one that is being written


@dataclass(frozen=True)
class DiskUse:
    """Expected bytes of one run; None where the length or the speed is unknown."""

    bytes_per_step: float  # of metrics
    metrics_bytes: float | None  # at the end
    metrics_bytes_per_hour: float | None
    max_weights_bytes: float  # of snapshots and checkpoints
    source: str  # "measured in brave-fox", "typical"

    @property
    def total_bytes(self) -> float:
        """The known part of the bytes of the whole run."""
        return (self.metrics_bytes or 0.0) + self.max_weights_bytes

    def as_json(self) -> dict[str, object]:
        """Return the fields for `--json`."""
        return asdict(self)

    def __str__(self) -> str:
        rate = f", {size(self.metrics_bytes_per_hour)} per hour" if self.metrics_bytes_per_hour else ""
        metrics = f"metrics {size(self.bytes_per_step)} per step{rate} ({self.source})"
        if self.metrics_bytes is not None:
            metrics = f"{metrics}, {size(self.metrics_bytes)} at the end"
        return f"{metrics}; weights up to {size(self.max_weights_bytes)}"


def size(num_bytes: float) -> str:
    """Format a size: '331 bytes', '27.9 MB', '1.3 GB'."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.1f} {name}"
    return f"{num_bytes:.0f} bytes"


def expected_disk_use(training: Plan, runs_dir: Path, estimate: Estimate) -> DiskUse:
    """Estimate the bytes that a training writes.

    Args:
        training: What is to be trained.
        runs_dir: Where runs of the same family may be, in which it is measured.
        estimate: The expected time.
    """
    step_bytes, source = _measured_step_bytes(training.config.model.name, runs_dir) or (_STEP_BYTES, "typical")
    # Steps, from the length or the speed of a comparable run.
    images, batch = images_to_train(training), training.config.optim.effective_batch_size
    if images is None and estimate.seconds:
        images = (estimate.images_per_s or _preset_images_per_s(training) or math.nan) * estimate.seconds
        images = None if math.isnan(images) else images
    metrics_bytes = None if images is None else math.ceil(images / batch) * step_bytes + _EMPTY_DATABASE_BYTES
    per_hour = None if metrics_bytes is None or not estimate.seconds else metrics_bytes / estimate.seconds * 3600
    # Weights: snapshots up to their budget, and a few checkpoints.
    parameters = training.num_parameters()
    budget = training.config.execution.snapshot_budget_mb * 1e6
    snapshots = min(budget, MAX_SNAPSHOTS * _SNAPSHOT_BYTES * parameters)
    weights = snapshots + _NUM_CHECKPOINTS * _CHECKPOINT_BYTES * parameters
    return DiskUse(step_bytes, metrics_bytes, per_hour, weights, source)


def _preset_images_per_s(training: Plan) -> float | None:
    """Return the speed of a training's preset, as far as its own length and minutes tell."""
    name = training.config.preset
    if name not in registry.presets():
        return None
    images = images_to_train(plan.resolve(assemble(name)))
    return images / (registry.preset(name).minutes * 60) if images else None


def _measured_step_bytes(family: str, runs_dir: Path) -> tuple[float, str] | None:
    """Return the bytes of metrics per step in the newest ended run of a family, and where they were measured."""
    ended = (run for run in RunStore(runs_dir).list() if run.state in (State.SUCCEEDED, State.STOPPED))
    for run in [run for run in ended if run.family == family and run.step >= MIN_MEASURED_STEPS][:_MAX_MEASURED_RUNS]:
        try:
            num_bytes = (run.folder / layout.DATABASE).stat().st_size - _EMPTY_DATABASE_BYTES
        except OSError:
            continue
        if num_bytes > 0:
            return num_bytes / run.step, f"measured in {run.name}"
    return None


def low_disk_warning(training: Plan, runs_dir: Path, estimate: Estimate | None = None) -> str:
    """Return a warning if a training may fill the disk; "" if there is space."""
    folder = next(parent for parent in (runs_dir, *runs_dir.parents) if parent.exists())
    free = shutil.disk_usage(folder).free
    if free >= _AMPLE_BYTES:
        return ""
    needed = expected_disk_use(training, runs_dir, estimate or expected_time(training, runs_dir)).total_bytes
    if needed <= free:
        return ""
    return (
        f"the run may take {size(needed)}, {folder} has {size(free)} free: choose another disk with --runs-dir, or"
        " free some space ('genexplorer runs empty-trash')"
    )
