"""Trainings that take a fraction of a second."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.events import Command, Event, Metrics, Viewers
from trainers.families.interface import Model
from trainers.families.vae.model import Vae
from trainers.families.vae.spec import VaeOptions
from trainers.training import setup
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
        "data": {"name": "idx", "path": str(folder)},
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
    model: Model = registry.resolve(registry.family(name).build)(given, shape)
    return model


def of(events: Sequence[Event], kind: type[T]) -> list[T]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


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

    def viewers(self) -> Viewers:
        """An active viewer, or none."""
        return Viewers.ACTIVE if self._watched else Viewers.NONE
