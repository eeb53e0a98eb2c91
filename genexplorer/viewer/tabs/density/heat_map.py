"""Heat maps: what is mapped, over which values, in which colors. No Qt."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.palette import Palette, rgb
from genexplorer.session.plane import Bounds
from genexplorer.viewer.tabs.density.layers import Heat

Floats = NDArray[np.float64]
DEPTH = 8.0  # nats below the highest density that are told apart
_LARGEST_DIFFERENCE = 2.0
_FINER = 3  # a cell is drawn as so many by so many, between its neighbors' values
_STRENGTH, _TWO_STRENGTH = 0.72, 0.5  # of the colors at the end, or both ends; points must stand out on them


@dataclass(frozen=True)
class Scale:
    """The values from one end of the colors to the other; `center` is where two colors meet, None for one."""

    low: float
    high: float
    center: float | None = None

    def share(self, values: Floats) -> Floats:
        """Return where values lie between the ends, 0 to 1."""
        shares: Floats = np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        return shares


@dataclass(frozen=True)
class HeatMap:
    """Values over a part of the plane.

    Args:
        kind: What they are.
        values: (rows, columns), row 0 on top: nats, or a probability for "critic".
        bounds: Of the part.
        how: "exact", "importance-weighted estimate, 64 samples".
        step: Of the snapshot.
    """

    kind: Heat
    values: Floats
    bounds: Bounds
    how: str
    step: int

    @property
    def name(self) -> str:
        """Return what is mapped, with its unit."""
        return {
            "model": "log p(x) of the model, nats",
            "truth": "log p(x) of the true density, nats",
            "difference": "log p model − log p truth, nats",
            "critic": "probability of being real, σ(D(x))",
        }.get(self.kind, "")

    @property
    def short(self) -> str:
        """Return what a value is called."""
        names: dict[Heat, str] = {"difference": "difference", "critic": "σ(D(x))", "truth": "true log p(x)"}
        return names.get(self.kind, "log p(x)")

    @property
    def unit(self) -> str:
        """Return the unit of a value."""
        return "" if self.kind == "critic" else "nats"

    @property
    def scale(self) -> Scale:
        """Return the values that the colors stand for."""
        if self.kind == "critic":
            return Scale(0.0, 1.0, 0.5)
        if self.kind == "difference":
            return Scale(-_LARGEST_DIFFERENCE, _LARGEST_DIFFERENCE, 0.0)
        finite = self.values[np.isfinite(self.values)]
        top = float(math.ceil(finite.max())) if finite.size else 0.0
        return Scale(top - DEPTH, top)

    def value_at(self, x: float, y: float) -> float | None:
        """Return the value at a place, None outside."""
        x0, x1, y0, y1 = self.bounds
        rows, columns = self.values.shape
        column, row = (x - x0) / (x1 - x0) * columns, (y1 - y) / (y1 - y0) * rows
        if not (0 <= column < columns and 0 <= row < rows):
            return None
        return float(self.values[int(row), int(column)])

    def pixels(self, palette: Palette) -> NDArray[np.uint8]:
        """Return the colors, (rows · 3, columns · 3, 3), row 0 on top."""
        scale = self.scale
        shares = scale.share(np.nan_to_num(self.values, nan=scale.low, neginf=scale.low, posinf=scale.high))
        return colors(_finer(shares), scale, palette)


def difference(model: HeatMap, truth: HeatMap) -> HeatMap | None:
    """Return log p of the model minus the true one; what neither thinks likely counts as equal. None if they differ
    in what they cover.
    """
    if model.bounds != truth.bounds or model.values.shape != truth.values.shape:
        return None
    floor = truth.scale.low
    apart = [np.maximum(np.nan_to_num(m.values, nan=floor, neginf=floor), floor) for m in (model, truth)]
    return HeatMap("difference", apart[0] - apart[1], model.bounds, model.how, model.step)


def probability(logits: Floats) -> Floats:
    """Return σ of logits."""
    shares: Floats = 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))
    return shares


def colors(shares: Floats, scale: Scale, palette: Palette) -> NDArray[np.uint8]:
    """Return the colors of shares between the ends of a scale, (…, 3): from the paper to the accent, or from the
    warning color over the paper to the accent. Lightness tells the size, so that it is seen without hue as well.
    """
    paper, high, low = (np.array(rgb(c), float) for c in (palette.background, palette.accent, palette.warning))
    if scale.center is None:
        mixed = paper + (high - paper) * (shares**1.2 * _STRENGTH)[..., None]
    else:
        signed = 2 * shares - 1
        end = np.where(signed[..., None] >= 0, high, low)
        mixed = paper + (end - paper) * (np.abs(signed) * _TWO_STRENGTH)[..., None]
    made: NDArray[np.uint8] = np.round(mixed).astype(np.uint8)
    return made


def cells(bounds: Bounds, side: int = 96) -> tuple[int, int]:
    """Return rows and columns of nearly square cells, about side² of them."""
    x0, x1, y0, y1 = bounds
    ratio = min(max((x1 - x0) / (y1 - y0), 0.2), 5.0) ** 0.5
    return max(8, round(side / ratio)), max(8, round(side * ratio))


def _finer(values: Floats) -> Floats:
    """Return values between the cells' centers, straight from one to the next."""
    for axis in (0, 1):
        count = values.shape[axis]
        places = np.clip((np.arange(count * _FINER) + 0.5) / _FINER - 0.5, 0, count - 1)
        low = places.astype(int)
        high = np.minimum(low + 1, count - 1)
        share = (places - low).reshape((-1, 1) if axis == 0 else (1, -1))
        values = np.take(values, low, axis) * (1 - share) + np.take(values, high, axis) * share
    return values
