"""A whole training step as one compiled graph: losses, gradients, their norms and the optimizers' updates.

`trainers.step.train_step.train_step` is traced once, with the model as it is written: the backward pass becomes
operations like all others, and the compiler fuses everything between the matrix products. Random numbers are generated
beforehand, from the training's own generator and in the same order, and are inputs of the graph, as are the scalars
that change between steps.
"""

import copy
import math
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from trainers.compiled import toolchain
from trainers.config import OptimConfig
from trainers.errors import TrainingError
from trainers.families.interface import Model, StepContext
from trainers.numerics import matmul
from trainers.step import optim
from trainers.step.train_step import FunctionalUpdater, OptimizerTensors, StepOutline, UpdateResult, train_step

Graph = Callable[..., Sequence[Tensor]]
_FLOAT32_TOLERANCE, _BFLOAT16_TOLERANCE = 5e-3, 5e-2  # relative and absolute, of rounding in a step
_METRIC_TOLERANCE = 0.03  # absolute, of metrics such as an accuracy


class _RecordedStep(NamedTuple):
    """The outline of a step.

    Args:
        objectives: Optimizer and metrics of each objective, in order.
        random_calls: Calls of random functions, without their generator, in order.
        num_operations: Number of torch operations in the forward pass.
    """

    objectives: tuple[tuple[str, tuple[str, ...]], ...]
    random_calls: tuple[partial[Tensor], ...]
    num_operations: int


class StepMismatchError(TrainingError):
    """A compiled step computes other values than the plain one."""


class CompiledStep:
    """The compiled steps of one graph key; they update weights, buffers and moments in place.

    `compile` comes first, possibly in another thread: it works on copies that are made here. An update whose loss or
    gradient is not finite is left out, and so are those that follow it in the same step.

    Args:
        model: Model to train.
        optimizers: Optimizers by the names of `Model.optimizer_groups`, with their state (`optim.has_state`).
        config: Configuration of all optimizers.
        batch: Example batch.
        context: Example context; its generator is not advanced.
        check_steps: Steps of this graph key at which the compiled step is compared with the plain one, different ones.
    """

    def __init__(
        self,
        model: Model,
        optimizers: Mapping[str, Optimizer],
        config: OptimConfig,
        batch: Tensor,
        context: StepContext,
        check_steps: Sequence[int] = (),
    ) -> None:
        self._model, self._config = model, config
        self._optimizers = tuple(optimizers)
        # Trace which random numbers and metrics a step has.
        context = replace(context, generator=context.generator.clone_state())
        self._recorded_step = _record_step(model, config, batch, context)
        # Gather the tensors that a step updates.
        state = _state_tensors(model, optimizers, config)
        self._state = tuple(state.values())
        self._scalars = torch.zeros(len(model.step_scalars(context)) + 1 + len(optimizers))
        # Copy what `compile` reads: evaluations and commands may come while it runs.
        self._module = _StepModule(copy.deepcopy(model), config, self._optimizers, tuple(state), context)
        self._context, self._check_steps = context, check_steps
        self._examples = [*_clones(self._state), batch, self._scalars.to(batch.device)]
        self._examples += self._random_tensors(context.generator.clone_state())
        self._graph: Graph = self._module.on_tensors

    def compile(self) -> None:
        """Compile, and compare with the plain step on copies: an error comes before anything has changed.

        Raises:
            StepMismatchError: if the compiled step computes other values.
            Exception: of any kind, from the compiler.
        """
        self._graph = compile_graph(self._module.on_tensors, _clones(self._examples))
        for step in self._check_steps:
            self._compare(step)
        del self._module, self._examples  # the copies

    def _compare(self, step: int) -> None:
        """Compare losses, gradient norms and metrics at a step with those of the plain step."""
        state, batch = self._examples[: len(self._state)], self._examples[len(self._state)]
        progress = self._context.progress if step == self._context.step else (1.0 + self._context.progress) / 2
        generator = self._context.generator.clone_state()
        context = replace(self._context, step=step, progress=progress, generator=generator)
        lrs = dict.fromkeys(self._optimizers, self._config.lr)
        inputs = self.prepare(batch, context, lrs, self._config.grad_clip)
        (compiled,) = self._graph(*_clones(state), *inputs)
        context = replace(context, generator=self._context.generator.clone_state())
        max_norm, *rates = inputs[1][-1 - len(self._optimizers) :].unbind()
        plain = self._module.plainly(_clones(state), batch, context, max_norm, rates)
        # Rounding differs. A metric may count values above a threshold, so that rounding moves it by a whole count.
        tolerance = _BFLOAT16_TOLERANCE if context.compute.bfloat16 else _FLOAT32_TOLERANCE
        names = [
            (optimizer, name)
            for optimizer, quantities in self._recorded_step.objectives
            for name in ("loss", "gradient norm", *quantities)
        ]
        values = zip(names, compiled.tolist(), torch.stack([metric.float() for metric in plain]).tolist(), strict=True)
        for (optimizer, name), value, expected in values:
            absolute = tolerance if name in ("loss", "gradient norm") else max(tolerance, _METRIC_TOLERANCE)
            if not math.isclose(value, expected, rel_tol=tolerance, abs_tol=absolute) and math.isfinite(expected):
                owner = f" of {optimizer}" if len(self._optimizers) > 1 else ""
                raise StepMismatchError(
                    f"{name}{owner} of the compiled step is {value:.6g}, of the plain step {expected:.6g}",
                    "return numbers that change between steps from Model.scalars, and draw all random numbers from "
                    "context.generator",
                )

    def prepare(
        self, batch: Tensor, context: StepContext, lrs: Mapping[str, float], max_norm: float | None
    ) -> list[Tensor]:
        """Return the inputs of a step, with its random numbers; weights may change before it runs.

        Args:
            batch: Batch of the same shape as the example.
            context: Context of this step; its generator is advanced.
            lrs: Learning rate of each optimizer.
            max_norm: Largest gradient norm of one objective; None for no clipping.
        """
        self._scalars.numpy()[:] = [
            *self._model.step_scalars(context).values(),
            math.inf if max_norm is None else max_norm,
            *(lrs[optimizer] for optimizer in self._optimizers),
        ]
        return [batch, self._scalars.to(batch.device, copy=True), *self._random_tensors(context.generator)]

    def run(self, inputs: Sequence[Tensor]) -> Tensor:
        """Run a step on the inputs of `prepare`; return its metrics, on the device, without waiting for them."""
        (metrics,) = self._graph(*self._state, *inputs)
        return metrics

    def results(self, metrics: Sequence[float]) -> Iterator[UpdateResult]:
        """Yield the result of each objective, from the metrics that `run` returned."""
        values = iter(metrics)
        for optimizer, quantities in self._recorded_step.objectives:
            loss, norm = next(values), next(values)
            yield UpdateResult(optimizer, loss, norm, {quantity: next(values) for quantity in quantities})

    def _random_tensors(self, generator: torch.Generator) -> list[Tensor]:
        return [call(generator=generator) for call in self._recorded_step.random_calls]


class _StepModule(nn.Module):
    """A step as a function of all tensors that it reads.

    Args:
        model: Model to train.
        config: Configuration of all optimizers.
        optimizers: Names of the optimizers.
        state: Names of the tensors that are updated, as `_state_tensors` returns them.
        context: Example context.
    """

    def __init__(
        self, model: Model, config: OptimConfig, optimizers: Sequence[str], state: Sequence[str], context: StepContext
    ) -> None:
        super().__init__()
        self.model = model
        self._config, self._optimizers, self._state, self._context = config, optimizers, state, context

    def on_tensors(self, *tensors: Tensor) -> list[Tensor]:
        """Return all metrics as one tensor. Arguments are the state, the batch, the scalars and the random numbers."""
        # Name the tensors.
        state = tensors[: len(self._state)]
        batch, scalars, *random_numbers = tensors[len(self._state) :]
        names = self.model.step_scalars(self._context)
        context = replace(self._context, scalars=dict(zip(names, scalars.unbind(), strict=False)))
        max_norm, *lrs = scalars[len(names) :].unbind()
        # Run the step with the given random numbers.
        with _ReplayRandom(random_numbers):
            metrics = self.plainly(state, batch, context, max_norm, lrs)
        return [torch.stack([metric.float() for metric in metrics])]

    def plainly(
        self, tensors: Sequence[Tensor], batch: Tensor, context: StepContext, max_norm: Tensor, lrs: Sequence[Tensor]
    ) -> list[Tensor]:
        """Run a step on a state, with the model's weights and buffers replaced by it; return its metrics."""
        state = dict(zip(self._state, tensors, strict=True))
        swapped = {name: state[name].detach().requires_grad_() for name, _ in self.named_parameters()}
        swapped |= {name: state[name] for name, _ in self.named_buffers()}
        metrics: list[Tensor] = functional_call(self, swapped, (batch, context, state, max_norm, lrs))
        return metrics

    def forward(
        self, batch: Tensor, context: StepContext, state: Mapping[str, Tensor], max_norm: Tensor, lrs: Sequence[Tensor]
    ) -> list[Tensor]:
        """Run the step with the weights that the model has inside `functional_call`; return its metrics."""
        # Gather the tensors of each optimizer.
        groups = _named_groups(self.model)
        tensors = {
            optimizer: OptimizerTensors(
                weights=list(groups[optimizer].values()),
                moments=[
                    [state[_moment_name(optimizer, weight, moment)] for moment in optim.moment_names(self._config)]
                    for weight in groups[optimizer]
                ],
                count=state[_count_name(optimizer)],
                lr=lr,
            )
            for optimizer, lr in zip(self._optimizers, lrs, strict=True)
        }
        # Run the step.
        updater = FunctionalUpdater(self._config, tensors, max_norm)
        train_step(self.model, batch, context, updater)
        return updater.metrics


def num_operations(model: Model, config: OptimConfig, batch: Tensor, context: StepContext) -> int:
    """Return the number of torch operations in a step's forward pass; weights and generator stay as they are."""
    context = replace(context, generator=context.generator.clone_state())
    return _record_step(model, config, batch, context).num_operations


def _record_step(model: Model, config: OptimConfig, batch: Tensor, context: StepContext) -> _RecordedStep:
    model = copy.deepcopy(model)  # a step changes buffers
    outline = StepOutline(config, model.optimizer_groups())
    with _RecordRandom() as recorder:
        train_step(model, batch, context, outline)
    return _RecordedStep(tuple(outline.objectives), tuple(recorder.calls), recorder.num_operations)


def _state_tensors(model: Model, optimizers: Mapping[str, Optimizer], config: OptimConfig) -> dict[str, Tensor]:
    """Return the tensors that a step updates, by name: weights and buffers of a `_StepModule`, moments and counts."""
    state = {f"model.{name}": weight.detach() for name, weight in model.named_parameters()}
    state |= {f"model.{name}": buffer for name, buffer in model.named_buffers()}
    for group, weights in _named_groups(model).items():
        for name, weight in weights.items():
            moments = optimizers[group].state[weight]
            state |= {_moment_name(group, name, moment): moments[moment] for moment in optim.moment_names(config)}
    return state | {_count_name(group): optim.shared_step_counts(optimizer) for group, optimizer in optimizers.items()}


def _named_groups(model: Model) -> dict[str, dict[str, nn.Parameter]]:
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = model.optimizer_groups().items()
    return {group: {names[id(weight)]: weight for weight in weights} for group, weights in groups}


def _moment_name(optimizer: str, weight: str, moment: str) -> str:
    return f"{optimizer}/{weight}/{moment}"


def _count_name(optimizer: str) -> str:
    return f"{optimizer}/updates"


class _RecordRandom(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations inside the block and records every call with a generator."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[partial[Tensor]] = []
        self.num_operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = dict(kwargs or {})
        self.num_operations += 1
        if keywords.get("generator") is not None:
            without = {key: value for key, value in keywords.items() if key != "generator"}
            self.calls.append(partial(func, *args, **without))
        return func(*args, **keywords)


class _ReplayRandom(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Replaces each call with a generator inside the block by the next of the given tensors."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._tensors = iter(tensors)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        keywords = dict(kwargs or {})
        return func(*args, **keywords) if keywords.get("generator") is None else next(self._tensors)


def compile_graph(function: Callable[..., list[Tensor]], examples: list[Tensor]) -> Graph:
    """Return a function of tensors as one compiled graph.

    On a CPU all of it is C++ (`cpp_wrapper`): no Python runs between its kernels. Compiled code is cached between runs,
    pickled graphs are not, and no compiler processes stay.

    Args:
        function: Function of tensors only; it may change them in place.
        examples: Tensors of the shapes of its arguments; not changed.
    """
    import torch._functorch.config as functorch  # lazily: half a second that an eager training does not need
    import torch._inductor.config as inductor
    from torch._inductor import cpp_builder
    from torch._inductor.compile_fx import compile_fx, compile_fx_inner
    from torch.fx.experimental.proxy_tensor import make_fx

    inductor.fx_graph_cache = False
    inductor.compile_threads = 1
    functorch.enable_autograd_cache = False
    # Try the C++ toolchain: an error here comes within a second, later after minutes.
    on_cpu = examples[0].device.type == "cpu"
    options: dict[str, Any] = {"cpp_wrapper": on_cpu}
    if on_cpu:
        options |= {"cpp.cxx": (None, toolchain.require_toolchain())}
        options |= {"cpp.dynamic_threads": True}  # so that other threads need no recompilation
    # Trace, with products transposed where that is faster.
    traced = make_fx(function, matmul.decompositions() if on_cpu else {}, tracing_mode="fake")(*examples)
    # Compile, and keep a reference to the code that the compiler wraps.
    inner: list[Any] = []

    def compile_inner(*arguments: Any, **keywords: Any) -> Any:
        inner.append(compile_fx_inner(*arguments, **keywords))
        return inner[-1]

    with _reachable_paths(cpp_builder):
        graph: Any = compile_fx(traced, [*examples], inner_compile=compile_inner, config_patches=options)
    # On a CPU the wrapper does nothing for a single graph; elsewhere it may choose a device or keep CUDA graphs.
    direct = getattr(inner[0], "current_callable", None) if on_cpu and len(inner) == 1 else None
    return _unwrapped(graph, direct, examples) if direct else cast(Graph, graph)


@contextmanager
def _reachable_paths(cpp_builder: Any) -> Iterator[None]:
    """Let torch's builder compile where torch or Python is installed in a folder with a space in its path."""
    run = cpp_builder.run_compile_cmd
    folders = (
        str(Path(torch.__file__).parent),
        sysconfig.get_path("include"),
        sysconfig.get_config_var("LIBDIR") or "",
    )
    cpp_builder.run_compile_cmd = lambda command, cwd: run(toolchain.reachable(command, folders), cwd)
    try:
        yield
    finally:
        cpp_builder.run_compile_cmd = run


def _unwrapped(graph: Graph, direct: Callable[[list[Tensor]], Sequence[Tensor]], examples: list[Tensor]) -> Graph:
    """Return a graph without the Python around it, thousands of lookups a step; with it where results differ.

    Args:
        graph: Graph in the compiler's wrapper.
        direct: Compiled code inside; it empties its list of arguments.
        examples: Tensors of the shapes of its arguments; not changed.
    """
    wrapped_state, direct_state = _clones(examples), _clones(examples)
    actual, expected = [*direct([*direct_state]), *direct_state], [*graph(*wrapped_state), *wrapped_state]
    equal = len(actual) == len(expected) and all(
        torch.allclose(a, b, rtol=1e-3, atol=1e-6, equal_nan=True) for a, b in zip(actual, expected, strict=True)
    )

    def unwrapped(*tensors: Tensor, owner: Graph = graph) -> Sequence[Tensor]:  # the owner keeps the code loaded
        return direct([*tensors])

    return unwrapped if equal else graph


def _clones(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]
