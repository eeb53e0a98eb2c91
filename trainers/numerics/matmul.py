"""Faster matrix products on CPUs: which library computes them, and in which order of factors.

PyTorch uses MKL for float32 products, and MKL takes its AVX2 path on processors of other vendors than Intel. oneDNN,
which is part of PyTorch, takes AVX-512 there, twice as fast. PyTorch has no switch for choosing oneDNN over MKL, but
`mkldnn.matmul.fp32_precision = "bf16"` selects it; a test product shows whether results stay float32-accurate.

Before multiplying, a library packs the second factor into blocks, and a transposed one costs each thread a copy of all
of it. In x Wᵀ that is the weight matrix; (W xᵀ)ᵀ packs the smaller batch instead.
"""

import contextlib
import platform
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

MAX_RELATIVE_ERROR = 1e-5  # of a test product: errors of float32 are far below, those of bfloat16 far above
_TEST_PRODUCT_SHAPES = (
    (128, 784, 400),
    (64, 100, 256),
    (400, 128, 784),
)  # (rows, inner, columns) in small networks
_CPU_INFO = Path("/proc/cpuinfo")


@contextlib.contextmanager
def prefer_onednn() -> Iterator[None]:
    """Use oneDNN for float32 products on the CPU inside the block, where that is accurate and MKL is slow."""
    with _use_onednn() if onednn_is_better() else contextlib.nullcontext():
        yield


def decompositions() -> dict[Any, Callable[..., Any]]:
    """Return replacements of torch's matrix products in a graph for the CPU, by operation.

    One that returns NotImplemented leaves the product as it is. Values are the same but for rounding.
    """
    return {torch.ops.aten.mm.default: _mm, torch.ops.aten.addmm.default: _addmm}


def _mm(a: Tensor, b: Tensor) -> Any:
    return b.t().mm(a.t()).t().contiguous() if _prefer_transposed(a, b) else NotImplemented


def _addmm(bias: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Any:
    if beta != 1 or alpha != 1 or bias.ndim != 1 or not _prefer_transposed(a, b):
        return NotImplemented
    if bias.dtype == torch.float32:  # fused into the next kernel; a library would write it first and read it again
        return _mm(a, b) + bias
    return torch.addmm(bias[:, None], b.t(), a.t()).t().contiguous()  # rounded to bfloat16 once, not twice


def _prefer_transposed(a: Tensor, b: Tensor) -> bool:
    """Return whether (bᵀ aᵀ)ᵀ is faster than a b: if b alone is stored transposed, and is the larger factor."""
    a_transposed, b_transposed = (factor.stride(0) == 1 != factor.stride(1) for factor in (a, b))
    return b_transposed and not a_transposed and a.shape[0] < b.shape[1]


@cache
def onednn_is_better() -> bool:
    """Return whether oneDNN is faster on this machine and float32-accurate."""
    if not torch._C._has_mkldnn or "AVX512" not in torch.backends.cpu.get_cpu_capability():
        return False
    if _cpu_vendor() == "GenuineIntel" or platform.machine() not in ("x86_64", "AMD64"):
        return False
    # Compare products of seeded factors with those in double precision.
    generator = torch.Generator().manual_seed(0)
    with _use_onednn():
        for rows, inner, columns in _TEST_PRODUCT_SHAPES:
            a, b = torch.randn(rows, inner, generator=generator), torch.randn(inner, columns, generator=generator)
            exact = a.double() @ b.double()
            if ((a @ b).double() - exact).norm() > MAX_RELATIVE_ERROR * exact.norm():
                return False
    return True


@contextlib.contextmanager
def _use_onednn() -> Iterator[None]:
    settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]  # torch does not describe it
    before = settings.fp32_precision
    try:
        settings.fp32_precision = "bf16"
        yield
    finally:
        settings.fp32_precision = before


def _cpu_vendor() -> str:
    with contextlib.suppress(OSError):
        for line in _CPU_INFO.read_text(errors="replace").splitlines():
            if line.startswith("vendor_id"):
                return line.partition(":")[2].strip()
    return ""
