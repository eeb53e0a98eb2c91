"""Settings of torch that change speed and bits: device, threads, determinism, denormals, and the matrix library."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from trainers.compiled import matmul
from trainers.config import ExecutionConfig
from trainers.errors import ConfigError


def select_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where available, else the CPU.

    Raises:
        ConfigError: if this machine or this build of torch lacks it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    missing = (name == "cuda" and not torch.cuda.is_available()) or (
        name == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise ConfigError(f"execution.device: '{name}' is not available here", "use 'cpu' or 'auto'")
    return torch.device(name)


@contextmanager
def torch_settings(execution: ExecutionConfig, threads: int) -> Iterator[None]:
    """Set threads, determinism, denormals and the matrix library inside the block; restore them at the end.

    Denormals, below 1e-38, are flushed to 0. Adam's moments of weights that rarely have a gradient, such as those of
    pixels at the edge, decay into that range and stay there, where a processor is several times slower, some a hundred.

    Args:
        execution: Whether to use deterministic algorithms only.
        threads: Number of threads; 0 for no change.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), _flushes_denormals()
    try:
        torch.set_flush_denormal(True)  # before other threads are started: they inherit it
        if threads:
            torch.set_num_threads(threads)
        if execution.deterministic:  # required by cuBLAS, which reads it at first use
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(execution.deterministic)
        with matmul.prefer_onednn():
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.set_flush_denormal(before[2])


def _flushes_denormals() -> bool:
    """Return whether this thread flushes denormals to 0."""
    return not (torch.tensor(2.0**-126) / 2).item()


def fingerprint(target: torch.device, *, bfloat16: bool, compiled: bool) -> dict[str, Any]:
    """Return what must be equal for two attempts to agree bit for bit. Checkpoints hold it; its keys never change.

    Args:
        target: The device.
        bfloat16: Whether matrix products use bfloat16.
        compiled: Whether the step is compiled.
    """
    return {
        "torch": str(torch.__version__),
        "device": str(target),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "denormals": "flushed" if _flushes_denormals() else "kept",
        "products": "oneDNN" if matmul.onednn_is_better() else "default",
        "precision": "bfloat16" if bfloat16 else "float32",
        "compiled": "products turned" if compiled and target.type == "cpu" else compiled,  # see matmul.decompositions
    }
