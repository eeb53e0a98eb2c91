"""How a step is computed: in bfloat16, compiled, or neither; what is learned is the same."""

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from tests.trainers import tiny
from trainers import plan
from trainers.compiled import matmul, policy
from trainers.compiled import step as compiled_step
from trainers.compiled.precision import use_bfloat16
from trainers.config import ExecutionConfig, OptimConfig
from trainers.errors import ConfigError
from trainers.events import Alert, CheckpointReady, CommandApplied, Event, Metrics, Phase, ResumeState
from trainers.training import loop, optim, session

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
def test_a_compiled_training_learns_what_a_plain_one_learns(family: str, folder: Path, traced: list[int]) -> None:
    plain = _events(folder, {"compile": "off"}, FAMILIES[family])
    compiled = _events(folder, {"compile": "on"}, FAMILIES[family])
    assert traced and [event.name for event in tiny.of(compiled, Phase)].count("compiling") == 1
    assert not any(event.code == "not_compiled" for event in tiny.of(compiled, Alert))
    expected, found = _weights(plain), _weights(compiled)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=2e-5, err_msg=name)  # of updates of 1e-3


def test_a_compiled_step_leaves_out_what_is_not_finite(folder: Path, traced: list[int]) -> None:
    attempt = session.set_up(
        plan.resolve(tiny.config(folder, FAMILIES["gan"], {"execution": {"compile": "on"}})), lambda: 0.0
    )
    session.take_step(attempt)
    for _ in attempt.compilation.compile(attempt.graph_key, lambda: session.whole_step(attempt), attempt.step):
        pass
    assert attempt.compilation.step(attempt.graph_key) is not None
    with torch.no_grad():
        next(attempt.model.discriminator.parameters()).fill_(math.nan)  # type: ignore[union-attr]
    before = [weight.clone() for weight in attempt.model.parameters()]
    with pytest.raises(session.NotFiniteError, match="the loss of d is nan"):
        session.take_step(attempt)
    for was, weight in zip(before, attempt.model.parameters(), strict=True):
        assert torch.equal(was.nan_to_num(7.0), weight.nan_to_num(7.0))


def test_what_is_set_while_a_compiled_training_goes_on_is_heard_without_compiling_anew(
    folder: Path, traced: list[int]
) -> None:
    attempt = session.set_up(plan.resolve(tiny.config(folder, {}, {"execution": {"compile": "on"}})), lambda: 0.0)
    session.take_step(attempt)
    for _ in attempt.compilation.compile(attempt.graph_key, lambda: session.whole_step(attempt), attempt.step):
        pass
    for beta in (1.0, 7.0):
        attempt.plan = attempt.plan.with_setting("model.beta", beta)
        assert attempt.compilation.step(attempt.graph_key) is not None and not attempt.compilation.due(
            attempt.graph_key
        )
        values = session.take_step(attempt).values
        assert values["train/loss"] == pytest.approx(values["train/recon"] + beta * values["train/kl"], rel=1e-5)
    assert len(traced) == 1


@pytest.mark.parametrize("given", [
    {}, {"weight_decay": 0.1}, {"name": "adamw", "weight_decay": 0.1}, {"name": "sgd", "beta1": 0.0},
    {"name": "sgd", "weight_decay": 0.1}, {"beta1": 0.0, "beta2": 0.9},
], ids=str)  # fmt: skip
def test_updates_are_those_of_torchs_optimizers(given: dict[str, Any]) -> None:
    config = OptimConfig(lr=0.01, **given)
    chance = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(5, 3, generator=chance))
    optimizer = optim.build(config, [weight])
    mine = weight.detach().clone()
    moments = [torch.zeros_like(mine) for _ in optim.moments(config)]
    for update in range(1, 5):
        weight.grad = torch.randn(5, 3, generator=chance)
        rates = optim.rates(config, torch.tensor(config.lr), torch.tensor(float(update)))
        mine, *moments = optim.moved(config, mine, weight.grad, moments, rates)
        optimizer.step()
        torch.testing.assert_close(mine, weight.detach())
    assert optim.begun(optimizer, config)
    for kind, moment in zip(optim.moments(config), moments, strict=True):
        torch.testing.assert_close(moment, optimizer.state[weight][kind])


def test_an_optimizer_counts_all_its_updates_wherever_they_are_made() -> None:
    config = OptimConfig(lr=0.01)
    weights = [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(()))]
    optimizer = optim.build(config, weights)
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    counter = optim.counter(optimizer)
    assert optim.counter(optimizer) is counter  # two variants of a step count in the same tensor
    counter += 1  # as a compiled step does
    optimizer.step()
    counter += 1
    assert counter.tolist() == [4.0, 4.0]
    assert [float(state["step"]) for state in optimizer.state_dict()["state"].values()] == [4.0, 4.0]
    without = optim.build(OptimConfig(name="sgd"), weights)
    without.step()
    assert len(optim.counter(without)) == 1


@pytest.mark.parametrize("update", [1, 2, 1000, 1_000_000])
def test_the_first_updates_of_adam_lose_no_digits(update: int) -> None:
    lr, size, root = optim.rates(OptimConfig(), torch.tensor(1e-3), torch.tensor(float(update)))
    beta1, beta2 = OptimConfig().beta1, OptimConfig().beta2
    assert float(lr) == pytest.approx(1e-3) and float(size) == pytest.approx(1e-3 / (1 - beta1**update), rel=3e-7)
    assert float(root) == pytest.approx((1 - beta2**update) ** 0.5, rel=3e-7)


@pytest.mark.skipif(not policy.has_compiler(), reason="compiling takes a C++ compiler")
def test_a_step_compiled_in_earnest_learns_what_a_plain_one_learns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder / "compiled"))
    shortened: list[bool] = []
    real = compiled_step._shorter

    def spy(program: compiled_step.Program, *others: Any) -> compiled_step.Program:
        shortened.append((shorter := real(program, *others)) is not program)
        return shorter

    monkeypatch.setattr(compiled_step, "_shorter", spy)
    plain, compiled = (_weights(_events(folder, {"compile": choice}, {})) for choice in ("off", "on"))
    for name, array in plain.items():
        np.testing.assert_allclose(compiled[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert shortened == [True]


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


def test_auto_takes_bfloat16_only_where_it_was_shown_and_nobody_counts_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.compiled.precision.has_bfloat16", lambda _: True)
    assert use_bfloat16(ExecutionConfig(), CPU, shown=True)
    assert not use_bfloat16(ExecutionConfig(), CPU, shown=False)
    assert not use_bfloat16(ExecutionConfig(deterministic=True), CPU, shown=True)
    assert use_bfloat16(ExecutionConfig(precision="bfloat16", deterministic=True), CPU, shown=False)


def test_a_step_that_cannot_be_compiled_is_told_and_trained_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, traced: list[int]
) -> None:
    def broken(step: Callable[..., list[torch.Tensor]], examples: list[torch.Tensor]) -> compiled_step.Program:
        raise RuntimeError("no such\ninstruction")

    monkeypatch.setattr(compiled_step, "compiled", broken)
    events = _events(folder, {"compile": "on"}, {})
    told = [event for event in tiny.of(events, Alert) if event.code == "not_compiled"]
    assert len(told) == 1 and told[0].message.endswith("no such")
    expected = _weights(_events(folder, {"compile": "off"}, {}))
    assert all(np.array_equal(array, expected[name]) for name, array in _weights(events).items())


def test_compiling_without_a_compiler_is_refused_when_insisted_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "has_compiler", lambda: False)
    with pytest.raises(ConfigError, match="needs a C"):
        policy.CompilePolicy(ExecutionConfig(compile="on"), CPU)
    assert not policy.CompilePolicy(ExecutionConfig(), CPU).due("any")


@pytest.mark.parametrize(("compiled_takes", "kept"), [(0.5, True), (1.0, False)])
def test_auto_keeps_what_is_faster(folder: Path, traced: list[int], compiled_takes: float, kept: bool) -> None:
    attempt = session.set_up(plan.resolve(tiny.config(folder, {})), lambda: 0.0)
    attempt.model.compile_speedup = 0.5
    now = [0.0]
    chosen = attempt.compilation = policy.CompilePolicy(ExecutionConfig(), CPU, lambda: now[0])
    told = list[Event]()

    def step(seconds_left: float) -> None:
        if chosen.due(attempt.graph_key):
            told.extend(chosen.compile(attempt.graph_key, lambda: session.whole_step(attempt), attempt.step))
        chosen.begin()
        session.take_step(attempt)
        now[0] += compiled_takes if chosen.step(attempt.graph_key) else 1.0
        told.extend(chosen.after_step(attempt.model, attempt.step, seconds_left, lambda: session.operations(attempt)))

    for _ in range(policy.WATCHED_STEPS):
        step(1e6)
    assert chosen.due(attempt.graph_key) and not traced
    for _ in range(2 * policy.TURN * policy.TRIED_TURNS):
        step(1e6)
    verdicts = tiny.of(told, CommandApplied)
    assert len(traced) == 1 and len(verdicts) == 1
    assert (chosen.step(attempt.graph_key) is not None) is kept
    assert str(verdicts[0].value).startswith("kept (2.00" if kept else "dropped")


def test_auto_leaves_a_short_training_as_it_is(folder: Path) -> None:
    attempt = session.set_up(plan.resolve(tiny.config(folder, {})), lambda: 0.0)
    attempt.model.compile_speedup = 0.5
    chosen = policy.CompilePolicy(ExecutionConfig(), CPU)
    for _ in range(policy.WATCHED_STEPS + 1):
        chosen.begin()
        list(chosen.after_step(attempt.model, attempt.step, 5.0, lambda: session.operations(attempt)))
    assert not chosen.due(attempt.graph_key)


def test_float32_products_stay_float32_by_whichever_library() -> None:
    a, b = torch.randn(64, 784), torch.randn(784, 400)
    exact = a.double() @ b.double()
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # torch does not describe it
    before = settings.fp32_precision
    with matmul.prefer_onednn():
        error = ((a @ b).double() - exact).norm() / exact.norm()
    assert error < matmul.LARGEST_ERROR
    assert settings.fp32_precision == before


def _first_factor(function: Callable[..., torch.Tensor], *tensors: torch.Tensor) -> tuple[int, ...]:
    """Return the shape of the first factor of a program's one product, after a look at what it computes."""
    program = make_fx(function, matmul.decompositions(), tracing_mode="fake")(*tensors)
    found, expected = program(*tensors), function(*tensors)
    assert found.is_contiguous() and torch.allclose(found, expected, rtol=2.0**-7, atol=1e-5)
    (product,) = (node for node in program.graph.nodes if "mm" in str(node.target))
    return tuple(product.args[-2].meta["val"].shape)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [False, True])
def test_a_program_multiplies_a_batch_by_a_larger_layer_the_other_way_round(dtype: torch.dtype, bias: bool) -> None:
    weights = torch.randn(30, 20, dtype=dtype), *([torch.randn(30, dtype=dtype)] if bias else [])
    for rows, first in ((8, (30, 20)), (64, (64, 20))):
        x = torch.randn(rows, 20, dtype=dtype)
        assert _first_factor(torch.nn.functional.linear, x, *weights) == first


def test_a_program_takes_the_products_of_gradients_as_they_come() -> None:
    gradient, x, weight = torch.randn(8, 30), torch.randn(8, 20), torch.randn(30, 20)
    assert _first_factor(lambda g, x: g.t() @ x, gradient, x) == (30, 8)
    assert _first_factor(lambda g, w: g @ w, gradient, weight) == (8, 30)


_TINY = """
import torch
from trainers.training import rng
from trainers.config import ExecutionConfig

def left():
    return int((torch.full((1 << 20,), 2.0**-126) / 2).count_nonzero())  # of a size that both threads work on

before = (torch.tensor(2.0**-126) / 2).item()
with rng.pinned(ExecutionConfig(), 2):
    print(left())
print(before > 0, (torch.tensor(2.0**-126) / 2).item() == before)
"""


def test_numbers_that_fade_count_as_0_in_all_threads_of_a_training() -> None:
    said = subprocess.run([sys.executable, "-c", _TINY], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["0", "True", "True"]


def test_the_python_around_a_program_is_left_out_only_where_it_does_nothing() -> None:
    def program(weight: torch.Tensor, batch: torch.Tensor) -> list[torch.Tensor]:
        weight += batch
        return [weight.sum()]

    def forgetful(tensors: list[torch.Tensor]) -> list[torch.Tensor]:  # its wrapper would bring the weight up to date
        return [(tensors[0] + tensors[1]).sum()]

    examples = [torch.ones(3), torch.ones(3)]
    for direct in (forgetful, lambda tensors: [*program(*tensors), tensors[0]]):
        assert compiled_step._shorter(program, direct, examples) is program
    shorter = compiled_step._shorter(program, lambda tensors: program(*tensors), examples)
    assert shorter is not program and torch.equal(examples[0], torch.ones(3))
    assert shorter(*examples)[0] == 6 and torch.equal(examples[0], 2 * torch.ones(3))
