"""Markers that link both planes: a point under the mouse in one shows its counterpart in the other."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.viewer.model_client import ModelRequest, OnResult, Reply, RequestGroup
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.tabs.density.data_plot import DataPlot
from genexplorer.viewer.tabs.density.latent_plot import LatentPlot
from genexplorer.viewer.tabs.density.layers import LayersState
from genexplorer.viewer.tabs.density.scene import DensityScene, finite

Floats = NDArray[np.float64]


class LinkedMarkers:
    """Requests the counterpart of the point under the mouse: x → q(z|x) and x̂, z → x.

    Args:
        requests: To the model.
        state: The switches.
        scene: The replies of the model.
        data: The plane of the data.
        latent: The latent plane.
    """

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
        elif self._scene.encodes:
            images = {"images": point[None].astype(np.float32)}
            self._request("encode", lambda reply: self._on_encoded(point, reply), images)
        else:
            self._mark_nearest(point)

    def follow_latent(self, x: float, y: float) -> None:
        """Mark a latent point and its decoding; NaN when the mouse has left."""
        point = np.array([x, y])
        if math.isnan(x) or self._scene.step is None:
            self.clear()
            return
        z = {"z": point[None].astype(np.float32)}
        self._request("decode", lambda reply: self._on_decoded(point, reply), z)

    def _request(self, op: str, on_result: OnResult, arrays: Mapping[str, Array]) -> None:
        self._requests.send("drag", "marker", ModelRequest(op, on_result, arrays=arrays, step=self._scene.step))

    def clear(self) -> None:
        """Hide all markers."""
        self._requests.withdraw("drag", "marker")
        self._data.markers.set_markers()
        self._latent.markers.set_markers()

    def _on_encoded(self, point: Floats, reply: Reply) -> None:
        mu = finite(reply.arrays["mu"])[0]
        sigma = np.exp(0.5 * np.clip(np.asarray(reply.arrays["logvar"], np.float64)[0], -40.0, 10.0))
        recon = finite(reply.arrays["recon"])[0]
        self._latent.markers.set_markers(Marker(mu, "q(z|x)", sigma=sigma))
        self._data.markers.set_markers(Marker(point, "x"), Marker(recon, "x̂", hollow=True))

    def _on_decoded(self, point: Floats, reply: Reply) -> None:
        self._latent.markers.set_markers(Marker(point, "z"))
        self._data.markers.set_markers(Marker(finite(reply.arrays["images"])[0], "x(z)", hollow=True))

    def _mark_nearest(self, point: Floats) -> None:
        """Mark the nearest sample and its z, where there is no encoder."""
        samples, z = self._scene.samples, self._scene.z
        if samples is None or z is None or not len(samples) or len(samples) != len(z):
            return
        row = int(np.square(samples - point).sum(1).argmin())
        self._data.markers.set_markers(Marker(samples[row], "x = G(z)"))
        self._latent.markers.set_markers(Marker(z[row], "z"))
