"""The two endpoints: a sample, a test image or a latent; each is resolved to a z by the model. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session.class_scheme import ClassScheme, class_scheme
from genexplorer.session.observable import Observable
from genexplorer.session.own_image import OwnImage
from genexplorer.viewer.class_means import ClassMeans
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text
from genexplorer.viewer.preferences import MAX_IMAGE_INDEX, saved_int
from genexplorer.viewer.tabs.encode.search import LatentSearch
from trainers.model_card import ModelCard

EndpointKind = Literal["sample", "test", "class", "own", "latent", "pin A", "pin B"]
ENDPOINT_KINDS: tuple[EndpointKind, ...] = get_args(EndpointKind)
ENDPOINT_NAMES = ("A", "B")
MAX_COORDINATES = 8  # dimensions of a latent that can be edited
MAX_SEED = 9_999
# Name, seed and test image of each; in two dimensions the samples of these seeds are on opposite sides of 0.
_INITIAL_ENDPOINTS = (("A", 0, 0), ("B", 7, 1))
Floats = NDArray[np.float64]


@dataclass
class Endpoint:
    """The choice of an endpoint, and its latent once the model has responded."""

    kind: EndpointKind = "sample"
    seed: int = 0
    index: int = 0
    class_label: int = 0  # of the kind "class": the mean code of this class
    coordinates: Floats = field(default_factory=lambda: np.zeros(0))
    z: Floats | None = None  # the latent, (d,); None while it is unknown
    x: Array | None = None  # the test image itself, (H, W, C) uint8, or a test point, (2,)
    label: int = -1
    failure: str = ""

    def cli_value(self) -> str | list[float]:
        """Return the endpoint as a command-line value: "7", "test:12", or coordinates; empty where unknown."""
        if self.kind == "sample":
            return str(self.seed)
        if self.kind == "test":
            return f"test:{self.index}"
        return [] if self.z is None else self.z.tolist()


class Endpoints(Observable):
    """Both endpoints. The latent of a test image depends on the snapshot; all others stay when the step changes."""

    def __init__(self, requests: RequestGroup, seed: int | None = None) -> None:
        super().__init__()
        self._requests = requests
        self._rng = np.random.default_rng(seed)
        self._card: ModelCard | None = None
        self._step: int | None = None
        self.pins: dict[str, Floats] = {}
        self.own_image: OwnImage | None = None  # of the Encode tab
        self._means = ClassMeans()
        self.by_name = {name: Endpoint(seed=seed, index=index) for name, seed, index in _INITIAL_ENDPOINTS}
        self.searches = {name: LatentSearch(requests, f"search {name}") for name in ENDPOINT_NAMES}
        for search in self.searches.values():
            search.subscribe(self._on_search)

    def __getitem__(self, name: str) -> Endpoint:
        return self.by_name[name]

    def clear(self) -> None:
        """Discard the latents, as when another run is opened; the choices stay."""
        self._card, self._step, self.pins, self.own_image = None, None, {}, None
        self._means.clear()
        for name, endpoint in self.by_name.items():
            endpoint.coordinates = np.zeros(0)
            self._reset(endpoint)
            self.searches[name].clear()

    def set_snapshot(self, step: int, card: ModelCard) -> None:
        """Use another snapshot, and request the latents that are unknown or depend on it."""
        changed = self._card is None or card.latent_shape != self._card.latent_shape
        self._step, self._card = step, card
        for name, endpoint in self.by_name.items():
            if changed:
                self._reset(endpoint)
            self._validate(endpoint)
            # A search is long, and is repeated only by hand; the encoding belongs to a snapshot.
            search = self.searches[name]
            is_searched = search.is_running or search.is_canceled or search.failure
            if (endpoint.kind in ("test", "class", "own") and self.has_encoder) or (
                endpoint.z is None and not is_searched
            ):
                self._resolve(name)
        self.notify()

    @property
    def latents(self) -> Floats | None:
        """Both latents, (2, d), or None while one is unknown."""
        a, b = (self.by_name[name].z for name in ENDPOINT_NAMES)
        return None if a is None or b is None or a.shape != b.shape else np.stack([a, b])

    @property
    def size(self) -> int:
        """The number of latent dimensions; 0 without a model."""
        return 0 if self._card is None else int(np.prod(self._card.latent_shape))

    @property
    def num_test(self) -> int:
        """The size of the test set."""
        return 0 if self._card is None else self._card.data.num_test

    @property
    def has_encoder(self) -> bool:
        """Whether the model has an encoder."""
        return self._card is not None and self._card.capability("encode").available

    @property
    def needs_search(self) -> bool:
        """Whether the latent of a test image requires a search."""
        return self._card is not None and not self.has_encoder and self._card.capability("invert").available

    @property
    def scheme(self) -> ClassScheme:
        """The classes of the data."""
        return ClassScheme() if self._card is None else class_scheme(self._card.data)

    @property
    def classes(self) -> tuple[int, ...]:
        """The labels of the classes that can be chosen: those with a mean once it is known."""
        return tuple(sorted(self._means.by_label)) or tuple(range(self.scheme.count))

    def kinds(self) -> tuple[EndpointKind, ...]:
        """Return the kinds of endpoints that this model has."""
        sizes = {name: z.size for name, z in self.pins.items()}
        is_available = {
            "sample": True,
            "test": (self.has_encoder or self.needs_search) and self.num_test > 0,
            "class": self.has_encoder and bool(self.classes),
            "own": (self.has_encoder or self.needs_search) and self.own_image is not None,
            "latent": 1 <= self.size <= MAX_COORDINATES,
            "pin A": sizes.get("A") == self.size,
            "pin B": sizes.get("B") == self.size,
        }
        return tuple(kind for kind in ENDPOINT_KINDS if is_available[kind])

    def choose(self, name: str, kind: EndpointKind) -> None:
        """Choose another kind of endpoint."""
        endpoint = self.by_name[name]
        if kind not in self.kinds() or kind == endpoint.kind:
            return
        if kind == "latent" and endpoint.z is not None:
            endpoint.coordinates = endpoint.z.copy()  # start from the current latent
        endpoint.kind = kind
        self._update(name)

    def set_seed(self, name: str, seed: int) -> None:
        """Choose a sample."""
        self.by_name[name].seed = min(max(0, seed), MAX_SEED)
        self._update(name)

    def set_index(self, name: str, index: int) -> None:
        """Choose a test image."""
        self.by_name[name].index = min(max(0, index), max(0, self.num_test - 1))
        self._update(name)

    def set_class(self, name: str, label: int) -> None:
        """Choose the mean code of a class."""
        self.by_name[name].class_label = label
        self._update(name)

    def set_own_image(self, image: OwnImage | None) -> None:
        """Use another image of the user."""
        if image is self.own_image:
            return
        self.own_image = image
        if self._card is None:
            return  # `set_snapshot` resolves it
        for name, endpoint in self.by_name.items():
            if endpoint.kind == "own":
                self._update(name)
        self.notify()

    def set_coordinate(self, name: str, dimension: int, value: float) -> None:
        """Set one coordinate of a latent."""
        endpoint = self.by_name[name]
        if 0 <= dimension < endpoint.coordinates.size:
            endpoint.coordinates = endpoint.coordinates.copy()
            endpoint.coordinates[dimension] = value
            self._update(name)

    def set_pins(self, pins: dict[str, Floats]) -> None:
        """Use the pins of the Manifold tab."""
        self.pins = {name: np.asarray(z, np.float64).ravel() for name, z in pins.items()}
        if self._card is None:
            return  # `set_snapshot` resolves them
        for name, endpoint in self.by_name.items():
            if endpoint.kind in ("pin A", "pin B"):
                self._validate(endpoint)
                self._resolve(name)
        self.notify()

    def resample(self, name: str) -> None:
        """Choose a random endpoint of the same kind."""
        endpoint = self.by_name[name]
        if endpoint.kind == "test":
            endpoint.index = int(self._rng.integers(max(1, self.num_test)))
        elif endpoint.kind == "latent":
            endpoint.coordinates = np.round(self._rng.standard_normal(self.size), 2)
        else:
            endpoint.kind, endpoint.seed = "sample", int(self._rng.integers(MAX_SEED + 1))
        self._update(name)

    def swap(self) -> None:
        """Swap A and B."""
        if any(search.is_running for search in self.searches.values()):
            return
        self.by_name = {"A": self.by_name["B"], "B": self.by_name["A"]}
        self.searches = {"A": self.searches["B"], "B": self.searches["A"]}
        self.notify()

    def search(self, name: str) -> None:
        """Search again, with the current snapshot."""
        endpoint = self.by_name[name]
        if endpoint.kind in ("test", "own") and self.needs_search and self._step is not None:
            self._start_search(name)

    def stop(self) -> None:
        """Cancel all requests; `set_snapshot` sends them again."""
        for search in self.searches.values():
            if search.is_running:
                search.clear()
        self._requests.cancel_all()

    def cancel(self) -> bool:
        """Cancel the searches; return whether there was one."""
        is_running = [search for search in self.searches.values() if search.is_running]
        for search in is_running:
            search.cancel()
        return bool(is_running)

    def to_json(self) -> dict[str, Any]:
        """Return the choices that are saved until the next start."""
        return {
            name: {key: getattr(self[name], key) for key in ("kind", "seed", "index", "class_label")}
            for name in ENDPOINT_NAMES
        }

    def restore(self, state: object) -> None:
        """Restore the values of `to_json`; invalid ones are ignored."""
        for name in ENDPOINT_NAMES:
            saved = state.get(name) if isinstance(state, Mapping) else None
            if isinstance(saved, Mapping):
                endpoint = self[name]
                endpoint.seed = saved_int(saved, "seed", 0, MAX_SEED, endpoint.seed)
                endpoint.index = saved_int(saved, "index", 0, MAX_IMAGE_INDEX, endpoint.index)
                endpoint.class_label = saved_int(saved, "class_label", 0, MAX_SEED, endpoint.class_label)
                endpoint.kind = next((kind for kind in ENDPOINT_KINDS if kind == saved.get("kind")), endpoint.kind)

    def _update(self, name: str) -> None:
        endpoint = self.by_name[name]
        self._validate(endpoint)
        if endpoint.kind in ("test", "own"):
            endpoint.x, endpoint.label = None, -1
        self._resolve(name)
        self.notify()

    def _validate(self, endpoint: Endpoint) -> None:
        if endpoint.kind not in self.kinds():
            endpoint.kind = "sample"
        if endpoint.kind == "test":
            endpoint.index = min(endpoint.index, max(0, self.num_test - 1))
        if endpoint.coordinates.size != self.size:
            endpoint.coordinates = np.zeros(self.size if self.size <= MAX_COORDINATES else 0)

    def _reset(self, endpoint: Endpoint) -> None:
        endpoint.z, endpoint.x, endpoint.label, endpoint.failure = None, None, -1, ""

    def _resolve(self, name: str) -> None:
        """Resolve the choice to a latent."""
        endpoint, search = self.by_name[name], self.searches[name]
        endpoint.failure = ""
        if endpoint.kind not in ("test", "own") or not self.needs_search:
            search.clear()
        if endpoint.kind == "latent":
            endpoint.z, endpoint.x = endpoint.coordinates.copy(), None
        elif endpoint.kind in ("pin A", "pin B"):
            endpoint.z, endpoint.x = self.pins[endpoint.kind[-1]].copy(), None
        elif endpoint.kind == "class":
            self._resolve_class(endpoint)
        elif endpoint.kind == "own" and self.own_image is not None:
            if self.has_encoder:
                self._request(endpoint, "encode", {}, {"images": self.own_image.x[None]})
            elif self._step is not None:
                endpoint.z, endpoint.x = None, self.own_image.x
                self._start_search(name)
        elif endpoint.kind == "sample":
            self._request(endpoint, "sample", {"count": 1, "seed": endpoint.seed, "temperature": 1.0})
        elif self.has_encoder:
            self._request(endpoint, "encode", {"indices": [endpoint.index]})
        elif self._step is not None:
            endpoint.z = None
            self._request(endpoint, "test_images", {"indices": [endpoint.index]})
            self._start_search(name)

    def _start_search(self, name: str) -> None:
        endpoint, step, own = self.by_name[name], self._step, self.own_image
        if step is None:
            return
        if endpoint.kind == "own" and own is not None:
            self.searches[name].start(step, image=own.x[None])
        else:
            self.searches[name].start(step, index=endpoint.index)

    def _resolve_class(self, endpoint: Endpoint) -> None:
        """Use the mean code of a class, or request the codes of the test set."""
        endpoint.x, endpoint.label = None, endpoint.class_label
        if self._means.are_known_at(self._step):
            endpoint.z = self._means.by_label.get(endpoint.class_label)
            if endpoint.z is None:
                endpoint.class_label = endpoint.label = next(iter(self._means.by_label))
                endpoint.z = self._means.by_label[endpoint.class_label]
            return
        endpoint.z = None

        def on_means() -> None:
            for name, other in self.by_name.items():
                if other.kind == "class" and self._means.by_label:
                    self._resolve(name)
                elif other.kind == "class":
                    other.failure = "the test images have no classes"
            self.notify()

        def on_failure(message: str, hint: str) -> None:
            endpoint.failure = failure_text(message, hint)
            self.notify()

        request = self._means.request(self._step, self.size, self.num_test, on_means, on_failure)
        self._requests.send("job", "class means", request)

    def _request(
        self, endpoint: Endpoint, op: str, params: dict[str, object], arrays: dict[str, Array] | None = None
    ) -> None:
        requested = (endpoint.kind, endpoint.seed, endpoint.index, self.own_image)

        # A response to an earlier choice is dropped.
        def on_result(response: ModelResponse) -> None:
            if (endpoint.kind, endpoint.seed, endpoint.index, self.own_image) == requested:
                arrays = response.arrays
                latent = arrays.get("mu", arrays.get("z"))
                if latent is not None:
                    endpoint.z = np.asarray(latent[0], np.float64).ravel()
                endpoint.x = np.asarray(arrays["x"][0]) if "x" in arrays else None
                endpoint.label = int(arrays["labels"][0]) if "labels" in arrays else -1
                self.notify()

        def on_failure(message: str, hint: str) -> None:
            endpoint.failure = failure_text(message, hint)
            self.notify()

        # Not the name: A and B may be swapped before the response.
        request = ModelRequest(op, on_result, params, arrays or {}, self._step, on_failure)
        self._requests.send("preview", f"end {id(endpoint)}", request)

    def _on_search(self) -> None:
        for name, search in self.searches.items():
            endpoint = self.by_name[name]
            if search.result is not None and endpoint.kind in ("test", "own") and self.needs_search:
                endpoint.z = search.result.z.copy()
                endpoint.x = search.result.x
        self.notify()
