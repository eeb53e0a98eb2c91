"""How a step is computed: in bfloat16, compiled, or neither; what is learned is the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import tiny
from trainers import compilation, loop, products, training
from trainers.compute import Compute, takes_bfloat16
from trainers.config import ExecutionConfig
from trainers.errors import ConfigError
from trainers.events import Alert, Changed, Event, Metrics, Phase, StateReady

CPU = torch.device("cpu")
FAMILIES: dict[str, dict[str, Any]] = {
    "vae": {},
    "conv vae": {"model": {"architecture": "conv", "channels": [4, 8]}},
    "gan": {
        "model": {"name": "gan", "latent_dim": 3, "hidden_g": [8], "hidden_d": [8], "d_steps": 2, "r1": 1.0},
        "data": {"binarisation": "none"},
    },
    "flow": {"model": {"name": "flow", "couplings": 2, "hidden": [8]}, "data": {"binarisation": "none"}},
}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compile without a C++ compiler: what is traced whole is computed as it stands. Holds what was compiled."""
    names: list[str] = []

    def swift(_: Compute, function: Callable[..., Any]) -> Callable[..., Any]:
        names.append(function.__qualname__)
        return torch.compile(function, fullgraph=True, dynamic=False, backend="eager")

    monkeypatch.setattr(Compute, "_swift", swift)
    monkeypatch.setattr(compilation, "has_compiler", lambda: True)
    return names


def _events(folder: Path, execution: dict[str, Any], layer: dict[str, Any], steps: int = 3) -> list[Event]:
    quiet = {"execution": {"checkpoint_every_s": 1e6, **execution}, "schedule": {"steps": steps, "epochs": None}}
    return list(loop.train(tiny.config(folder, layer, quiet)))


def _weights(events: list[Event]) -> dict[str, Any]:
    return dict(tiny.of(events, StateReady)[-1].arrays)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_compiled_training_learns_what_a_plain_one_learns(family: str, folder: Path, traced: list[str]) -> None:
    plain = _events(folder, {"compile": "off"}, FAMILIES[family])
    compiled = _events(folder, {"compile": "on"}, FAMILIES[family])
    assert traced and [event.name for event in tiny.of(compiled, Phase)].count("compiling") == 1
    assert not any(event.code == "not_compiled" for event in tiny.of(compiled, Alert))
    expected, found = _weights(plain), _weights(compiled)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


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
    monkeypatch.setattr("trainers.compute.has_bfloat16", lambda _: True)
    assert takes_bfloat16(ExecutionConfig(), CPU, shown=True)
    assert not takes_bfloat16(ExecutionConfig(), CPU, shown=False)
    assert not takes_bfloat16(ExecutionConfig(deterministic=True), CPU, shown=True)
    assert takes_bfloat16(ExecutionConfig(precision="bfloat16", deterministic=True), CPU, shown=False)


def test_a_step_that_cannot_be_compiled_is_told_and_trained_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, traced: list[str]
) -> None:
    def broken(_: Compute, function: Callable[..., Any]) -> Callable[..., Any]:
        raise RuntimeError("no such\ninstruction")

    monkeypatch.setattr(Compute, "_swift", broken)
    events = _events(folder, {"compile": "on"}, {})
    told = [event for event in tiny.of(events, Alert) if event.code == "not_compiled"]
    assert len(told) == 1 and told[0].message.endswith("no such")
    expected = _weights(_events(folder, {"compile": "off"}, {}))
    assert all(np.array_equal(array, expected[name]) for name, array in _weights(events).items())


def test_compiling_without_a_compiler_is_refused_when_insisted_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "has_compiler", lambda: False)
    with pytest.raises(ConfigError, match="needs a C"):
        compilation.Compilation(ExecutionConfig(compile="on"), CPU)
    assert not compilation.Compilation(ExecutionConfig(), CPU).due


@pytest.mark.parametrize(("compiled_takes", "kept"), [(0.5, True), (1.0, False)])
def test_auto_keeps_what_is_faster(folder: Path, traced: list[str], compiled_takes: float, kept: bool) -> None:
    attempt = training.set_up(tiny.config(folder, {}), lambda: 0.0)
    attempt.model.compile_gain = 0.5
    now = [0.0]
    chosen = compilation.Compilation(ExecutionConfig(), CPU, lambda: now[0])
    context, told = training.step_context(attempt), list[Event]()

    def step(seconds_left: float) -> None:
        if chosen.due:
            told.extend(chosen.compile(attempt.model, training.any_batch(attempt), context))
        chosen.begin()
        now[0] += compiled_takes if context.compute.compiled else 1.0
        told.extend(chosen.after_step(attempt.model, context.step, context.compute, seconds_left))

    for _ in range(compilation.WATCHED_STEPS):
        step(1e6)
    assert chosen.due
    for _ in range(2 * compilation.TURN * compilation.TRIED_TURNS):
        step(1e6)
    verdicts = tiny.of(told, Changed)
    assert context.compute.compiled is kept and len(verdicts) == 1
    assert str(verdicts[0].value).startswith("kept (2.00" if kept else "dropped")


def test_auto_leaves_a_short_training_as_it_is(folder: Path) -> None:
    attempt = training.set_up(tiny.config(folder, {}), lambda: 0.0)
    attempt.model.compile_gain = 0.5
    chosen = compilation.Compilation(ExecutionConfig(), CPU)
    for _ in range(compilation.WATCHED_STEPS + 1):
        chosen.begin()
        list(chosen.after_step(attempt.model, attempt.step, attempt.compute, 5.0))
    assert not chosen.due


def test_float32_products_stay_float32_by_whichever_library() -> None:
    a, b = torch.randn(64, 784), torch.randn(784, 400)
    exact = a.double() @ b.double()
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # torch does not describe it
    before = settings.fp32_precision
    with products.by_the_faster_library():
        error = ((a @ b).double() - exact).norm() / exact.norm()
    assert error < products.LARGEST_ERROR
    assert settings.fp32_precision == before
