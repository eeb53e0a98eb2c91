"""The latent plane beside the data: encodings, or the draws that the samples come from, within the prior's circles."""

import numpy as np

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.plane_plot import PlanePlot
from genexplorer.viewer.plots.scatter_items import Cloud, Lines, Marker, Rings
from genexplorer.viewer.tabs.density.point_animation import PointGlider
from genexplorer.viewer.tabs.density.scene import Scene
from genexplorer.viewer.tabs.density.side_panel import sample_color

_HOME = (-3.4, 3.4, -3.4, 3.4)


class LatentPlane(PlanePlot):
    """Two latent dimensions.

    Args:
        scene: What is known.
        palette: Of colors.
    """

    def __init__(self, scene: Scene, palette: Palette) -> None:
        self._scene = scene
        self.encodings, self.rings = Cloud(3, palette, "dot", 3.6, 0.6), Rings(palette)
        self.draws, self.grid = Cloud(3, palette, "cross", 4.5), Lines(2, palette, 1.0, 0.6)
        self.marker = Marker(palette)
        super().__init__("z", palette)
        self.set_home(_HOME)
        self.add(self.rings, self.grid, self.encodings, self.draws, self.marker)
        self.glider = PointGlider(self.encodings.place, self)
        self.recolor(palette)

    def clear(self) -> None:
        """Forget what belongs to a run."""
        self.glider.go(np.zeros((0, 2)), glide=False)
        self.draws.place(np.zeros((0, 2)))
        self.marker.put(None)
        self.go_home()

    def show_points(self) -> None:
        """Draw the encodings where there is an encoder, else the z of the samples."""
        scene = self._scene
        pairs = scene.pairs
        if pairs is not None and pairs.mu.shape[1] == 2:
            self.encodings.labels = pairs.labels if len(np.unique(pairs.labels)) > 1 else None
            self.glider.go(pairs.mu)
            self.draws.place(np.zeros((0, 2)))
        elif scene.z is not None and scene.z.shape[1] == 2 and not scene.encodes:
            self.draws.place(scene.z)

    def show_grid(self, there: bool) -> None:
        """Draw the base grid as it is before the flow, or not."""
        self.grid.place(self._scene.grid.points, self._scene.grid.connect)
        self.grid.setVisible(there)

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        super().recolor(palette)
        self.encodings.color = palette.text
        self.draws.color = sample_color(palette)
        self.grid.color = palette.muted
