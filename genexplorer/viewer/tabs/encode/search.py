"""The search for the latent of an image by optimization, for models without an encoder. No Qt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text

DEFAULT_STEPS, DEFAULT_RESTARTS = 200, 8  # optimizer steps, and random starting points
MAX_STEPS, MAX_RESTARTS = 5_000, 64
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The best latent of a search."""

    x: Array  # the image after preprocessing, (H, W, C) uint8, or a point, (2,)
    recon: Array  # the image decoded from z, in the shape of x
    z: Floats  # the best latent, (d,)
    error: float  # mean squared error of pixels in [0, 1]
    history: Floats  # the lowest error so far after each step, (steps,)
    step: int  # the step of the snapshot


class LatentSearch(Observable):
    """A running search, or its result; searches with different request keys run in parallel."""

    def __init__(self, requests: RequestGroup, key: str = "search") -> None:
        super().__init__()
        self._requests, self._key = requests, key
        self.steps, self.restarts, self.seed = DEFAULT_STEPS, DEFAULT_RESTARTS, 0
        self.has_prior_penalty = True  # whether a penalty keeps |z| typical of the prior
        self._reset()

    def _reset(self) -> None:
        self.is_running = False
        self.fraction, self.message = 0.0, ""  # the progress: the fraction that is done, and a text
        self.result: SearchResult | None = None
        self.failure = ""
        self.is_canceled = False

    def clear(self) -> None:
        """Cancel the search and discard its result."""
        self._requests.cancel("job", self._key)
        self._reset()
        self.notify()

    def start(self, step: int, *, index: int | None = None, image: Array | None = None) -> None:
        """Search for the latent of the test image with an index, or of an `image`, (1, H, W, C), or point, (1, 2)."""
        self._requests.cancel("job", self._key)
        self._reset()
        self.is_running = True
        params: dict[str, object] = {"steps": self.steps, "restarts": self.restarts, "seed": self.seed}
        if not self.has_prior_penalty:
            params["prior"] = 0.0
        if index is not None:
            params["indices"] = [index]
        arrays = {} if image is None else {"images": image}
        request = ModelRequest("invert", self._on_result, params, arrays, step, self._on_failure, self._on_progress)
        self._requests.send("job", self._key, request)
        self.notify()

    def cancel(self) -> bool:
        """Cancel the search; return whether one was running."""
        if not self.is_running:
            return False
        self._requests.cancel("job", self._key)
        self.is_running, self.is_canceled = False, True
        self.notify()
        return True

    def status(self) -> str:
        """Return the status in one line."""
        if self.is_running:
            return f"searching for z, {self.fraction:.0%}" + (f": {self.message}" if self.message else "")
        if self.failure:
            return self.failure
        if self.is_canceled:
            return "search canceled"
        return "" if self.result is None else f"found at step {self.result.step:,}"

    def _on_progress(self, fraction: float, message: str) -> None:
        if self.is_running:
            self.fraction, self.message = min(1.0, max(0.0, fraction)), message
            self.notify()

    def _on_result(self, response: ModelResponse) -> None:
        arrays = response.arrays
        self.is_running, self.fraction = False, 1.0
        self.result = SearchResult(
            x=np.asarray(arrays["x"][0]),
            recon=np.asarray(arrays["recon"][0]),
            z=np.asarray(arrays["z"][0], np.float64).ravel(),
            error=float(arrays["error"][0]),
            history=np.asarray(arrays["history"], np.float64).reshape(len(arrays["history"]), -1)[:, 0],
            step=response.step,
        )
        self.notify()

    def _on_failure(self, message: str, hint: str) -> None:
        self.is_running = False
        self.failure = failure_text(message, hint)
        self.notify()
