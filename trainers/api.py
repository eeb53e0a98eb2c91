"""The functions behind `import trainers`: plan a training, run it, load a model."""

import copy
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainers import arguments, presets, registry
from trainers.config import Ref, RunConfig, parse_section
from trainers.data.arrays import from_arrays
from trainers.errors import CheckpointError, ConfigError
from trainers.events import Control, Event, InitialWeights, ResumeState, SnapshotReady
from trainers.families import custom
from trainers.families.interface import Model
from trainers.families.weights import fit_without_model, load_weights
from trainers.inference.loaded_model import load_model
from trainers.inference.trained_model import TrainedModel
from trainers.plan import Plan, resolve
from trainers.registry import DataSet
from trainers.storage import checkpoint
from trainers.training import loop, setup


def make_plan(
    model: str | RunConfig | nn.Module,
    *,
    data: Any = None,
    labels: Any = None,
    epochs: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Plan:
    """Validate a training and return its plan. Nothing is allocated, and of data files only the headers are read.

    Args:
        model: Name of a preset, a configuration, or your own module: a `trainers.Model`, or any `nn.Module` with a
            method `loss(batch)` that returns a scalar, or a mapping with a scalar "loss" and others to record. It may
            also have `decode(z)` and an attribute `latent_dim`, `encode(x)`, and `log_prob(x)`.
        data: Name of a data set, a path as for `--data`, a `DataSet`, or arrays or tensors: images, (N, H, W) or
            (N, C, H, W), uint8 or floats in [0, 1]; 2-D points, (N, 2); or a pair (train, test) of these. None: the
            preset's data, MNIST for your own module.
        labels: Labels of arrays: integers, (N,), or a pair.
        epochs: Passes over the data. Give at most one of epochs, steps and minutes; None: as in the preset, else one
            epoch.
        steps: Optimizer updates.
        minutes: Training time.
        seed: Seed of all random numbers.
        settings: Any other settings by their dotted keys: {"optim.lr": 1e-3, "model.latent_dim": 8}.

    Raises:
        ConfigError: if a name is unknown, or a setting is out of range or contradicts another or the data.
        DataError: if data cannot be read or have the wrong shape, dtype or range.
    """
    # Collect the changes. Own arrays are a data set of their own, which the registry does not know.
    dataset = _dataset(data, labels)
    layer = presets.changes(
        data=None if dataset else data, epochs=epochs, steps=steps, minutes=minutes, seed=seed, settings=settings
    )
    data_options = layer.pop("data", {}) if dataset else {}

    # Apply them to the preset, the configuration, or the defaults of an own module.
    family = None
    if isinstance(model, nn.Module):
        family = custom.family_of(model)
        base: dict[str, Any] = {"model": {"name": family.name}, "data": {"name": "mnist"}, "schedule": {"epochs": 1}}
        name = layer.get("data", {}).get("name", "mnist")
        if "binarization" in registry.dataset(name).options.model_fields:  # gray levels, unless it is requested
            base["data"] = {"name": name, "binarization": "none"}
        config = parse_section(RunConfig, presets.merge(base, layer), "")
    elif isinstance(model, str | RunConfig):
        config = presets.configure(model, layer)
    else:
        hint = "pass the name of a preset, a RunConfig or a torch.nn.Module"
        raise ConfigError(f"model: got {type(model).__name__}", hint)

    # Put the own data in place of the preset's, with its binarization.
    if dataset is not None:
        inherited = {key: value for key, value in config.data.options.items() if key in dataset.options.model_fields}
        config = config.model_copy(update={"data": Ref(name=dataset.name, options={**inherited, **data_options})})
    return resolve(config, family=family, dataset=dataset)


def train(
    model: str | RunConfig | Plan | nn.Module,
    *,
    data: Any = None,
    labels: Any = None,
    epochs: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    resume: ResumeState | str | Path | None = None,
    init: SnapshotReady | str | Path | None = None,
    control: Control | None = None,
) -> Iterator[Event]:
    """Train a model in this process and yield events; nothing is written to disk.

    Arguments are checked at once, before the first event is requested. Your own module is trained in place.

    Args:
        model: Preset, configuration or module, as in `make_plan`, or a plan.
        data: Data set, folder or arrays, as in `make_plan`; all other arguments up to `settings` likewise.
        labels: Labels of arrays.
        epochs: Passes over the data.
        steps: Optimizer updates.
        minutes: Training time.
        seed: Seed of all random numbers.
        settings: Any other settings.
        resume: A checkpoint folder, or the state read from one, to continue from.
        init: A run folder, the folder of one snapshot in it, or a `SnapshotReady` event: the model starts from its
            weights where name and shape fit. An alert lists the others.
        control: Source of commands such as `Stop`, polled between steps.

    Yields:
        `Started` with the declared metrics, `Metrics` after each step and evaluation, `ImagesReady`, `SnapshotReady`
        with EMA weights, `CheckpointReady` with the resumable state, and `Finished` at the end.

    Raises:
        ConfigError: as `make_plan`.
        DataError: as `make_plan`.
        CheckpointError: if the checkpoint cannot be read or belongs to another model.
    """
    changes = {"data": data, "labels": labels, "epochs": epochs, "steps": steps, "minutes": minutes, "seed": seed}
    if not isinstance(model, Plan):
        plan = make_plan(model, settings=settings, **changes)
    elif settings or any(value is not None for value in changes.values()):
        raise ConfigError("a plan is complete", "pass data, length, seed and settings to make_plan")
    else:
        plan = model
    # Check what the loop would find out at the first event only.
    setup.select_device(plan.config.execution.device)
    arguments.instance("resume", resume, str | Path | ResumeState | None, "a checkpoint folder or a ResumeState")
    if control is not None and not all(callable(getattr(control, name, None)) for name in ("poll", "watchers")):
        raise ConfigError(f"control: {type(control).__name__} lacks poll(step) or watchers()", "define both")
    arguments.instance("init", init, SnapshotReady | str | Path | None, "a run folder or a SnapshotReady event")
    if init is not None and resume is not None:
        raise ConfigError("init: a resumed training has weights already", "omit init or resume")
    state = checkpoint.load(Path(resume)) if isinstance(resume, str | Path) else resume
    initial = None if init is None else _initial_weights(init)
    if initial is not None:
        fit_without_model(registry.import_object(plan.family.build), plan.model_options, plan.image_shape, initial)
    return loop.train(plan, resume=state, control=control, initial=initial)


def _initial_weights(source: SnapshotReady | str | Path) -> InitialWeights:
    """Return the weights of a snapshot with a text of what they are."""
    if isinstance(source, SnapshotReady):
        return InitialWeights(source.arrays, f"the weights of step {source.step:,}")
    folder, _ = _snapshot_folder(Path(source).expanduser(), None)
    arrays, card = checkpoint.load_snapshot(folder)
    return InitialWeights(arrays, f"the weights of {source}, step {card.step:,}")


def load(
    source: str | Path | SnapshotReady, *, step: int | None = None, plan: Plan | RunConfig | None = None
) -> TrainedModel:
    """Load a trained model.

    Args:
        source: A run folder, the folder of one snapshot in it, or a `SnapshotReady` event.
        step: The snapshot of a run folder to load; None is the newest.
        plan: Plan or configuration that an event's training was started with; needed for an event only.

    Raises:
        CheckpointError: if there is no such snapshot, or it is damaged or of another model.
        ConfigError: if the configuration cannot be read, or its family is not installed.
    """
    expected = "a run folder, a snapshot folder or a SnapshotReady event"
    arguments.instance("source", source, str | Path | SnapshotReady, expected)
    arguments.instance("plan", plan, Plan | RunConfig | None, "a Plan or a RunConfig")
    if step is not None:
        step = arguments.integer("step", step, 0, sys.maxsize)
    if isinstance(source, SnapshotReady):
        if plan is None:
            raise ConfigError("load: a SnapshotReady event needs the plan it was trained with", "pass plan=")
        plan = resolve(plan) if isinstance(plan, RunConfig) else plan
        with torch.random.fork_rng(devices=[]):  # initialization would advance the caller's random numbers
            model: Model = registry.import_object(plan.family.build)(plan.model_options, source.card.image_shape)
        if plan.family.name == custom.FAMILY_NAME:  # the build is the module that is being trained
            model = copy.deepcopy(model)
        load_weights(model, source.arrays)
        return TrainedModel(model.cpu().eval().requires_grad_(False), source.card, plan.binarization)
    folder, config = _snapshot_folder(Path(source).expanduser(), step)
    loaded = load_model(folder, config)
    binarization = str(config.data.options.get("binarization", "none"))
    return TrainedModel(loaded.model, loaded.card, binarization, folder)


def _snapshot_folder(source: Path, step: int | None) -> tuple[Path, RunConfig]:
    # Read the configuration; a snapshot is two folders below it.
    run = source if (source / "config.json").is_file() else source.parent.parent
    try:
        config = RunConfig.model_validate_json((run / "config.json").read_bytes())
    except (OSError, ValueError, ConfigError) as error:
        message = f"{source}: neither a run folder nor a snapshot in one ({type(error).__name__})"
        raise CheckpointError(message, "check the path") from None
    if run != source:
        return source, config
    # Choose the snapshot by its step.
    steps = {
        int(folder.name.removeprefix("step-")): folder
        for folder in (run / "snapshots").glob("step-*")
        if folder.name.removeprefix("step-").isdigit()
    }
    if not steps:
        raise CheckpointError(f"{run}: has no snapshot yet", "the first one is saved at step 0")
    if step is not None and step not in steps:
        nearest = min(steps, key=lambda other: abs(other - step))
        raise CheckpointError(f"{run}: has no snapshot at step {step:,}", f"the nearest is at step {nearest:,}")
    return steps[max(steps) if step is None else step], config


def _dataset(data: Any, labels: Any) -> DataSet | None:
    """Return the data set that `data` is or contains, None where it is a name or not given."""
    if data is None or isinstance(data, str | Path | DataSet):
        if labels is not None:
            raise ConfigError("labels: only arrays passed as data take labels", "leave them out")
        return data if isinstance(data, DataSet) else None
    return from_arrays(data, labels)
