"""Drafts: pictures decoded in bfloat16, for as long as something is dragged, where nobody could tell the difference."""

import torch
from torch import Tensor

from trainers.compiled.precision import has_bfloat16
from trainers.families.interface import Model

TRIED = 32  # latents whose exact pictures a draft is compared with
MEAN_LEVELS, MOST_LEVELS = 0.5, 8.0  # of 255: what a draft may be off by


class Drafts:
    """Decodes one model in bfloat16 once a trial has shown that its pictures stay what they are.

    The first question is answered exactly, and the trial made beside it. Weights stay float32: autocast casts them as
    it goes, which costs a few percent and keeps sums and normalizations exact.
    """

    def __init__(self) -> None:
        native = has_bfloat16(torch.device("cpu"))  # elsewhere drafts would be slower than exact pictures
        self._good: bool | None = None if native else False

    def decode(self, model: Model, z: Tensor) -> tuple[Tensor, bool]:
        """Return images, (B, C, H, W) float32 in [0, 1], and whether they are drafts."""
        if self._good:
            return _in_bfloat16(model, z), True
        images = model.decode(z)
        if self._good is None:
            self._good = _alike(images[:TRIED], _in_bfloat16(model, z[:TRIED]))
        return images, False


def _in_bfloat16(model: Model, z: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return model.decode(z).float()


def _alike(exact: Tensor, draft: Tensor) -> bool:
    off = 255 * (exact.nan_to_num() - draft.nan_to_num()).abs()
    return float(off.mean()) <= MEAN_LEVELS and float(off.max()) <= MOST_LEVELS
