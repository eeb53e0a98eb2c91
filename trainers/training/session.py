"""A training in memory: everything that one attempt at a run holds, and the methods that change it."""

import math
from collections.abc import Container, Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.optim import Optimizer

from trainers import events, model_card, settable
from trainers.compiled.policy import CompilePolicy
from trainers.config import RunConfig
from trainers.data.preprocess import DevicePoints, TestImages, TrainImages
from trainers.errors import ConfigError
from trainers.evaluation.points import PointReference
from trainers.families.interface import Model, StepContext
from trainers.families.nn import count
from trainers.families.weights import WeightsFit, load_fitting
from trainers.numerics import rng
from trainers.numerics.precision import AutocastContext
from trainers.plan import Plan
from trainers.presets import LENGTHS
from trainers.step import lr_schedule
from trainers.step.ema import Ema
from trainers.training import timing
from trainers.training.alerts import AlertMonitor
from trainers.training.point_images import PointImages
from trainers.training.sample_images import SampleImages


@dataclass
class ResumableState:
    """The content of a checkpoint besides arrays, the step and the elapsed time.

    Args:
        changes: Changes of settings that were applied, oldest first.
        future_changes: Changes that an earlier attempt applied after the checkpoint from which this one continues.
            They are applied again at their steps.
        alerts: Monitor of loss and test metrics.
        test_metrics: Values of the last evaluation, by name.
        evaluated_step: Step of the last evaluation; -1 before the first.
        snapshot_step: Step of the last snapshot; -1 before the first.
    """

    changes: list[events.SettingChange] = field(default_factory=list)
    future_changes: list[events.SettingChange] = field(default_factory=list)
    alerts: AlertMonitor = field(default_factory=AlertMonitor)
    test_metrics: dict[str, float] = field(default_factory=dict)
    evaluated_step: int = -1
    snapshot_step: int = -1


@dataclass(eq=False)
class TrainingSession:
    """One attempt at a training, made by `setup.set_up`.

    Other modules read its fields, and change it through its methods only.
    """

    _plan: Plan
    device: torch.device
    model: Model
    ema: Ema
    optimizers: dict[str, Optimizer]  # by the names of `Model.optimizer_groups`
    autocast: AutocastContext
    compile_policy: CompilePolicy
    data_card: model_card.DataCard
    train_data: TrainImages | DevicePoints
    test_data: TestImages | DevicePoints
    reference: PointReference | None  # of 2-D data: the true density and more, to evaluate against
    sampler: rng.BatchSampler
    generator: torch.Generator
    sample_images: SampleImages | PointImages
    length: timing.TrainingLength
    clock: timing.Clock
    stopwatch: timing.Stopwatch = field(init=False)
    timers: timing.Timers = field(init=False)
    state: ResumableState = field(default_factory=ResumableState, init=False)
    images_step: int = field(default=-1, init=False)  # of the last sample images; -1 before the first of this attempt
    _step: int = field(default=0, init=False)
    _is_stopping: bool = field(default=False, init=False)
    is_single_step: bool = field(default=False, init=False)  # of the next step, and then of the last one
    single_steps_left: int = field(default=0, init=False)  # after it

    def __post_init__(self) -> None:
        self.stopwatch = timing.Stopwatch(self.clock)
        self.timers = timing.Timers(self.clock)
        self.restart_eta()

    @property
    def plan(self) -> Plan:
        """The plan as it is now, with the settings that were changed."""
        return self._plan

    @property
    def config(self) -> RunConfig:
        """The configuration as it is now."""
        return self._plan.config

    @property
    def step(self) -> int:
        """Number of optimizer updates done."""
        return self._step

    @property
    def images_seen(self) -> int:
        """Number of images that the weights were updated on."""
        return self._step * self.sampler.batch_size

    @property
    def is_stopping(self) -> bool:
        """Whether a command has requested to stop."""
        return self._is_stopping

    @property
    def progress(self) -> float:
        """Fraction of the training that is done."""
        return self.length.progress(self._step, self.stopwatch.elapsed_s)

    @property
    def is_over(self) -> bool:
        """Whether the last step is done."""
        return self.length.is_over(self._step, self.stopwatch.elapsed_s)

    @cached_property
    def num_weights(self) -> int:
        """Number of values in a snapshot."""
        return sum(tensor.numel() for tensor in self.model.state_dict().values())

    def graph_key(self, step: int | None = None) -> Hashable:
        """Return the cache key of a compiled step, of the next one by default."""
        return self.model.graph_key(self._plan.model_options, self._step if step is None else step)

    def lr(self, step: int) -> float:
        """Return the learning rate of the update that follows `step` others."""
        progress = self.length.progress(step, self.stopwatch.elapsed_s)
        factor = lr_schedule.lr_factor(self.config.schedule, step, progress, self.sampler.steps_per_epoch)
        return self.config.optim.lr * factor

    def lrs(self, lr: float) -> dict[str, float]:
        """Return the learning rate of each optimizer, given the common one."""
        options = self._plan.model_options
        return {name: lr * self.model.lr_scale(name, options) for name in self.optimizers}

    def batch(self, step: int) -> Tensor:
        """Return the batch of a step, (B, C, H, W); dynamic binarization advances the generator."""
        indices = self.sampler.indices(step).to(self.device, non_blocking=True)
        return self.train_data.take(indices, self.generator)

    def example_batch(self) -> Tensor:
        """Return a batch to trace a step with; the training's generator is not advanced."""
        generator = rng.named_generator(self.config.seed, "rehearsal", self.device)
        return self.train_data.take(self.sampler.indices(self._step).to(self.device), generator)

    def context(self, step: int) -> StepContext:
        """Return the inputs of a step besides its batch."""
        progress = self.length.progress(step, self.stopwatch.elapsed_s)
        return StepContext(step, self.generator, self._plan.model_options, self.autocast, progress)

    def metrics_event(self, values: Mapping[str, float], elapsed_s: float | None = None) -> events.Metrics:
        """Return an event with metrics of the present step.

        Args:
            values: Values by name.
            elapsed_s: Elapsed seconds when they were computed; now by default.
        """
        elapsed_s = self.stopwatch.elapsed_s if elapsed_s is None else elapsed_s
        progress = self.length.progress(self._step, elapsed_s)
        seconds_left = self._eta.seconds_left(progress, elapsed_s)
        if self.length.seconds is not None:
            seconds_left = max(0.0, self.length.seconds - elapsed_s)
        return events.Metrics(self._step, self.images_seen, values, elapsed_s, progress, seconds_left)

    def card(self) -> model_card.ModelCard:
        """Return the model card of the EMA weights at this step."""
        return model_card.ModelCard(
            family=self._plan.family.name,
            title=self._plan.family.title,
            step=self._step,
            images_seen=self.images_seen,
            weights="ema" if self.ema.is_separate else "raw",
            latent_shape=self.model.latent_shape,
            image_shape=self.model.image_shape,
            capabilities=self._plan.capabilities(),
            data=self.data_card,
            num_parameters=count(self.model),
            metrics={name: value for name, value in self.state.test_metrics.items() if math.isfinite(value)},
        )

    def advance(self) -> None:
        """Count a step."""
        self._step += 1

    def restart_eta(self) -> None:
        """Estimate the remaining time from the pace from now on."""
        self._eta = timing.EtaEstimator(self.progress, self.stopwatch.elapsed_s)

    def stop(self) -> None:
        """End the training before its next step."""
        self._is_stopping = True

    def change_settings(
        self, values: Mapping[str, events.SettingValue], lr_continuation: events.LrContinuation = "continue"
    ) -> Mapping[str, events.SettingValue]:
        """Change settings from the next step on, and record that in the resumable state.

        They replace changes of the same settings that are still ahead. After a change of the length, the returned
        values include how the learning rate goes on.

        Raises:
            ConfigError: if a setting cannot change during training, or a value is not allowed. Nothing changes then.
        """
        settable.require_settable(self.config, values)
        plan = self._plan.with_settings(values)
        if any(values.get(key) is not None for key in LENGTHS):
            values = {**values, **self._lr_changes(plan, lr_continuation)}
            plan = plan.with_settings(values)
        self.state.future_changes = _without(self.state.future_changes, values)
        self._apply(plan, events.SettingChange(self._step, dict(values)))
        return values

    def apply_due_change(self) -> events.SettingChange | None:
        """Make the next recorded change whose step has come; return it.

        Raises:
            ConfigError: if a setting cannot be changed; the change is then dropped.
        """
        future = self.state.future_changes
        due = next((change for change in future if change.step <= self._step), None)
        if due is None:
            return None
        future.remove(due)
        if due.step == events.ON_RESUME:
            return events.SettingChange(self._step, self.change_settings(due.values, due.lr_continuation))
        self._apply(self._plan.with_settings(due.values), due)
        return due

    def _apply(self, plan: Plan, change: events.SettingChange) -> None:
        """Take a plan with changed settings, from the next step on."""
        self._plan = plan
        self.state.changes.append(change)
        length = timing.TrainingLength.of(plan.config.schedule, self.sampler.steps_per_epoch)
        if length != self.length:
            self.length = length
            self.restart_eta()

    def _lr_changes(self, plan: Plan, continuation: events.LrContinuation) -> dict[str, events.SettingValue]:
        """Return what keeps the learning rate as requested when the length becomes that of another plan.

        Raises:
            ConfigError: if the new length is already done, or a learning rate of 0 is to be held.
        """
        elapsed_s, schedule = self.stopwatch.elapsed_s, self.config.schedule
        length = timing.TrainingLength.of(plan.config.schedule, self.sampler.steps_per_epoch)
        if length.is_over(self._step, elapsed_s):
            at = f"step {self._step:,}, after {elapsed_s / 60:.1f} minutes"
            raise ConfigError(f"schedule: the training is at {at}: this length is over", "give a larger one")
        if continuation == "hold":
            factor = lr_schedule.lr_factor(schedule, self._step, self.progress, self.sampler.steps_per_epoch)
            if factor <= 0:
                hint = "choose 'continue' or 'restart'"
                raise ConfigError("schedule: the learning rate is 0 at the end of its curve and cannot be held", hint)
            return {"schedule.hold_factor": factor}
        # The curve starts where it did, in steps or seconds, or here.
        restart_at = length.progress(self._step, elapsed_s) if continuation == "restart" else 0.0
        if continuation == "continue" and schedule.restart_at:
            restart_at = schedule.restart_at * self.length.ratio_to(length)
        changes = {"schedule.restart_at": restart_at, "schedule.hold_factor": None}
        return {key: value for key, value in changes.items() if value != getattr(schedule, key.partition(".")[2])}

    def load_fitting(self, initial: events.InitialWeights) -> WeightsFit:
        """Start from weights of another model where they fit; the EMA weights start equal.

        Raises:
            ConfigError: if none fits.
        """
        result = load_fitting(self.model, initial)
        if self.ema.is_separate:
            load_fitting(self.ema.model, initial)
        return result

    def record_evaluation(self, test_metrics: Mapping[str, float]) -> None:
        """Record the test metrics of the present step."""
        self.state.test_metrics = dict(test_metrics)
        self.state.evaluated_step = self._step

    def record_snapshot(self) -> None:
        """Record that the present step has a snapshot."""
        self.state.snapshot_step = self._step

    def record_images(self) -> None:
        """Record that the present step has sample images."""
        self.images_step = self._step

    def restore(self, step: int, elapsed_s: float, state: ResumableState) -> None:
        """Continue where an earlier attempt was; weights, optimizers and the generator are restored separately.

        Raises:
            ConfigError: if a setting that was changed cannot be.
        """
        for change in state.changes:
            self._plan = self._plan.with_settings(change.values)
        self.length = timing.TrainingLength.of(self.config.schedule, self.sampler.steps_per_epoch)
        self.state = state
        self._step = step
        self.stopwatch = timing.Stopwatch(self.clock, elapsed_s)
        self.restart_eta()


def _without(changes: list[events.SettingChange], keys: Container[str]) -> list[events.SettingChange]:
    """Return changes without some settings, and without those of which nothing is left."""
    others = [
        replace(change, values={key: value for key, value in change.values.items() if key not in keys})
        for change in changes
    ]
    return [change for change in others if change.values]
