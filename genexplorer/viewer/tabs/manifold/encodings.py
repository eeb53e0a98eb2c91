"""Asks for the test set's encodings at the snapshot that is looked at. No Qt."""

import numpy as np

from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, Reply, RequestGroup
from genexplorer.viewer.tabs.manifold.latent_plane import WHOLE, LatentPlane
from genexplorer.viewer.tabs.manifold.scatter import Cloud

_KEY = "encodings"


class Encodings(Observable):
    """Keeps the points up to date: `show` says which, `cloud` is the newest that arrived.

    Attributes:
        cloud: The points, or None while there are none.
        former: The points before these, for gliding.
        progress: Share of the work that is done while an answer is awaited, else None.
        failure: Why the newest question failed; empty if it did not.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._wanted: tuple[int, int, LatentPlane] | None = None  # step, count, plane
        self._count = 0
        self._plane: LatentPlane = WHOLE  # of the cloud
        self.cloud: Cloud | None = None
        self.former: Cloud | None = None
        self.progress: float | None = None
        self.failure = ""

    def show(self, step: int, count: int, plane: LatentPlane = WHOLE) -> None:
        """Want the encodings of the first `count` test images at a snapshot, seen in a plane."""
        asked = self._wanted == (step, count, plane) and self._requests.is_pending("job", _KEY)
        if asked or self._has(step, count, plane):
            return
        self._wanted = (step, count, plane)
        seen = {name: getattr(plane, name).astype(np.float32) for name in ("origin", "e1", "e2")}
        question = ModelRequest(
            "encodings" if plane.is_whole else "project",
            lambda reply: self._on_result(reply, count, plane),
            params={"count": count, "split": "test"} if plane.is_whole else {"count": count},
            arrays={} if plane.is_whole else seen,
            step=step,
            on_failure=self._on_failure,
            on_progress=self._on_progress,
        )
        self._requests.send("job", _KEY, question)

    def toggle(self, label: int) -> None:
        """Hide a class or show it again."""
        if self.cloud is not None:
            self.cloud, self.former = self.cloud.toggled(label), None
            self.notify()

    def only(self, label: int) -> None:
        """Show a class alone, or all again."""
        if self.cloud is not None:
            self.cloud, self.former = self.cloud.only(label), None
            self.notify()

    def not_wanted(self) -> None:
        """Ask for nothing until `show`; the points that are there stay."""
        self._requests.withdraw("job", _KEY)
        self._wanted, self.progress = None, None

    def clear(self) -> None:
        """Forget the points, as when another run is opened."""
        self.cloud = self.former = self.progress = self._wanted = None
        self.failure = ""
        self.notify()

    def _has(self, step: int, count: int, plane: LatentPlane) -> bool:
        cloud = self.cloud
        return cloud is not None and cloud.step == step and self._count == count and self._plane is plane

    def _on_result(self, reply: Reply, count: int, plane: LatentPlane) -> None:
        arrays = reply.arrays
        hidden = self.cloud.hidden if self.cloud is not None else frozenset[int]()
        self.former = self.cloud
        mu = np.asarray(arrays["mu" if plane.is_whole else "coords"], np.float64)
        sigma = np.exp(0.5 * np.asarray(arrays["logvar"], np.float64)) if plane.is_whole else np.zeros_like(mu)
        self.cloud = Cloud(
            mu=mu,
            sigma=sigma,
            labels=np.asarray(arrays["labels"], np.int64),
            indices=np.asarray(arrays["indices"], np.int64),
            step=reply.step,
            hidden=hidden,
        )
        self._count, self._plane = count, plane
        self._done("")

    def _on_progress(self, fraction: float, message: str) -> None:
        self.progress = fraction
        self.notify()

    def _on_failure(self, message: str, hint: str) -> None:
        self._done(f"{message}: {hint}" if hint else message)

    def _done(self, failure: str) -> None:
        self.failure = failure
        self.progress = None
        if not self._requests.is_pending("job", _KEY):
            self._wanted = None
        self.notify()
