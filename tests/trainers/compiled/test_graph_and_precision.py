"""How a step is computed: in bfloat16, compiled, or neither; what is learned is the same."""

import itertools
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from tests.trainers import tiny
from trainers import registry
from trainers.compiled import graph, policy
from trainers.config import ExecutionConfig, OptimConfig
from trainers.errors import ConfigError
from trainers.events import (
    Alert,
    CheckpointReady,
    Command,
    CommandApplied,
    Event,
    Finished,
    Metrics,
    Pause,
    Phase,
    Resume,
    ResumeState,
    Set,
    Stop,
)
from trainers.families.interface import Objective, StepContext
from trainers.families.vae.model import Vae
from trainers.numerics import matmul
from trainers.numerics.precision import use_bfloat16
from trainers.step import optim
from trainers.step.train_step import NotFiniteError
from trainers.training import loop
from trainers.training.step_runner import StepRunner

CPU = torch.device("cpu")
FAMILIES: dict[str, dict[str, Any]] = {
    "vae": {},
    "conv vae": {"model": {"architecture": "conv", "channels": [4, 8]}},
    "gan": {
        "model": {"name": "gan", "latent_dim": 3, "hidden_g": [8], "hidden_d": [8], "d_steps": 2, "r1": 1.0},
        "data": {"binarization": "none"},
    },
    "convolutional gan": {
        "model": {"name": "gan", "architecture": "conv", "latent_dim": 3, "channels": [4, 8], "spectral_norm": True},
        "data": {"binarization": "none"},
        "optim": {"name": "sgd", "lr": 1e-2},  # Adam makes steps of the noise that biases before a batch norm get
    },
    "gan with a gradient penalty": {
        "model": {"name": "gan", "latent_dim": 3, "hidden_g": [8], "hidden_d": [8], "loss": "wasserstein-gp"},
        "data": {"binarization": "none"},
        "optim": {"name": "adamw", "weight_decay": 0.01},
    },
    "flow": {"model": {"name": "flow", "couplings": 2, "hidden": [8]}, "data": {"binarization": "none"}},
    "flow, descended by hand": {
        "model": {"name": "flow", "couplings": 2, "hidden": [8]},
        "data": {"binarization": "none"},
        "optim": {"name": "sgd", "lr": 1e-3, "grad_clip": 0.5},
    },
}


def _events(
    folder: Path,
    execution: dict[str, Any],
    layer: dict[str, Any],
    steps: int = 3,
    resume: ResumeState | None = None,
) -> list[Event]:
    quiet = {"execution": {"checkpoint_every_s": 1e6, **execution}, "schedule": {"steps": steps, "epochs": None}}
    return list(loop.train(tiny.config(folder, layer, quiet), resume=resume))


def _weights(events: list[Event]) -> dict[str, Any]:
    return dict(tiny.of(events, CheckpointReady)[-1].arrays)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compiled_training_equals_an_eager_one(family: str, folder: Path, traced: list[int]) -> None:
    plain = _events(folder, {"compile": "off"}, FAMILIES[family])
    compiled = _events(folder, {"compile": "on"}, FAMILIES[family])
    phases = [name for name, _ in itertools.groupby(event.name for event in tiny.of(compiled, Phase))]
    assert traced and phases.count("compiling") == 1
    assert not any(event.code == "not_compiled" for event in tiny.of(compiled, Alert))
    expected, actual = _weights(plain), _weights(compiled)
    assert expected.keys() == actual.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(actual[name], array, rtol=1e-5, atol=2e-5, err_msg=name)  # of updates of 1e-3


def test_a_compiled_step_leaves_out_what_is_not_finite(folder: Path, traced: list[int]) -> None:
    session = tiny.session(tiny.config(folder, FAMILIES["gan"], {"execution": {"compile": "on"}}))
    tiny.next_step(session)
    tiny.next_step(session)
    assert session.compile_policy.compiled_step(session.graph_key()) is not None
    with torch.no_grad():
        next(session.model.discriminator.parameters()).fill_(math.nan)  # type: ignore[union-attr]
    before = [weight.clone() for weight in session.model.parameters()]
    with pytest.raises(NotFiniteError, match="the loss of d is nan"):
        tiny.next_step(session)
    for was, weight in zip(before, session.model.parameters(), strict=True):
        assert torch.equal(was.nan_to_num(7.0), weight.nan_to_num(7.0))


def test_settings_take_effect_in_a_compiled_training_without_compiling_again(folder: Path, traced: list[int]) -> None:
    config = tiny.config(folder, {"model": {"kl_warmup": 0}}, {"execution": {"compile": "on"}})
    session = tiny.session(config)
    tiny.next_step(session)
    for beta in (1.0, 7.0):
        session.change_settings({"model.beta": beta})
        values = tiny.next_step(session)
        assert session.compile_policy.compiled_step(session.graph_key()) is not None
        assert values["train/loss"] == pytest.approx(values["train/recon"] + beta * values["train/kl"], rel=1e-5)
    assert len(traced) == 1


@pytest.mark.parametrize("given", [
    {}, {"weight_decay": 0.1}, {"name": "adamw", "weight_decay": 0.1}, {"name": "sgd", "beta1": 0.0},
    {"name": "sgd", "weight_decay": 0.1}, {"beta1": 0.0, "beta2": 0.9},
], ids=str)  # fmt: skip
def test_functional_updates_equal_those_of_torch(given: dict[str, Any]) -> None:
    config = OptimConfig(lr=0.01, **given)
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(5, 3, generator=generator))
    optimizer = optim.build(config, [weight])
    updated = weight.detach().clone()
    moments = [torch.zeros_like(updated) for _ in optim.moment_names(config)]
    for update in range(1, 5):
        weight.grad = torch.randn(5, 3, generator=generator)
        scalars = optim.update_scalars(config, torch.tensor(config.lr), torch.tensor(float(update)))
        updated, *moments = optim.functional_update(config, updated, weight.grad, moments, scalars)
        optimizer.step()
        torch.testing.assert_close(updated, weight.detach())
    assert optim.has_state(optimizer, config)
    for kind, moment in zip(optim.moment_names(config), moments, strict=True):
        torch.testing.assert_close(moment, optimizer.state[weight][kind])


def test_eager_and_compiled_updates_share_their_count() -> None:
    config = OptimConfig(lr=0.01)
    weights = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(()))]
    optimizer = optim.build(config, weights)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    counter = optim.shared_step_counts(optimizer)
    assert optim.shared_step_counts(optimizer) is counter  # compiled steps of two graph keys count in the same tensor
    counter += 1  # as a compiled step does
    optimizer.step()
    counter += 1
    assert counter.tolist() == [4.0, 4.0]
    assert [float(state["step"]) for state in optimizer.state_dict()["state"].values()] == [4.0, 4.0]
    without = optim.build(OptimConfig(name="sgd"), weights)
    without.step()
    assert len(optim.shared_step_counts(without)) == 1


@pytest.mark.parametrize("update", [1, 2, 1000, 1_000_000])
def test_bias_corrections_are_precise(update: int) -> None:
    lr, size, root = optim.update_scalars(OptimConfig(), torch.tensor(1e-3), torch.tensor(float(update)))
    beta1, beta2 = OptimConfig().beta1, OptimConfig().beta2
    assert float(lr) == pytest.approx(1e-3) and float(size) == pytest.approx(1e-3 / (1 - beta1**update), rel=3e-7)
    assert float(root) == pytest.approx((1 - beta2**update) ** 0.5, rel=3e-7)


@pytest.mark.skipif(not policy.has_compiler(), reason="compiling takes a C++ compiler")
def test_a_training_compiled_to_cpp_equals_an_eager_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder / "compiled"))
    unwrapped: list[bool] = []
    real = graph._unwrapped

    def spy(program: graph.Graph, *args: Any) -> graph.Graph:
        unwrapped.append((direct_graph := real(program, *args)) is not program)
        return direct_graph

    monkeypatch.setattr(graph, "_unwrapped", spy)
    plain, compiled = (_weights(_events(folder, {"compile": choice}, {})) for choice in ("off", "on"))
    for name, array in plain.items():
        np.testing.assert_allclose(compiled[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert unwrapped == [True]


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_products_change_rounding_alone(family: str, folder: Path) -> None:
    exact = _events(folder, {"precision": "float32"}, FAMILIES[family])
    rounded = _events(folder, {"precision": "bfloat16"}, FAMILIES[family])
    first = [next(event for event in tiny.of(events, Metrics) if event.step == 1).values for events in (exact, rounded)]
    losses = [name for name in first[0] if name.startswith("train/loss")]
    assert losses
    for name in losses:
        assert first[1][name] == pytest.approx(first[0][name], rel=2e-2, abs=2e-2)
    assert any(first[1][name] != first[0][name] for name in first[0] if name.startswith("train/"))
    assert all(array.dtype != np.float16 for array in _weights(rounded).values())
    assert {array.dtype for name, array in _weights(rounded).items() if name.startswith("raw/")} <= {
        np.dtype(np.float32),
        np.dtype(np.int64),
    }


def test_auto_uses_bfloat16_only_where_supported_and_not_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.numerics.precision.has_bfloat16", lambda _: True)
    assert use_bfloat16(ExecutionConfig(), CPU, supported=True)
    assert not use_bfloat16(ExecutionConfig(), CPU, supported=False)
    assert not use_bfloat16(ExecutionConfig(deterministic=True), CPU, supported=True)
    assert use_bfloat16(ExecutionConfig(precision="bfloat16", deterministic=True), CPU, supported=False)


def test_a_failed_compilation_is_reported_and_training_continues(
    folder: Path, monkeypatch: pytest.MonkeyPatch, traced: list[int]
) -> None:
    def broken(step: Callable[..., list[torch.Tensor]], examples: list[torch.Tensor]) -> graph.Graph:
        raise RuntimeError("no such\ninstruction")

    monkeypatch.setattr(graph, "compile_graph", broken)
    events = _events(folder, {"compile": "on"}, {})
    alerts = [event for event in tiny.of(events, Alert) if event.code == "not_compiled"]
    assert len(alerts) == 1 and alerts[0].message.endswith("no such")
    expected = _weights(_events(folder, {"compile": "off"}, {}))
    assert all(np.array_equal(array, expected[name]) for name, array in _weights(events).items())


def test_compile_on_is_refused_without_a_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "has_compiler", lambda: False)
    with pytest.raises(ConfigError, match="needs a C"):
        policy.CompilePolicy(ExecutionConfig(compile="on"), CPU)
    assert not policy.CompilePolicy(ExecutionConfig(), CPU).should_compile("any")


@pytest.mark.parametrize(("compiled_s", "is_faster"), [(0.5, True), (1.0, False)])
def test_auto_uses_the_faster_kind_of_step(
    folder: Path, traced: list[int], monkeypatch: pytest.MonkeyPatch, compiled_s: float, is_faster: bool
) -> None:
    session = tiny.session(tiny.config(folder, {"schedule": {"minutes": 1e5}}))
    now = [0.0]
    chosen = session.compile_policy = policy.CompilePolicy(ExecutionConfig(), CPU, lambda: now[0])
    monkeypatch.setattr(session.model, "compile_speedup", 0.5)
    batch = session.batch

    def slow_batch(step: int) -> torch.Tensor:
        now[0] += compiled_s if chosen.compiled_step(session.graph_key()) else 1.0
        return batch(step)

    monkeypatch.setattr(session, "batch", slow_batch)
    restarts: list[int] = []
    monkeypatch.setattr(session, "restart_eta", lambda: restarts.append(session.step))
    runner, events = StepRunner(session), list[Event]()
    for _ in range(policy.MIN_EAGER_STEPS):
        events += runner.run(1, lambda step: False)
    assert chosen.should_compile(session.graph_key()) and not traced
    for _ in range(2 * policy.TURN_STEPS * policy.MIN_TRIAL_TURNS):
        events += runner.run(1, lambda step: False)
    verdicts = tiny.of(events, CommandApplied)
    assert len(traced) == 1 and len(verdicts) == 1
    assert (chosen.compiled_step(session.graph_key()) is not None) is is_faster
    assert str(verdicts[0].values["compile"]).startswith("on (2.00x" if is_faster else "off (speed-up only")
    compiled_at = policy.MIN_EAGER_STEPS
    assert restarts == [1, compiled_at, verdicts[0].step], "after the first step, the compilation and the decision"


def test_auto_does_not_compile_a_short_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = tiny.session(tiny.config(folder, {"schedule": {"minutes": 5 / 60}}))
    session.compile_policy = policy.CompilePolicy(ExecutionConfig(), CPU)
    monkeypatch.setattr(session.model, "compile_speedup", 0.5)
    for _ in range(policy.MIN_EAGER_STEPS + 1):
        tiny.next_step(session)
    assert not session.compile_policy.should_compile(session.graph_key())


@pytest.mark.parametrize(("load_per_core", "pays"), [(0.5, True), (1.0, True), (40.0, False)])
def test_auto_counts_what_other_programs_take_from_the_compiler(
    folder: Path, monkeypatch: pytest.MonkeyPatch, load_per_core: float, pays: bool
) -> None:
    session = tiny.session(tiny.config(folder))
    chosen = session.compile_policy = policy.CompilePolicy(ExecutionConfig(), CPU)
    monkeypatch.setattr(session.model, "compile_speedup", 0.5)
    monkeypatch.setattr(os, "getloadavg", lambda: (load_per_core * (os.cpu_count() or 1), 0.0, 0.0))
    cost_s = policy.COMPILE_S_PER_OPERATION * 100
    seconds_left = 10 * policy.MIN_PAYOFF * cost_s  # saves five times what is required
    for step in range(policy.MIN_EAGER_STEPS):
        list(chosen.after_step(session.model, step, seconds_left, lambda: 100))
    assert chosen.should_compile("any") is pays


def test_products_are_float32_accurate() -> None:
    a, b = torch.randn(64, 784), torch.randn(784, 400)
    exact = a.double() @ b.double()
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # torch does not describe it
    before = settings.fp32_precision
    with matmul.prefer_onednn():
        error = ((a @ b).double() - exact).norm() / exact.norm()
    assert error < matmul.MAX_RELATIVE_ERROR
    assert settings.fp32_precision == before


def _first_factor(function: Callable[..., torch.Tensor], *tensors: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of the first factor of a program's one product, after a look at what it computes."""
    program = make_fx(function, matmul.decompositions(), tracing_mode="fake")(*tensors)
    actual, expected = program(*tensors), function(*tensors)
    assert actual.is_contiguous() and torch.allclose(actual, expected, rtol=2.0**-7, atol=1e-5)
    (product,) = (node for node in program.graph.nodes if "mm" in str(node.target))
    return tuple(product.args[-2].meta["val"].shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [False, True])
def test_products_with_larger_weights_are_transposed(dtype: torch.dtype, bias: bool) -> None:
    weights = torch.randn(30, 20, dtype=dtype), *([torch.randn(30, dtype=dtype)] if bias else [])
    for rows, first in ((8, (30, 20)), (64, (64, 20))):
        x = torch.randn(rows, 20, dtype=dtype)
        assert _first_factor(torch.nn.functional.linear, x, *weights) == first


def test_products_of_gradients_are_left_alone() -> None:
    gradient, x, weight = torch.randn(8, 30), torch.randn(8, 20), torch.randn(30, 20)
    assert _first_factor(lambda g, x: g.t() @ x, gradient, x) == (30, 8)
    assert _first_factor(lambda g, w: g @ w, gradient, weight) == (8, 30)


_TINY = """
import torch
from trainers.training import setup
from trainers.config import ExecutionConfig

def left():
    return int((torch.full((1 << 20,), 2.0**-126) / 2).count_nonzero())  # of a size that both threads work on

before = (torch.tensor(2.0**-126) / 2).item()
with setup.torch_settings(ExecutionConfig(), 2):
    print(left())
print(before > 0, (torch.tensor(2.0**-126) / 2).item() == before)
"""


def test_denormals_are_flushed_in_all_threads() -> None:
    output = subprocess.run([sys.executable, "-c", _TINY], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["0", "True", "True"]


def test_a_graph_is_unwrapped_only_where_results_stay_equal() -> None:
    def program(weight: torch.Tensor, batch: torch.Tensor) -> list[torch.Tensor]:
        weight += batch
        return [weight.sum()]

    def forgetful(tensors: list[torch.Tensor]) -> list[torch.Tensor]:  # its wrapper would bring the weight up to date
        return [(tensors[0] + tensors[1]).sum()]

    examples = [torch.ones(3), torch.ones(3)]
    for direct in (forgetful, lambda tensors: [*program(*tensors), tensors[0]]):
        assert graph._unwrapped(program, direct, examples) is program
    direct_graph = graph._unwrapped(program, lambda tensors: program(*tensors), examples)
    assert direct_graph is not program and torch.equal(examples[0], torch.ones(3))
    assert direct_graph(*examples)[0] == 6 and torch.equal(examples[0], 2 * torch.ones(3))


def _by_step(self: Any, batch: torch.Tensor, context: StepContext, factor: Callable[[], float]) -> Iterator[Objective]:
    for objective in Vae.training_step(self, batch, context):
        yield replace(objective, loss=objective.loss * factor())


class _StepInLoss(Vae):
    def training_step(self, batch: torch.Tensor, context: StepContext) -> Iterator[Objective]:
        yield from _by_step(self, batch, context, lambda: 1.0 + context.step)


class _CounterInLoss(Vae):
    calls = 0

    def training_step(self, batch: torch.Tensor, context: StepContext) -> Iterator[Objective]:
        self.calls += 1
        yield from _by_step(self, batch, context, lambda: float(self.calls))


class _StepInNoise(Vae):
    def training_step(self, batch: torch.Tensor, context: StepContext) -> Iterator[Objective]:
        noise = torch.empty(()).normal_(100.0 * context.step, 1.0, generator=context.generator)
        yield from _by_step(self, batch, context, lambda: noise)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("kind", [_StepInLoss, _CounterInLoss, _StepInNoise])
def test_a_number_frozen_in_a_compiled_step_is_found_before_it_is_used(
    folder: Path, traced: list[int], monkeypatch: pytest.MonkeyPatch, kind: type[Vae]
) -> None:
    monkeypatch.setattr(
        registry, "import_object", lambda reference, real=registry.import_object: _built(real(reference), kind)
    )
    plain, compiled = (_events(folder, {"compile": choice}, {}) for choice in ("off", "on"))
    alerts = [alert.message for alert in tiny.of(compiled, Alert) if alert.code == "not_compiled"]
    assert traced and len(alerts) == 1
    assert "of the compiled step is" in alerts[0] and "Model.scalars" in alerts[0]
    assert not tiny.unequal(_weights(plain), _weights(compiled))


def _built(resolved: Any, kind: type[Vae]) -> Any:
    return kind if resolved is Vae else resolved


def test_a_stop_during_compilation_is_applied_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, traced: list[int]
) -> None:
    compiling, commands = threading.Event(), [Stop("s")]

    def endless(step: Callable[..., list[torch.Tensor]], examples: list[torch.Tensor]) -> graph.Graph:
        compiling.set()
        while True:
            threading.Event().wait(0.01)

    class StopWhileCompiling(tiny.Script):
        def poll(self, step: int) -> Sequence[Command]:
            return [commands.pop()] if compiling.is_set() and commands else []

    monkeypatch.setattr(graph, "compile_graph", endless)
    config = tiny.config(folder, {"execution": {"compile": "on"}})
    events = list(loop.train(config, control=StopWhileCompiling({})))
    assert [event.command for event in tiny.of(events, CommandApplied)] == ["stop"]
    assert events[-1] == Finished(1, "stopped")
    assert not [thread for thread in threading.enumerate() if thread.name == "compilation"]


def test_commands_during_compilation_are_applied_at_once_and_it_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, traced: list[int]
) -> None:
    compiling, applied = threading.Event(), threading.Event()
    commands: list[Command] = [Resume(), Pause(), Set({"optim.lr": 0.5})]
    trace = graph.compile_graph

    def slow(step: Callable[..., list[torch.Tensor]], examples: list[torch.Tensor]) -> graph.Graph:
        compiling.set()
        assert applied.wait(60.0)
        return trace(step, examples)

    class SetWhileCompiling(tiny.Script):
        def poll(self, step: int) -> Sequence[Command]:
            return [commands.pop()] if compiling.is_set() and commands else []

    monkeypatch.setattr(graph, "compile_graph", slow)
    config = tiny.config(folder, {"execution": {"compile": "on"}}, steps=3)
    events: list[Event] = []
    for event in loop.train(config, control=SetWhileCompiling({})):
        events.append(event)
        if isinstance(event, CommandApplied):
            applied.set()
    first = next(event for event in events if isinstance(event, CommandApplied))
    assert (first.step, list(first.values), first.error) == (1, ["optim.lr"], "")
    assert len(traced) == 1 and not any(alert.code == "not_compiled" for alert in tiny.of(events, Alert))
    rates = [event.values["train/lr"] for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert rates == pytest.approx([1e-3, 0.375, 0.125])  # of a cosine schedule
