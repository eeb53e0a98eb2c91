"""Asks for the latent of the chosen image, its reconstruction and figures, and for thumbnails and labels. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array, Lane
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, OnResult, Reply, RequestGroup
from genexplorer.viewer.tabs.encode.search import Found
from genexplorer.viewer.tabs.encode.source import Source

SAMPLES = 8
Images = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A number that the model declares of an image."""

    name: str
    unit: str
    value: float


@dataclass(frozen=True, eq=False)
class Encoding:
    """An image, or a point, and what the model makes of it."""

    x: Array  # (H, W, C) uint8 as the model sees it, or a point (2,) float32
    recon: Array  # of the same shape
    mu: Floats  # (d,)
    sigma: Floats | None  # (d,); None where the latent is one point
    kl_dims: Floats | None  # (d,), in nats
    figures: tuple[Figure, ...]
    label: int
    step: int

    @property
    def is_point(self) -> bool:
        """Whether the data are points."""
        return self.x.ndim == 1

    def difference(self) -> Images:
        """Return x − x̂ in colors, (H, W, 3): orange where the reconstruction lacks ink, blue where it has too much."""
        x, recon = self.x.astype(np.float64), self.recon.astype(np.float64)
        return two_colored((x.mean(axis=2) - recon.mean(axis=2)) / 255)


def two_colored(signed: Floats) -> Images:
    """Return values in [−1, 1], (H, W), as colors (H, W, 3): orange above 0, blue below, black at 0."""
    signed = np.nan_to_num(signed)
    above, below = np.clip(signed, 0, 1)[..., None], np.clip(-signed, 0, 1)[..., None]
    mixed = above * np.array([255.0, 160.0, 60.0]) + below * np.array([70.0, 150.0, 255.0])
    colored: Images = np.round(mixed).clip(0, 255).astype(np.uint8)
    return colored


def of_found(found: Found) -> Encoding:
    """Return what a search found as an encoding."""
    figures = (Figure("mean squared error", "", found.error),)
    return Encoding(found.x, found.recon, found.z, None, None, figures, -1, found.step)


class Encodings(Observable):
    """The newest answers about the chosen image; None where there is none yet."""

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._step: int | None = None
        self._topic: object = None  # of the newest question: an answer to an older one is not shown
        self._page: tuple[object, ...] = ()
        self.clear()

    def clear(self) -> None:
        """Forget everything, as when another run is opened."""
        self.current: Encoding | None = None
        self.samples: Array | None = None  # images (N, H, W, C) or points (N, 2)
        self.sampled_z: Floats | None = None
        self.x: Array | None = None  # the chosen test image, where it is shown before its latent is known
        self.label = -1
        self.thumbs: Images | None = None
        self.thumb_indices = np.zeros(0, np.int64)
        self.labels: NDArray[np.int64] | None = None
        self.failure = ""
        self._topic, self._page = None, ()
        self.notify()

    def at(self, step: int) -> None:
        """Ask this snapshot from now on."""
        self._step = step

    def encode(self, source: Source, *, spread: bool) -> None:
        """Want the encoding of the chosen image, and, where q(z|x) has a `spread`, samples of it."""
        arrays = {} if source.own is None or source.kind == "test" else {"images": source.own[None]}
        topic = self._topic = object()

        def on_encoded(reply: Reply) -> None:
            if topic is self._topic:
                self.current = _encoding(reply, spread)

        def on_sampled(reply: Reply) -> None:
            if topic is self._topic:
                self.samples = np.asarray(reply.arrays["images"])
                self.sampled_z = np.asarray(reply.arrays["z"], np.float64)

        lane: Lane = "drag" if source.kind == "drawn" else "preview"
        self._ask(lane, "encode", "encode", on_encoded, arrays, {} if arrays else {"indices": [source.index]})
        if spread:
            chosen: dict[str, object] = {} if arrays else {"index": source.index}
            self._ask(lane, "posterior", "posterior", on_sampled, arrays, {**chosen, "count": SAMPLES, "seed": 0})

    def watch_for(self, source: Source) -> None:
        """Want the chosen image alone, without its latent."""
        topic = self._topic = object()
        self.x, self.label = (None if source.kind == "test" else source.own), -1
        if source.kind != "test":
            self.notify()
            return

        def on_shown(reply: Reply) -> None:
            if topic is self._topic:
                self.x, self.label = np.asarray(reply.arrays["x"][0]), int(reply.arrays["labels"][0])

        self._ask("preview", "look", "test_images", on_shown, {}, {"indices": [source.index]})

    def show_page(self, indices: NDArray[np.int64]) -> None:
        """Want the thumbnails of test images; they are of the data and do not change with the snapshot."""
        page = tuple(indices.tolist())
        if page == self._page or not page:
            return
        self._page = page

        def on_result(reply: Reply) -> None:
            self.thumbs, self.thumb_indices = np.asarray(reply.arrays["x"], np.uint8), indices

        self._ask("preview", "thumbs", "test_images", on_result, {}, {"indices": list(page)})

    def want_labels(self) -> None:
        """Want the labels of the whole test set, for filtering."""
        if self.labels is not None or self._requests.is_pending("job", "labels"):
            return

        def on_result(reply: Reply) -> None:
            self.labels = np.asarray(reply.arrays["labels"], np.int64)

        self._ask("job", "labels", "test_images", on_result, {}, {})

    def asked_anew(self) -> None:
        """Forget which thumbnails were asked for, as after the questions were dropped."""
        if self.thumbs is None:
            self._page = ()

    def _ask(
        self,
        lane: Lane,
        key: str,
        op: str,
        on_result: OnResult,
        arrays: Mapping[str, Array],
        params: Mapping[str, object],
    ) -> None:
        def told(reply: Reply) -> None:
            self.failure = ""
            on_result(reply)
            self.notify()

        self._requests.send(lane, key, ModelRequest(op, told, params, arrays, self._step, self._on_failure))

    def _on_failure(self, message: str, hint: str) -> None:
        self.failure = f"{message}: {hint}" if hint else message
        self.notify()


def _encoding(reply: Reply, spread: bool) -> Encoding:
    arrays = reply.arrays
    kl_dims = arrays.get("kl_dims")
    return Encoding(
        x=np.asarray(arrays["x"][0]),
        recon=np.asarray(arrays["recon"][0]),
        mu=np.asarray(arrays["mu"][0], np.float64).ravel(),
        sigma=np.exp(0.5 * np.asarray(arrays["logvar"][0], np.float64)).ravel() if spread else None,
        kl_dims=None if kl_dims is None else np.asarray(kl_dims[0], np.float64).ravel(),
        figures=tuple(_figures(reply)),
        label=int(arrays["labels"][0]),
        step=reply.step,
    )


def _figures(reply: Reply) -> list[Figure]:
    """Return the figures that the model declares, in its order."""
    declared = reply.meta.get("figures")
    found = []
    for key, words in declared.items() if isinstance(declared, Mapping) else ():
        if key in reply.arrays and isinstance(words, list | tuple) and len(words) == 2:
            found.append(Figure(str(words[0]), str(words[1]), float(np.ravel(reply.arrays[key])[0])))
    lost = reply.meta.get("not_finite")
    return [*found, Figure("not finite", "% of the values", 100 * float(lost))] if isinstance(lost, float) else found
