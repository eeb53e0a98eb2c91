"""The evaluation of a training: the EMA weights and the raw ones, on the whole test set, without holding anybody up."""

from collections.abc import Generator, Iterator

from trainers import events
from trainers.data.preprocess import FIXED_SEED
from trainers.evaluation.points import PointsEvaluator
from trainers.families.interface import Model
from trainers.families.nn import eval_mode, images_at_once
from trainers.training.session import TrainingSession, metric_specs, metrics
from trainers.training.timing import SIGN_OF_LIFE_S

IMAGES_AT_ONCE = 200  # of 28×28: as fast as more, and a chunk of a convolutional model takes 25 ms, not 70
POINTS_AT_ONCE = 1000


def evaluate(training: TrainingSession) -> Iterator[events.Event]:
    """Judge the EMA weights and the raw ones on the whole test set, with a sign of life in between."""
    yield events.Phase(training.step, "evaluating")
    figures: dict[str, float] = {}
    judged = {"ema": training.ema.settled(), "raw": training.model}
    for weights, model in judged.items() if training.ema.separate else [("ema", training.model)]:
        result = yield from _judge(training, model)
        for which in (weights,) if training.ema.separate else judged:
            figures |= {f"test/{quantity}_{which}": value for quantity, value in result.items()}
        if weights == "ema":
            watcher = training.memory.watcher
            yield from watcher.after_evaluation(training.step, training.progress, result)
            yield from watcher.after_warnings(training.step, training.model.warnings(result))
    declared = {spec.name for spec in metric_specs(training)}
    training.memory.figures = {name: value for name, value in figures.items() if name in declared}
    training.memory.evaluated_at = training.step
    yield metrics(training, training.memory.figures, training.stopwatch.elapsed_s)


def _judge(training: TrainingSession, model: Model) -> Generator[events.Event, None, dict[str, float]]:
    """Yield signs of life; return the figures by quantity."""
    num_images = len(training.test_images)
    evaluators = [model.evaluator(num_images, FIXED_SEED)]
    chunk = images_at_once(model.image_shape, IMAGES_AT_ONCE)
    if training.reference is not None:
        evaluators.append(PointsEvaluator(model, training.reference, FIXED_SEED))
        chunk = POINTS_AT_ONCE
    for start in range(0, num_images, chunk):
        with eval_mode(model):
            images = training.test_images.take(slice(start, start + chunk))
            for evaluator in evaluators:
                evaluator.add(images, start)
        if training.signs.due(SIGN_OF_LIFE_S):
            training.signs.done()
            yield events.Phase(training.step, "evaluating", f"{start / num_images:.0%}")
    with eval_mode(model):
        results = [evaluator.result() for evaluator in evaluators]
    return {quantity: value for result in results for quantity, value in result.items()}
