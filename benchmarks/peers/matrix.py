"""The peak of the machine: products of square matrices. Needs torch."""

import itertools
from collections.abc import Iterator

import torch

from benchmarks.peers import stepping
from benchmarks.peers.loop import Loop, Setting

SIDE = {"cpu": 1024, "cuda": 8192}


def product(setting: Setting) -> Loop:
    """Return a loop of products in the precision that the options say; an "image" is one product.

    With the option "onednn" torch may take oneDNN for products in float32 instead of MKL, which on processors other
    than Intel's leaves half of the speed; oneDNN may then round to bfloat16, and where it does, that is no peak of
    float32: such a loop is refused.
    """
    side = SIDE[setting.device]
    if setting.options.get("onednn"):
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]  # it is a permission
        _check_float32()
    kind = getattr(torch, setting.options.get("precision", "float32"))
    left, right = (torch.randn(side, side, device=setting.device).to(kind) for _ in range(2))
    out = torch.empty_like(left)

    def steps() -> Iterator[None]:
        for _ in itertools.count():
            torch.mm(left, right, out=out)
            yield

    return stepping.of(steps(), setting, 1, 2.0 * side**3)


def _check_float32() -> None:
    left, right = torch.randn(128, 784), torch.randn(784, 400)
    exact = left.double() @ right.double()
    error = float(((left @ right).double() - exact).abs().max() / exact.abs().max())
    if error > 1e-5:
        raise ArithmeticError(f"oneDNN rounds to bfloat16 here (relative error {error:.0e})")
