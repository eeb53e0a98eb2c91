"""The one loop that trains every family. It reads as a table of contents; each line's work has a file of its own.

A training is a generator of events. It draws its chance from streams of its own (`seeding`), hears commands at each
step boundary (`commands`), and judges, shows and saves itself when that is due (`cadence`).
"""

from collections.abc import Iterable, Iterator

from trainers.compiled import multi_step
from trainers.config import RunConfig
from trainers.errors import CheckpointError
from trainers.events import Alert, Control, Event, Finished, Metrics, Phase, ResumeState
from trainers.plan import Plan, resolve
from trainers.training import apply_commands, evaluate, rng, session, timing
from trainers.training import resume as training_resume
from trainers.training.session import TrainingSession


def train(
    config: RunConfig | Plan,
    *,
    resume: ResumeState | None = None,
    control: Control | None = None,
    clock: timing.Clock | None = None,
) -> Iterator[Event]:
    """Train a model and yield what happens, at least every 0.25 s; a test is `list(train(tiny))`.

    Closing the generator abandons the training; a `Stop` from `control` ends it with its state saved.

    Args:
        config: What to train: a configuration, as `trainers.presets.assemble` returns it, or a plan made of it.
        resume: The state to go on from; under `execution.deterministic` the rest is then equal, bit for bit, to what an
            uninterrupted training would have done.
        control: Where commands come from; None trains unattended.
        clock: Monotonic seconds; an `ActiveClock` when None.

    Yields:
        Events, `Started` first after the loading, `Finished` last.

    Raises:
        ConfigError: if the configuration contradicts itself, the data or the machine.
        DataError: if the data cannot be read.
        CheckpointError: if `resume` does not fit the configuration.
    """
    plan = config if isinstance(config, Plan) else None
    if isinstance(config, Plan):
        config = config.config
    yield Phase(resume.step if resume else 0, "loading", config.data.name)
    with rng.pinned(config.execution, _threads(config, resume)):
        attempt = session.set_up(plan or resolve(config), clock or timing.ActiveClock())
        doubts = training_resume.restore(attempt, resume) if resume else []
        yield session.started(attempt)
        yield from doubts
        yield Phase(attempt.step, "training")
        try:
            yield from _run(attempt, apply_commands.BufferedControl(control or apply_commands.NullControl()))
        except session.NotFiniteError as problem:
            yield Alert(attempt.step, "error", "loss_not_finite", str(problem))
            yield Finished(attempt.step, "failed", f"at step {attempt.step + 1} {problem}")


def _run(attempt: TrainingSession, control: apply_commands.BufferedControl) -> Iterator[Event]:
    evaluate_every = timing.eval_every(
        attempt.config, attempt.length, attempt.order.steps_per_epoch, len(attempt.test_images)
    )
    while not attempt.over:
        yield from apply_commands.obey(attempt, control)
        if attempt.stopping:
            break
        if attempt.step and attempt.step % evaluate_every == 0:
            yield from _evaluate(attempt)
        if _snapshot_due(attempt, control):
            yield from _show(attempt, drawn=_pictures_due(attempt, control))
        if attempt.checkpoints.due(attempt.config.execution.checkpoint_every_s):
            yield from _save(attempt)
        if (count := multi_step.length(attempt, evaluate_every)) > 1:
            yield from _told(attempt, multi_step.take(attempt, count, control.hears))
        else:
            yield from _step(attempt)
    yield from _finish(attempt)


def _step(attempt: TrainingSession) -> Iterator[Event]:
    compilation = attempt.compilation
    if compilation.due(attempt.graph_key) and session.compilable(attempt):
        yield from compilation.compile(attempt.graph_key, lambda: session.whole_step(attempt), attempt.step)
        attempt.time_left = timing.EtaEstimator(attempt.progress, attempt.stopwatch.elapsed_s)
    compilation.begin()
    figures = session.take_step(attempt)
    yield from compilation.after_step(
        attempt.model, attempt.step, figures.seconds_left, lambda: session.operations(attempt)
    )
    yield from _told(attempt, [figures])


def _told(attempt: TrainingSession, steps: Iterable[Metrics]) -> Iterator[Event]:
    for figures in steps:
        attempt.signs.done()
        yield figures
        if "train/loss" in figures.values:
            yield from attempt.memory.watcher.after_step(attempt.step, figures.values["train/loss"])


def _evaluate(attempt: TrainingSession) -> Iterator[Event]:
    if attempt.memory.evaluated_at != attempt.step:
        yield from evaluate.evaluate(attempt)
        yield Phase(attempt.step, "training")


def _snapshot_due(attempt: TrainingSession, control: Control) -> bool:
    if attempt.memory.shown_at == attempt.step:
        return False
    every_s = timing.shown_seconds(attempt.config.execution, control.watched())
    every_s = max(every_s, timing.snapshot_seconds(attempt.num_weights))
    early = timing.is_early_step(attempt.step) and attempt.step <= timing.last_early_step(attempt.num_weights)
    return early or attempt.snapshots.due(every_s)


def _pictures_due(attempt: TrainingSession, control: Control) -> bool:
    """Return whether pictures are drawn beside the weights: those that take long less often, to a live audience too."""
    every_s = timing.watched_seconds(attempt.config.execution.watched_every_s, attempt.drawings.took_s)
    return timing.is_early_step(attempt.step) or not control.watched() or attempt.drawings.due(every_s)


def _show(attempt: TrainingSession, *, drawn: bool = True) -> Iterator[Event]:
    if attempt.memory.shown_at != attempt.step:
        attempt.memory.shown_at = attempt.step
        yield training_resume.snapshot(attempt)
        attempt.snapshots.done()
    if drawn and attempt.drawn_at != attempt.step:
        attempt.drawn_at = attempt.step
        yield from _draw(attempt)


def _draw(attempt: TrainingSession) -> Iterator[Event]:
    attempt.drawings.begin()
    drawing = Phase(attempt.step, "training")
    for event in attempt.album.draw(attempt.ema.settled(), attempt.step):
        if not isinstance(event, Phase):
            yield event
        elif attempt.signs.due(timing.SIGN_OF_LIFE_S):
            attempt.signs.done()
            drawing = event
            yield event
    if drawing.name != "training":
        yield Phase(attempt.step, "training")
    attempt.drawings.done()


def _save(attempt: TrainingSession) -> Iterator[Event]:
    yield training_resume.state(attempt, "schedule")
    attempt.checkpoints.done()


def _finish(attempt: TrainingSession) -> Iterator[Event]:
    """Show and save the last step; a training that was not stopped is judged once more."""
    if not attempt.stopping:
        yield from _evaluate(attempt)
    yield from _show(attempt)
    yield Phase(attempt.step, "stopping" if attempt.stopping else "saving")
    yield training_resume.state(attempt, "stop" if attempt.stopping else "end")
    yield Finished(attempt.step, "stopped" if attempt.stopping else "succeeded")


def _threads(config: RunConfig, resume: ResumeState | None) -> int:
    """Return how many threads to compute with: as configured, else, where every bit counts, as at the start."""
    if config.execution.threads or resume is None or not config.execution.deterministic:
        return config.execution.threads
    machine = resume.meta.get("machine")
    count = machine.get("threads") if isinstance(machine, dict) else None
    if not isinstance(count, int) or not 1 <= count <= apply_commands.MAX_THREADS:
        raise CheckpointError("the checkpoint does not say how many threads it was made with", "start the run anew")
    return count
