"""The metrics of a training: their declaration in `Started`, and the evaluation of EMA and raw weights."""

from collections.abc import Generator, Iterator
from dataclasses import replace

import torch

from trainers import events
from trainers.data import preprocess
from trainers.errors import ConfigError
from trainers.evaluation.points import PointsEvaluator
from trainers.events import MetricSpec, Started
from trainers.families.interface import Model
from trainers.families.nn import chunk_size, count, eval_mode
from trainers.training.session import TrainingSession
from trainers.training.timing import HEARTBEAT_S

CHUNK_IMAGES = 200  # of 28×28: as fast as more, and a chunk of a convolutional model takes 25 ms, not 70
CHUNK_POINTS = 1000


def started(session: TrainingSession) -> Started:
    """Return the event that declares the metrics."""
    return Started(
        step=session.step,
        metrics=metric_specs(session),
        num_parameters=count(session.model),
        total_steps=session.length.steps,
        device=str(session.device),
        threads=torch.get_num_threads(),
        precision="bfloat16" if session.autocast.bfloat16 else "float32",
    )


def metric_specs(session: TrainingSession) -> tuple[MetricSpec, ...]:
    """Return every metric; `setup` of the model's own is completed with that of the data."""
    weights = "EMA weights" if session.ema.is_separate else "raw weights, there is no EMA"
    own = [
        replace(
            spec,
            title=spec.title.replace("EMA weights", weights),
            setup=", ".join(filter(None, (_data_setup(spec.name, session), spec.setup))),
        )
        for spec in (*session.model.metrics(), *(session.reference.specs() if session.reference else ()))
    ]
    declared = {spec.name for spec in own}
    return (*own, *(spec for spec in _common_specs(session) if spec.name not in declared))


def undeclared(model: Model, metric: str) -> ConfigError:
    """Return the error of a metric that a model records but does not declare."""
    title = type(model).__name__
    return ConfigError(f"{title} records '{metric}', which it does not declare", f"add it to {title}.metrics()")


def _common_specs(session: TrainingSession) -> list[MetricSpec]:
    """Return the metrics that every training records; a model may declare them itself, in better words."""
    specs = []
    for name in session.optimizers:
        suffix, owner = ("", "") if len(session.optimizers) == 1 else (f"_{name}", f" of {name}")
        loss, norm = f"loss{suffix}", f"grad_norm{suffix}"
        specs += [
            MetricSpec(f"train/{loss}", loss, f"training loss{owner}", "nats", "lower", "optimization"),
            MetricSpec(f"train/{norm}", norm, f"gradient norm{owner}", "", "neither", "optimization"),
        ]
    rate_unit = f"{session.data_card.kind}/s"
    return [
        *specs,
        MetricSpec("train/lr", "lr", "learning rate", "", "neither", "optimization"),
        MetricSpec("speed/images_per_s", "images_per_s", "training speed", rate_unit, "higher", "speed"),
    ]


def _data_setup(metric: str, session: TrainingSession) -> str:
    """Return the setup of the data, with the binarization as it is in the metric's split."""
    binarization = session.plan.binarization
    of_split = preprocess.describe_setup(binarization, metric.partition("/")[0])
    return session.data_card.setup.replace(preprocess.describe_setup(binarization), of_split, 1)


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
    # Report the metrics that were declared, some of one kind of weights alone.
    declared = {spec.name for spec in metric_specs(session)}
    for quantity in result:
        if not {f"test/{quantity}_ema", f"test/{quantity}_raw"} & declared:
            raise undeclared(session.model, f"test/{quantity}_ema")
    session.record_evaluation({name: value for name, value in metrics.items() if name in declared})
    yield session.metrics(session.state.test_metrics)


def _evaluate_model(session: TrainingSession, model: Model) -> Generator[events.Event, None, dict[str, float]]:
    """Yield heartbeats; return the metrics by quantity."""
    # Evaluators of the family and, for 2-D data, of samples and density.
    num_images = len(session.test_data)
    evaluators = [model.evaluator(num_images, preprocess.EVALUATION_SEED)]
    chunk = chunk_size(model.image_shape, CHUNK_IMAGES)
    if session.reference is not None:
        evaluators.append(PointsEvaluator(model, session.reference, preprocess.EVALUATION_SEED))
        chunk = CHUNK_POINTS
    # Accumulate over the test set.
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
