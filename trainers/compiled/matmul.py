"""Which library multiplies matrices on a CPU, and which way round: some ways take half of what a processor can do.

torch hands float32 products to MKL, which takes its AVX2 path on processors that are not Intel's. oneDNN, part of the
same torch, takes AVX-512 there, twice as fast. torch has no word for that choice alone; allowing oneDNN to round to
bfloat16 makes it, and where the processor would really round, that is found out by a product and not taken.

Before it multiplies, a library copies the second factor into small blocks, and one that lies transposed costs each
thread a copy of all of it. That is how a layer's weights lie in x Wᵀ, and (W xᵀ)ᵀ copies the smaller batch instead.
"""

import contextlib
import platform
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

LARGEST_ERROR = 1e-5  # of a product's values: float32 with sums in another order stays far below, bfloat16 far above
_SHAPES = ((128, 784, 400), (64, 100, 256), (400, 128, 784))  # rows, inner, columns: products of small networks
_CPU = Path("/proc/cpuinfo")


@contextlib.contextmanager
def prefer_onednn() -> Iterator[None]:
    """Multiply float32 matrices of the CPU with oneDNN inside the block, where that is exact and MKL is slow."""
    with _by_onednn() if onednn_is_better() else contextlib.nullcontext():
        yield


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Return how a program for the CPU writes its products, by operation of torch; what returns NotImplemented stays.

    The values are the same but for rounding. What lies transposed for it is put right by the function that reads it.
    """
    return {torch.ops.aten.mm.default: _product, torch.ops.aten.addmm.default: _product_and_bias}


def _product(a: Tensor, b: Tensor) -> Any:
    return b.t().mm(a.t()).t().contiguous() if _goes_better_turned(a, b) else NotImplemented


def _product_and_bias(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    if beta != 1 or alpha != 1 or bias.ndim != 1 or not _goes_better_turned(a, b):
        return NotImplemented
    if bias.dtype == torch.float32:  # added by whoever reads it: a library would write the bias first and read it again
        return _product(a, b) + bias
    return torch.addmm(bias[:, None], b.t(), a.t()).t().contiguous()  # rounded to bfloat16 once, not twice


def _goes_better_turned(a: Tensor, b: Tensor) -> bool:
    """Return whether (bᵀ aᵀ)ᵀ is faster than a b: if b alone lies transposed, and is the larger one."""
    a_transposed, b_transposed = (factor.stride(0) == 1 != factor.stride(1) for factor in (a, b))
    return b_transposed and not a_transposed and a.shape[0] < b.shape[1]


@cache
def onednn_is_better() -> bool:
    """Return whether oneDNN multiplies faster here, and in float32 all the same. Always the same on one machine."""
    if not torch._C._has_mkldnn or "AVX512" not in torch.backends.cpu.get_cpu_capability():
        return False
    return _vendor() != "GenuineIntel" and platform.machine() in ("x86_64", "AMD64") and _stays_float32()


def _stays_float32() -> bool:
    chance = torch.Generator().manual_seed(0)
    with _by_onednn():
        for rows, inner, columns in _SHAPES:
            a, b = torch.randn(rows, inner, generator=chance), torch.randn(inner, columns, generator=chance)
            exact = a.double() @ b.double()
            if ((a @ b).double() - exact).norm() > LARGEST_ERROR * exact.norm():
                return False
    return True


@contextlib.contextmanager
def _by_onednn() -> Iterator[None]:
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # torch does not describe it
    before = settings.fp32_precision
    try:
        settings.fp32_precision = "bf16"
        yield
    finally:
        settings.fp32_precision = before


def _vendor() -> str:
    with contextlib.suppress(OSError):
        for line in _CPU.read_text(errors="replace").splitlines():
            if line.startswith("vendor_id"):
                return line.partition(":")[2].strip()
    return ""
