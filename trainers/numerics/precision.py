"""Mixed precision: the matrix products of a training step in float32 or bfloat16.

A model passes the parts of its step that are pure functions of tensors to `StepContext.compute`. That changes speed and
rounding only: weights, gradients, moments and evaluation stay float32.

Reference: Micikevicius et al. 2018, arXiv:1710.03740 (mixed precision); Kalamkar et al. 2019, arXiv:1905.12322.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

if TYPE_CHECKING:  # the doctor asks for `has_bfloat16` alone, and should not import pydantic
    from trainers.config import ExecutionConfig

T = TypeVar("T")


class AutocastContext:
    """Calls functions of tensors, under autocast to bfloat16 if that is enabled.

    Args:
        device: Device of the tensors.
        bfloat16: Whether matrix products and convolutions use bfloat16.
    """

    def __init__(self, device: torch.device | str = "cpu", *, bfloat16: bool = False) -> None:
        self.bfloat16 = bfloat16
        self._device = torch.device(device).type

    def __call__(self, function: Callable[..., T], *arguments: Tensor) -> T:
        """Return `function(*arguments)`, a pure function of tensors."""
        if not self.bfloat16:
            return function(*arguments)
        with torch.autocast(self._device, torch.bfloat16):
            return function(*arguments)


def use_bfloat16(execution: "ExecutionConfig", device: torch.device, supported: bool) -> bool:
    """Return whether a training uses bfloat16.

    "auto" does where the device is faster with it and the model is known to reach the same metrics, but not under
    `deterministic`, so that another machine of the same kind gets the same bits.

    Args:
        execution: Execution settings; `precision` is "auto", "float32" or "bfloat16".
        device: Device of the training.
        supported: `Model.supports_bf16`.
    """
    if execution.precision == "auto":
        return supported and not execution.deterministic and has_bfloat16(device)
    return execution.precision == "bfloat16"


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device has faster matrix products in bfloat16 than in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
