"""Expected training time: from the newest comparable run in the runs folder, else from the preset."""

from dataclasses import asdict, dataclass
from pathlib import Path

from genexplorer.errors import UserError
from genexplorer.runs.record import State
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.store import RunStore
from trainers import plan, registry
from trainers.plan import Plan
from trainers.presets import assemble

MIN_TRAINING_S = 2.0  # the speed of a run that trained for less is unreliable
MIN_STEPS = 100  # likewise: the time of a run of a few steps is that of compiling and evaluating
MAX_COMPARED_RUNS = 200  # only so many of the newest runs are read: a form estimates at every change


@dataclass(frozen=True)
class Estimate:
    """An expected training time, and the source of the estimate."""

    seconds: float | None  # None if there is nothing to estimate from
    images_per_s: float | None  # the speed of the comparable run; None without one
    source: str  # "estimated from brave-fox", "estimate of preset 'vae-2d' for two cores", "the given length"

    def as_json(self) -> dict[str, object]:
        """Return the fields for `--json`."""
        return asdict(self)


def expected_time(training: Plan, runs_dir: Path) -> Estimate:
    """Estimate how long a training will take."""
    schedule = training.config.schedule
    if schedule.minutes is not None:
        return Estimate(schedule.minutes * 60, None, "the given length")
    return _from_comparable_run(training, runs_dir) or _from_preset(training)


def images_to_train(training: Plan) -> float | None:
    """Return the number of images over all epochs; None if the size of the data set is unknown."""
    config = training.config
    if config.schedule.steps is not None:
        return float(config.schedule.steps * config.optim.effective_batch_size)
    count = training.dataset.num_train(training.data_options)
    return None if config.schedule.epochs is None or count is None else config.schedule.epochs * count


def _from_comparable_run(training: Plan, runs_dir: Path) -> Estimate | None:
    """Estimate from the newest ended run with the same model, data, batch size, device and threads."""
    images = images_to_train(training)
    if images is None:
        return None
    config, execution = training.config, training.config.execution
    ended = [run for run in RunStore(runs_dir).list() if run.state in (State.SUCCEEDED, State.STOPPED)]
    for status in ended[:MAX_COMPARED_RUNS]:
        if status.elapsed_s < MIN_TRAINING_S or status.step < MIN_STEPS or not status.images_seen:
            continue
        try:
            other = read_config(status.folder)
            # Compare what is cheap first: resolving a configuration fills in its defaults, which takes longer.
            if (
                other.model.name != config.model.name
                or other.optim.effective_batch_size != config.optim.effective_batch_size
            ):
                continue
            other = plan.resolve(other, image_shape=training.image_shape).config
        except UserError:
            continue
        same_device = (other.execution.device, other.execution.threads) == (execution.device, execution.threads)
        if same_device and other.model == config.model and other.data == config.data:
            speed = status.images_seen / status.elapsed_s
            if config.schedule.steps is not None and status.step > 0:  # a step may take several batches
                images = config.schedule.steps * status.images_seen / status.step
            return Estimate(images / speed, speed, f"estimated from {status.name}")
    return None


def _from_preset(training: Plan) -> Estimate:
    name = training.config.preset
    if name not in registry.presets():
        return Estimate(None, None, "no comparable run and no preset")
    preset = registry.preset(name)
    images, preset_images = images_to_train(training), images_to_train(plan.resolve(assemble(name)))
    source = f"estimate of preset '{name}' for two cores"
    if images is None or not preset_images:
        return Estimate(preset.minutes * 60, None, f"{source}, not scaled to the length")
    scale = images / preset_images
    return Estimate(preset.minutes * 60 * scale, None, source + ("" if scale == 1 else ", scaled to this length"))
