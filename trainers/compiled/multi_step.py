"""Stretches: compiled steps in one go, with what is Python about them done for all before and after.

The matrix products of a step drive everything else out of a core's caches. Python that runs once a step pays for that
anew each time, three to five times its usual cost, while the other cores wait; eight times in a row it pays once.
What is learned, and from which chance, is the same as one step at a time.
"""

from collections.abc import Callable, Iterator

from torch import Tensor

from trainers.compiled.step import CompiledStep
from trainers.events import Metrics
from trainers.training import timing
from trainers.training.session import TrainingSession, batch_of, context_of, lr_of, lrs_of, metrics, recorded

MOST = 8
LONGEST_S = 0.05  # what is due by the clock waits so long at most, and figures come in bursts of it


def length(training: TrainingSession, evaluate_every: int) -> int:
    """Return how many steps go in one go from here, at least 1.

    A stretch ends where a model is judged or shown early on, where the training ends, and where the arithmetic changes.

    Args:
        training: Before its next step.
        evaluate_every: Steps between evaluations.
    """
    step, compilation = training.step, training.compilation
    if not compilation.settled or compilation.step(training.graph_key) is None:
        return 1
    longest = min(MOST, int(LONGEST_S / compilation.step_s)) if compilation.step_s else 1
    for ahead in range(1, longest):
        there = step + ahead
        if there % evaluate_every == 0 or there == training.length.steps or timing.is_early_step(there):
            return ahead
        if training.model.graph_key(training.options, there) != training.graph_key:
            return ahead
    return max(1, longest)


def take(training: TrainingSession, count: int, interrupted: Callable[[int], bool]) -> Iterator[Metrics]:
    """Do some compiled steps of one variant, then yield the figures of each; they share the seconds evenly.

    Args:
        training: Whose next step is compiled.
        count: How many steps, see `length`.
        interrupted: Whether to stop after so many steps of the training; asked after each.

    Raises:
        NotFiniteError: in the place of the figures of a step whose loss or gradient is not finite.
    """
    whole = training.compilation.step(training.graph_key)
    assert whole is not None
    training.speed.begin()
    training.compilation.begin()
    begun_s, before = training.stopwatch.elapsed_s, training.generator.get_state()
    ready = [_ready(training, whole, training.step + ahead) for ahead in range(count)]
    done: list[Tensor] = []
    for arguments, _ in ready:
        done.append(whole.run(arguments))
        training.ema.update(training.step + len(done))
        if interrupted(training.step + len(done)):
            break
    if len(done) < count:  # chance goes on behind the last step that was done
        training.generator.set_state(before)
        for ahead in range(len(done)):
            _ready(training, whole, training.step + ahead)
    told = [figures.tolist() for figures in done]  # the one wait for the device
    took_s = training.stopwatch.elapsed_s - begun_s
    training.compilation.end(len(told))
    speed = training.speed.end(len(told) * training.order.batch_size)
    for number, (figures, (_, lr)) in enumerate(zip(told, ready, strict=False), start=1):
        values = recorded(training, whole.descents(figures))
        training.step += 1
        yield metrics(
            training, {**values, "train/lr": lr, "speed/images_per_s": speed}, begun_s + took_s * number / len(told)
        )


def _ready(training: TrainingSession, whole: CompiledStep, step: int) -> tuple[list[Tensor], float]:
    """Return what a step needs to be run, and its learning rate."""
    lr, batch, context = lr_of(training, step), batch_of(training, step), context_of(training, step)
    return whole.ready(batch, context, lrs_of(training, lr), training.config.optim.grad_clip), lr
