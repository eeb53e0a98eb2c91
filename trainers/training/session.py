"""A training in memory: everything that one attempt holds, and its smallest acts."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch.optim import Optimizer

from trainers import events, model_card, registry
from trainers.compiled.policy import CompilePolicy
from trainers.compiled.precision import AutocastContext, use_bfloat16
from trainers.compiled.step import CompiledStep, UpdateResult
from trainers.compiled.step import operations as count_operations
from trainers.config import RunConfig
from trainers.data import preprocess
from trainers.data.images import ImageData
from trainers.data.points import PointData, ResidentPoints
from trainers.errors import TrainingError
from trainers.evaluation.points import PointReference
from trainers.families.interface import Model, Objective, StepContext
from trainers.families.nn import count
from trainers.plan import Plan
from trainers.training import optim as training_optim
from trainers.training import rng, sample_images, schedule, timing
from trainers.training.alerts import AlertMonitor
from trainers.training.ema import Ema
from trainers.training.point_images import PointImages


@dataclass
class ResumableState:
    """What the resumable state keeps besides arrays."""

    changes: list[dict[str, Any]] = field(default_factory=list)  # applied Set commands with their step
    watcher: AlertMonitor = field(default_factory=AlertMonitor)
    figures: dict[str, float] = field(default_factory=dict)  # the latest test metrics
    evaluated_at: int = -1
    shown_at: int = -1


@dataclass
class TrainingSession:
    """One attempt. A `Set` command replaces the plan by one with the setting changed."""

    plan: Plan
    data: model_card.DataCard
    model: Model
    ema: Ema
    optimizers: dict[str, Optimizer]
    capabilities: dict[str, model_card.Capability]
    train_images: preprocess.TrainImages | ResidentPoints
    test_images: preprocess.TestImages | ResidentPoints
    order: rng.BatchSampler
    generator: torch.Generator
    compute: AutocastContext
    compilation: CompilePolicy
    device: torch.device
    length: schedule.Length
    album: sample_images.SampleImages | PointImages
    reference: PointReference | None  # of points: what their models are held against
    clock: timing.Clock
    stopwatch: timing.Stopwatch
    time_left: timing.EtaEstimator
    speed: timing.RateMeter
    snapshots: timing.Interval
    drawings: timing.Interval  # of pictures, beside snapshots
    checkpoints: timing.Interval
    signs: timing.Interval
    memory: ResumableState = field(default_factory=ResumableState)
    step: int = 0
    stopping: bool = False
    drawn_at: int = -1  # the step of the latest pictures of this attempt

    @cached_property
    def num_weights(self) -> int:
        """How many numbers a snapshot holds."""
        return sum(tensor.numel() for tensor in self.model.state_dict().values())

    @property
    def images_seen(self) -> int:
        """Images that the optimizer has stepped on."""
        return self.step * self.order.batch_size

    @property
    def graph_key(self) -> Hashable:
        """Which arithmetic the next step takes."""
        return self.model.graph_key(self.options, self.step)

    @property
    def config(self) -> RunConfig:
        """The configuration as it is now."""
        return self.plan.config

    @property
    def options(self) -> Any:
        """The model's options as they are now."""
        return self.plan.model_options

    @property
    def progress(self) -> float:
        """Share of the training that is done."""
        return self.length.progress(self.step, self.stopwatch.elapsed_s)

    @property
    def over(self) -> bool:
        """Whether the last step is done."""
        return self.length.over(self.step, self.stopwatch.elapsed_s)


class NotFiniteError(TrainingError):
    """A loss or gradient that is NaN or infinite; the weights have not taken it."""


def set_up(plan: Plan, clock: timing.Clock) -> TrainingSession:
    """Return a training at step 0.

    Raises:
        ConfigError: if the machine lacks what the plan needs, or the model is too large.
        DataError: if the data cannot be read.
    """
    config = plan.config
    device = rng.device(config.execution.device)
    plan.num_parameters()  # refuses an oversized model before it is allocated
    data: ImageData | PointData = registry.resolve(plan.dataset.load)(plan.data_options)
    with rng.global_stream(config.seed, "weights"):
        model: Model = registry.resolve(plan.family.build)(plan.model_options, plan.image_shape)
    model.to(device)
    order = rng.BatchSampler(len(data.train), config.optim.batch_size * model.batches_per_step, config.seed)
    able = plan.capabilities()
    train_images, test_images, album = _resident(data, plan.binarization, device, able, model.latent_shape)
    groups = model.optimizer_groups().items()
    return TrainingSession(
        plan=plan,
        data=data_card(plan, data),
        model=model,
        ema=Ema(model, config.optim.ema_decay),
        optimizers={name: training_optim.build(config.optim, parameters) for name, parameters in groups},
        capabilities=able,
        train_images=train_images,
        test_images=test_images,
        order=order,
        generator=rng.stream(config.seed, "training", device),
        compute=AutocastContext(device, bfloat16=use_bfloat16(config.execution, device, model.supports_bf16)),
        compilation=CompilePolicy(config.execution, device),
        device=device,
        length=schedule.Length.of(config.schedule, order.steps_per_epoch),
        album=album,
        reference=PointReference.of(data, able) if isinstance(data, PointData) else None,
        clock=clock,
        stopwatch=timing.Stopwatch(clock),
        time_left=timing.EtaEstimator(0.0, 0.0),
        speed=timing.RateMeter(clock),
        snapshots=timing.Interval(clock),
        drawings=timing.Interval(clock),
        checkpoints=timing.Interval(clock),
        signs=timing.Interval(clock),
    )


def _resident(
    data: ImageData | PointData,
    binarization: str,
    device: torch.device,
    able: dict[str, model_card.Capability],
    latent_shape: tuple[int, ...],
) -> tuple[
    preprocess.TrainImages | ResidentPoints,
    preprocess.TestImages | ResidentPoints,
    sample_images.SampleImages | PointImages,
]:
    """Return what the model learns from, what it is judged on, and what is drawn of it."""
    if isinstance(data, PointData):
        album = PointImages(able, latent_shape, data, device)
        return ResidentPoints(data.train, device), ResidentPoints(data.test, device), album
    test = preprocess.TestImages(data.test, binarization, device)
    train = preprocess.TrainImages(data.train, binarization, device)
    return train, test, sample_images.SampleImages(able, latent_shape, data, test, device)


def started(training: TrainingSession) -> events.Started:
    """Return the event that declares the metrics."""
    return events.Started(
        step=training.step,
        metrics=metric_specs(training),
        num_parameters=count(training.model),
        total_steps=training.length.steps,
        device=str(training.device),
        threads=torch.get_num_threads(),
        precision="bfloat16" if training.compute.bfloat16 else "float32",
    )


def metric_specs(training: TrainingSession) -> tuple[events.MetricSpec, ...]:
    """Return every metric, those of the data with the words a figure must be quoted with."""
    averaged = "EMA weights" if training.ema.separate else "raw weights, there is no EMA"
    own = [
        replace(
            spec,
            title=spec.title.replace("EMA weights", averaged),
            setup=", ".join(filter(None, (_words_of(spec.name, training), spec.setup))),
        )
        for spec in (*training.model.metrics(), *(training.reference.specs() if training.reference else ()))
    ]
    declared = {spec.name for spec in own}
    return (*own, *(spec for spec in _general_specs(training) if spec.name not in declared))


def _general_specs(training: TrainingSession) -> list[events.MetricSpec]:
    """Return what every training records; a model may declare these itself, in better words."""
    specs = []
    lone = len(training.optimizers) == 1
    for name in training.optimizers:
        tail, whose = ("", "") if lone else (f"_{name}", f" of {name}")
        specs += [
            events.MetricSpec(
                f"train/loss{tail}", f"loss{tail}", f"training loss{whose}", "nats", "lower", "optimization"
            ),
            events.MetricSpec(
                f"train/grad_norm{tail}", f"grad_norm{tail}", f"gradient norm{whose}", "", "neither", "optimization"
            ),
        ]
    specs.append(events.MetricSpec("train/lr", "lr", "learning rate", "", "neither", "optimization"))
    specs.append(
        events.MetricSpec(
            "speed/images_per_s", "images_per_s", "training speed", f"{training.data.kind}/s", "higher", "speed"
        )
    )
    return specs


def _words_of(metric: str, training: TrainingSession) -> str:
    general = preprocess.describe_setup(training.plan.binarization)
    own = preprocess.describe_setup(training.plan.binarization, metric.partition("/")[0])
    return training.data.setup.replace(general, own, 1)


def data_card(plan: Plan, data: ImageData | PointData) -> model_card.DataCard:
    """Return what is to be known of a data set once its images are on their way: the images themselves may go.

    Its `setup` says what the preparation is called, "dynamic binarization", and which part of the data it is.
    """
    options = plan.data_options
    points = isinstance(data, PointData)
    words = ["points of the plane"] if points else [preprocess.describe_setup(plan.binarization)]
    if points and hasattr(options, "noise"):
        words.append(f"noise {options.noise:g}")
    for name, split, images in (("limit", "training", data.train), ("limit_test", "test", data.test)):
        if getattr(options, name, None) is not None:
            words.append(f"first {len(images):,} {split} images")
    return model_card.DataCard(
        name=data.name,
        num_train=len(data.train),
        num_test=len(data.test),
        num_classes=data.num_classes,
        setup=", ".join(words),
        kind="points" if points else "images",
    )


def take_step(training: TrainingSession) -> events.Metrics:
    """Do one optimizer update, or one of each network, and return its figures.

    Raises:
        NotFiniteError: before an optimizer steps on a loss or gradient that is not finite.
    """
    training.speed.begin()
    lr, batch = lr_of(training, training.step), batch_of(training, training.step)
    values = recorded(training, _descents(training, batch, lrs_of(training, lr)))
    training.step += 1
    training.ema.update(training.step)
    values["train/lr"] = lr
    values["speed/images_per_s"] = training.speed.end(len(batch))
    return metrics(training, values, training.stopwatch.elapsed_s)


def batch_of(training: TrainingSession, step: int) -> torch.Tensor:
    """Return the batch of a step, (B, C, H, W); where it is binarized anew, chance is drawn for it."""
    indices = training.order.indices(step).to(training.device, non_blocking=True)
    return training.train_images.take(indices, training.generator)


def context_of(training: TrainingSession, step: int) -> StepContext:
    """Return what a step may depend on besides its batch."""
    return StepContext(step, training.generator, training.options, training.compute)


def compilable(training: TrainingSession) -> bool:
    """Return whether the next step could be compiled: whether its optimizers have begun."""
    return all(training_optim.begun(optimizer, training.config.optim) for optimizer in training.optimizers.values())


def whole_step(training: TrainingSession) -> CompiledStep:
    """Return the next step, and all of its variant, compiled. Nothing is learned, and no chance is drawn.

    Raises:
        Exception: whatever a compiler may raise.
    """
    optim, context = training.config.optim, context_of(training, training.step)
    return CompiledStep(training.model, training.optimizers, optim, _any_batch(training), context)


def operations(training: TrainingSession) -> int:
    """Return of how many operations of torch the next step consists on its way forward."""
    return count_operations(training.model, _any_batch(training), context_of(training, training.step))


def _any_batch(training: TrainingSession) -> torch.Tensor:
    chance = rng.stream(training.config.seed, "rehearsal", training.device)
    indices = training.order.indices(training.step).to(training.device)
    return training.train_images.take(indices, chance)


def lr_of(training: TrainingSession, step: int) -> float:
    """Return the learning rate of the update that follows `step` others."""
    progress = training.length.progress(step, training.stopwatch.elapsed_s)
    factor = schedule.lr_factor(training.config.schedule, step, progress, training.order.steps_per_epoch)
    return training.config.optim.lr * factor


def lrs_of(training: TrainingSession, lr: float) -> dict[str, float]:
    """Return the learning rate of each optimizer, of the one that they share."""
    return {name: lr * training.model.lr_scale(name, training.options) for name in training.optimizers}


def metrics(training: TrainingSession, values: Mapping[str, float], elapsed_s: float) -> events.Metrics:
    """Return figures of the present step as an event."""
    progress = training.length.progress(training.step, elapsed_s)
    left = training.time_left.seconds(progress, elapsed_s)
    if training.length.seconds is not None:
        left = max(0.0, training.length.seconds - elapsed_s)
    return events.Metrics(training.step, training.images_seen, values, elapsed_s, progress, left)


def snapshot_card(training: TrainingSession) -> model_card.ModelCard:
    """Return the card of the EMA weights as they are now."""
    return model_card.ModelCard(
        family=training.plan.family.name,
        title=training.plan.family.title,
        step=training.step,
        images_seen=training.images_seen,
        weights="ema" if training.ema.separate else "raw",
        latent_shape=training.model.latent_shape,
        image_shape=training.model.image_shape,
        capabilities=training.capabilities,
        data=training.data,
        num_parameters=count(training.model),
        metrics={name: value for name, value in training.memory.figures.items() if math.isfinite(value)},
    )


def _descents(training: TrainingSession, batch: torch.Tensor, lrs: Mapping[str, float]) -> Iterator[UpdateResult]:
    context = context_of(training, training.step)
    if whole := training.compilation.step(training.graph_key):
        yield from whole(batch, context, lrs, training.config.optim.grad_clip)
    else:
        for objective in training.model.training_step(batch, context):
            yield _descend(training, objective, lrs[objective.optimizer])


def _descend(training: TrainingSession, objective: Objective, lr: float) -> UpdateResult:
    """Step one optimizer down one loss, unless loss or gradient is not finite."""
    optimizer = training.optimizers[objective.optimizer]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.zero_grad(set_to_none=True)
    objective.loss.backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    names, tensors = list(objective.values), [objective.loss.detach(), norm, *objective.values.values()]
    loss, grad_norm, *numbers = torch.stack(tensors).tolist()  # the one wait for the device in a step
    descent = UpdateResult(objective.optimizer, loss, grad_norm, dict(zip(names, numbers, strict=True)))
    if descent.finite:
        if training.config.optim.grad_clip is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, training.config.optim.grad_clip, norm)
        training_optim.set_lr(optimizer, lr)
        optimizer.step()
    return descent


def recorded(training: TrainingSession, descents: Iterable[UpdateResult]) -> dict[str, float]:
    """Return the figures of a step, by metric.

    Raises:
        NotFiniteError: at the first descent that is not finite; those behind it are not asked for.
    """
    values: dict[str, float] = {}
    for descent in descents:
        _insist_on_finite(training, descent)
        tail = "" if len(training.optimizers) == 1 else f"_{descent.optimizer}"
        values |= {f"train/{name}": value for name, value in descent.values.items()}
        values |= {f"train/loss{tail}": descent.loss, f"train/grad_norm{tail}": descent.grad_norm}
    return values


def _insist_on_finite(training: TrainingSession, descent: UpdateResult) -> None:
    if descent.finite:
        return
    whose = "" if len(training.optimizers) == 1 else f" of {descent.optimizer}"
    for name, value in (("loss", descent.loss), ("gradient norm", descent.grad_norm)):
        if not math.isfinite(value):
            raise NotFiniteError(f"the {name}{whose} is {value}", "lower optim.lr, or set optim.grad_clip=1")
