"""The decoded path between two latents: first the images of the strip, then enough for an animation. No Qt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnResult, RequestGroup, failure_text
from genexplorer.viewer.preferences import saved_int

Mode = Literal["spherical", "linear"]
MODES: tuple[Mode, ...] = get_args(Mode)
DEFAULT_IMAGES, MIN_IMAGES, MAX_IMAGES = 9, 2, 100
ANIMATION_INTERVALS = 64  # an animation has about so many intervals between its frames
MAX_FILE_BYTES = 1 << 24  # of the images of an animation
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InterpolationFrames:
    """N latents on a path, with the images or points decoded from them."""

    images: Array  # the decoded images, (N, H, W, C) uint8, or points, (N, 2)
    z: Floats  # the latents, (N, d)
    t: Floats  # the positions on the path, from 0 to 1, (N,)
    strip_stride: int  # the strip shows one of so many images
    step: int  # the step of the snapshot
    mode: Mode  # how the latents were interpolated
    nonfinite_fraction: float = 0.0  # of all values, those that are NaN or infinite

    @property
    def strip(self) -> Array:
        """The images of the strip."""
        return self.images[:: self.strip_stride]

    @property
    def norms(self) -> Floats:
        """|z| along the path, (N,)."""
        return norms(self.z)

    def nearest(self, t: float) -> int:
        """Return the row of the image nearest to a t."""
        return int(np.argmin(np.abs(self.t - t)))


class Interpolation(Observable):
    """The newest path and the selected t.

    Attributes:
        t: The selected position, from 0 at A to 1 at B.
        frames: The decoded points; None while there are none.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self.mode: Mode = "spherical"
        self.count = DEFAULT_IMAGES
        self.t = 0.5
        self._newest_token: object = None
        self.clear()

    def clear(self) -> None:
        """Discard the path."""
        self.frames: InterpolationFrames | None = None
        self.failure = ""
        self._newest_token = None
        self.notify()

    def request(self, endpoints: Floats, step: int) -> None:
        """Request the path between two latents, (2, d)."""
        token = self._newest_token = object()
        self._requests.cancel_waiting("preview", "animation")  # of the previous path
        mode, count = self.mode, self.count

        def on_strip(response: ModelResponse) -> None:
            self._apply(response, mode, strip_stride=1)
            if token is not self._newest_token:
                return
            strip_stride = animation_stride(count, math.prod(response.arrays["images"].shape[1:]))
            if strip_stride > 1:
                self._send("animation", endpoints, step, mode, (count - 1) * strip_stride + 1, on_animation)

        def on_animation(response: ModelResponse) -> None:
            if token is self._newest_token:
                self._apply(response, mode, strip_stride=(len(response.arrays["images"]) - 1) // (count - 1))

        self._send("strip", endpoints, step, mode, count, on_strip)

    @property
    def row(self) -> int:
        """The row of the selected image; 0 where there is none."""
        return 0 if self.frames is None else self.frames.nearest(self.t)

    def move_to(self, t: float) -> None:
        """Select another t."""
        self.t = min(1.0, max(0.0, t))
        self.notify()

    def step_by(self, count: int, *, fine: bool = False) -> None:
        """Move by images of the strip, or of the animation where `fine`."""
        if self.frames is None:
            return
        t = self.frames.t if fine else self.frames.t[:: self.frames.strip_stride]
        row = int(np.argmin(np.abs(t - self.t)))
        self.move_to(float(t[min(max(0, row + count), len(t) - 1)]))

    def to_json(self) -> dict[str, Any]:
        """Return the values that are saved until the next start."""
        return {"mode": self.mode, "count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the values of `to_json`; invalid ones are ignored."""
        self.mode = next((mode for mode in MODES if mode == state.get("mode")), self.mode)
        self.count = saved_int(state, "count", MIN_IMAGES, MAX_IMAGES, self.count)

    def _send(self, key: str, endpoints: Floats, step: int, mode: Mode, count: int, on_result: OnResult) -> None:
        def on_failure(message: str, hint: str) -> None:
            self.frames, self.failure = None, failure_text(message, hint)
            self.notify()

        params = {"count": count, "mode": mode}
        arrays = {"z": endpoints.astype(np.float32)}
        self._requests.send("preview", key, ModelRequest("interpolate", on_result, params, arrays, step, on_failure))

    def _apply(self, response: ModelResponse, mode: Mode, *, strip_stride: int) -> None:
        arrays = response.arrays
        z, t = np.asarray(arrays["z"], np.float64), np.asarray(arrays["t"], np.float64).ravel()
        not_finite = response.meta.get("not_finite")
        nonfinite_fraction = float(not_finite) if isinstance(not_finite, int | float) else 0.0
        self.frames = InterpolationFrames(
            np.asarray(arrays["images"]), z, t, max(1, strip_stride), response.step, mode, nonfinite_fraction
        )
        self.failure = ""
        self.notify()


def animation_stride(count: int, image_bytes: int) -> int:
    """Return into how many parts an animation divides the space between two images of the strip."""
    affordable = (MAX_FILE_BYTES // max(1, image_bytes) - 1) // (count - 1)
    return max(1, min(round(ANIMATION_INTERVALS / (count - 1)), affordable))


def norms(z: Floats) -> Floats:
    """Return |z|, (N,), of latents, (N, d)."""
    lengths: Floats = np.linalg.norm(z, axis=1)
    return lengths


def chord_norms(endpoints: Floats, t: Floats) -> Floats:
    """Return |z|, (N,), at positions t, (N,), on the straight line between two latents, (2, d)."""
    return norms((1 - t[:, None]) * endpoints[0] + t[:, None] * endpoints[1])
