"""Heat maps: their values, the scale of the colors, and the colors. No Qt."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.palette import Palette, rgb
from genexplorer.session.plane import Bounds
from genexplorer.viewer.tabs.density.layers import HeatMapKind

Floats = NDArray[np.float64]
DENSITY_RANGE_NATS = 8.0  # the colors go from the highest log density to so many nats below it
_DIFFERENCE_RANGE_NATS = 2.0  # the colors of a difference go from −2 to 2 nats
_UPSAMPLING = 3  # a cell of the grid becomes 3 × 3 interpolated pixels
_SEQUENTIAL_OPACITY, _DIVERGING_OPACITY = 0.72, 0.5  # of the colors at the ends of a scale, so that points stay visible
_SEQUENTIAL_GAMMA = 1.2  # above 1, low densities are paler, so that the background stays calm


# Each kind of heat map with its label, the short label of a single value, and the unit.
_LABELS: dict[HeatMapKind, tuple[str, str, str]] = {
    "model": ("log p(x) of the model, nats", "log p(x)", "nats"),
    "truth": ("log p(x) of the true density, nats", "true log p(x)", "nats"),
    "difference": ("log p model − log p truth, nats", "difference", "nats"),
    "critic": ("probability of being real, σ(D(x))", "σ(D(x))", ""),
}


@dataclass(frozen=True)
class ColorScale:
    """The values at both ends of the colors; a diverging scale is colorless in the middle of them."""

    low: float
    high: float
    is_diverging: bool = False

    def normalize(self, values: Floats) -> Floats:
        """Return where values are between both ends, as fractions clipped to [0, 1]."""
        fractions: Floats = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return fractions


@dataclass(frozen=True)
class HeatMap:
    """Values over a part of the plane."""

    kind: HeatMapKind
    values: Floats  # (rows, columns), row 0 on top: nats, or for "critic" the discriminator's probability of being real
    bounds: Bounds  # the part of the plane that the values cover
    method: str  # how the values were computed: "exact", "importance-weighted estimate, 64 samples"
    step: int  # the step of the snapshot

    @property
    def label(self) -> str:
        """The quantity with its unit, for the color bar."""
        return _LABELS[self.kind][0]

    @property
    def value_label(self) -> str:
        """The short label of a single value."""
        return _LABELS[self.kind][1]

    @property
    def unit(self) -> str:
        """The unit of a value; a probability has none."""
        return _LABELS[self.kind][2]

    @property
    def scale(self) -> ColorScale:
        """The values at both ends of the colors."""
        if self.kind == "critic":
            return ColorScale(0.0, 1.0, is_diverging=True)
        if self.kind == "difference":
            return ColorScale(-_DIFFERENCE_RANGE_NATS, _DIFFERENCE_RANGE_NATS, is_diverging=True)
        replace_nonfinite = self.values[np.isfinite(self.values)]
        top = float(math.ceil(replace_nonfinite.max())) if replace_nonfinite.size else 0.0
        return ColorScale(top - DENSITY_RANGE_NATS, top)

    def value_at(self, x: float, y: float) -> float | None:
        """Return the value of the cell at a point of the plane; None outside of the heat map."""
        x0, x1, y0, y1 = self.bounds
        rows, columns = self.values.shape
        column, row = (x - x0) / (x1 - x0) * columns, (y1 - y) / (y1 - y0) * rows
        if not (0 <= column < columns and 0 <= row < rows):
            return None
        return float(self.values[int(row), int(column)])

    def to_image(self, palette: Palette) -> NDArray[np.uint8]:
        """Return the values as an image, (rows · 3, columns · 3, 3), row 0 on top."""
        scale = self.scale
        fractions = scale.normalize(np.nan_to_num(self.values, nan=scale.low, neginf=scale.low, posinf=scale.high))
        return colorize(_upsample(fractions), scale, palette)


def difference_map(model: HeatMap, truth: HeatMap) -> HeatMap | None:
    """Return log p of the model minus true log p, 0 where both are low; None if they cover different bounds."""
    if model.bounds != truth.bounds or model.values.shape != truth.values.shape:
        return None
    floor = truth.scale.low
    clipped = [np.maximum(np.nan_to_num(m.values, nan=floor, neginf=floor), floor) for m in (model, truth)]
    return HeatMap("difference", clipped[0] - clipped[1], model.bounds, model.method, model.step)


def sigmoid(logits: Floats) -> Floats:
    """Return the sigmoid of logits."""
    probabilities: Floats = 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))
    return probabilities


def colorize(fractions: Floats, scale: ColorScale, palette: Palette) -> NDArray[np.uint8]:
    """Return the colors, (…, 3), of fractions between the ends of a scale.

    They go from the background to the accent color, or, diverging, from the warning color over the background to the
    accent color. Lightness alone gives the magnitude, for readers who do not see the hue.
    """
    background, high, low = (np.array(rgb(c), float) for c in (palette.background, palette.accent, palette.warning))
    if not scale.is_diverging:
        mixed = background + (high - background) * (fractions**_SEQUENTIAL_GAMMA * _SEQUENTIAL_OPACITY)[..., None]
    else:
        signed_fractions = 2 * fractions - 1
        end = np.where(signed_fractions[..., None] >= 0, high, low)
        mixed = background + (end - background) * (np.abs(signed_fractions) * _DIVERGING_OPACITY)[..., None]
    colored: NDArray[np.uint8] = np.round(mixed).astype(np.uint8)
    return colored


def grid_shape(bounds: Bounds, side: int = 96) -> tuple[int, int]:
    """Return the numbers of rows and columns of a grid of nearly square cells, about side² of them."""
    x0, x1, y0, y1 = bounds
    ratio = min(max((x1 - x0) / (y1 - y0), 0.2), 5.0) ** 0.5
    return max(8, round(side / ratio)), max(8, round(side * ratio))


def _upsample(values: Floats) -> Floats:
    """Return values interpolated linearly between the centers of the cells."""
    for axis in (0, 1):
        count = values.shape[axis]
        indices = np.clip((np.arange(count * _UPSAMPLING) + 0.5) / _UPSAMPLING - 0.5, 0, count - 1)
        low = indices.astype(int)
        high = np.minimum(low + 1, count - 1)
        weight = (indices - low).reshape((-1, 1) if axis == 0 else (1, -1))
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight
    return values
