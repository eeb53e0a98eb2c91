"""Heat maps: their values, the scale of the colors, and the colors. No Qt."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.palette import Palette, rgb
from genexplorer.session.plane import Bounds
from genexplorer.viewer.tabs.density.layers import HeatKind

Floats = NDArray[np.float64]
DEPTH = 8.0  # the colors cover so many nats below the highest density
_LARGEST_DIFFERENCE = 2.0
_FACTOR = 3  # interpolated pixels per cell, on each side
_OPACITY, _TWO_SIDED_OPACITY = 0.72, 0.5  # at the ends of the scale, so that points stay visible


_NAMES: dict[HeatKind, tuple[str, str]] = {  # the quantity with its unit, and the short name of a value
    "model": ("log p(x) of the model, nats", "log p(x)"),
    "truth": ("log p(x) of the true density, nats", "true log p(x)"),
    "difference": ("log p model − log p truth, nats", "difference"),
    "critic": ("probability of being real, σ(D(x))", "σ(D(x))"),
}


@dataclass(frozen=True)
class ColorScale:
    """The values at both ends of the colors; a diverging scale has a `center`, where it is colorless."""

    low: float
    high: float
    center: float | None = None

    def normalize(self, values: Floats) -> Floats:
        """Return values as shares between the ends, clipped to 0 … 1."""
        shares: Floats = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return shares


@dataclass(frozen=True)
class HeatMap:
    """Values over a part of the plane."""

    kind: HeatKind
    values: Floats  # (rows, columns), row 0 on top: nats, or a probability for "critic"
    bounds: Bounds  # of that part
    method: str  # "exact", "importance-weighted estimate, 64 samples"
    step: int  # of the snapshot

    @property
    def name(self) -> str:
        """The quantity, with its unit."""
        return _NAMES[self.kind][0]

    @property
    def value_name(self) -> str:
        """The short name of a value."""
        return _NAMES[self.kind][1]

    @property
    def unit(self) -> str:
        """The unit of a value."""
        return "" if self.kind == "critic" else "nats"

    @property
    def scale(self) -> ColorScale:
        """The range of the colors."""
        if self.kind == "critic":
            return ColorScale(0.0, 1.0, 0.5)
        if self.kind == "difference":
            return ColorScale(-_LARGEST_DIFFERENCE, _LARGEST_DIFFERENCE, 0.0)
        finite = self.values[np.isfinite(self.values)]
        top = float(math.ceil(finite.max())) if finite.size else 0.0
        return ColorScale(top - DEPTH, top)

    def value_at(self, x: float, y: float) -> float | None:
        """Return the value at a point of the plane, None outside."""
        x0, x1, y0, y1 = self.bounds
        rows, columns = self.values.shape
        column, row = (x - x0) / (x1 - x0) * columns, (y1 - y) / (y1 - y0) * rows
        if not (0 <= column < columns and 0 <= row < rows):
            return None
        return float(self.values[int(row), int(column)])

    def pixels(self, palette: Palette) -> NDArray[np.uint8]:
        """Return the colors, (rows · 3, columns · 3, 3), row 0 on top."""
        scale = self.scale
        shares = scale.normalize(np.nan_to_num(self.values, nan=scale.low, neginf=scale.low, posinf=scale.high))
        return colorize(_upsample(shares), scale, palette)


def difference(model: HeatMap, truth: HeatMap) -> HeatMap | None:
    """Return log p of the model minus the true one, 0 where both are low; None if they cover different bounds."""
    if model.bounds != truth.bounds or model.values.shape != truth.values.shape:
        return None
    floor = truth.scale.low
    clipped = [np.maximum(np.nan_to_num(m.values, nan=floor, neginf=floor), floor) for m in (model, truth)]
    return HeatMap("difference", clipped[0] - clipped[1], model.bounds, model.method, model.step)


def probability(logits: Floats) -> Floats:
    """Return the sigmoid of logits."""
    probabilities: Floats = 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))
    return probabilities


def colorize(shares: Floats, scale: ColorScale, palette: Palette) -> NDArray[np.uint8]:
    """Return the colors, (…, 3), of shares between the ends of a scale.

    They go from the background to the accent color, or, diverging, from the warning color over the background to the
    accent color. Lightness alone gives the magnitude, for readers who do not see the hue.
    """
    background, high, low = (np.array(rgb(c), float) for c in (palette.background, palette.accent, palette.warning))
    if scale.center is None:
        mixed = background + (high - background) * (shares**1.2 * _OPACITY)[..., None]
    else:
        signed = 2 * shares - 1
        end = np.where(signed[..., None] >= 0, high, low)
        mixed = background + (end - background) * (np.abs(signed) * _TWO_SIDED_OPACITY)[..., None]
    colored: NDArray[np.uint8] = np.round(mixed).astype(np.uint8)
    return colored


def grid_shape(bounds: Bounds, side: int = 96) -> tuple[int, int]:
    """Return rows and columns of nearly square cells, about side² of them."""
    x0, x1, y0, y1 = bounds
    ratio = min(max((x1 - x0) / (y1 - y0), 0.2), 5.0) ** 0.5
    return max(8, round(side / ratio)), max(8, round(side * ratio))


def _upsample(values: Floats) -> Floats:
    """Return values interpolated linearly between the centers of the cells."""
    for axis in (0, 1):
        count = values.shape[axis]
        indices = np.clip((np.arange(count * _FACTOR) + 0.5) / _FACTOR - 0.5, 0, count - 1)
        low = indices.astype(int)
        high = np.minimum(low + 1, count - 1)
        weight = (indices - low).reshape((-1, 1) if axis == 0 else (1, -1))
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight
    return values
