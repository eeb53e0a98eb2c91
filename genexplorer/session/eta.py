"""How long a run will take: from the newest comparable run on this machine, else from what its preset states."""

from dataclasses import asdict, dataclass
from pathlib import Path

from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.store import RunStore
from trainers import bundled_data, registry
from trainers.config import RunConfig
from trainers.presets import assemble

MEASURED_STATES = (State.SUCCEEDED, State.STOPPED)
LEAST_SECONDS = 2.0  # of training, below which a speed says little
MOST_LOOKED_AT = 200  # runs, the newest ones: a form asks at every change


@dataclass(frozen=True)
class Estimate:
    """An expected time and where it comes from."""

    seconds: float | None
    images_per_s: float | None
    source: str  # "estimated from brave-fox", "estimate of preset 'vae-2d' for two cores", "the given length"

    def as_json(self) -> dict[str, object]:
        """Return the fields for `--json`."""
        return asdict(self)


def expected_time(config: RunConfig, runs_dir: Path) -> Estimate:
    """Return how long a run will take, and say from what that was told."""
    if config.schedule.minutes is not None:
        return Estimate(config.schedule.minutes * 60, None, "the given length")
    return _from_measured(config, runs_dir) or _from_preset(config)


def images_to_train(config: RunConfig) -> float | None:
    """Return the number of images that will pass, over all epochs; None where it cannot be told."""
    schedule = config.schedule
    if schedule.steps is not None:
        return float(schedule.steps * config.optim.batch_size)
    count = num_train(config)
    if schedule.epochs is None or count is None:
        return None
    return schedule.epochs * count


def num_train(config: RunConfig) -> int | None:
    """Return the number of training images, from a file's header; None for data sets of other packages."""
    from trainers.data import idx, idx_folder

    options = config.data_options()
    if config.data.name not in ("mnist", "idx"):
        return getattr(options, "num_train", None)
    bundled = config.data.name == "mnist"
    files = (
        idx_folder.find(bundled_data.folder("mnist"))
        if bundled
        else idx_folder.find(Path(options.path), options.prefix)
    )
    count = idx.peek_images(files.train_images)[0]
    return int(min(count, options.limit or count))


def _from_measured(config: RunConfig, runs_dir: Path) -> Estimate | None:
    images = images_to_train(config)
    if images is None:
        return None
    status = _comparable(config, runs_dir)
    if status is None:
        return None
    speed = status.images_seen / status.elapsed_s
    return Estimate(images / speed, speed, f"estimated from {status.name}")


def _comparable(config: RunConfig, runs_dir: Path) -> RunStatus | None:
    """Return the newest finished run of the same model on the same data with the same batch size."""
    finished = [run for run in RunStore(runs_dir).list() if run.state in MEASURED_STATES]
    for status in finished[:MOST_LOOKED_AT]:
        if status.elapsed_s < LEAST_SECONDS or not status.images_seen:
            continue
        try:
            if _same_work(config, read_config(status.folder)):
                return status
        except UserError:
            continue
    return None


def _same_work(one: RunConfig, other: RunConfig) -> bool:
    """Whether a step of both costs the same; how long they train does not matter."""
    return (
        one.model == other.model
        and one.data == other.data
        and one.optim.batch_size == other.optim.batch_size
        and one.execution.device == other.execution.device
        and one.execution.threads == other.execution.threads
    )


def _from_preset(config: RunConfig) -> Estimate:
    if config.preset not in registry.presets():
        return Estimate(None, None, "no comparable run and no preset")
    preset = registry.preset(config.preset)
    stated = assemble(preset.name)
    images, usual = images_to_train(config), images_to_train(stated)
    share = images / usual if images is not None and usual else None
    source = f"estimate of preset '{preset.name}' for two cores"
    if share is None:
        return Estimate(preset.minutes * 60, None, source + ", not scaled to the length")
    return Estimate(preset.minutes * 60 * share, None, source + ("" if share == 1 else ", scaled to this length"))
