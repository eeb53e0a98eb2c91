"""How a training step's arithmetic is done: its matrix products in float32 or in bfloat16.

A model hands the parts of its step that are pure functions of tensors to `StepContext.compute`. What happens to them
there changes speed and rounding, never what is learned: weights, gradients, moments and all judging stay float32.

Reference: Micikevicius et al. 2018, arXiv:1710.03740 (mixed precision); Kalamkar et al. 2019, arXiv:1905.12322.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from trainers.config import ExecutionConfig

T = TypeVar("T")


class AutocastContext:
    """Does the arithmetic of training steps.

    Args:
        device: Where the tensors are.
        bfloat16: Whether matrix products and convolutions take bfloat16; their results go on as float32.
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


def use_bfloat16(execution: ExecutionConfig, device: torch.device, shown: bool) -> bool:
    """Return whether a training multiplies in bfloat16.

    "auto" does where the device is faster with it and the model's figures were shown to stay the same; where every bit
    counts it does not, so that another machine of the same kind can repeat them.

    Args:
        execution: What was asked for.
        device: Where the training is.
        shown: `Model.supports_bf16`.
    """
    if execution.precision == "auto":
        return shown and not execution.deterministic and has_bfloat16(device)
    return execution.precision == "bfloat16"


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device multiplies matrices of bfloat16 faster than those of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
