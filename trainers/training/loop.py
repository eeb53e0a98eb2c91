"""The one loop that trains every family. It reads as a table of contents; each line's work has a file of its own.

A training is a generator of events. Its random numbers come from named streams (`rng`). It applies commands at each
step boundary (`apply_commands`), and evaluates and saves when that is due (`timing`).
"""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Literal

import torch

from trainers import openmp
from trainers.compiled import toolchain
from trainers.config import RunConfig
from trainers.data import loading
from trainers.errors import CheckpointError
from trainers.events import (
    Alert,
    CommandApplied,
    Control,
    Event,
    Finished,
    InitialWeights,
    Metrics,
    Phase,
    ResumeState,
    SettingChange,
    SnapshotReady,
    Started,
)
from trainers.families.nn import count
from trainers.families.weights import model_arrays
from trainers.plan import Plan, resolve
from trainers.step.train_step import NotFiniteError
from trainers.storage import branching
from trainers.training import apply_commands, evaluate, setup, timing
from trainers.training import resume as resuming
from trainers.training.session import TrainingSession
from trainers.training.step_runner import StepRunner


def train(
    config: RunConfig | Plan,
    *,
    resume: ResumeState | None = None,
    control: Control | None = None,
    clock: timing.Clock | None = None,
    changes: Sequence[SettingChange] = (),
    initial: InitialWeights | None = None,
) -> Iterator[Event]:
    """Train a model; yield an event at least every 0.25 s.

    Closing the generator abandons the training; a `Stop` from `control` ends it with a checkpoint.

    Args:
        config: Configuration, as `trainers.presets.assemble` returns it, or the plan made of it.
        resume: Checkpoint to continue from. Under `execution.deterministic` the result is then equal, bit for bit,
            to that of an uninterrupted training.
        control: Source of commands; None for no commands.
        clock: Monotonic seconds; an `ActiveClock` by default.
        changes: All changes of settings in the run so far, as the last `CommandApplied` of a "set" has them. Those that
            the checkpoint has not are made at their steps.
        initial: Weights of another model to start from where they fit, unless a checkpoint is resumed.

    Yields:
        Events: `Started` once the data are loaded, `Finished` last.

    Raises:
        ConfigError: if the configuration contradicts itself, the data or the machine, or none of `initial` fits.
        DataError: if the data cannot be read.
        CheckpointError: if `resume` does not fit the configuration.
    """
    plan = config if isinstance(config, Plan) else None
    if isinstance(config, Plan):
        config = config.config
    yield Phase(resume.step if resume else 0, "loading", config.data.name)
    folder, problem = toolchain.prepare_folder()  # torch cannot be set up without a folder for compiled code
    if problem:
        yield Alert(0, "info", "temporary_cache", f"{problem}; compiled code is stored in {folder} instead")
    with setup.torch_settings(config.execution, _num_threads(config, resume)):
        # Load the data, build the model, and restore the checkpoint.
        plan = plan or resolve(config)
        commands = apply_commands.BufferedControl(control or apply_commands.NullControl())
        skipped = yield from _prepare_data(plan, commands, resume.step if resume else 0)
        if skipped is None:
            return
        if skipped and resume is None:
            yield Alert(0, "warning", "images_skipped", skipped)
        session = setup.set_up(plan, clock or timing.ActiveClock())
        session.state.future_changes = list(changes)
        alerts = resuming.restore(session, resume, changes) if resume else []
        if initial is not None and resume is None:
            text = ". ".join(session.load_fitting(initial).lines())
            alerts.append(Alert(0, "info", "initial_weights", text))
        requested = list(apply_commands.apply_due_changes(session))  # when the run was resumed
        # Declare the metrics.
        evaluate.require_declared_metrics(session)
        yield Started(
            step=session.step,
            metrics=evaluate.metric_specs(session),
            num_parameters=count(session.model),
            total_steps=session.length.steps,
            device=str(session.device),
            threads=torch.get_num_threads(),
            precision="bfloat16" if session.autocast.bfloat16 else "float32",
        )
        yield from alerts
        yield from requested
        if resume is None:
            yield from evaluate.theory_alerts(session)
            for warning in session.model.setup_warnings(session.plan.model_options, session.length.steps):
                yield Alert(session.step, warning.severity, warning.code, warning.message)
        yield from _thread_alert(config.execution.threads, session.step)
        # Train.
        yield Phase(session.step, "training")
        try:
            yield from _run(session, commands)
        except NotFiniteError as error:
            yield Alert(session.step, "error", "loss_not_finite", str(error))
            yield Finished(session.step, "failed", f"at step {session.step + 1} {error}")
        finally:
            session.compile_policy.close()


def _prepare_data(plan: Plan, control: apply_commands.BufferedControl, step: int) -> Generator[Event, None, str | None]:
    """Prepare the data; yield phases with the progress and the time left.

    Return a note about skipped files, or None if a command stopped the training meanwhile; `Finished` is yielded then.
    """
    first: tuple[float, int] | None = None  # time and number of files of the first progress: headers come before
    with closing(loading.prepare(plan.dataset, plan.data_options)) as progress:
        while True:
            try:
                done, total = next(progress)
            except StopIteration as end:
                if first is not None:
                    yield Phase(step, "loading", plan.config.data.name)
                return str(end.value)
            if stop := control.stop_command(step):
                yield CommandApplied(step, stop.id, "stop")
                yield Finished(step, "stopped", "stopped while its data were loaded")
                return None
            if not done:
                yield Phase(step, "loading", plan.config.data.name)
                continue
            first = first or (time.monotonic(), done)
            seconds = (time.monotonic() - first[0]) * (total - done) / max(done - first[1], 1)
            left = f", {seconds:,.0f} s left" if seconds >= 1 and done > first[1] else ""
            yield Phase(step, "decoding", f"images {done:,} of {total:,}{left}")


def _run(session: TrainingSession, control: apply_commands.BufferedControl) -> Iterator[Event]:
    steps_per_epoch = session.sampler.steps_per_epoch
    runner = StepRunner(session)
    while not session.is_over:
        # Apply commands; a pause waits here.
        yield from apply_commands.apply_commands(session, control)
        if session.is_stopping:
            break
        eval_every = timing.eval_every(session.config, session.length, steps_per_epoch, len(session.test_data))
        # Evaluate on the test set.
        if session.step and session.step % eval_every == 0:
            yield from _evaluate(session)
        # Yield the EMA weights and sample images.
        if _is_snapshot_due(session, control):
            yield from _snapshot(session, with_images=_are_images_due(session, control))
        # Yield a checkpoint.
        if session.timers.checkpoint.is_due(session.config.execution.checkpoint_every_s):
            yield resuming.checkpoint(session, "schedule")
            session.timers.checkpoint.mark_done()
        # Train for a step, or several up to the next evaluation, step of the 1-2-5 series, or the end.
        limit = min(eval_every - session.step % eval_every, timing.next_series_step(session.step) - session.step)
        if session.length.steps is not None:
            limit = min(limit, session.length.steps - session.step)
        if session.is_single_step:
            limit = 1
        if session.state.future_changes:
            limit = max(1, min(limit, session.state.future_changes[0].step - session.step))
        for event in runner.run(limit, control.poll_commands):
            if not isinstance(event, Metrics):
                yield event
                continue
            session.timers.heartbeat.mark_done()
            yield event
            if "train/loss" in event.values:
                yield from session.state.alerts.after_step(session.step, event.values["train/loss"])
        # Yield what front ends show of a single step.
        if session.is_single_step:
            yield from _snapshot(session)
    session.compile_policy.close()  # before anything that takes long
    yield from _finish(session)


def _evaluate(session: TrainingSession) -> Iterator[Event]:
    if session.state.evaluated_step != session.step:
        yield from evaluate.evaluate(session)
        yield Phase(session.step, "training")


def _is_snapshot_due(session: TrainingSession, control: Control) -> bool:
    """Return whether it is time for a snapshot: by the clock, more often while watched, or in the 1-2-5 series."""
    if session.state.snapshot_step == session.step:
        return False
    interval_s = timing.snapshot_interval_s(session.config.execution, control.watchers())
    min_interval_s = timing.min_snapshot_interval_s(session.num_weights)
    if timing.is_series_step(session.step) and (not min_interval_s or session.step <= timing.LAST_SERIES_SNAPSHOT):
        return True
    return session.timers.snapshot.is_due(max(interval_s, min_interval_s))


def _are_images_due(session: TrainingSession, control: Control) -> bool:
    """Return whether a snapshot comes with images: those that take long are rarer in a watched run."""
    timer = session.timers.sample_images
    interval_s = timing.sample_image_interval_s(session.config.execution.watched_every_s, timer.duration_s)
    return timing.is_series_step(session.step) or not control.watchers() or timer.is_due(interval_s)


def _snapshot(session: TrainingSession, *, with_images: bool = True) -> Iterator[Event]:
    """Yield the EMA weights and sample images of them, with heartbeats in between."""
    # Yield the weights.
    if session.state.snapshot_step != session.step:
        session.record_snapshot()
        yield SnapshotReady(session.step, model_arrays(session.ema.recalibrated()), session.card())
        session.timers.snapshot.mark_done()
    if not with_images or session.images_step == session.step:
        return
    # Render the images.
    session.record_images()
    timers = session.timers
    timers.sample_images.start()
    is_training = True
    for event in session.sample_images.render(session.ema.recalibrated(), session.step):
        if event is not None:
            yield event
        elif timers.heartbeat.is_due(timing.HEARTBEAT_S):
            timers.heartbeat.mark_done()
            is_training = False
            yield Phase(session.step, "evaluating", "sample images")
    if not is_training:
        yield Phase(session.step, "training")
    timers.sample_images.mark_done()


def _finish(session: TrainingSession) -> Iterator[Event]:
    """Evaluate a training that was not stopped; yield its last snapshot and checkpoint."""
    reason: Literal["stop", "end"] = "stop" if session.is_stopping else "end"
    if not session.is_stopping:
        yield from _evaluate(session)
    yield from _snapshot(session)
    yield Phase(session.step, "stopping" if session.is_stopping else "saving")
    yield resuming.checkpoint(session, reason)
    yield Finished(session.step, "stopped" if session.is_stopping else "succeeded")


def _thread_alert(configured: int, step: int) -> Iterator[Event]:
    limit, setting = openmp.thread_limit()
    if limit is not None and configured > limit:
        message = f"execution.threads: {configured} exceeds {setting}; the training uses {limit}"
        yield Alert(step, "warning", "threads_limited", message)


def _num_threads(config: RunConfig, resume: ResumeState | None) -> int:
    """Return the number of threads to use: as configured, else, under `deterministic`, that of the checkpoint."""
    if config.execution.threads or resume is None or not config.execution.deterministic:
        return config.execution.threads
    if resume.meta.get(branching.WEIGHTS_ONLY) is True:  # it repeats no other training
        return config.execution.threads
    machine = resume.meta.get("machine")
    threads = machine.get("threads") if isinstance(machine, dict) else None
    if not isinstance(threads, int) or not 1 <= threads <= apply_commands.MAX_THREADS:
        raise CheckpointError("the checkpoint does not record its number of threads", "start a new run")
    return threads
