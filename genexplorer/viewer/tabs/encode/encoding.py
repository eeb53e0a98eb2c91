"""Requests the latent, reconstruction and metrics of an image, thumbnails and labels. No Qt."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array, Lane
from genexplorer.session.latent_colors import signed_image
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnResult, RequestGroup, failure_text
from genexplorer.viewer.tabs.encode.image_selection import ImageSelection
from genexplorer.viewer.tabs.encode.search import SearchResult

NUM_POSTERIOR_SAMPLES = 8  # samples of q(z|x) that are decoded
Images = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ImageMetric:
    """A metric that the model declares for one image."""

    name: str
    unit: str
    value: float


@dataclass(frozen=True, eq=False)
class Encoding:
    """An image or a point with its latent and reconstruction."""

    x: Array  # the image after preprocessing, (H, W, C) uint8, or a point, (2,) float32
    recon: Array  # the reconstruction, in the shape of x
    mu: Floats  # the mean of q(z|x), or the one latent, (d,)
    sigma: Floats | None  # the standard deviations of q(z|x), (d,); None where there is one latent
    kl_dims: Floats | None  # the KL divergence of each dimension in nats, (d,); None where there is none
    metrics: tuple[ImageMetric, ...]
    label: int  # the class of a test image; -1 where there is none
    step: int  # the step of the snapshot

    @property
    def is_point_data(self) -> bool:
        """Whether the data are points."""
        return self.x.ndim == 1

    def difference(self) -> Images:
        """Return x − x̂ in the colors of `signed_image`, (H, W, 3)."""
        return signed_image((self.x.astype(np.float64) - self.recon.astype(np.float64)) / 255)

    def difference_legend(self) -> str:
        """Return the legend of the colors of the difference."""
        if self.x.shape[2] == 1:
            return "Difference: orange = missing from the reconstruction, blue = extra."
        return "Difference by color channel: gray = none, brighter = missing from the reconstruction, darker = extra."


def search_encoding(result: SearchResult) -> Encoding:
    """Return the result of a search as an encoding."""
    metrics = (ImageMetric("mean squared error", "", result.error),)
    return Encoding(result.x, result.recon, result.z, None, None, metrics, -1, result.step)


class EncodingLoader(Observable):
    """The newest responses about the selected image; None where there is none yet."""

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self._step: int | None = None
        self._newest_token: object = None  # marks the newest request: responses to older ones are dropped
        self._requested_page: tuple[object, ...] = ()  # the indices of the thumbnails requested last
        self.clear()

    def clear(self) -> None:
        """Discard everything, as when another run is opened."""
        self.current: Encoding | None = None
        self.samples: Array | None = None  # decoded samples of q(z|x): images, (N, H, W, C), or points, (N, 2)
        self.sampled_z: Floats | None = None  # the latents of the samples, (N, d)
        self.x: Array | None = None  # the image, before its latent is known
        self.label = -1
        self.thumbnails: Images | None = None
        self.thumbnail_indices = self.thumbnail_labels = np.zeros(0, np.int64)
        self.labels: NDArray[np.int64] | None = None
        self.failure = ""
        self._newest_token, self._requested_page = None, ()
        self.notify()

    def set_step(self, step: int) -> None:
        """Use another snapshot."""
        self._step = step

    def encode(self, selection: ImageSelection, *, has_posterior: bool) -> None:
        """Request the encoding of an image, and, where the encoder gives a posterior q(z|x), samples of it."""
        arrays = {} if selection.custom is None or selection.kind == "test" else {"images": selection.custom[None]}
        token = self._newest_token = object()

        def on_encoded(response: ModelResponse) -> None:
            if token is self._newest_token:
                self.current = _encoding(response, has_posterior)

        def on_sampled(response: ModelResponse) -> None:
            if token is self._newest_token:
                self.samples = np.asarray(response.arrays["images"])
                self.sampled_z = np.asarray(response.arrays["z"], np.float64)

        lane: Lane = "drag" if selection.kind == "drawing" else "preview"
        self._request(lane, "encode", "encode", on_encoded, {} if arrays else {"indices": [selection.index]}, arrays)
        if has_posterior:
            params = ({} if arrays else {"index": selection.index}) | {"count": NUM_POSTERIOR_SAMPLES, "seed": 0}
            self._request(lane, "posterior", "posterior", on_sampled, params, arrays)

    def load_image(self, selection: ImageSelection) -> None:
        """Request the image alone, without its latent."""
        token = self._newest_token = object()
        self.x, self.label = (None if selection.kind == "test" else selection.custom), -1
        if selection.kind != "test":
            self.notify()
            return

        def on_image(response: ModelResponse) -> None:
            if token is self._newest_token:
                self.x, self.label = np.asarray(response.arrays["x"][0]), int(response.arrays["labels"][0])

        self._request("preview", "image", "test_images", on_image, {"indices": [selection.index]})

    def load_page(self, indices: NDArray[np.int64]) -> None:
        """Request thumbnails of test images; they do not depend on the snapshot."""
        page = tuple(indices.tolist())
        if page == self._requested_page or not page:
            return
        self._requested_page = page

        def on_result(response: ModelResponse) -> None:
            self.thumbnails, self.thumbnail_indices = np.asarray(response.arrays["x"], np.uint8), indices
            self.thumbnail_labels = np.asarray(response.arrays["labels"], np.int64)

        self._request("preview", "thumbs", "test_images", on_result, {"indices": list(page)})

    def load_labels(self) -> None:
        """Request the labels of the test set, for filtering."""
        if self.labels is not None or self._requests.is_pending("job", "labels"):
            return

        def on_result(response: ModelResponse) -> None:
            self.labels = np.asarray(response.arrays["labels"], np.int64)

        self._request("job", "labels", "test_images", on_result, {})

    def reset_page(self) -> None:
        """Load thumbnails again, as after the requests were canceled."""
        if self.thumbnails is None:
            self._requested_page = ()

    def _request(
        self,
        lane: Lane,
        key: str,
        op: str,
        on_result: OnResult,
        params: Mapping[str, object],
        arrays: Mapping[str, Array] | None = None,
    ) -> None:
        def on_response(response: ModelResponse) -> None:
            self.failure = ""
            on_result(response)
            self.notify()

        def on_failure(message: str, hint: str) -> None:
            self.failure = failure_text(message, hint)
            self.notify()

        self._requests.send(lane, key, ModelRequest(op, on_response, params, arrays or {}, self._step, on_failure))


def _encoding(response: ModelResponse, has_posterior: bool) -> Encoding:
    arrays, declared = response.arrays, response.meta.get("metric_labels")
    # Read the metrics that the model declares, in its order.
    metrics = []
    for key, title in declared.items() if isinstance(declared, Mapping) else ():
        if key in arrays and isinstance(title, list | tuple) and len(title) == 2:
            metrics.append(ImageMetric(str(title[0]), str(title[1]), float(np.ravel(arrays[key])[0])))
    # Add the percentage of values that are NaN or infinite.
    nonfinite_fraction, kl_dims = response.meta.get("not_finite"), arrays.get("kl_dims")
    if isinstance(nonfinite_fraction, float):
        metrics.append(ImageMetric("not finite", "% of the values", 100 * nonfinite_fraction))
    return Encoding(
        x=np.asarray(arrays["x"][0]),
        recon=np.asarray(arrays["recon"][0]),
        mu=np.asarray(arrays["mu"][0], np.float64).ravel(),
        sigma=np.exp(0.5 * np.asarray(arrays["logvar"][0], np.float64)).ravel() if has_posterior else None,
        kl_dims=None if kl_dims is None else np.asarray(kl_dims[0], np.float64).ravel(),
        metrics=tuple(metrics),
        label=int(arrays["labels"][0]),
        step=response.step,
    )
