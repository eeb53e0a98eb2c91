"""The metrics that a training declares, and their evaluation on the test set, in chunks with heartbeats."""

import re
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import replace

import torch

from trainers import events, registry
from trainers.data import preprocess
from trainers.errors import ConfigError
from trainers.evaluation.points import PointsEvaluator
from trainers.events import MetricSpec
from trainers.families.interface import Model
from trainers.families.nn import chunk_size, eval_mode
from trainers.training.session import TrainingSession
from trainers.training.timing import HEARTBEAT_S

_FIRST_TEST_IMAGES = re.compile(r"first ([\d,]+) test (?:images|points)")
CHUNK_IMAGES = 200  # of 28×28: as fast as more, and a chunk of a convolutional model takes 25 ms, not 70
CHUNK_POINTS = 1000
_NUM_TRIED_IMAGES = 8  # to learn the names of the metrics


def metric_specs(session: TrainingSession) -> tuple[MetricSpec, ...]:
    """Return every metric of a training, each with the complete setup that its values depend on."""
    # The model's own. Their setup begins with that of the data, with the binarization as it is in the metric's split.
    weights = "EMA weights" if session.ema.is_separate else "raw weights, there is no EMA"
    binarization, data_setup = session.plan.binarization, session.data_card.setup
    augmentations = preprocess.Augmentation.of(session.plan.data_options).describe()
    specs = []
    for spec in (*session.model.metrics(), *(session.reference.specs(session.model) if session.reference else ())):
        of_split = preprocess.describe_setup(binarization, spec.name.partition("/")[0])
        setup = data_setup.replace(preprocess.describe_setup(binarization), of_split, 1)
        title = spec.title.replace("EMA weights", weights)
        is_test = spec.name.startswith("test/")
        if is_test:
            metric_setup = _with_test_images(spec.setup, session)
        else:
            metric_setup = ", ".join(filter(None, (*augmentations, spec.setup)))
        # "first 500 test images" of the data is left out where the metric is of training batches, or says it itself.
        if not is_test or _FIRST_TEST_IMAGES.search(metric_setup):
            setup = ", ".join(part for part in setup.split(", ") if not _FIRST_TEST_IMAGES.fullmatch(part))
        specs.append(replace(spec, title=title, setup=", ".join(filter(None, (setup, metric_setup)))))
    # Those that every training records, unless the model declares them itself.
    common, unit = [], session.plan.theory().unit
    for name in session.optimizers:
        suffix, owner = ("", "") if len(session.optimizers) == 1 else (f"_{name}", f" of {name}")
        loss, norm = f"loss{suffix}", f"grad_norm{suffix}"
        common += [
            MetricSpec(f"train/{loss}", loss, f"training loss{owner}", unit, "lower", "optimization"),
            MetricSpec(
                f"train/{norm}", norm, f"gradient norm{owner}", "", "neither", "optimization", "before clipping"
            ),
        ]
    rate_unit = f"{session.data_card.kind}/s"  # points/s for 2-D data, under the same name
    common += [
        MetricSpec("train/lr", "lr", "learning rate", "", "neither", "optimization"),
        MetricSpec("speed/images_per_s", "images_per_s", "training speed", rate_unit, "higher", "speed"),
    ]
    declared = {spec.name for spec in specs}
    return (*specs, *(spec for spec in common if spec.name not in declared))


def _with_test_images(setup: str, session: TrainingSession) -> str:
    """Return the setup of a test metric with the number of test images, and of samples, that there are."""
    count, kind = len(session.test_data), session.data_card.kind
    actual = f"first {count:,} test {kind}"
    if getattr(session.plan.data_options, "limit_test", None) is not None:
        setup = setup.replace("whole test set", actual)
    for match in _FIRST_TEST_IMAGES.finditer(setup):
        declared = match[1]
        if int(declared.replace(",", "")) > count:  # there are as many samples as test images
            setup = setup.replace(match[0], actual).replace(f" {declared} samples", f" {count:,} samples")
    return setup


def theory_alerts(session: TrainingSession) -> Iterator[events.Alert]:
    """Yield an alert if the family's theory names quantities that no metric has: they would have no value."""
    theory, quantities = session.plan.theory(), {spec.quantity for spec in metric_specs(session)}
    requested = [theory.objective_quantity, *(term.quantity for term in (*theory.terms, *theory.other_metrics))]
    if missing := [name for name in dict.fromkeys(requested) if name not in quantities]:
        names = ", ".join(f"'{name}'" for name in missing)
        message = (
            f"the theory of family '{session.plan.family.name}' names {names}, which no metric has: "
            f"declare them in {type(session.model).__name__}.metrics(), or correct the Theory"
        )
        yield events.Alert(session.step, "warning", "theory_without_metric", message)


def undeclared_metric_error(model: Model, metric: str) -> ConfigError:
    """Return the error of a metric that a model records but does not declare."""
    name = type(model).__name__
    return ConfigError(f"{name} records '{metric}', which it does not declare", f"add it to {name}.metrics()")


def require_declared_metrics(session: TrainingSession) -> None:
    """Evaluate a few test images, to find a metric that is not declared before the training and not hours later.

    Built-in families declare theirs, and some take seconds for however few images.

    Raises:
        ConfigError: naming the metric.
    """
    if registry.is_builtin(session.plan.family):
        return
    count = min(len(session.test_data), _NUM_TRIED_IMAGES)
    try:
        with torch.random.fork_rng(devices=[]), eval_mode(session.model):
            evaluator = session.model.evaluator(count, preprocess.EVALUATION_SEED)
            evaluator.add(session.test_data.take(slice(0, count)), 0)
            result = evaluator.result()
    except Exception:  # so few images may not suffice: the first evaluation will report what is wrong
        return
    _require_declared(session.model, result, {spec.name for spec in metric_specs(session)})


def _require_declared(model: Model, quantities: Iterable[str], declared: Collection[str]) -> None:
    for quantity in quantities:
        if f"test/{quantity}_ema" not in declared and f"test/{quantity}_raw" not in declared:
            raise undeclared_metric_error(model, f"test/{quantity}_ema")


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
    _require_declared(session.model, result, declared)
    session.record_evaluation({name: value for name, value in metrics.items() if name in declared})
    yield session.metrics_event(session.state.test_metrics)


def _evaluate_model(session: TrainingSession, model: Model) -> Generator[events.Event, None, dict[str, float]]:
    """Yield heartbeats; return the metrics by quantity."""
    # Choose the evaluators: the family's own, and for 2-D data a comparison with the true density.
    num_images = len(session.test_data)
    evaluators = [model.evaluator(num_images, preprocess.EVALUATION_SEED)]
    chunk = chunk_size(model.image_shape, CHUNK_IMAGES)
    if session.reference is not None:
        evaluators.append(PointsEvaluator(model, session.reference, preprocess.EVALUATION_SEED))
        chunk = CHUNK_POINTS
    # Go through the test set.
    for start in range(0, num_images, chunk):
        with eval_mode(model):
            images = session.test_data.take(slice(start, start + chunk))
            for evaluator in evaluators:
                evaluator.add(images, start)
        if session.timers.heartbeat.is_due(HEARTBEAT_S):
            session.timers.heartbeat.mark_done()
            yield events.Phase(session.step, "evaluating", f"{start / num_images:.0%}")
    with eval_mode(model):
        results = [evaluator.result() for evaluator in evaluators]
    return {quantity: value for result in results for quantity, value in result.items()}
