"""The metrics that a training declares in its `Started` event."""

from dataclasses import replace

import torch

from trainers.data import preprocess
from trainers.events import MetricSpec, Started
from trainers.families.nn import count
from trainers.training.session import TrainingSession


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
