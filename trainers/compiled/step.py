"""A whole training step as one program: losses, gradients, their norms and the optimizers' updates compiled together.

The step is traced once, with the model as it is written: what autograd does backward becomes operations like all
others, and a compiler fuses what lies between the matrix products. Chance is drawn before, from the training's own
stream and in the same order; what changes from step to step but not the arithmetic comes in as a number.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from trainers.compiled import matmul
from trainers.config import OptimConfig
from trainers.families.interface import Model, StepContext
from trainers.training import optim

Program = Callable[..., Sequence[Tensor]]
_ASKED = 2  # numbers of one descent: the learning rate, and the largest norm of a gradient


@dataclass(frozen=True)
class UpdateResult:
    """What came of one update of one optimizer.

    Args:
        optimizer: A key of `Model.optimizer_groups`.
        loss: Before the update.
        grad_norm: Likewise, before clipping.
        values: What the objective records, by quantity.
    """

    optimizer: str
    loss: float
    grad_norm: float
    values: Mapping[str, float]

    @property
    def finite(self) -> bool:
        """Whether weights took the update: neither the loss nor the gradient is NaN or infinite."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


class _Call(NamedTuple):
    """A draw of chance, but for the generator."""

    function: Callable[..., Tensor]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


class _StepTrace(NamedTuple):
    """What a step consists of: optimizer and quantities of each descent, and its draws, in order.

    `operations` are those of torch on the way forward.
    """

    descents: tuple[tuple[str, tuple[str, ...]], ...]
    draws: tuple[_Call, ...]
    operations: int


class CompiledStep:
    """One variant of a model's step, compiled; it updates weights, buffers and moments in place.

    An update whose loss or gradient is not finite is left out, and so are those that follow it in the same step.

    Args:
        model: Whose step.
        optimizers: By the names of `Model.optimizer_groups`; each has made an update already (`optimizers.begun`).
        config: Of all optimizers.
        batch: As a step gets it.
        context: Of a step of this variant; its generator is left as it is.

    Raises:
        Exception: whatever a compiler may raise; nothing was learned by then.
    """

    def __init__(
        self,
        model: Model,
        optimizers: Mapping[str, Optimizer],
        config: OptimConfig,
        batch: Tensor,
        context: StepContext,
    ) -> None:
        rehearsed = replace(context, generator=context.generator.clone_state())
        self._model = model
        scalars = [*model.scalars(context.options, context.step).values()]
        self._outline = _outline(model, batch, rehearsed)
        held = _held(model, optimizers, config)
        self._held = tuple(held.values())
        self._told = torch.zeros(len(scalars) + _ASKED * len(self._outline.descents))
        examples = [*self._held, batch, self._told.to(batch.device), *self._drawn(rehearsed.generator)]
        step = _TracedStep(model, config, self._outline, tuple(held), rehearsed)
        self._program = compiled(step.of_tensors, _copies(examples))
        self._program(*_copies(examples))  # what fails, fails before it has touched anything

    def __call__(
        self, batch: Tensor, context: StepContext, lrs: Mapping[str, float], largest_norm: float | None
    ) -> Iterator[UpdateResult]:
        """Do the step, and yield its descents; see `ready` for the arguments."""
        yield from self.descents(self.run(self.ready(batch, context, lrs, largest_norm)).tolist())

    def ready(
        self, batch: Tensor, context: StepContext, lrs: Mapping[str, float], largest_norm: float | None
    ) -> list[Tensor]:
        """Return all that a step needs besides what it updates, its chance drawn; weights may move before it is run.

        Args:
            batch: Of the same shape as ever.
            context: Of this step.
            lrs: The learning rate of each optimizer.
            largest_norm: What gradients are clipped to; None leaves them.
        """
        scalars = [*self._model.scalars(context.options, context.step).values()]
        for optimizer, _ in self._outline.descents:
            scalars += lrs[optimizer], math.inf if largest_norm is None else largest_norm
        self._told.numpy()[:] = scalars
        return [batch, self._told.to(batch.device, copy=True), *self._drawn(context.generator)]

    def run(self, ready: Sequence[Tensor]) -> Tensor:
        """Do a step that is ready; return its figures, on the model's device, without waiting for them."""
        (figures,) = self._program(*self._held, *ready)
        return figures

    def descents(self, figures: Sequence[float]) -> Iterator[UpdateResult]:
        """Yield what came of a step, from the figures of its run."""
        values = iter(figures)
        for optimizer, quantities in self._outline.descents:
            loss, norm = next(values), next(values)
            yield UpdateResult(optimizer, loss, norm, {quantity: next(values) for quantity in quantities})

    def _drawn(self, generator: torch.Generator) -> list[Tensor]:
        draws = self._outline.draws
        return [call.function(*call.arguments, **call.named, generator=generator) for call in draws]


class _TracedStep(nn.Module):
    """A step as a function of all tensors that it reads; those that it holds it updates.

    Args:
        model: Whose step.
        config: Of its optimizers.
        outline: What the step consists of.
        held: Names of the tensors that are updated.
        context: Of a step of the variant that is traced.
    """

    def __init__(
        self, model: Model, config: OptimConfig, outline: _StepTrace, held: Sequence[str], context: StepContext
    ) -> None:
        super().__init__()
        self.model = model
        self._config, self._outline, self._held, self._context = config, outline, held, context

    def of_tensors(self, *tensors: Tensor) -> list[Tensor]:
        """Return the figures of all descents in a row, of the held tensors, the batch, the numbers and the draws."""
        given = dict(zip(self._held, tensors, strict=False))
        batch, scalars, *draws = tensors[len(self._held) :]
        names = self.model.scalars(self._context.options, self._context.step)
        named = dict(zip(names, scalars.unbind(), strict=False))
        asked = scalars[len(named) :].reshape(-1, _ASKED).unbind()
        weights = {name: given[name].detach().requires_grad_() for name in given if name in self._own("parameters")}
        buffers = {name: given[name] for name in given if name in self._own("buffers")}
        context = replace(self._context, scalars=named)
        with _Replayed(draws):
            figures: list[Tensor] = functional_call(self, weights | buffers, (batch, context, given, asked))
        return [torch.stack([figure.float() for figure in figures])]

    def forward(
        self, batch: Tensor, context: StepContext, given: Mapping[str, Tensor], asked: Sequence[Tensor]
    ) -> list[Tensor]:
        """Do the step with the tensors that the model has for the moment; return its figures."""
        figures: list[Tensor] = []
        groups = _named_groups(self.model)
        healthy = torch.ones((), dtype=torch.bool, device=batch.device)
        for objective, (lr, largest_norm) in zip(self.model.training_step(batch, context), asked, strict=True):
            weights = groups[objective.optimizer]
            gradients = torch.autograd.grad(objective.loss, list(weights.values()))
            loss, norm = objective.loss.detach(), _norm(gradients)
            healthy = healthy & loss.isfinite() & norm.isfinite()
            counted = given[_counter(objective.optimizer)]
            clip = (largest_norm / (norm + 1e-6)).clamp(max=1.0)
            clip, sound, *rates = _once(clip, healthy, *optim.rates(self._config, lr, counted[0] + 1))
            counted.add_(sound)
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
                kinds = optim.moments(self._config)
                moments = [given[_moment(objective.optimizer, name, kind)] for kind in kinds]
                _update(self._config, [weight, *moments], gradient * clip, rates, sound > 0)
            figures += [loss, norm, *objective.values.values()]
        return figures

    def _own(self, kind: str) -> set[str]:
        return {name for name, _ in getattr(self, f"named_{kind}")()}


class _Recorded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations inside the block, and takes note of each draw from a generator."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[_Call] = []
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        self.operations += 1
        if named.get("generator") is not None:
            self.calls.append(_Call(func, args, {key: value for key, value in named.items() if key != "generator"}))
        return func(*args, **named)


class _Replayed(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives what was drawn before in the place of each draw inside the block."""

    def __init__(self, draws: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._draws = iter(draws)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = dict(kwargs or {})
        return func(*args, **named) if named.get("generator") is None else next(self._draws)


def compiled(step: Callable[..., list[Tensor]], examples: list[Tensor]) -> Program:
    """Return a function of tensors as one compiled program.

    On a CPU the program is C++ as a whole: between its kernels no Python runs. Compiled code is kept between runs, but
    no pickled graph, and nothing is compiled by processes besides.

    Args:
        step: Of tensors alone; it may change them in place.
        examples: Tensors of the shapes that it will get; not changed.
    """
    import torch._functorch.config as functorch  # only now: half a second that a plain training need not wait
    import torch._inductor.config as inductor
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner
    from torch.fx.experimental.proxy_tensor import make_fx

    inductor.fx_graph_cache = False
    inductor.compile_threads = 1
    functorch.enable_autograd_cache = False
    on_cpu = examples[0].device.type == "cpu"
    options = {"cpp_wrapper": on_cpu, "cpp.dynamic_threads": True}  # a change of threads does not compile anew
    table = matmul.decompositions() if on_cpu else {}
    traced = make_fx(step, table, tracing_mode="fake")(*examples)
    inner: list[Any] = []

    def kept(*arguments: Any, **named: Any) -> Any:
        inner.append(compile_fx_inner(*arguments, **named))
        return inner[-1]

    program: Any = compile_fx(traced, [*examples], inner_compile=kept, config_patches=options)
    alone = on_cpu and len(inner) == 1  # elsewhere what surrounds it may have to choose a device or keep graphs
    direct = getattr(inner[0], "current_callable", None) if alone else None
    return _shorter(program, direct, examples) if direct else cast(Program, program)


def _shorter(program: Program, direct: Callable[[list[Tensor]], Sequence[Tensor]], examples: list[Tensor]) -> Program:
    """Return a program without the Python around it, which is thousands of lookups a step; as it is if it needs them.

    Args:
        program: As the compiler wraps it.
        direct: What it wraps; it empties its list of arguments.
        examples: Tensors of the shapes that it will get; not changed.
    """
    wrapped, bare = _copies(examples), _copies(examples)
    found, expected = [*direct([*bare]), *bare], [*program(*wrapped), *wrapped]
    same = len(found) == len(expected) and all(
        torch.allclose(one, other, rtol=1e-3, atol=1e-6, equal_nan=True)
        for one, other in zip(found, expected, strict=True)
    )

    def shorter(*tensors: Tensor, kept: Program = program) -> Sequence[Tensor]:  # what owns the code lives as long
        return direct([*tensors])

    return shorter if same else program


def operations(model: Model, batch: Tensor, context: StepContext) -> int:
    """Return of how many operations a step consists on its way forward; nothing is learned, no chance is drawn."""
    return _outline(model, batch, replace(context, generator=context.generator.clone_state())).operations


def _outline(model: Model, batch: Tensor, context: StepContext) -> _StepTrace:
    stand_in = copy.deepcopy(model)  # a step changes buffers
    with _Recorded() as recorded:
        done = [(each.optimizer, tuple(each.values)) for each in stand_in.training_step(batch, context)]
    return _StepTrace(tuple(done), tuple(recorded.calls), recorded.operations)


def _held(model: Model, optimizers: Mapping[str, Optimizer], config: OptimConfig) -> dict[str, Tensor]:
    """Return the tensors that a step updates, by name: weights and buffers of a `_TracedStep`, and moments."""
    held = {f"model.{name}": weight.detach() for name, weight in model.named_parameters()}
    held |= {f"model.{name}": buffer for name, buffer in model.named_buffers()}
    for group, weights in _named_groups(model).items():
        for name, weight in weights.items():
            state = optimizers[group].state[weight]
            held |= {_moment(group, name, kind): state[kind] for kind in optim.moments(config)}
    return held | {_counter(group): optim.counter(optimizer) for group, optimizer in optimizers.items()}


def _named_groups(model: Model) -> dict[str, dict[str, nn.Parameter]]:
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = model.optimizer_groups().items()
    return {group: {names[id(weight)]: weight for weight in weights} for group, weights in groups}


def _moment(optimizer: str, weight: str, kind: str) -> str:
    return f"{optimizer}/{weight}/{kind}"


def _counter(optimizer: str) -> str:
    return f"{optimizer}/updates"


def _norm(gradients: Iterable[Tensor]) -> Tensor:
    """Return the norm of all gradients together, by rows: a long sum at once takes a compiler twice the time."""
    rows = [gradient.reshape(*gradient.shape[:1], -1).square().sum(-1) for gradient in gradients]
    return torch.stack([row.sum() for row in rows]).sum().sqrt()


def _once(*scalars: Tensor) -> tuple[Tensor, ...]:
    """Return scalars as numbers in memory: what is not stacked is computed anew for every sixteen weights."""
    return torch.stack([scalar.float() for scalar in scalars]).unbind()


@torch.no_grad()
def _update(
    config: OptimConfig, tensors: Sequence[Tensor], gradient: Tensor, rates: Sequence[Tensor], healthy: Tensor
) -> None:
    """Move a weight and its moments in place, if all is healthy."""
    weight, *moments = tensors
    moved = optim.moved(config, weight, gradient, moments, rates)
    for old, new in zip(tensors, moved, strict=True):
        old.copy_(torch.where(healthy, new, old))


def _copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]
