"""A drawing at the resolution of the model's images: soft round strokes, as MNIST's digits have. No Qt."""

import numpy as np
from numpy.typing import NDArray

PEN_SHARE = 0.045  # radius of the pen as a share of the image's shorter side: MNIST's strokes are about this thick


class Brush:
    """A drawing of the model's image size. Positions are in its pixels, (x, y), from the top left corner."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        self.image_shape = image_shape
        self._strength = np.zeros(image_shape[1:], np.float64)
        self._pen = PEN_SHARE * min(image_shape[1:])

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not self._strength.any()

    def clear(self) -> None:
        """Clear the drawing."""
        self._strength[:] = 0

    def stroke(self, start: tuple[float, float], end: tuple[float, float], *, erase: bool = False) -> None:
        """Draw, or erase, a straight line; a dot where both ends are equal."""
        height, width = self._strength.shape
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = dx * dx + dy * dy
        along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / length, 0, 1) if length > 0 else np.zeros_like(x)
        distance = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
        strength = np.clip(self._pen + 0.5 - distance, 0, 1)  # one pixel of soft edge
        self._strength = np.minimum(self._strength, 1 - strength) if erase else np.maximum(self._strength, strength)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the drawing, (H, W, C), white on black."""
        gray = np.round(self._strength * 255).astype(np.uint8)
        return np.repeat(gray[..., None], self.image_shape[0], axis=2)
