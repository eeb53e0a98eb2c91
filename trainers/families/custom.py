"""Training of a user's own `nn.Module`: an adapter to the interface of the training loop, and its family spec."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from trainers.config import Section
from trainers.errors import ConfigError
from trainers.events import Better, MetricSpec, eval_metrics, train_metric
from trainers.families.interface import PROTOCOLS, Evaluator, MeanEvaluator, Model, Objective, StepContext
from trainers.families.nn import count
from trainers.model_card import Capability, available, unavailable
from trainers.registry import Family, ImageShape
from trainers.theory import Theory

FAMILY_NAME = "custom"
_METHODS = ("decode", "encode", "log_prob")  # optional, of a plain module


class CustomOptions(Section):
    """Own modules have no options: they are constructed by their author."""


class ModuleAdapter(Model):
    """Adapts a plain module with a method `loss(batch)` to the interface of the training loop.

    The module gets images (B, C, H, W) in [0, 1], or 2-D points (B, 2). `loss` returns a scalar, or a mapping with a
    scalar "loss" and others to record. Random numbers that it draws from torch's global generator follow the seed of
    the run. Optional methods: `decode(z)` with an attribute `latent_dim`, `encode(x)` that returns mu or (mu, logvar),
    `log_prob(x)`.

    Args:
        module: The user's module.
        image_shape: (C, H, W); (2, 1, 1) for 2-D points.

    Raises:
        ConfigError: if the module lacks a method or attribute, or `loss` returns something else.
    """

    def __init__(self, module: nn.Module, image_shape: ImageShape) -> None:
        super().__init__()
        self.module = module.train()
        self.image_shape = image_shape
        self.latent_shape = (_latent_dim(module),)
        self._quantities = self._check_loss()

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield the loss of a batch."""
        values = self.losses(batch, context.generator)
        detached = {name: value.detach() for name, value in values.items() if name != "loss"}
        yield Objective("model", values["loss"], detached)

    def losses(self, batch: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Call the module's `loss` with torch's global generator seeded from `generator`."""
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        devices = [batch.device] if batch.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            return _as_mapping(self.module.loss(self._input(batch)))  # type: ignore[operator]

    def metrics(self) -> Sequence[MetricSpec]:
        """Return a metric of the training and of the test set for each value that `loss` returns."""
        specs: list[MetricSpec] = []
        for name in self._quantities:
            better: Better = "lower" if name == "loss" else "neither"
            specs += [train_metric(name, name, "", better), *eval_metrics(name, f"test {name}", "", better)]
        return specs

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return the mean of each value over the test set."""
        generator = torch.Generator().manual_seed(seed)
        return MeanEvaluator(lambda x: self.losses(x, generator))

    def decode(self, z: Tensor) -> Tensor:
        """Return the module's images (N, C, H, W), or points (N, 2, 1, 1), for latents (N, d)."""
        decoded: Tensor = self.module.decode(z)  # type: ignore[operator]
        return decoded.view(-1, *self.image_shape)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and logvar of the module, (B, d) each; logvar is −∞ where the module returns mu alone."""
        encoded = self.module.encode(self._input(x))  # type: ignore[operator]
        if isinstance(encoded, Tensor):
            return encoded, torch.full_like(encoded, -torch.inf)
        mu, logvar = encoded
        return mu, logvar

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        """Return mu and logvar, (B, d), and the decoded mu, (B, C, H, W)."""
        mu, logvar = self.encode(x)
        return {"mu": mu, "logvar": logvar, "recon": self.decode(mu)}

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the module's log p(x), (B,), in nats."""
        log_probs: Tensor = self.module.log_prob(self._input(x))  # type: ignore[operator]
        return log_probs

    def _input(self, x: Tensor) -> Tensor:
        return x.flatten(1) if self.image_shape == (2, 1, 1) else x

    def _check_loss(self) -> list[str]:
        """Call `loss` once, on noise and without side effects; return the names of its values."""
        if not callable(getattr(self.module, "loss", None)):
            hint = "define it: it returns a scalar to minimize"
            raise ConfigError(f"{type(self.module).__name__} has no method loss(batch)", hint)
        parameter = next((p for p in self.module.parameters() if p.requires_grad), None)
        if parameter is None:
            raise ConfigError(f"{type(self.module).__name__} has no trainable parameters")
        # Buffers are restored afterwards: a batch norm would remember the noise.
        state = {name: tensor.clone() for name, tensor in self.module.named_buffers()}
        try:
            with torch.no_grad():
                batch = torch.rand(4, *self.image_shape, generator=torch.Generator().manual_seed(0))
                values = self.losses(batch.to(parameter.device), torch.Generator().manual_seed(0))
        finally:
            for name, tensor in self.module.named_buffers():
                tensor.copy_(state[name])
        return list(values)


def family_of(module: nn.Module) -> Family:
    """Return the spec of a family with one member: a `Model`, or a plain module behind a `ModuleAdapter`."""
    latent_shape = module.latent_shape if isinstance(module, Model) else (_latent_dim(module),)
    return Family(
        name=FAMILY_NAME,
        title=type(module).__name__,
        options=CustomOptions,
        build=lambda options, shape: module if isinstance(module, Model) else ModuleAdapter(module, shape),
        theory=Theory(equation="minimize module.loss(batch)"),
        latent_shape=lambda options, shape: latent_shape,
        capabilities=lambda options: _capabilities(module),
        check=lambda options, data_options, shape, kind: _check_shape(module, shape),
        parameter_count=lambda options, shape: count(module),
    )


def _capabilities(module: nn.Module) -> dict[str, Capability]:
    """Return the capabilities that a `Model` implements by protocol, or a plain module by method."""
    title = type(module).__name__
    if isinstance(module, Model):
        implemented = {"decode", *(name for name, protocol in PROTOCOLS.items() if isinstance(module, protocol))}
    else:
        implemented = {name for name in _METHODS if callable(getattr(module, name, None))}
        if "decode" not in implemented:  # reconstructions are decoded codes
            implemented.discard("encode")
    table = {
        name: available("") if name in implemented else unavailable(f"{title} has no {name}()")
        for name in (*_METHODS, "trace", "critic")
    }
    in_memory = unavailable(f"{title} was trained in memory")
    return {**table, "sample": table["decode"], "invert": in_memory, "manifold": in_memory}


def _latent_dim(module: nn.Module) -> int:
    """Return the number of latent dimensions; 1 for a module without latents."""
    if not callable(getattr(module, "decode", None)):
        return 1
    size = getattr(module, "latent_dim", None)
    if not isinstance(size, int) or size < 1:
        raise ConfigError(f"{type(module).__name__} has decode(z) but no latent_dim", "set it to the size of z")
    return size


def _check_shape(module: nn.Module, shape: ImageShape) -> None:
    if isinstance(module, Model) and tuple(module.image_shape) != tuple(shape):
        raise ConfigError(f"data: images of shape {shape}, but the model expects {tuple(module.image_shape)}")


def _as_mapping(returned: Any) -> dict[str, Tensor]:
    values = dict(returned) if isinstance(returned, Mapping) else {"loss": returned}
    for name, value in values.items():
        if not isinstance(value, Tensor) or prod(value.shape) != 1:
            kind = f"tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            hint = "return scalar tensors, such as the mean over the batch"
            raise ConfigError(f"loss(batch) returned a {kind} as '{name}'", hint)
        if not str(name).isidentifier():
            raise ConfigError(f"loss(batch) returned a value named '{name}'", "name values like variables: 'recon'")
    if "loss" not in values:
        raise ConfigError(f"loss(batch) returned a mapping without 'loss', only {', '.join(values) or 'nothing'}")
    return {name: value.reshape(()) for name, value in values.items()}
