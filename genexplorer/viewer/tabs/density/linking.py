"""The mouse in one plane shows its counterpart in the other: x → q(z|x) and x̂, z → x."""

import math

import numpy as np
from numpy.typing import NDArray

from genexplorer.viewer.model_client import ModelRequest, Reply, RequestGroup
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.tabs.density.data_plane import DataPlane
from genexplorer.viewer.tabs.density.latent_plane import LatentPlane
from genexplorer.viewer.tabs.density.layers import LayersState
from genexplorer.viewer.tabs.density.scene import Scene, finite

Floats = NDArray[np.float64]


class Linking:
    """Asks encoder and decoder for what the mouse means.

    Args:
        requests: To the model.
        state: The switches.
        scene: What is known.
        data: The plane of the data.
        latent: The latent plane.
    """

    def __init__(
        self, requests: RequestGroup, state: LayersState, scene: Scene, data: DataPlane, latent: LatentPlane
    ) -> None:
        self._requests, self._state, self._scene = requests, state, scene
        self._data, self._latent = data, latent

    def over_data(self, x: float, y: float) -> None:
        """Follow the mouse over the data; NaN when it has left."""
        at = np.array([x, y])
        if math.isnan(x) or not self._state.shows("latent") or self._scene.step is None:
            self.let_go()
        elif self._scene.encodes:
            images = {"images": at[None].astype(np.float32)}
            question = ModelRequest(
                "encode", lambda reply: self._encoded(at, reply), arrays=images, step=self._scene.step
            )
            self._requests.send("drag", "there", question)
        else:
            self._nearest(at)

    def over_latent(self, x: float, y: float) -> None:
        """Follow the mouse over the latent plane; NaN when it has left."""
        at = np.array([x, y])
        if math.isnan(x) or self._scene.step is None:
            self.let_go()
            return
        z = {"z": at[None].astype(np.float32)}
        question = ModelRequest("decode", lambda reply: self._decoded(at, reply), arrays=z, step=self._scene.step)
        self._requests.send("drag", "there", question)

    def let_go(self) -> None:
        """Show no counterpart."""
        self._requests.withdraw("drag", "there")
        self._data.markers.set_markers()
        self._latent.markers.set_markers()

    def _encoded(self, at: Floats, reply: Reply) -> None:
        mu = finite(reply.arrays["mu"])[0]
        sigma = np.exp(0.5 * np.clip(np.asarray(reply.arrays["logvar"], np.float64)[0], -40.0, 10.0))
        recon = finite(reply.arrays["recon"])[0]
        self._latent.markers.set_markers(Marker(mu, "q(z|x)", sigma=sigma))
        self._data.markers.set_markers(Marker(at, "x"), Marker(recon, "x̂", hollow=True))

    def _decoded(self, at: Floats, reply: Reply) -> None:
        self._latent.markers.set_markers(Marker(at, "z"))
        self._data.markers.set_markers(Marker(finite(reply.arrays["images"])[0], "x(z)", hollow=True))

    def _nearest(self, at: Floats) -> None:
        """Mark the sample nearest to the mouse, and the z that it comes from: there is no encoder to ask."""
        samples, z = self._scene.samples, self._scene.z
        if samples is None or z is None or not len(samples) or len(samples) != len(z):
            return
        row = int(np.square(samples - at).sum(1).argmin())
        self._data.markers.set_markers(Marker(samples[row], "x = G(z)"))
        self._latent.markers.set_markers(Marker(z[row], "z"))
