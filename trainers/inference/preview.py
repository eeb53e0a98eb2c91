"""Decoding in bfloat16, as a preview while something is dragged, where the difference is invisible."""

import torch
from torch import Tensor

from trainers.compiled.precision import has_bfloat16
from trainers.families.interface import Model

NUM_CHECKED = 32  # latents on which a preview is compared with the exact images
MAX_MEAN_ERROR, MAX_ERROR = 0.5, 8.0  # gray levels, of 255


class Bf16Preview:
    """Decodes one model in bfloat16, after checking once that no pixel changes by more than 8 gray levels.

    The first call decodes exactly and runs the check. Weights stay float32: autocast converts them on the fly, which
    costs a few percent and keeps sums and normalizations exact.
    """

    def __init__(self) -> None:
        fast = has_bfloat16(torch.device("cpu"))  # without hardware support, previews would be slower
        self._accurate: bool | None = None if fast else False

    def decode(self, model: Model, z: Tensor) -> tuple[Tensor, bool]:
        """Return (images, is_preview), images (B, C, H, W) float32 in [0, 1]."""
        if self._accurate:
            return _decode_bf16(model, z), True
        images = model.decode(z)
        if self._accurate is None:
            preview = _decode_bf16(model, z[:NUM_CHECKED])
            error = 255 * (images[:NUM_CHECKED].nan_to_num() - preview.nan_to_num()).abs()
            self._accurate = float(error.mean()) <= MAX_MEAN_ERROR and float(error.max()) <= MAX_ERROR
        return images, False


def _decode_bf16(model: Model, z: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return model.decode(z).float()
