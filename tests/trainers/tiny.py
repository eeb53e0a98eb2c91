"""Trainings that take a fraction of a second."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.errors import ConfigError
from trainers.events import CheckpointReady, Command, Event, Metrics, ResumeState, Watchers
from trainers.families.interface import Model
from trainers.families.vae.model import Vae
from trainers.families.vae.spec import VaeOptions
from trainers.inference.session import InferenceSession
from trainers.training import loop, setup
from trainers.training.session import TrainingSession
from trainers.training.step_runner import StepRunner
from trainers.training.timing import Clock

T = TypeVar("T")
DATA_OF = {"bernoulli": "dynamic", "gaussian": "none", "discretized-logistic": "none"}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mlp": {"architecture": "mlp", "hidden": [16, 8]},
    "linear": {"architecture": "mlp", "hidden": []},
    "conv": {"architecture": "conv", "channels": [4, 6], "hidden": [8]},
}


def config(folder: Path, *layers: Mapping[str, Any], steps: int = 12, preset: str = "vae-2d") -> RunConfig:
    """A tiny run of a preset on a folder of IDX files, on one thread."""
    base = {
        "data": {"name": "idx", "path": str(folder), "binarization": "dynamic" if preset.startswith("vae") else "none"},
        "model": {"hidden": [16, 8], "activation": "relu"},
        "optim": {"batch_size": 32, "lr": 1e-3},
        "schedule": {"steps": steps, "warmup_steps": 0},
        "execution": {"threads": 1},
    }
    return presets.assemble(preset, base, *layers)


def options(**given: Any) -> VaeOptions:
    """Options of a small VAE."""
    return VaeOptions.model_validate({"latent_dim": 2, "hidden": [16, 8], **given})


def vae(given: VaeOptions, shape: tuple[int, int, int], seed: int = 0) -> Vae:
    """A VAE with seeded weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Vae(given, shape)


def built(name: str, given: Any, shape: tuple[int, int, int]) -> Model:
    """A model of any family."""
    model: Model = registry.import_object(registry.family(name).build)(given, shape)
    return model


def of(events: Sequence[Event], kind: type[T]) -> list[T]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def train(
    config: RunConfig, commands: Mapping[int, Sequence[Command]] | None = None, resume: ResumeState | None = None
) -> list[Any]:
    """All events of a training; commands are received at the steps that are their keys."""
    return list(loop.train(config, resume=resume, control=Script(commands or {})))


def last_checkpoint(events: Sequence[Event]) -> CheckpointReady:
    """The last checkpoint among events."""
    return of(events, CheckpointReady)[-1]


def metrics_by_step(events: Sequence[Event]) -> dict[tuple[int, str], float]:
    """Every recorded value by step and name, except speeds, which differ between equal trainings."""
    return {
        (event.step, name): value
        for event in of(events, Metrics)
        for name, value in event.values.items()
        if not name.startswith("speed/")
    }


def unequal(expected: Mapping[str, np.ndarray], actual: Mapping[str, np.ndarray]) -> set[str]:
    """Names of arrays that are not equal bit for bit, or only in one of two checkpoints."""
    common = expected.keys() & actual.keys()
    return (expected.keys() ^ actual.keys()) | {n for n in common if not np.array_equal(expected[n], actual[n])}


def session(config: RunConfig, clock: Clock = lambda: 0.0) -> TrainingSession:
    """A training at step 0."""
    return setup.set_up(plan.resolve(config), clock)


def next_step(session: TrainingSession) -> Mapping[str, float]:
    """The metrics of the next step, eager or compiled."""
    *_, metrics = StepRunner(session).run(1, lambda step: False)
    assert isinstance(metrics, Metrics)
    return metrics.values


class Script:
    """A control that gives the commands written for a step, once."""

    def __init__(self, commands: Mapping[int, Sequence[Command]], *, watched: bool = False) -> None:
        self._commands = {step: list(given) for step, given in commands.items()}
        self._watched = watched
        self.polled: list[int] = []

    def poll(self, step: int) -> Sequence[Command]:
        """The commands of a step, the first time it is polled."""
        self.polled.append(step)
        return self._commands.pop(step, [])

    def watchers(self) -> Watchers:
        """An active viewer, or none."""
        return Watchers.ACTIVE if self._watched else Watchers.NONE


def assert_refused(explorer: InferenceSession, op: str, params: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Assert that a query is refused with a one-line error and a hint."""
    with pytest.raises(ConfigError) as caught:
        explorer.run(op, params, arrays)
    assert caught.value.hint and "\n" not in str(caught.value)
