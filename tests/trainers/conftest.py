"""A tiny data set, written once; the sessions of the training loop; compiling without a compiler."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from tests.trainers import idx_files
from trainers.compiled import graph, policy
from trainers.training import setup
from trainers.training.session import TrainingSession


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return idx_files.write_folder(tmp_path_factory.mktemp("data") / "blobs")


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[TrainingSession]:
    """The sessions that the training loop sets up, in order."""
    made: list[TrainingSession] = []
    set_up = setup.set_up

    def recorded_set_up(*args: Any) -> TrainingSession:
        made.append(set_up(*args))
        return made[-1]

    monkeypatch.setattr(setup, "set_up", recorded_set_up)
    return made


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Trace graphs without compiling them, on machines with a C++ compiler or not. The number of arguments of each."""
    graphs: list[int] = []

    def trace(function: Callable[..., list[torch.Tensor]], examples: list[torch.Tensor]) -> graph.Graph:
        graphs.append(len(examples))
        traced: graph.Graph = make_fx(function, tracing_mode="fake")(*examples)
        return traced

    monkeypatch.setattr(graph, "compile_graph", trace)
    monkeypatch.setattr(policy, "has_compiler", lambda: True)
    return graphs
