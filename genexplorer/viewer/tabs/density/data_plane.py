"""The plane of the data: draws the scene's layers that are switched on."""

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.plane_layers import LineLayer, MarkerLayer, ScatterLayer, arrow_lines, pair_lines
from genexplorer.viewer.plots.plane_plot import PlanePlot
from genexplorer.viewer.tabs.density.layers import LayersState
from genexplorer.viewer.tabs.density.point_animation import PointGlider
from genexplorer.viewer.tabs.density.scene import Scene
from genexplorer.viewer.tabs.density.side_panel import data_color, sample_color

Floats = NDArray[np.float64]
_ARROW_SHARE = 0.04  # of the plane's width: the length of a strong gradient


class DataPlane(PlanePlot):
    """Data, samples, grid, arrows and lines over a heat map.

    Args:
        state: The switches.
        scene: What is known.
        palette: Of colors.
    """

    def __init__(self, state: LayersState, scene: Scene, palette: Palette) -> None:
        self._state, self._scene = state, scene
        self.share = 1.0  # of the way from base to data
        self.data = ScatterLayer(2, palette, "dot", 3.4, 0.6)
        self.samples = ScatterLayer(6, palette, "cross", 4.5, 0.9)
        self.grid = LineLayer(3, palette, 1.0, 0.85)
        self.arrows = LineLayer(7, palette, 1.1, 0.85)
        self.pairs = LineLayer(4, palette, 1.0, 0.6)
        self.markers = MarkerLayer(palette)
        super().__init__(axis_names("x"), palette)
        self.add(self.data, self.grid, self.pairs, self.samples, self.arrows, self.markers)
        self.glider = PointGlider(self._place_cloud, self)
        self.recolor(palette)

    def clear(self) -> None:
        """Forget what belongs to a run."""
        self.glider.go(np.zeros((0, 2)), glide=False)
        for layer in (self.arrows, self.pairs):
            layer.set_lines(np.zeros((0, 2)))
        self.data.set_points(np.zeros((0, 2)))
        self.set_image(None)
        self.markers.set_markers()
        self.reset_view()

    def show_data(self) -> None:
        """Draw the test set."""
        scene = self._scene
        if scene.data is not None:
            self.data.set_points(scene.data)
        if scene.bounds is not None:
            self.set_home(scene.bounds)
        self.show_switches()

    def show_cloud(self, *, glide: bool = True) -> None:
        """Bring samples and grid to where they are now."""
        scene = self._scene
        points = scene.unmixing.at(self.share) if scene.unmixing is not None else scene.samples
        self.glider.go(np.zeros((0, 2)) if points is None else points, glide=glide)

    def set_share(self, share: float) -> None:
        """Show the cloud on its way from base to data; what belongs to the data alone waits for the end."""
        self.share = share
        if self._scene.unmixing is not None:
            self.set_axis_names(axis_names(self._scene.unmixing.letter(share)))
        self.show_cloud(glide=False)
        self.show_switches()

    def show_arrows(self) -> None:
        """Draw the gradients."""
        if self._scene.arrows is not None:
            x0, x1, y0, y1 = self._home
            longest = _ARROW_SHARE * max(x1 - x0, y1 - y0)
            self.arrows.set_lines(*arrow_lines(*self._scene.arrows, longest))

    def show_pairs(self) -> None:
        """Draw lines from test points to their reconstructions."""
        pairs = self._scene.pairs
        if pairs is not None:
            self.pairs.set_lines(*pair_lines(pairs.x, pairs.recon))

    def show_switches(self) -> None:
        """Draw what is switched on."""
        state, scene, ends = self._state, self._scene, self.share >= 1
        classes = state.shows("classes") and scene.labels is not None
        self.data.labels = scene.labels if classes else None
        self._color_data()
        self.data.setVisible(state.shows("data"))
        self.data.setOpacity(1.0 if ends else 0.35)
        self.samples.setVisible(state.shows("samples"))
        self.grid.setVisible(state.shows("grid") and scene.unmixing is not None)
        self.arrows.setVisible(state.shows("arrows"))
        self.pairs.setVisible(state.shows("lines"))
        self._show_heat_map()
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        super().recolor(palette)
        self.samples.color = self.pairs.color = self.arrows.color = sample_color(palette)
        self.grid.color = palette.muted
        self._color_data()
        self._show_heat_map()

    def _show_heat_map(self) -> None:
        heat = self._scene.heat if self.share >= 1 else None
        if heat is None:
            self.set_image(None)
        else:
            self.set_image(heat.pixels(self.colors), heat.bounds)

    def _color_data(self) -> None:
        self.data.color = data_color(self.colors, judged=self._scene.critic)

    def _place_cloud(self, points: Floats) -> None:
        count = len(points) if self._scene.unmixing is None else len(points) - len(self._scene.grid.points)
        self.samples.set_points(points[:count])
        if self._scene.unmixing is not None and len(points) > count:
            self.grid.set_lines(points[count:], self._scene.grid.connect)


def axis_names(letter: str) -> tuple[str, str]:
    """Return the names of both axes of a plane: x, z, or v between the two."""
    return f"{letter}₁", f"{letter}₂"
