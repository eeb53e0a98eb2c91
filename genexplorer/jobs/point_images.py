"""2-D points as an image: a log-density in grays, data faint, samples in color, paths between points.

`trainers.training.point_images` renders the recorded images of a training with torch; this module needs none.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Bounds = tuple[float, float, float, float]
Floats = NDArray[np.floating]
Color = tuple[int, int, int]

BACKGROUND: Color = (22, 24, 28)
DATA: Color = (106, 114, 126)
SAMPLES: Color = (111, 177, 240)
PATH: Color = (251, 148, 46)
_PEAK: Color = (236, 238, 240)
NATS_SHOWN = 8.0  # below the peak; lower values are background
_OVERSAMPLE = 2  # drawn larger and reduced, for smooth edges


@dataclass
class PointImage:
    """An image of a part of the plane, drawn layer by layer.

    Args:
        bounds: (x0, x1, y0, y1) of the edges.
        side: Pixels of the longer side.
    """

    bounds: Bounds
    side: int = 512
    _layers: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        x0, x1, y0, y1 = self.bounds
        wide = (x1 - x0) / max(y1 - y0, 1e-12)
        size = (self.side, self.side / wide) if wide >= 1 else (self.side * wide, self.side)
        width, height = (max(2, round(length)) * _OVERSAMPLE for length in size)
        self._layers = Image.new("RGB", (width, height), BACKGROUND)

    def draw_density(self, log_prob: Floats) -> None:
        """Draw a log-density, (rows, columns) with row 0 on top, in nats, from its peak down."""
        finite = log_prob[np.isfinite(log_prob)]
        peak = float(np.quantile(finite, 0.999)) if finite.size else 0.0
        share = np.nan_to_num((log_prob - peak) / NATS_SHOWN + 1, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        low, high = np.array(BACKGROUND), np.array(_PEAK)
        colors = (low + share[..., None] ** 1.5 * (high - low)).astype(np.uint8)
        self._layers = Image.fromarray(colors).resize(self._layers.size, Image.Resampling.BICUBIC)

    def draw_points(self, points: Floats, color: Color, radius_px: float = 1.2) -> None:
        """Draw points (N, 2); those that are not finite, or far outside, are skipped."""
        draw, radius = ImageDraw.Draw(self._layers), radius_px * _OVERSAMPLE
        for x, y in self._to_pixels(points):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)

    def draw_path(self, points: Floats, color: Color = PATH) -> None:
        """Draw a path through points (N, 2), with a dot at each."""
        draw = ImageDraw.Draw(self._layers)
        pixels = self._to_pixels(points)
        if len(pixels) > 1:
            draw.line(pixels, fill=color, width=_OVERSAMPLE)
        self.draw_points(points, color, 3)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the image, (H, W, 3)."""
        width, height = self._layers.size
        return np.asarray(self._layers.resize((width // _OVERSAMPLE, height // _OVERSAMPLE), Image.Resampling.BOX))

    def _to_pixels(self, points: Floats) -> list[tuple[float, float]]:
        x0, x1, y0, y1 = self.bounds
        width, height = self._layers.size
        inside = np.isfinite(points).all(1)
        x = (points[inside, 0] - x0) / max(x1 - x0, 1e-12) * width
        y = (y1 - points[inside, 1]) / max(y1 - y0, 1e-12) * height
        near = (np.abs(x) < 4 * width) & (np.abs(y) < 4 * height)
        return list(zip(x[near].tolist(), y[near].tolist(), strict=True))


def bounds_of(*points: Floats, margin: float = 0.1) -> Bounds:
    """Return a square that contains nearly all points, with a margin."""
    together = np.concatenate(points)
    together = together[np.isfinite(together).all(1)]
    if not len(together):
        return (-1.0, 1.0, -1.0, 1.0)
    low, high = np.quantile(together, 0.002, axis=0), np.quantile(together, 0.998, axis=0)
    center, half = (low + high) / 2, max(float((high - low).max()) / 2 * (1 + margin), 1e-6)
    x, y = (float(value) for value in center)
    return (x - half, x + half, y - half, y + half) if math.isfinite(half) else (-1.0, 1.0, -1.0, 1.0)
