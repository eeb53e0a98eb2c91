"""Trainings that take a fraction of a second."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from trainers import presets, registry
from trainers.config import RunConfig
from trainers.events import Command, Event, Viewers
from trainers.families.interface import Model
from trainers.families.vae.model import Vae
from trainers.families.vae.spec import VaeOptions

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


class Script:
    """A control that says what is written for a step, once, and is watched or not."""

    def __init__(self, lines: Mapping[int, Sequence[Command]], *, watched: bool = False) -> None:
        self._lines = {step: list(commands) for step, commands in lines.items()}
        self._watched = watched
        self.polled: list[int] = []

    def poll(self, step: int) -> Sequence[Command]:
        """What is written for a step, the first time it is polled."""
        self.polled.append(step)
        return self._lines.pop(step, [])

    def watched(self) -> Viewers:
        """Whether somebody looks."""
        return Viewers.HANDS_ON if self._watched else Viewers.NOBODY
