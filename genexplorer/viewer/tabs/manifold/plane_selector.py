"""Selects a plane of more than two latent dimensions: requests axes, planes and points. No Qt."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session.class_scheme import ClassScheme
from genexplorer.session.observable import Observable
from genexplorer.session.own_image import OwnImage
from genexplorer.viewer.class_means import ClassMeans
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnResult, RequestGroup, failure_text
from genexplorer.viewer.tabs.manifold.latent_plane import LatentPlane, axis_name, axis_plane, plane_through

PlaneKind = Literal["principal", "axes", "points"]
PointOrigin = Literal["images", "classes", "samples", "pins"]
AxesOrigin = Literal["prior", "image", "class", "own"]  # the code through which the axes pass
PLANE_KINDS: tuple[PlaneKind, ...] = get_args(PlaneKind)
POINT_ORIGINS: tuple[PointOrigin, ...] = get_args(PointOrigin)
NUM_RANKED_AXES = 12  # axes whose influence is requested
PIN_NAMES = ("A", "B", "C")
_FIRST_CLASSES = (0, 1, 2)
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
        classes: Labels of the three classes whose mean codes are the points, for the source "classes".
        axes_origin: Through which code a plane of axes passes: 0, that of a test image or of the user's, a class mean.
        origin_image: Index of the test image, for the origin "image".
        origin_class: Label of the class, for the origin "class".
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
        self.classes = _FIRST_CLASSES
        self.axes_origin: AxesOrigin = "prior"
        self.origin_image = self.origin_class = 0
        self.seed = 0
        self.own_image: OwnImage | None = None  # of the Encode tab
        self.scheme = ClassScheme()
        self.num_test = 0
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
        self._means = ClassMeans()
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
            has_encoder: Whether it has an encoder: without one, no test image is a point of latent space.
        """
        if (size, has_encoder) != (self._size, self._encodes):
            self._size, self._encodes = size, has_encoder
            self.pair = None if self.pair is None or max(self.pair) >= size else self.pair
        if not has_encoder and self.source in ("images", "classes"):
            self.source = "samples"
        if not has_encoder:
            self.axes_origin = "prior"

    def show(self, step: int) -> None:
        """Request the plane at a snapshot; repeats requests without a response, such as canceled ones."""
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

    def choose_axes_origin(self, origin: AxesOrigin, *, image: int | None = None, label: int | None = None) -> None:
        """Let planes of axes pass through another code."""
        self._kind, self.axes_origin = "axes", origin
        self.origin_image = self.origin_image if image is None else image
        self.origin_class = self.origin_class if label is None else label
        self._request_plane()

    def choose_points(
        self,
        source: PointOrigin,
        *,
        images: tuple[int, int, int] | None = None,
        classes: tuple[int, int, int] | None = None,
        seed: int | None = None,
    ) -> None:
        """Select the plane through three test images, class means, samples or pins."""
        self._kind, self.source = "points", source
        self.images, self.classes = images or self.images, classes or self.classes
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
        points = self.source, self.images, self.classes, self.seed
        origin = self.axes_origin, self.origin_image, self.origin_class, id(self.own_image)
        return self.kind, self.chosen_pair, *points, *origin

    def to_json(self) -> dict[str, Any]:
        """Return the choice as JSON values."""
        points = {"source": self.source, "images": list(self.images), "classes": list(self.classes), "seed": self.seed}
        return {"kind": self._kind, **points}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the valid parts of a saved selection."""
        self._kind = next((kind for kind in PLANE_KINDS if kind == state.get("kind")), self._kind)
        self.source = next((source for source in POINT_ORIGINS if source == state.get("source")), self.source)
        images, seed, classes = state.get("images"), state.get("seed"), state.get("classes")
        if isinstance(classes, list) and len(classes) == 3 and all(type(i) is int and 0 <= i < 10**4 for i in classes):
            self.classes = (classes[0], classes[1], classes[2])
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
            self._request_axis_plane()
        elif self.kind == "principal":
            self._send("plane", "plane", self._on_principal, {"kind": "principal"})
        elif self.source == "pins":
            self._through(self.points)
        elif self.source == "classes":
            self._with_class_means(self._through_classes)
        elif self.source == "images":
            self._send("points", "encode", lambda r: self._on_points(r, "mu"), {"indices": list(self.images)})
        else:
            params = {"count": 3, "seed": self.seed, "temperature": 1.0}
            self._send("points", "sample", lambda r: self._on_points(r, "z"), params)
        self.notify()

    def _request_axis_plane(self) -> None:
        """Show the plane of two axes through 0, or request the code through which it passes."""
        origin, own = self.axes_origin, self.own_image
        if self.chosen_pair is None:
            return
        if origin == "image":
            text = f"test image #{self.origin_image}"
            on_code = lambda r: self._on_origin(np.asarray(r.arrays["mu"], np.float64)[0], text)  # noqa: E731
            self._send("points", "encode", on_code, {"indices": [self.origin_image]})
        elif origin == "own" and own is not None:
            on_own = lambda r: self._on_origin(np.asarray(r.arrays["mu"], np.float64)[0], own.name)  # noqa: E731
            self._send("points", "encode", on_own, {}, {"images": own.x[None]})
        elif origin == "class":
            self._with_class_means(self._through_class)
        elif origin == "own":
            self.failure = "Choose or draw an image in the Encode tab first."
        else:
            self._set_plane(axis_plane(self._size, *self.chosen_pair))

    def _on_origin(self, origin: Floats, text: str) -> None:
        """Show the plane of two axes through a code, (d,)."""
        if self.kind == "axes" and self.axes_origin != "prior" and self.chosen_pair is not None:
            plane = axis_plane(self._size, *self.chosen_pair)
            first, second = self.chosen_pair
            title = f"{axis_name(first)} and {axis_name(second)} through {text}"
            self._set_plane(replace(plane, origin=origin.ravel(), title=title))

    def _through_class(self) -> None:
        if self.origin_class not in self._means.by_label:
            self.failure = f"No test image is of the class {self.scheme.name(self.origin_class)}."
            self.notify()
        elif self.axes_origin == "class":
            text = f"the mean of {self.scheme.name(self.origin_class)}"
            self._on_origin(self._means.by_label[self.origin_class], text)

    def _through_classes(self) -> None:
        """Show the plane through the means of three classes: to the right is the difference of the first two."""
        if self.kind != "points" or self.source != "classes":
            return
        if self.classes == _FIRST_CLASSES and len(self._means.by_label) >= len(PIN_NAMES):
            first, second, third, *_ = sorted(self._means.by_label)  # a rare class may have no test image
            self.classes = first, second, third
        missing = [label for label in self.classes if label not in self._means.by_label]
        if missing:
            self.failure = f"No test image is of the class {self.scheme.name(missing[0])}."
            self.notify()
        else:
            means = (self._means.by_label[label] for label in self.classes)
            self._through(dict(zip(PIN_NAMES, means, strict=True)))

    def _with_class_means(self, use: Callable[[], None]) -> None:
        """Call a function once the mean codes of the classes at this snapshot are known."""
        if self._means.are_known_at(self._step):
            use()
            return
        request = self._means.request(self._step, self._size, self.num_test, use, self._on_failure, self._on_progress)
        self._requests.send("job", "means", request)

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

    def _send(
        self,
        key: str,
        op: str,
        on_result: OnResult,
        params: Mapping[str, object],
        arrays: Mapping[str, Array] | None = None,
    ) -> None:
        def on_failure(message: str, hint: str) -> None:
            if key != "axes" or self.kind == "axes":
                self._on_failure(message, hint)

        on_progress = self._on_progress if key == "plane" else None
        request = ModelRequest(op, on_result, params, arrays or {}, self._step, on_failure, on_progress)
        self._requests.send("preview" if key == "points" else "job", key, request)

    def _on_progress(self, fraction: float, _message: str) -> None:
        self.progress = fraction
        self.notify()

    def _on_failure(self, message: str, hint: str) -> None:
        self.progress, self.failure = None, failure_text(message, hint)
        self.notify()
