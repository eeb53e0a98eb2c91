"""The evaluation of a training: EMA weights and raw weights on the whole test set, in chunks with heartbeats."""

from collections.abc import Generator, Iterator

from trainers import events
from trainers.data.preprocess import EVALUATION_SEED
from trainers.evaluation.points import PointsEvaluator
from trainers.families.interface import Model
from trainers.families.nn import eval_mode, images_at_once
from trainers.training.declared_metrics import metric_specs
from trainers.training.session import TrainingSession
from trainers.training.timing import HEARTBEAT_S

IMAGES_AT_ONCE = 200  # of 28×28: as fast as more, and a chunk of a convolutional model takes 25 ms, not 70
POINTS_AT_ONCE = 1000


def evaluate(session: TrainingSession) -> Iterator[events.Event]:
    """Evaluate both sets of weights, check the results for problems, and yield the metrics."""
    yield events.Phase(session.step, "evaluating")
    metrics: dict[str, float] = {}
    # Evaluate the EMA weights and the raw weights; without an EMA they are the same, and evaluated once.
    models = {"ema": session.ema.recalibrated(), "raw": session.model}
    for weights, model in models.items() if session.ema.is_separate else [("ema", session.model)]:
        result = yield from _evaluate_model(session, model)
        for suffix in (weights,) if session.ema.is_separate else models:
            metrics |= {f"test/{quantity}_{suffix}": value for quantity, value in result.items()}
        if weights == "ema":
            yield from session.state.alerts.after_evaluation(session.step, session.progress, result, session.model)
    # Report the metrics that were declared.
    declared = {spec.name for spec in metric_specs(session)}
    session.record_evaluation({name: value for name, value in metrics.items() if name in declared})
    yield session.metrics(session.state.test_metrics)


def _evaluate_model(session: TrainingSession, model: Model) -> Generator[events.Event, None, dict[str, float]]:
    """Yield heartbeats; return the metrics by quantity."""
    num_images = len(session.test_data)
    evaluators = [model.evaluator(num_images, EVALUATION_SEED)]
    chunk = images_at_once(model.image_shape, IMAGES_AT_ONCE)
    if session.reference is not None:
        evaluators.append(PointsEvaluator(model, session.reference, EVALUATION_SEED))
        chunk = POINTS_AT_ONCE
    for start in range(0, num_images, chunk):
        with eval_mode(model):
            images = session.test_data.take(slice(start, start + chunk))
            for evaluator in evaluators:
                evaluator.add(images, start)
        if session.timers.heartbeat.is_due(HEARTBEAT_S):
            session.timers.heartbeat.reset()
            yield events.Phase(session.step, "evaluating", f"{start / num_images:.0%}")
    with eval_mode(model):
        results = [evaluator.result() for evaluator in evaluators]
    return {quantity: value for result in results for quantity, value in result.items()}
