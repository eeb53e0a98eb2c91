"""The way between two latents: its images, first those of the strip, then as many as a smooth walk needs. No Qt."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Array
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, OnResult, Reply, RequestGroup

Mode = Literal["spherical", "linear"]
MODES: tuple[Mode, ...] = get_args(Mode)
COUNT, MIN_COUNT, MAX_COUNT = 9, 2, 100
SMOOTH = 64  # spaces between two images of a smooth walk, about
MAX_BYTES = 1 << 24  # of the images of a smooth walk
Z = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frames:
    """What was decoded along a way, N of them.

    Args:
        images: (N, H, W, C) uint8, or points (N, 2).
        z: (N, d).
        t: (N,), from 0 to 1.
        every: One in so many belongs to the strip.
        step: Of the snapshot.
        mode: How it goes from end to end.
        not_finite: Share of the values that are no finite numbers.
    """

    images: Array
    z: Z
    t: Z
    every: int
    step: int
    mode: Mode
    not_finite: float = 0.0

    @property
    def strip(self) -> Array:
        """Return the images that were asked for."""
        return self.images[:: self.every]

    @property
    def norms(self) -> Z:
        """Return |z| along the way, (N,)."""
        return norms(self.z)

    def nearest(self, t: float) -> int:
        """Return the image that is nearest to a place of the way."""
        return int(np.argmin(np.abs(self.t - t)))


class Way(Observable):
    """The newest way and where on it one stands.

    Attributes:
        t: Where one stands, from 0 at A to 1 at B.
        frames: What is decoded; None while there is nothing yet.
    """

    def __init__(self, requests: RequestGroup) -> None:
        super().__init__()
        self._requests = requests
        self.mode: Mode = "spherical"
        self.count = COUNT
        self.t = 0.5
        self._wanted: object = None
        self.clear()

    def clear(self) -> None:
        """Forget the way."""
        self.frames: Frames | None = None
        self.failure = ""
        self._wanted = None
        self.notify()

    def ask(self, ends: Z, step: int) -> None:
        """Want the way between two latents, (2, d), of a snapshot."""
        wanted = self._wanted = object()
        self._requests.withdraw("preview", "walk")  # of a way that is no longer meant
        mode, count = self.mode, self.count

        def on_strip(reply: Reply) -> None:
            self._take(reply, mode, every=1)
            if wanted is not self._wanted:
                return
            every = spaces(count, math.prod(reply.arrays["images"].shape[1:]))
            if every > 1:
                self._send("walk", ends, step, mode, (count - 1) * every + 1, on_walk)

        def on_walk(reply: Reply) -> None:
            if wanted is self._wanted:
                self._take(reply, mode, every=(len(reply.arrays["images"]) - 1) // (count - 1))

        self._send("strip", ends, step, mode, count, on_strip)

    @property
    def here(self) -> int:
        """Return the image that is looked at; 0 where there is none."""
        return 0 if self.frames is None else self.frames.nearest(self.t)

    def go(self, t: float) -> None:
        """Stand somewhere else."""
        self.t = min(1.0, max(0.0, t))
        self.notify()

    def move(self, count: int, *, fine: bool = False) -> None:
        """Go on by images of the strip, or, finely, of the smooth walk."""
        if self.frames is None:
            return
        t = self.frames.t if fine else self.frames.t[:: self.frames.every]
        place = int(np.argmin(np.abs(t - self.t)))
        self.go(float(t[min(max(0, place + count), len(t) - 1)]))

    def _send(self, key: str, ends: Z, step: int, mode: Mode, count: int, on_result: OnResult) -> None:
        params = {"count": count, "mode": mode}
        arrays = {"z": ends.astype(np.float32)}
        self._requests.send("preview", key, ModelRequest("interpolate", on_result, params, arrays, step, self._failed))

    def _take(self, reply: Reply, mode: Mode, *, every: int) -> None:
        arrays = reply.arrays
        z, t = np.asarray(arrays["z"], np.float64), np.asarray(arrays["t"], np.float64).ravel()
        lost = reply.meta.get("not_finite")
        share = float(lost) if isinstance(lost, int | float) else 0.0
        self.frames = Frames(np.asarray(arrays["images"]), z, t, max(1, every), reply.step, mode, share)
        self.failure = ""
        self.notify()

    def _failed(self, message: str, hint: str) -> None:
        self.frames = None
        self.failure = f"{message}: {hint}" if hint else message
        self.notify()


def spaces(count: int, image_bytes: int) -> int:
    """Return into how many parts the space between two images of the strip is divided for a smooth walk."""
    affordable = (MAX_BYTES // max(1, image_bytes) - 1) // (count - 1)
    return max(1, min(round(SMOOTH / (count - 1)), affordable))


def norms(z: Z) -> Z:
    """Return |z| of latents (N, d), (N,)."""
    found: Z = np.linalg.norm(z, axis=1)
    return found


def chord_norms(ends: Z, t: Z) -> Z:
    """Return |z| along the straight line between two latents, (2, d), at places t, (N,)."""
    return norms((1 - t[:, None]) * ends[0] + t[:, None] * ends[1])
