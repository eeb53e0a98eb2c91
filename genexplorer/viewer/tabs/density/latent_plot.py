"""The latent plane beside the data: encodings, or the z of the samples, and the prior's circles."""

import numpy as np

from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.plane_layers import LineLayer, MarkerLayer, PriorCircles, ScatterLayer
from genexplorer.viewer.plots.plane_plot import PlanePlot
from genexplorer.viewer.tabs.density.scene import DensityScene
from genexplorer.viewer.tabs.density.side_panel import sample_color
from genexplorer.viewer.widgets.animation import PointAnimation

_HOME = (-3.4, 3.4, -3.4, 3.4)


class LatentPlot(PlanePlot):
    """Two latent dimensions.

    Args:
        scene: The replies of the model.
        palette: The colors.
    """

    def __init__(self, scene: DensityScene, palette: Palette) -> None:
        self._scene = scene
        self.encodings, self.circles = ScatterLayer(3, palette, "dot", 3.6, 0.6), PriorCircles(palette)
        self.sampled, self.grid = ScatterLayer(3, palette, "cross", 4.5), LineLayer(2, palette, 1.0, 0.6)
        self.markers = MarkerLayer(palette)
        super().__init__(("z₁", "z₂"), palette)
        self.set_home(_HOME)
        self.add(self.circles, self.grid, self.encodings, self.sampled, self.markers)
        self.animation = PointAnimation(self.encodings.set_points, self)

    def clear(self) -> None:
        """Discard what belongs to a run."""
        self.animation.move_to(np.zeros((0, 2)), animate=False)
        self.sampled.set_points(np.zeros((0, 2)))
        self.markers.set_markers()
        self.reset_view()

    def show_points(self) -> None:
        """Draw the encodings, or, without an encoder, the z of the samples."""
        scene = self._scene
        reconstructions = scene.reconstructions
        if reconstructions is not None and reconstructions.mu.shape[1] == 2:
            self.encodings.labels = reconstructions.labels if len(np.unique(reconstructions.labels)) > 1 else None
            self.animation.move_to(reconstructions.mu)
            self.sampled.set_points(np.zeros((0, 2)))
        elif scene.z is not None and scene.z.shape[1] == 2 and not scene.encodes:
            self.sampled.set_points(scene.z)

    def show_grid(self, visible: bool) -> None:
        """Show or hide the base grid as it is before the flow."""
        self.grid.set_lines(self._scene.grid.points, self._scene.grid.connect)
        self.grid.setVisible(visible)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.encodings.color = palette.text
        self.sampled.color = sample_color(palette)
        self.grid.color = palette.muted
