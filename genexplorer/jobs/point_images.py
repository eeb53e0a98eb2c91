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

BACKGROUND_COLOR: Color = (22, 24, 28)
DATA_COLOR: Color = (106, 114, 126)
SAMPLES_COLOR: Color = (111, 177, 240)
PATH_COLOR: Color = (251, 148, 46)
_PEAK_COLOR: Color = (236, 238, 240)
DEFAULT_SIDE_PX = 512
DENSITY_RANGE_NATS = 8.0  # log-densities this far below the peak, and lower ones, have the color of the background
_SUPERSAMPLING = 2  # drawn at twice the size and reduced at the end, for smooth edges


@dataclass
class PointImage:
    """An image of a part of the plane, drawn layer by layer.

    Args:
        bounds: The edges x0, x1, y0, y1 of the part, in units of the data.
        longer_side_px: Length of the longer side.
        zoom: Factor of all lengths: of the sides, the dots and the lines.
    """

    bounds: Bounds
    longer_side_px: int = DEFAULT_SIDE_PX
    zoom: float = 1.0
    _layers: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        x0, x1, y0, y1 = self.bounds
        aspect_ratio, side = (x1 - x0) / max(y1 - y0, 1e-12), self.longer_side_px * self.zoom
        size = (side, side / aspect_ratio) if aspect_ratio >= 1 else (side * aspect_ratio, side)
        width, height = (max(2, round(length)) * _SUPERSAMPLING for length in size)
        self._layers = Image.new("RGB", (width, height), BACKGROUND_COLOR)

    def draw_density(self, log_prob: Floats) -> None:
        """Draw a log-density in nats, an array (rows, columns) with row 0 on top, from its peak down."""
        finite = log_prob[np.isfinite(log_prob)]
        peak = float(np.quantile(finite, 0.999)) if finite.size else 0.0
        brightness = np.nan_to_num((log_prob - peak) / DENSITY_RANGE_NATS + 1, nan=0.0, posinf=1.0, neginf=0.0).clip(
            0, 1
        )
        low, high = np.array(BACKGROUND_COLOR), np.array(_PEAK_COLOR)
        # The exponent darkens low densities, so that the modes stand out.
        colors = (low + brightness[..., None] ** 1.5 * (high - low)).astype(np.uint8)
        self._layers = Image.fromarray(colors).resize(self._layers.size, Image.Resampling.BICUBIC)

    def draw_points(self, points: Floats, color: Color, radius_px: float = 1.2) -> None:
        """Draw points, an array (N, 2); those that are not finite, or far outside, are skipped."""
        draw, radius = ImageDraw.Draw(self._layers), radius_px * self.zoom * _SUPERSAMPLING
        for x, y in self._to_pixels(points):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)

    def draw_path(self, points: Floats, color: Color = PATH_COLOR) -> None:
        """Draw a path through points, an array (N, 2), with a dot at each."""
        draw = ImageDraw.Draw(self._layers)
        pixels = self._to_pixels(points)
        if len(pixels) > 1:
            draw.line(pixels, fill=color, width=round(self.zoom * _SUPERSAMPLING))
        self.draw_points(points, color, 3)

    def to_array(self) -> NDArray[np.uint8]:
        """Return the image as an array (H, W, 3) of uint8."""
        width, height = self._layers.size
        return np.asarray(
            self._layers.resize((width // _SUPERSAMPLING, height // _SUPERSAMPLING), Image.Resampling.BOX)
        )

    def _to_pixels(self, points: Floats) -> list[tuple[float, float]]:
        x0, x1, y0, y1 = self.bounds
        width, height = self._layers.size
        inside = np.isfinite(points).all(1)
        x = (points[inside, 0] - x0) / max(x1 - x0, 1e-12) * width
        y = (y1 - points[inside, 1]) / max(y1 - y0, 1e-12) * height
        near = (np.abs(x) < 4 * width) & (np.abs(y) < 4 * height)
        return list(zip(x[near].tolist(), y[near].tolist(), strict=True))


def bounds_of(*points: Floats, margin: float = 0.1) -> Bounds:
    """Return the bounds of a square that contains nearly all points, with a margin."""
    together = np.concatenate(points)
    together = together[np.isfinite(together).all(1)]
    if not len(together):
        return (-1.0, 1.0, -1.0, 1.0)
    low, high = np.quantile(together, 0.002, axis=0), np.quantile(together, 0.998, axis=0)
    center, half = (low + high) / 2, max(float((high - low).max()) / 2 * (1 + margin), 1e-6)
    x, y = (float(value) for value in center)
    return (x - half, x + half, y - half, y + half) if math.isfinite(half) else (-1.0, 1.0, -1.0, 1.0)
