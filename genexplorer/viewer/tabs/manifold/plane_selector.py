"""Selects a plane of more than two latent dimensions: requests axes, planes and points. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnResult, RequestGroup, failure_text
from genexplorer.viewer.tabs.manifold.latent_plane import LatentPlane, axis_plane, plane_through

PlaneKind = Literal["principal", "axes", "points"]
PointOrigin = Literal["images", "samples", "pins"]
PLANE_KINDS: tuple[PlaneKind, ...] = get_args(PlaneKind)
POINT_ORIGINS: tuple[PointOrigin, ...] = get_args(PointOrigin)
NUM_RANKED_AXES = 12  # axes whose influence is requested
PIN_NAMES = ("A", "B", "C")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AxisScores:
    """The most influential latent axes, best first."""

    indices: tuple[int, ...]
    scores: tuple[float, ...]
    measure: str  # what the scores measure: "KL", "effect"
    unit: str


class PlaneSelector(Observable):
    """The selected plane; `show` sets the snapshot.

    Attributes:
        kind: The kind of plane; by default principal, or, without an encoder, through three samples.
        pair: The two axes of a plane of axes; None for the two most influential ones.
        source: The source of the three points.
        images: Indices of the three test images, for the source "images".
        seed: Seed of the three samples, for the source "samples".
        axes: The most influential axes, or None while they are unknown.
        plane: The newest plane, or None.
        points: The three points, (d,) each, by name.
        progress: Fraction of a pending request that is done, in [0, 1], else None.
        failure: Why there is no plane; empty if there is one, or one is requested.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._size = 0
        self._encodes = False
        self._step: int | None = None
        self._kind: PlaneKind | None = None
        self.pair: tuple[int, int] | None = None
        self.source: PointOrigin = "samples"
        self.images = (0, 1, 2)
        self.seed = 0
        self.clear()

    @property
    def kind(self) -> PlaneKind:
        """The kind of plane."""
        return self._kind or ("principal" if self._encodes else "points")

    def clear(self) -> None:
        """Discard the state of a run."""
        self.axes: AxisScores | None = None
        self.plane: LatentPlane | None = None
        self.points: dict[str, Floats] = {}
        self.is_unflipped = True  # whether no axis of the principal plane was flipped
        self.progress: float | None = None
        self.failure = ""
        self._step = None
        self._plane_choice: tuple[object, ...] = ()  # the choice that led to `plane`
        self.notify()

    def begin(self, size: int, *, has_encoder: bool) -> None:
        """Configure for a model.

        Args:
            size: Number of latent dimensions.
            encodes: Whether it has an encoder: without one, no test image is a point of latent space.
        """
        if (size, has_encoder) != (self._size, self._encodes):
            self._size, self._encodes = size, has_encoder
            self.pair = None if self.pair is None or max(self.pair) >= size else self.pair
        if not has_encoder and self.source == "images":
            self.source = "samples"

    def show(self, step: int) -> None:
        """Request the plane at a snapshot; repeats what has no response, as after all requests were canceled."""
        new, self._step = step != self._step, step
        if new or (self.axes is None and not self._requests.is_pending("job", "axes")):
            self._send("axes", "axes", self._on_axes, {"count": min(NUM_RANKED_AXES, self._size)})
        if new or self._plane_choice != self._choice:
            self._request_plane()

    def choose(self, kind: PlaneKind) -> None:
        """Select another kind of plane."""
        self._kind = kind
        self._request_plane()

    def choose_pair(self, first: int, second: int) -> None:
        """Select the plane of two axes."""
        self._kind, self.pair = "axes", (first, second)
        self._request_plane()

    def choose_points(
        self, source: PointOrigin, *, images: tuple[int, int, int] | None = None, seed: int | None = None
    ) -> None:
        """Select the plane through three test images, samples or pins."""
        self._kind, self.source = "points", source
        self.images = images or self.images
        self.seed = self.seed if seed is None else seed
        self._request_plane()

    def update_pins(self, pins: Mapping[str, Floats]) -> None:
        """Set the pins; a plane through pins follows."""
        if self.kind == "points" and self.source == "pins" and self._step is not None:
            self._through({name: pins[name] for name in PIN_NAMES if name in pins})

    @property
    def chosen_pair(self) -> tuple[int, int] | None:
        """The axes of a plane of axes: the selected ones, else the two most influential ones."""
        if self.pair is not None or self.axes is None or len(self.axes.indices) < 2:
            return self.pair
        return self.axes.indices[0], self.axes.indices[1]

    @property
    def _choice(self) -> tuple[object, ...]:
        return self.kind, self.chosen_pair, self.source, self.images, self.seed

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        return {"kind": self._kind, "source": self.source, "images": list(self.images), "seed": self.seed}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the valid parts of a saved selection."""
        self._kind = next((kind for kind in PLANE_KINDS if kind == state.get("kind")), self._kind)
        self.source = next((source for source in POINT_ORIGINS if source == state.get("source")), self.source)
        images, seed = state.get("images"), state.get("seed")
        if isinstance(images, list) and len(images) == 3 and all(type(i) is int and 0 <= i < 10**7 for i in images):
            self.images = (images[0], images[1], images[2])
        self.seed = seed if type(seed) is int and 0 <= seed < 2**31 else self.seed

    # Requests ---------------------------------------------------------------------------------------------------

    def _on_axes(self, response: ModelResponse) -> None:
        indices = tuple(int(i) for i in response.arrays["indices"])
        scores = tuple(float(score) for score in response.arrays["scores"])
        self.axes = AxisScores(
            indices, scores, str(response.meta.get("measure", "")), str(response.meta.get("unit", ""))
        )
        if self.kind == "axes":
            self._request_plane()
        else:
            self.notify()

    def _request_plane(self) -> None:
        self.failure = ""
        if self._step is None:
            return
        if self.kind == "axes":
            if self.chosen_pair is not None:
                self._set_plane(axis_plane(self._size, *self.chosen_pair))
        elif self.kind == "principal":
            self._send("plane", "plane", self._on_principal, {"kind": "principal"})
        elif self.source == "pins":
            self._through(self.points)
        elif self.source == "images":
            self._send("points", "encode", lambda r: self._on_points(r, "mu"), {"indices": list(self.images)})
        else:
            params = {"count": 3, "seed": self.seed, "temperature": 1.0}
            self._send("points", "sample", lambda r: self._on_points(r, "z"), params)
        self.notify()

    def _on_principal(self, response: ModelResponse) -> None:
        if self.kind != "principal":
            return
        origin, e1, e2 = (np.asarray(response.arrays[name], np.float64) for name in ("origin", "e1", "e2"))
        title, explained_fractions = str(response.meta.get("title", "")), response.meta.get("explained")
        if isinstance(explained_fractions, list) and len(explained_fractions) == 2:
            of = "variance" if self._encodes else "effect"
            title += f":  {explained_fractions[0]:.1%} and {explained_fractions[1]:.1%} of the {of}"
        names = ("PC 1", "PC 2") if self._encodes else ("direction 1", "direction 2")
        # Flip the axes to those of the former principal plane.
        former = self.plane if self.plane is not None and self.plane.names == names else None
        aligned = LatentPlane(origin, e1, e2, names, title).aligned_with(former)
        self.is_unflipped = np.array_equal(aligned.e1, e1) and np.array_equal(aligned.e2, e2)
        self._set_plane(aligned)

    def _on_points(self, response: ModelResponse, name: str) -> None:
        if self.kind == "points":
            z = np.asarray(response.arrays[name], np.float64).reshape(-1, self._size)
            self._through(dict(zip(PIN_NAMES, z, strict=False)))

    def _through(self, points: Mapping[str, Floats]) -> None:
        self.points = dict(points)
        missing = [name for name in PIN_NAMES if name not in points]
        plane = None if missing else plane_through(*(points[name] for name in PIN_NAMES))
        if plane is not None:
            self._set_plane(plane)
            return
        self.failure = "A, B and C lie on a line: choose others."
        if missing:
            self.failure = f"Pin {' and '.join(missing)} as well: put the cursor somewhere and press {missing[0]}."
        self.notify()

    def _set_plane(self, plane: LatentPlane) -> None:
        self.plane, self.failure, self.progress = plane, "", None
        self._plane_choice = self._choice
        self.notify()

    def _send(self, key: str, op: str, on_result: OnResult, params: Mapping[str, object]) -> None:
        def on_progress(fraction: float, _message: str) -> None:
            if key == "plane":
                self.progress = fraction
                self.notify()

        def on_failure(message: str, hint: str) -> None:
            self.progress = None
            if key != "axes" or self.kind == "axes":
                self.failure = failure_text(message, hint)
            self.notify()

        request = ModelRequest(op, on_result, params, {}, self._step, on_failure, on_progress)
        self._requests.send("preview" if key == "points" else "job", key, request)
