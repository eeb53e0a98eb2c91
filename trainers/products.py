"""Which library multiplies float32 matrices: on some processors torch's default takes half of what they can do.

torch hands float32 products to MKL, which takes its AVX2 path on processors that are not Intel's. oneDNN, part of the
same torch, takes AVX-512 there, twice as fast. torch has no word for that choice alone; allowing oneDNN to round to
bfloat16 makes it, and where the processor would really round, that is found out by a product and not taken.
"""

import contextlib
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

LARGEST_ERROR = 1e-5  # of a product's values: float32 with sums in another order stays far below, bfloat16 far above
_SHAPES = ((128, 784, 400), (64, 100, 256), (400, 128, 784))  # rows, inner, columns: products of small networks
_CPU = Path("/proc/cpuinfo")


@contextlib.contextmanager
def by_the_faster_library() -> Iterator[None]:
    """Multiply float32 matrices of the CPU with oneDNN inside the block, where that is exact and MKL is slow."""
    with _by_onednn() if onednn_is_better() else contextlib.nullcontext():
        yield


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
