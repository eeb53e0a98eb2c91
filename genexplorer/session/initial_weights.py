"""`--init RUN@STEP`: find the weights of another run that a new one starts from, and check that some fit."""

from typing import TYPE_CHECKING

from genexplorer.errors import CheckpointError, ConfigError, NoSuchRunError
from genexplorer.runs import layout, notes
from genexplorer.runs.artifacts import retention
from genexplorer.runs.initial import InitialSource
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.store import RunStore
from trainers.storage import checkpoint

if TYPE_CHECKING:
    from trainers.families.weights import WeightsFit
    from trainers.plan import Plan


def find_source(store: RunStore, text: str) -> InitialSource:
    """Return the weights that a text such as "calm-owl" or "calm-owl@4000" selects, the newest without a step.

    Raises:
        NoSuchRunError: if there is no such run, or more than one.
        CheckpointError: if the run has no snapshot of that step, or it is damaged.
    """
    # A name may have an @ of its own.
    selector, _, digits = text.rpartition("@")
    step = int(digits) if selector and digits.isascii() and digits.isdigit() and len(digits) <= 15 else None
    try:
        folder = store.find(text)
        step = None
    except NoSuchRunError:
        if step is None:
            raise
        folder = store.find(selector)
    # Read the snapshot.
    name = notes.read(folder).name or one_line(folder.name, notes.MAX_NAME_LENGTH)
    steps = retention.steps(folder / layout.SNAPSHOTS, layout.MANIFEST)
    if not steps:
        raise CheckpointError(f"{name} has no snapshot yet", "the first one is saved at step 0")
    if step is not None and step not in steps:
        nearest = min(steps, key=lambda other: abs(other - step))
        raise CheckpointError(f"{name} has no snapshot at step {step:,}", f"the nearest is --init {name}@{nearest}")
    arrays, card = checkpoint.load_snapshot(layout.step_folder(folder / layout.SNAPSHOTS, step or steps[-1]))
    return InitialSource(folder.name, name, arrays, card)


def require_fit(plan: "Plan", source: InitialSource) -> "WeightsFit":
    """Return which weights fit the model of a plan. It imports torch.

    Raises:
        ConfigError: if none fits, or the plan's preset reproduces a publication from random weights.
    """
    from trainers import registry

    preset = registry.presets().get(plan.config.preset)
    if preset is not None and preset.frozen:
        message = f"--init: preset '{preset.name}' starts from random weights to reproduce {preset.publication}"
        raise ConfigError(message, "start from another preset")
    build = registry.import_object(plan.family.build)
    fit: WeightsFit = registry.import_object("trainers.families.weights:fit_without_model")(
        build, plan.model_options, plan.image_shape, source.weights
    )
    return fit
