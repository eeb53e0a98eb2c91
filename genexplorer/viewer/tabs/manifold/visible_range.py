"""The visible part of the latent plane, and the transform between the plane and device pixels. No Qt."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.plane import Axis, Coords, Plane

Bounds = tuple[float, float, float, float]  # x0, x1, y0, y1

HOME_MAX_Z = 3.2  # the home view shows z from −3.2 to 3.2 along its shorter side: 99.9 % of the prior
_SMALLEST_SPAN = {"z": 1e-4, "u": 1e-5}
_LARGEST_SPAN = {"z": 40.0, "u": 1.6}
_CENTER_LIMITS = {"z": (-12.0, 12.0), "u": (0.0, 1.0)}


@dataclass(frozen=True)
class VisibleRange:
    """The visible rectangle of the plane on a plot of width_px × height_px device pixels; y grows upwards.

    Args:
        coords: "z", or "u" = Φ(z) with the whole plane in [0, 1]².
        center: The plane's coordinates in the middle of the plot.
        per_px: Units of the plane per device pixel, across and down.
        width_px: Device pixels across.
        height_px: Device pixels down.
    """

    coords: Coords
    center: tuple[float, float]
    per_px: tuple[float, float]
    width_px: int
    height_px: int

    @property
    def bounds(self) -> Bounds:
        """The visible part, x0, x1, y0, y1."""
        half_x, half_y = self.per_px[0] * self.width_px / 2, self.per_px[1] * self.height_px / 2
        return (self.center[0] - half_x, self.center[0] + half_x, self.center[1] - half_y, self.center[1] + half_y)

    @property
    def plane(self) -> Plane:
        """The plane of these bounds, with ticks and the maps to and from z."""
        return Plane(self.coords, self.bounds)

    def z_to_px(self, z: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return device pixels, (N, 2), of latent points, (N, 2)."""
        return self.to_px(self.plane.from_z(z))

    def px_to_z(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return latent points, (N, 2), of device pixels, (N, 2)."""
        return self.plane.to_z(self.to_plane(pixels))

    def to_px(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return device pixels, (N, 2), from the plot's top left, of points of the plane, (N, 2)."""
        x0, _, _, y1 = self.bounds
        points = np.asarray(points, np.float64).reshape(-1, 2)
        return np.column_stack([(points[:, 0] - x0) / self.per_px[0], (y1 - points[:, 1]) / self.per_px[1]])

    def to_plane(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return points of the plane, (N, 2), of device pixels, (N, 2)."""
        x0, _, _, y1 = self.bounds
        pixels = np.asarray(pixels, np.float64).reshape(-1, 2)
        return np.column_stack([x0 + pixels[:, 0] * self.per_px[0], y1 - pixels[:, 1] * self.per_px[1]])

    def panned(self, dx_px: float, dy_px: float) -> "VisibleRange":
        """Return the view after the plane was dragged by device pixels, to the right and down."""
        x, y = self.center
        return self.centered((x - dx_px * self.per_px[0], y + dy_px * self.per_px[1]))

    def centered(self, center: tuple[float, float]) -> "VisibleRange":
        """Return the view with another middle, clipped to the range of the prior."""
        low, high = _CENTER_LIMITS[self.coords]
        return replace(self, center=(min(high, max(low, center[0])), min(high, max(low, center[1]))))

    def zoomed(self, factor: float, at_px: tuple[float, float] | None = None) -> "VisibleRange":
        """Return the view enlarged by a factor (below 1: made smaller) around a device pixel, which stays in place."""
        at = at_px or (self.width_px / 2, self.height_px / 2)
        spans = self.per_px[0] * self.width_px, self.per_px[1] * self.height_px
        factor = min(factor, min(spans) / _SMALLEST_SPAN[self.coords])
        factor = max(factor, max(spans) / _LARGEST_SPAN[self.coords], 1e-6) if factor < 1 else factor
        fixed = self.to_plane(np.array([at]))[0]
        per_px = self.per_px[0] / factor, self.per_px[1] / factor
        x = fixed[0] - (at[0] - self.width_px / 2) * per_px[0]
        y = fixed[1] + (at[1] - self.height_px / 2) * per_px[1]
        return replace(self, per_px=per_px).centered((x, y))

    def resized(self, width_px: int, height_px: int) -> "VisibleRange":
        """Return the view on a plot of another size, with the same scale and middle."""
        return replace(self, width_px=max(1, width_px), height_px=max(1, height_px))


def home(coords: Coords, width_px: int, height_px: int, tile_px: tuple[int, int] | None = None) -> VisibleRange:
    """Return the view that opens: the prior's bulk in "z", all of [0, 1]² in "u".

    In "u" each axis is a probability and is stretched to fill the plot; with `tile_px`, the height and width of a
    tile, it is filled by whole tiles from edge to edge. In "z" both axes keep one scale, so that circles stay round.
    """
    width_px, height_px = max(1, width_px), max(1, height_px)
    if coords == "u":
        down, across = tile_px or (1, 1)
        columns, rows = max(1, width_px // across), max(1, height_px // down)
        return VisibleRange("u", (0.5, 0.5), (1 / (columns * across), 1 / (rows * down)), width_px, height_px)
    per_px = 2 * HOME_MAX_Z / min(width_px, height_px)
    return VisibleRange("z", (0.0, 0.0), (per_px, per_px), width_px, height_px)


def is_valid_range(bounds: Bounds | None) -> bool:
    """Whether bounds, or None for the default view, are finite, not empty, and near the prior."""
    if bounds is None:
        return True
    x0, x1, y0, y1 = bounds
    return all(math.isfinite(edge) and abs(edge) < 100 for edge in bounds) and x1 - x0 > 1e-6 and y1 - y0 > 1e-6


def tick_labels(view: VisibleRange, axis: Axis, room: float) -> dict[float, str]:
    """Return the ticks of an axis in order: position in the plane and the value of z there.

    In "u" round values of z crowd at both ends; of those that are too close, the rounder ones remain.

    Args:
        view: The visible part.
        axis: "x" or "y".
        room: Number of ticks that fit.
    """
    if view.coords == "z":
        return {tick.position: tick.label for tick in view.plane.ticks(axis, max(2, int(room)))}
    x0, x1, y0, y1 = view.bounds
    apart = (x1 - x0 if axis == "x" else y1 - y0) / max(room, 1.0)
    labels: dict[float, str] = {}
    # Without zeros at their end, labels with fewer decimals are rounder, then those of smaller values.
    ticks = [
        (tick.label.rstrip("0").rstrip(".") if "." in tick.label else tick.label, tick.position)
        for tick in view.plane.ticks(axis, 17)
    ]
    ticks.sort(key=lambda tick: (len(tick[0].partition(".")[2]), abs(float(tick[0].replace("−", "-")))))
    for label, position in ticks:
        if all(abs(position - other) >= apart for other in labels):
            labels[position] = label
    return dict(sorted(labels.items()))
