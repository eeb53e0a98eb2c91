"""A tiny data set, written once; compiling without a compiler."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from tests.trainers import idx_files
from trainers.compiled import policy
from trainers.compiled import step as compiled_step


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return idx_files.write_folder(tmp_path_factory.mktemp("data") / "blobs")


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Compile without a C++ compiler: what is traced is computed as it stands. Holds how many tensors each takes."""
    programs: list[int] = []

    def as_it_stands(step: Callable[..., list[torch.Tensor]], examples: list[torch.Tensor]) -> compiled_step.Program:
        programs.append(len(examples))
        program: compiled_step.Program = make_fx(step, tracing_mode="fake")(*examples)
        return program

    monkeypatch.setattr(compiled_step, "compiled", as_it_stands)
    monkeypatch.setattr(policy, "has_compiler", lambda: True)
    return programs
