"""Random streams of a run's own, and the settings of torch that change bits.

Each use of chance has its own stream, derived from the run's seed and a name, so that adding a use moves no other one,
and looking (evaluation, pictures) never moves the training.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from trainers.compiled import matmul
from trainers.config import ExecutionConfig
from trainers.errors import ConfigError


def derive(seed: int, name: str, index: int = 0) -> int:
    """Return a seed of 63 bits for a named stream."""
    digest = hashlib.sha256(f"{seed}/{name}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def stream(seed: int, name: str, device: torch.device) -> torch.Generator:
    """Return the generator of a named stream on a device."""
    return torch.Generator(device).manual_seed(derive(seed, name))


@contextmanager
def global_stream(seed: int, name: str) -> Iterator[None]:
    """Seed torch's global generator inside the block, and give it back as it was: layers draw their weights from it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, name))
        yield


class SkipInit(TorchFunctionMode):
    """Leave tensors as they come where a new layer would fill them by chance: what is loaded next overwrites them.

    A draw from a generator of its own is made all the same.
    """

    _FILLS = frozenset({
        "uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_",
        "kaiming_normal_",
    })  # fmt: skip

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what was called for, or nothing where it would fill a tensor."""
        named = kwargs or {}
        if getattr(func, "__name__", "") in self._FILLS and named.get("generator") is None:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


class BatchSampler:
    """The order of the training images: a permutation an epoch, a function of seed and step alone.

    The last images of an epoch that do not fill a batch are left out; the next permutation brings others there.

    Args:
        num_images: Size of the training set.
        batch_size: Images a step; at most the whole set.
        seed: The run's.
    """

    def __init__(self, num_images: int, batch_size: int, seed: int) -> None:
        self.batch_size = min(batch_size, num_images)
        self.steps_per_epoch = num_images // self.batch_size
        self._num_images = num_images
        self._seed = seed
        self._epoch = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def indices(self, step: int) -> Tensor:
        """Return the batch of a step, (B,), int64."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive(self._seed, "order", epoch))
            self._permutation = torch.randperm(self._num_images, generator=generator)
            self._epoch = epoch
        return self._permutation[position * self.batch_size : (position + 1) * self.batch_size]


def device(name: str) -> torch.device:
    """Return the device of a name; "auto" is CUDA where there is one, else the CPU.

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
def pinned(execution: ExecutionConfig, threads: int) -> Iterator[None]:
    """Set threads, determinism and what becomes of tiny numbers for the block, and give them back as they were.

    Numbers below 1e-38 count as 0. Adam's moments of weights that rarely have a gradient, such as those of pixels at
    the edge, fade into such numbers and stay there; a processor takes several times as long for them, some a hundred.

    Args:
        execution: Whether to insist on deterministic algorithms.
        threads: How many to compute with; 0 leaves the number as it is.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), _flushes()
    try:
        torch.set_flush_denormal(True)  # before there are other threads: they take it over from this one
        if threads:
            torch.set_num_threads(threads)
        if execution.deterministic:  # cuBLAS asks for it, and reads it when a process first uses CUDA
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(execution.deterministic)
        with matmul.prefer_onednn():
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.set_flush_denormal(before[2])


def _flushes() -> bool:
    """Return whether this thread takes numbers too small for 24 bits as 0."""
    return not (torch.tensor(2.0**-126) / 2).item()


def fingerprint(target: torch.device, *, bfloat16: bool, compiled: bool) -> dict[str, Any]:
    """Return what must be equal for two attempts to agree bit for bit.

    Args:
        target: Where the training is.
        bfloat16: Whether products are taken in bfloat16.
        compiled: Whether the step is compiled.
    """
    return {
        "torch": str(torch.__version__),
        "device": str(target),
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "denormals": "flushed" if _flushes() else "kept",
        "products": "oneDNN" if matmul.onednn_is_better() else "default",
        "precision": "bfloat16" if bfloat16 else "float32",
        "compiled": "products turned" if compiled and target.type == "cpu" else compiled,  # see products.decompositions
    }
