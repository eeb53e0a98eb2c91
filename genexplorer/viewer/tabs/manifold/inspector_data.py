"""Requests the data of the inspector, the path strip and the hover card. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genexplorer.explore.protocol import Lane
from genexplorer.session.latent_path import DEFAULT_FRAMES, LatentPath
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnResult, RequestGroup, failure_text

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]
NUM_HOVER_SAMPLES = 4  # samples of q(z|x) beside a hovered point


@dataclass(frozen=True)
class EncodedImage:
    """A test image with its encoding and reconstruction."""

    index: int
    label: int
    x: Images  # (H, W, C)
    recon: Images  # (H, W, C)
    mu: Floats  # (d,)
    sigma: Floats  # (d,)
    metrics: tuple[tuple[str, float, str], ...] = ()  # name, value and unit of the model's metrics of the image


@dataclass(frozen=True)
class NearestImage:
    """The test image whose encoding is nearest to the cursor."""

    index: int
    label: int
    image: Images  # (H, W, C)
    distance: float  # from the cursor to its encoding, in latent space
    step: int  # the step of the snapshot that encoded it


@dataclass(frozen=True)
class PosteriorSamples:
    """Samples of q(z|x), and their decoded images."""

    z: Floats  # the latents, (N, d)
    images: Images  # (N, H, W, C)


class InspectorData(Observable):
    """The newest responses for cursor, picked and hovered image, pins and path; None where there is none yet.

    Attributes:
        step: The snapshot to query.
        size: Size of a latent; a cursor of another size waits for its plane.
        samples_posterior: Whether a hovered point is shown with samples of its q(z|x).
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self.step: int | None = None
        self.size: int | None = None
        self.samples_posterior = True
        self.clear()

    def clear(self) -> None:
        """Discard all responses, as when another run is opened."""
        self.decoded: Images | None = None
        self.picked: EncodedImage | None = None
        self.nearest: NearestImage | None = None
        self.pins: dict[str, Images] = {}
        self.frames: Images | None = None
        self.hovered: EncodedImage | None = None
        self.posterior: PosteriorSamples | None = None
        self.failure = ""
        self._hover_index: int | None = None
        self._pick_index: int | None = None
        self._requested: dict[str, object] = {}  # the last requests for cursor, picked image and pins
        self.notify()

    def forget_requests(self) -> None:
        """Request cursor, picked image and pins again, as after their requests were canceled."""
        self._requested.clear()

    def _record_request(self, name: str, value: object) -> bool:
        """Record a value as requested; return whether it is the first time at this snapshot."""
        former, self._requested[name] = self._requested.get(name), (self.step, value)
        return former != self._requested[name]

    def decode_cursor(self, z: Floats) -> bool:
        """Request the image at the cursor; return whether it was not requested before."""
        if not self._fits(z) or not self._record_request("cursor", z.tobytes()):
            return False

        def on_result(response: ModelResponse) -> None:
            self.decoded = _images(response)[0]

        self._send("drag", "cursor", "decode", on_result, z=[z])
        return True

    def pick(self, index: int | None) -> None:
        """Request a test image and its reconstruction; None shows none."""
        if not self._record_request("picked", index):
            return
        self._pick_index = index
        if index is None:
            self.picked = None
            self.notify()
            return

        def on_result(response: ModelResponse) -> None:
            if index == self._pick_index:
                self.picked = encoded_image(response, index)

        self._send("preview", "picked", "encode", on_result, indices=[index])

    def find_nearest(self, z: Floats) -> None:
        """Request the test image nearest to the cursor; the first time at a snapshot, all test images are encoded."""
        if not self._fits(z):
            return

        def on_result(response: ModelResponse) -> None:
            index, label, distance = (response.arrays[name][0] for name in ("indices", "labels", "distances"))
            self.nearest = NearestImage(int(index), int(label), _images(response)[0], float(distance), response.step)

        self._send("job", "nearest", "nearest", on_result, z=[z], count=1)

    def _fits(self, z: Floats) -> bool:
        return self.size is None or z.size == self.size

    def decode_pins(self, pins: Mapping[str, Floats]) -> None:
        """Request the images of the pins."""
        if not self._record_request("pins", [(name, z.tobytes()) for name, z in pins.items()]):
            return
        names = list(pins)
        if not names:
            self.pins = {}
            self.notify()
            return

        def on_result(response: ModelResponse) -> None:
            self.pins = dict(zip(names, _images(response), strict=True))

        self._send("preview", "pins", "decode", on_result, z=[pins[name] for name in names])

    def decode_path(self, path: LatentPath, count: int = DEFAULT_FRAMES) -> None:
        """Request frames at even distances along the path."""
        if path.is_empty:
            self.frames = None
            self.notify()
            return

        def on_result(response: ModelResponse) -> None:
            self.frames = _images(response)

        self._send("preview", "path", "decode", on_result, z=path.frames(count))

    def hover(self, index: int | None) -> None:
        """Request the test image under the mouse, its q(z|x) and samples of it; None shows none."""
        self._hover_index = index
        self.hovered = self.posterior = None
        if index is None:
            for key in ("hover", "posterior"):
                self._requests.cancel_waiting("drag", key)
            self.notify()
            return

        def on_encoded(response: ModelResponse) -> None:
            if index == self._hover_index:
                self.hovered = encoded_image(response, index)

        def on_samples(response: ModelResponse) -> None:
            if index == self._hover_index:
                self.posterior = PosteriorSamples(np.asarray(response.arrays["z"], np.float64), _images(response))

        self._send("drag", "hover", "encode", on_encoded, indices=[index])
        if self.samples_posterior:
            self._send("drag", "posterior", "posterior", on_samples, index=index, count=NUM_HOVER_SAMPLES, seed=0)

    def _send(
        self, lane: Lane, key: str, op: str, on_result: OnResult, *, z: ArrayLike | None = None, **params: object
    ) -> None:
        def on_response(response: ModelResponse) -> None:
            self.failure = ""
            on_result(response)
            self.notify()

        def on_failure(message: str, hint: str) -> None:
            self.failure = failure_text(message, hint)
            self.notify()

        arrays = {} if z is None else {"z": np.atleast_2d(np.asarray(z, np.float32))}
        self._requests.send(lane, key, ModelRequest(op, on_response, params, arrays, self.step, on_failure))


def encoded_image(response: ModelResponse, index: int) -> EncodedImage:
    """Return the image of a response to `encode`."""
    arrays, labels = response.arrays, response.meta.get("metric_labels")
    metrics = [
        (str(label[0]), float(arrays[quantity][0]), str(label[1]))
        for quantity, label in (labels.items() if isinstance(labels, dict) else ())
        if quantity in arrays and isinstance(label, list) and len(label) == 2
    ]
    return EncodedImage(
        index=index,
        label=int(arrays["labels"][0]),
        x=np.asarray(arrays["x"][0], np.uint8),
        recon=np.asarray(arrays["recon"][0], np.uint8),
        mu=np.asarray(arrays["mu"][0], np.float64),
        sigma=np.exp(0.5 * np.asarray(arrays["logvar"][0], np.float64)),
        metrics=tuple(metrics),
    )


def _images(response: ModelResponse) -> Images:
    return np.asarray(response.arrays["images"], np.uint8)
