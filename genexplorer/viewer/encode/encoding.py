"""Asks for q(z|x), the reconstruction and samples of the chosen image, and for thumbnails and labels. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array, Lane
from genexplorer.session.observable import Observable
from genexplorer.viewer.encode.source import Source
from genexplorer.viewer.explorer import OnResult, Reply
from genexplorer.viewer.manifold.asking import Question, Questions

SAMPLES = 8
Images = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Encoding:
    """An image and what the model makes of it. Figures are in nats, at z = μ."""

    x: Images  # (H, W, C), as the model sees it
    recon: Images  # (H, W, C)
    mu: Floats  # (d,)
    sigma: Floats  # (d,)
    kl_dims: Floats  # (d,)
    recon_nats: float
    kl_nats: float
    label: int
    step: int

    @property
    def elbo(self) -> float:
        """Return the evidence lower bound with the expectation over q taken at its mean."""
        return -self.recon_nats - self.kl_nats

    def difference(self) -> Images:
        """Return x − x̂ in colours, (H, W, 3): orange where the reconstruction lacks ink, blue where it has too much."""
        signed = (self.x.astype(np.float64).mean(axis=2) - self.recon.astype(np.float64).mean(axis=2)) / 255
        lacks, exceeds = np.clip(signed, 0, 1)[..., None], np.clip(-signed, 0, 1)[..., None]
        mixed = lacks * np.array([255.0, 160.0, 60.0]) + exceeds * np.array([70.0, 150.0, 255.0])
        coloured: Images = np.round(mixed).clip(0, 255).astype(np.uint8)
        return coloured


class Encodings(Observable):
    """The newest answers about the chosen image; None where there is none yet."""

    def __init__(self, questions: Questions) -> None:
        super().__init__()
        self._questions = questions
        self._step: int | None = None
        self._topic: object = None  # of the newest question: an answer to an older one is not shown
        self._page: tuple[object, ...] = ()
        self.clear()

    def clear(self) -> None:
        """Forget everything, as when another run is opened."""
        self.current: Encoding | None = None
        self.samples: Images | None = None
        self.sampled_z: Floats | None = None
        self.thumbs: Images | None = None
        self.thumb_indices = np.zeros(0, np.int64)
        self.labels: NDArray[np.int64] | None = None
        self.failure = ""
        self._topic, self._page = None, ()
        self.notify()

    def at(self, step: int) -> None:
        """Ask this snapshot from now on."""
        self._step = step

    def encode(self, source: Source) -> None:
        """Want the encoding of the chosen image, and samples of its posterior."""
        own = source.kind != "test" and source.own is not None
        arrays = {"images": source.own[None]} if own and source.own is not None else {}
        topic = self._topic = object()

        def on_encoded(reply: Reply) -> None:
            if topic is self._topic:
                self.current = _encoding(reply)

        def on_sampled(reply: Reply) -> None:
            if topic is self._topic:
                self.samples = np.asarray(reply.arrays["images"], np.uint8)
                self.sampled_z = np.asarray(reply.arrays["z"], np.float64)

        lane: Lane = "drag" if source.kind == "drawn" else "preview"
        self._ask(lane, "encode", "encode", on_encoded, arrays, {} if own else {"indices": [source.index]})
        chosen: dict[str, object] = {} if own else {"index": source.index}
        self._ask(lane, "posterior", "posterior", on_sampled, arrays, {**chosen, "count": SAMPLES, "seed": 0})

    def show_page(self, indices: NDArray[np.int64]) -> None:
        """Want the thumbnails of test images; they are of the data and do not change with the snapshot."""
        page = tuple(indices.tolist())
        if page == self._page or not page:
            return
        self._page = page

        def on_result(reply: Reply) -> None:
            self.thumbs, self.thumb_indices = np.asarray(reply.arrays["x"], np.uint8), indices

        self._ask("preview", "thumbs", "encode", on_result, {}, {"indices": list(page)})

    def want_labels(self, num_test: int) -> None:
        """Want the labels of the whole test set, for filtering."""
        if self.labels is not None or self._questions.is_open("job", "labels"):
            return

        def on_result(reply: Reply) -> None:
            self.labels = np.asarray(reply.arrays["labels"], np.int64)

        self._ask("job", "labels", "encodings", on_result, {}, {"count": num_test, "split": "test"})

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

        self._questions.ask(lane, key, Question(op, told, params, arrays, self._step, self._on_failure))

    def _on_failure(self, message: str, hint: str) -> None:
        self.failure = f"{message}: {hint}" if hint else message
        self.notify()


def _encoding(reply: Reply) -> Encoding:
    arrays = reply.arrays
    return Encoding(
        x=np.asarray(arrays["x"][0], np.uint8),
        recon=np.asarray(arrays["recon"][0], np.uint8),
        mu=np.asarray(arrays["mu"][0], np.float64).ravel(),
        sigma=np.exp(0.5 * np.asarray(arrays["logvar"][0], np.float64)).ravel(),
        kl_dims=np.asarray(arrays["kl_dims"][0], np.float64).ravel(),
        recon_nats=float(arrays["recon_nats"][0]),
        kl_nats=float(arrays["kl_nats"][0]),
        label=int(arrays["labels"][0]),
        step=reply.step,
    )
