"""One training step: forward, backward, the check for NaN and infinity, gradient clipping, and the optimizer update.

`train_step` holds the order, for every family. It runs eagerly with PyTorch's optimizers (`EagerUpdater`), or is
recorded into a compiled graph (`FunctionalUpdater`, where the update is a function of tensors; `StepOutline`).
`StepRunner` in `trainers.training.step_runner` chooses between them, and provides batches, noise and learning rates.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from trainers.config import OptimConfig
from trainers.errors import ConfigError, TrainingError
from trainers.families.interface import Model, Objective, StepContext
from trainers.step import optim


class NotFiniteError(TrainingError):
    """A loss or gradient is NaN or infinite. The weights were not updated with it."""


def train_step(
    model: Model, batch: Tensor, context: StepContext, updater: "EagerUpdater | FunctionalUpdater | StepOutline"
) -> None:
    """Minimize each objective of a step in turn; a later one sees the weights that an earlier one updated.

    "A change to the training step" in CONTRIBUTING.md lists what gradient accumulation changes.
    """
    for objective in _objectives(model, batch, context, updater.optimizers):  # the forward pass, up to the next loss
        # Backward.
        gradients = updater.backward(objective)
        norm = updater.total_norm(gradients)
        # Record the metrics; a loss or gradient that is not finite must not reach the weights.
        updater.record(objective, norm)
        # Clip the gradients and update the weights.
        updater.update(objective.optimizer, gradients, norm)


def _objectives(model: Model, batch: Tensor, context: StepContext, optimizers: Collection[str]) -> Iterator[Objective]:
    """Yield the objectives of a step; raise a ConfigError for anything else that the model yields."""
    where = f"{type(model).__name__}.training_step"
    objectives = model.training_step(batch, context)
    if not isinstance(objectives, Iterable) or isinstance(objectives, Tensor):
        raise ConfigError(f"{where} returned {type(objectives).__name__}", "yield an Objective for each loss")
    # Check each objective before it is minimized.
    objective = None
    for objective in objectives:
        if not isinstance(objective, Objective):
            raise ConfigError(f"{where} yielded {type(objective).__name__}", "yield an Objective for each loss")
        if objective.optimizer not in optimizers:
            hint = f"optimizer_groups() has {', '.join(optimizers)}"
            raise ConfigError(f"{where} yielded a loss for the unknown optimizer '{objective.optimizer}'", hint)
        for name, value in (("loss", objective.loss), *objective.values.items()):
            if isinstance(value, Tensor) and value.ndim:
                raise ConfigError(f"{where} yielded '{name}' of shape {tuple(value.shape)}", "reduce it to a scalar")
        yield objective
    if objective is None:
        raise ConfigError(f"{where} yielded nothing", "yield an Objective for each loss")


@dataclass(frozen=True)
class UpdateResult:
    """The metrics of one update of one optimizer.

    Args:
        optimizer: A key of `Model.optimizer_groups`.
        loss: Loss before the update.
        grad_norm: Gradient norm before clipping.
        values: The objective's own metrics, by quantity.
    """

    optimizer: str
    loss: float
    grad_norm: float
    values: Mapping[str, float]


def step_metrics(results: Iterable[UpdateResult], *, single: bool) -> dict[str, float]:
    """Return the metrics of a step by name, such as `train/loss`.

    Args:
        results: One for each objective.
        single: Whether the model has a single optimizer, which metrics then need not name.

    Raises:
        NotFiniteError: at the first loss or gradient that is not finite.
    """
    metrics: dict[str, float] = {}
    for result in results:
        for name, value in (("loss", result.loss), ("gradient norm", result.grad_norm)):
            if not math.isfinite(value):
                owner = "" if single else f" of {result.optimizer}"
                raise NotFiniteError(f"the {name}{owner} is {value}", "lower optim.lr, or set optim.grad_clip=1")
        suffix = "" if single else f"_{result.optimizer}"
        metrics |= {f"train/{quantity}": value for quantity, value in result.values.items()}
        metrics |= {f"train/loss{suffix}": result.loss, f"train/grad_norm{suffix}": result.grad_norm}
    return metrics


def clip_factor(norm: Tensor, max_norm: float | Tensor) -> Tensor:
    """Return the factor of `torch.nn.utils.clip_grad_norm_` on gradients of a total norm."""
    return (max_norm / (norm + 1e-6)).clamp(max=1.0)


class EagerUpdater:
    """Updates weights with PyTorch's optimizers.

    Args:
        optimizers: Optimizers by the names of `Model.optimizer_groups`.
        lrs: Learning rate of each optimizer.
        config: Configuration of all optimizers.

    Attributes:
        config: As given.
        optimizers: The optimizers, by name.
        metrics: Metrics of the step so far, by name.
    """

    def __init__(self, optimizers: Mapping[str, Optimizer], lrs: Mapping[str, float], config: OptimConfig) -> None:
        self.config, self.optimizers, self._lrs = config, optimizers, lrs
        self.metrics: dict[str, float] = {}

    def backward(self, objective: Objective) -> list[Tensor]:
        """Return the gradients, which are also in the weights' `grad`."""
        optimizer = self.optimizers[objective.optimizer]
        optimizer.zero_grad(set_to_none=True)
        objective.loss.backward()  # type: ignore[no-untyped-call]
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        return [weight.grad for weight in weights if weight.grad is not None]

    def total_norm(self, gradients: list[Tensor]) -> Tensor:
        """Return the norm of all gradients together."""
        return torch.nn.utils.get_total_norm(gradients)

    def record(self, objective: Objective, norm: Tensor) -> None:
        """Add to the metrics.

        Raises:
            NotFiniteError: if the loss or the gradient is not finite.
        """
        tensors = [objective.loss.detach(), norm, *objective.tensors()]
        loss, grad_norm, *values = torch.stack(tensors).tolist()  # the only wait for the device in a step
        result = UpdateResult(objective.optimizer, loss, grad_norm, dict(zip(objective.values, values, strict=True)))
        self.metrics |= step_metrics([result], single=len(self.optimizers) == 1)

    def update(self, optimizer: str, gradients: list[Tensor], norm: Tensor) -> None:
        """Clip the gradients in place and step the optimizer."""
        if self.config.grad_clip is not None:
            torch._foreach_mul_(gradients, clip_factor(norm, self.config.grad_clip))
        optim.set_lr(self.optimizers[optimizer], self._lrs[optimizer])
        self.optimizers[optimizer].step()


@dataclass(frozen=True)
class OptimizerTensors:
    """The tensors that an optimizer reads and updates in a traced step.

    Args:
        weights: Weights in the order of `Model.optimizer_groups`.
        moments: Moments of each weight, in the order of `optim.moment_names`.
        count: Number of updates so far, once for each weight; all are equal.
        lr: Learning rate, a scalar.
    """

    weights: Sequence[Tensor]
    moments: Sequence[Sequence[Tensor]]
    count: Tensor
    lr: Tensor


class FunctionalUpdater:
    """Updates weights, moments and counts in place by tensor operations alone, so that a step can be traced.

    A graph cannot raise. Where a loss or gradient is not finite, this update and those after it in the same step change
    nothing, and `step_metrics` raises when the metrics are read.

    Args:
        config: Configuration of all optimizers.
        tensors: Tensors of each optimizer.
        max_norm: Largest gradient norm of one objective, a scalar; infinite for no clipping.

    Attributes:
        config: As given; a setting that changes during training, such as the largest norm, is a tensor of its own.
        optimizers: Names of the optimizers.
        metrics: Loss, gradient norm and own metrics of each objective, in order.
    """

    def __init__(self, config: OptimConfig, tensors: Mapping[str, OptimizerTensors], max_norm: Tensor) -> None:
        self.config, self._tensors, self._max_norm = config, tensors, max_norm
        self.optimizers = tensors.keys()
        self._finite = torch.ones((), dtype=torch.bool, device=max_norm.device)
        self.metrics: list[Tensor] = []

    def backward(self, objective: Objective) -> list[Tensor]:
        """Return the gradients."""
        return list(torch.autograd.grad(objective.loss, list(self._tensors[objective.optimizer].weights)))

    def total_norm(self, gradients: list[Tensor]) -> Tensor:
        """Return the norm of all gradients together, by rows: a single long sum takes the compiler twice the time."""
        rows = [gradient.reshape(*gradient.shape[:1], -1).square().sum(-1) for gradient in gradients]
        return torch.stack([row.sum() for row in rows]).sum().sqrt()

    def record(self, objective: Objective, norm: Tensor) -> None:
        """Append to the metrics; from the first loss or gradient that is not finite on, updates are masked."""
        loss = objective.loss.detach()
        self._finite = self._finite & loss.isfinite() & norm.isfinite()
        self.metrics += [loss, norm, *objective.tensors()]

    @torch.no_grad()
    def update(self, optimizer: str, gradients: list[Tensor], norm: Tensor) -> None:
        """Clip the gradients and update weights, moments and counts in place, if all is finite."""
        tensors = self._tensors[optimizer]
        scalars = optim.update_scalars(self.config, tensors.lr, tensors.count[0] + 1)
        # Stacked, the scalars are computed once, in memory; otherwise again for every 16 weights.
        stacked = torch.stack(
            [scalar.float() for scalar in (clip_factor(norm, self._max_norm), self._finite, *scalars)]
        )
        clip, finite, *scalars = stacked.unbind()
        tensors.count.add_(finite)
        for weight, moments, gradient in zip(tensors.weights, tensors.moments, gradients, strict=True):
            updated = optim.functional_update(self.config, weight, gradient * clip, moments, scalars)
            for old, new in zip((weight, *moments), updated, strict=True):
                old.copy_(torch.where(finite > 0, new, old))


class StepOutline:
    """Runs the forward pass of a step alone, and notes which metrics it records.

    Args:
        config: Configuration of all optimizers.
        optimizers: Names of the optimizers.

    Attributes:
        config, optimizers: As given.
        objectives: Optimizer and names of the metrics of each objective, in order.
    """

    def __init__(self, config: OptimConfig, optimizers: Collection[str]) -> None:
        self.config, self.optimizers = config, optimizers
        self.objectives: list[tuple[str, tuple[str, ...]]] = []
        self._norm = torch.zeros(())

    def backward(self, objective: Objective) -> list[Tensor]:
        """Return no gradients."""
        return []

    def total_norm(self, gradients: list[Tensor]) -> Tensor:
        """Return 0."""
        return self._norm

    def record(self, objective: Objective, norm: Tensor) -> None:
        """Note the objective."""
        self.objectives.append((objective.optimizer, tuple(objective.values)))

    def update(self, optimizer: str, gradients: list[Tensor], norm: Tensor) -> None:
        """Change nothing."""
