"""A plane with data, a path through it and named points on it: for 2-D data and for 2-D latents."""

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.palette import Palette
from genexplorer.session.plane import Bounds
from genexplorer.viewer.plots.plane_layers import (
    Floats,
    LineLayer,
    Marker,
    MarkerLayer,
    PriorCircles,
    ScatterLayer,
    covering,
)
from genexplorer.viewer.plots.plane_plot import PlanePlot


class PathPlot(PlanePlot):
    """Data points in the background, a line, a few dots, and markers above all.

    Args:
        names: Of the axes, x first.
        palette: The colors.
        prior: Whether the circles of N(0, I) are drawn.
        picks: Whether the left button reports places instead of panning.
    """

    def __init__(self, names: tuple[str, str], palette: Palette, *, prior: bool = False, picks: bool = False) -> None:
        self.data = ScatterLayer(2, palette, "dot", 3.0, 0.5)
        self.path = LineLayer(4, palette, 2.0, halo=5.0)
        self.dots = ScatterLayer(5, palette, "dot", 4.4)
        self.markers = MarkerLayer(palette)
        self._data_bounds: Bounds = (-3.0, 3.0, -3.0, 3.0)
        super().__init__(names, palette, picks=picks)
        self.add(self.data, self.path, self.dots, self.markers)
        if prior:
            self.add(PriorCircles(palette))
        self.set_home(self._data_bounds)

    def set_data(
        self, points: Floats | None, labels: NDArray[np.int64] | None = None, bounds: Bounds | None = None
    ) -> None:
        """Show data points, (N, 2), in the colors of their labels, (N,), and the part of the plane they cover."""
        self.data.labels = labels
        self.data.set_points(np.zeros((0, 2)) if points is None else points)
        if bounds is not None:
            self._data_bounds = bounds
            self.set_home(bounds)

    def show_path(
        self, *markers: Marker, path: Floats | None = None, dots: Floats | None = None, hint: str = ""
    ) -> None:
        """Show markers, a line through points, (N, 2), and dots, (M, 2); or the hint why there is nothing."""
        self.markers.set_markers(*markers)
        self.path.set_lines(np.zeros((0, 2)) if path is None else path)
        self.dots.set_points(np.zeros((0, 2)) if dots is None else dots[np.isfinite(dots).all(axis=1)])
        self.set_home(covering(self._data_bounds, path, *(marker.position for marker in markers)))
        self.set_hint(hint)
        positions = (f"{marker.name} ({marker.position[0]:.2f}, {marker.position[1]:.2f})" for marker in markers)
        self.setAccessibleDescription(", ".join(positions) or hint)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.path.color, self.dots.color = palette.accent, palette.text
