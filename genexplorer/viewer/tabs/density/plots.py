"""The two planes of the Density tab, data and latent, and the markers that link them."""

import math

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage

from genexplorer.session.palette import Palette
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnResult, RequestGroup
from genexplorer.viewer.plots.plane_layers import (
    LineLayer,
    Marker,
    MarkerLayer,
    PriorCircles,
    ScatterLayer,
    arrow_lines,
    pair_lines,
)
from genexplorer.viewer.plots.plane_plot import PlanePlot
from genexplorer.viewer.tabs.density.layers import LayersState
from genexplorer.viewer.tabs.density.scene import DensityScene, replace_nonfinite
from genexplorer.viewer.tabs.density.side_panel import data_color, sample_color
from genexplorer.viewer.widgets.animation import PointAnimation
from genexplorer.viewer.widgets.images import to_array

Floats = NDArray[np.float64]
_MAX_ARROW_FRACTION = 0.04  # a strong gradient's arrow is this fraction of the plane's width
_MAX_FRAME_PX = 480  # the longer side of an animation's frame, at most
_LATENT_HOME_BOUNDS = (-3.4, 3.4, -3.4, 3.4)  # more than 99.8 % of N(0, I) are within


class DataPlot(PlanePlot):
    """Data, samples, grid, arrows and lines over a heat map."""

    def __init__(self, state: LayersState, scene: DensityScene, palette: Palette) -> None:
        self._state, self._scene = state, scene
        self.position = 1.0  # the position in the flow, from 0, the base, to 1, the data
        self.data = ScatterLayer(2, palette, "dot", 3.4, 0.6)
        self.samples = ScatterLayer(6, palette, "cross", 4.5, 0.9)
        self.grid = LineLayer(3, palette, 1.0, 0.85)
        self.arrows = LineLayer(7, palette, 1.1, 0.85)
        self.reconstructions = LineLayer(4, palette, 1.0, 0.6)
        self.markers = MarkerLayer(palette)
        super().__init__(axis_names("x"), palette)
        self.add_layers(self.data, self.grid, self.reconstructions, self.samples, self.arrows, self.markers)
        self.animation = PointAnimation(self._show_points, self)

    def clear(self) -> None:
        """Discard the data of a run."""
        self.animation.move_to(np.zeros((0, 2)), animate=False)
        for layer in (self.arrows, self.reconstructions, self.grid):
            layer.set_lines(np.zeros((0, 2)))
        self.data.labels = None
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
        self.show_layers()

    def show_samples(self, *, animate: bool = True) -> None:
        """Move samples and grid to their positions."""
        scene = self._scene
        points = scene.flow.points_at(self.position) if scene.flow is not None else scene.samples
        self.animation.move_to(np.zeros((0, 2)) if points is None else points, animate=animate)

    def set_position(self, position: float) -> None:
        """Show samples and grid between base and data; heat map and data belong to the end."""
        self.position = position
        flow = self._scene.flow
        self.set_axis_names(axis_names("x" if flow is None else flow.axis_letter(position)))
        self.show_samples(animate=False)
        self.show_layers()

    def show_arrows(self) -> None:
        """Draw the gradients."""
        if self._scene.arrows is not None:
            x0, x1, y0, y1 = self._home
            max_length = _MAX_ARROW_FRACTION * max(x1 - x0, y1 - y0)
            self.arrows.set_lines(*arrow_lines(*self._scene.arrows, max_length))

    def show_reconstructions(self) -> None:
        """Draw lines from test points to their reconstructions."""
        reconstructions = self._scene.reconstructions
        if reconstructions is not None:
            self.reconstructions.set_lines(*pair_lines(reconstructions.x, reconstructions.recon))

    def show_layers(self) -> None:
        """Draw the layers that are switched on."""
        state, scene, at_data = self._state, self._scene, self.position >= 1
        classes = state.shows("classes") and scene.labels is not None
        self.data.labels = scene.colors_of(scene.labels) if classes and scene.labels is not None else None
        self._color_data()
        self.data.setVisible(state.shows("data"))
        self.data.setOpacity(1.0 if at_data else 0.35)
        self.samples.setVisible(state.shows("samples"))
        self.grid.setVisible(state.shows("grid") and scene.flow is not None)
        self.arrows.setVisible(state.shows("arrows"))
        self.reconstructions.setVisible(state.shows("lines"))
        self._show_heat_map()
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.samples.color = self.reconstructions.color = self.arrows.color = sample_color(palette)
        self.grid.color = palette.muted
        self._color_data()
        self._show_heat_map()

    def animation_frames(self, count: int) -> NDArray[np.uint8]:
        """Return images of the plane, (count, H, W, 3), from base to data; the position is restored."""
        before, frames = self.position, []
        self.animation.finish()
        for position in np.linspace(0, 1, count):
            self.set_position(float(position))
            image = self.image()
            size = image.size() * min(1.0, _MAX_FRAME_PX / max(image.width(), image.height()))
            smooth = Qt.TransformationMode.SmoothTransformation
            small = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
            frames.append(to_array(small.convertToFormat(QImage.Format.Format_RGB888)))
        self.set_position(before)
        return np.stack(frames)

    def _show_heat_map(self) -> None:
        heat = self._scene.heat_map if self.position >= 1 else None
        if heat is None:
            self.set_image(None)
        else:
            self.set_image(heat.to_image(self.colors), heat.bounds)

    def _color_data(self) -> None:
        self.data.color = data_color(self.colors, has_discriminator=self._scene.has_discriminator)

    def _show_points(self, points: Floats) -> None:
        count = len(points) if self._scene.flow is None else len(points) - len(self._scene.grid.points)
        self.samples.set_points(points[:count])
        if self._scene.flow is not None and len(points) > count:
            self.grid.set_lines(points[count:], self._scene.grid.connect)


def axis_names(axis_letter: str) -> tuple[str, str]:
    """Return the names of both axes of a plane: x₁ and x₂ for the letter x."""
    return f"{axis_letter}₁", f"{axis_letter}₂"


class LatentPlot(PlanePlot):
    """Two latent dimensions: encodings, or the z of the samples."""

    def __init__(self, scene: DensityScene, palette: Palette) -> None:
        self._scene = scene
        self.encodings, self.circles = ScatterLayer(3, palette, "dot", 3.6, 0.6), PriorCircles(palette)
        self.sampled_z, self.grid = ScatterLayer(3, palette, "cross", 4.5), LineLayer(2, palette, 1.0, 0.6)
        self.markers = MarkerLayer(palette)
        super().__init__(("z₁", "z₂"), palette)
        self.set_home(_LATENT_HOME_BOUNDS)
        self.add_layers(self.circles, self.grid, self.encodings, self.sampled_z, self.markers)
        self.animation = PointAnimation(self.encodings.set_points, self)

    def clear(self) -> None:
        """Discard the data of a run."""
        self.animation.move_to(np.zeros((0, 2)), animate=False)
        self.encodings.labels = None
        self.sampled_z.set_points(np.zeros((0, 2)))
        self.markers.set_markers()
        self.reset_view()

    def show_points(self) -> None:
        """Draw the encodings, or, without an encoder, the z of the samples."""
        scene = self._scene
        reconstructions = scene.reconstructions
        if reconstructions is not None and reconstructions.mu.shape[1] == 2:
            labels = reconstructions.labels
            self.encodings.labels = scene.colors_of(labels) if len(np.unique(labels)) > 1 else None
            self.animation.move_to(reconstructions.mu)
            self.sampled_z.set_points(np.zeros((0, 2)))
        elif scene.z is not None and scene.z.shape[1] == 2 and not scene.has_encoder:
            self.sampled_z.set_points(scene.z)

    def show_grid(self, visible: bool) -> None:
        """Show or hide the base grid as it is before the flow."""
        self.grid.set_lines(self._scene.grid.points, self._scene.grid.connect)
        self.grid.setVisible(visible)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.encodings.color = palette.text
        self.sampled_z.color = sample_color(palette)
        self.grid.color = palette.muted


class LinkedMarkers:
    """Requests the counterpart of the point under the mouse: x → q(z|x) and x̂, z → x."""

    def __init__(
        self, requests: RequestGroup, state: LayersState, scene: DensityScene, data: DataPlot, latent: LatentPlot
    ) -> None:
        self._requests, self._state, self._scene = requests, state, scene
        self._data, self._latent = data, latent

    def follow_data(self, x: float, y: float) -> None:
        """Mark a point of the data plane and its encoding; NaN when the mouse has left."""
        point = np.array([x, y])
        if math.isnan(x) or not self._state.shows("latent") or self._scene.step is None:
            self.clear()
        elif self._scene.has_encoder:
            # With an encoder: q(z|x) and the reconstruction.
            def on_encoded(response: ModelResponse) -> None:
                mu, recon = replace_nonfinite(response.arrays["mu"])[0], replace_nonfinite(response.arrays["recon"])[0]
                sigma = np.exp(0.5 * np.clip(np.asarray(response.arrays["logvar"], np.float64)[0], -40.0, 10.0))
                self._latent.markers.set_markers(Marker(mu, "q(z|x)", sigma=sigma))
                self._data.markers.set_markers(Marker(point, "x"), Marker(recon, "x̂", hollow=True))

            self._request("encode", on_encoded, "images", point)
        else:
            # Without an encoder: the nearest sample and its z.
            samples, z = self._scene.samples, self._scene.z
            if samples is None or z is None or not len(samples) or len(samples) != len(z):
                return
            row = int(np.square(samples - point).sum(1).argmin())
            self._data.markers.set_markers(Marker(samples[row], "x = G(z)"))
            self._latent.markers.set_markers(Marker(z[row], "z"))

    def follow_latent(self, x: float, y: float) -> None:
        """Mark a latent point and its decoding; NaN when the mouse has left."""
        point = np.array([x, y])
        if math.isnan(x) or self._scene.step is None:
            self.clear()
            return

        def on_decoded(response: ModelResponse) -> None:
            self._latent.markers.set_markers(Marker(point, "z"))
            self._data.markers.set_markers(Marker(replace_nonfinite(response.arrays["images"])[0], "x(z)", hollow=True))

        self._request("decode", on_decoded, "z", point)

    def _request(self, op: str, on_result: OnResult, name: str, point: Floats) -> None:
        arrays = {name: point[None].astype(np.float32)}
        self._requests.send("drag", "marker", ModelRequest(op, on_result, arrays=arrays, step=self._scene.step))

    def clear(self) -> None:
        """Hide all markers."""
        self._requests.cancel_waiting("drag", "marker")
        self._data.markers.set_markers()
        self._latent.markers.set_markers()
