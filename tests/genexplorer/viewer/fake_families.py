"""Models of every family made of arithmetic, on images and on points, in the explorer's place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Failure, Progress, Response, Result
from genexplorer.viewer.context import ViewerContext
from tests.genexplorer.viewer.fake_model import FIGURES as VAE_FIGURES
from tests.genexplorer.viewer.fake_model import Arrays, Bench, ReceivedRequest, StandInClient, TabT, mu_of, picture

SIZES = {"vae": 2, "gan": 100, "flow": 784, "vae-points": 2, "gan-points": 2, "flow-points": 2}
FIGURES = {"bits_per_dim": ["cost", "bits/dim"], "round_trip_error": ["round-trip error", ""]}
BOUNDS = [-3.0, 3.0, -2.0, 2.0]


def sampled(seed: int, size: int) -> NDArray[np.float32]:
    """Return the z of a seed's first sample, (1, d)."""
    return np.random.default_rng(seed).standard_normal((1, size)).astype(np.float32)


def point_of(z: NDArray[Any], step: int = 0) -> NDArray[np.float32]:
    """Return the points, (N, 2), that latents are decoded to: halved and moved by the step."""
    z = np.atleast_2d(np.asarray(z, np.float32))
    return np.asarray(z[:, :2] / 2 + step * 1e-4, np.float32)


class FamilyClient(StandInClient):
    """Answers as a model of a family would; a search for z waits until `finish_search`."""

    kind = "vae"
    exploded = False  # whether latents are no finite numbers
    searches: list[ReceivedRequest]

    @property
    def points(self) -> bool:
        return self.kind.endswith("points")

    def decoded(self, z: NDArray[Any], step: int) -> NDArray[Any]:
        return point_of(z, step) if self.points else picture(z, step)

    def progress(self, fraction: float, message: str) -> None:
        """Tell of the search under way."""
        self._say(self.searches[-1], Progress(fraction, message))

    def finish_search(self, error: float = 0.02) -> None:
        """Let the newest search find something."""
        q = self.searches[-1]
        z = mu_of(self._indices(q), 0, self.size)
        recon = self.decoded(z, q.step)
        history = np.linspace(1, error, q.params["steps"], dtype=np.float32)[:, None]
        arrays = {"x": self._x(q), "z": z, "recon": recon, "error": np.array([error], np.float32), "history": history}
        self._say(q, Result({**arrays, "labels": self._labels(q)}))

    def _answer(self, q: ReceivedRequest) -> None:
        if q.op == "invert" and not self.failing:
            self.searches = [*getattr(self, "searches", []), q]
            return
        body = Failure(self.failing, "try another") if self.failing else Result(self._arrays(q), self._meta(q))
        self._say(q, body)

    def _say(self, q: ReceivedRequest, body: Progress | Result | Failure) -> None:
        self.on_answer(Response(q.lane, q.request_number, q.op, q.step, body, 0.001, q.topic))

    def _meta(self, q: ReceivedRequest) -> dict[str, object]:
        if self.exploded:
            return {"metric_labels": FIGURES, "not_finite": 0.25}
        if q.op == "points":
            return {"bounds": BOUNDS}
        if q.op == "encode" and self.kind.startswith("flow"):
            return {"metric_labels": FIGURES}
        return {"metric_labels": VAE_FIGURES} if q.op == "encode" else {}

    def _arrays(self, q: ReceivedRequest) -> Arrays:
        match q.op:
            case "sample":
                z = sampled(q.params["seed"], self.size)
                return {"z": z, "images": self.decoded(z, q.step)}
            case "interpolate":
                t = np.linspace(0, 1, q.params["count"], dtype=np.float32)
                a, b = q.arrays["z"]
                z = (1 - t[:, None]) * a + t[:, None] * b
                return {"z": z, "t": t, "images": self.decoded(z, q.step)}
            case "points":
                count = q.params["count"]
                return {"points": point_of(mu_of(np.arange(count), 0)), "labels": np.arange(count) % 2}
            case "test_images" if "indices" in q.params:
                return {"x": self._x(q), "labels": self._labels(q)}
        return super()._arrays(q)

    def _encoded(self, q: ReceivedRequest) -> Arrays:
        found = super()._encoded(q)
        one = np.ones(len(found["mu"]), np.float32)
        found |= {"x": self._x(q), "recon": self.decoded(found["mu"], q.step)}
        if self.kind.startswith("flow"):
            found |= {"logvar": np.full_like(found["mu"], -np.inf), "bits_per_dim": 1.92 * one}
            found |= {"round_trip_error": 1.2e-6 * one}
            del found["kl_dims"]
        if self.exploded:
            found["mu"] = np.where(np.arange(self.size) % 3, np.nan, np.inf)[None].astype(np.float32)
        return found

    def _indices(self, q: ReceivedRequest) -> NDArray[np.int64]:
        return np.array([0]) if "images" in q.arrays else np.array(q.params.get("indices", [q.params.get("index", 0)]))

    def _labels(self, q: ReceivedRequest) -> NDArray[np.int64]:
        return np.array([-1]) if "images" in q.arrays else self._indices(q) % 10

    def _x(self, q: ReceivedRequest) -> NDArray[Any]:
        own = q.arrays.get("images")
        return self.decoded(mu_of(self._indices(q), 0), 0) if own is None else np.asarray(own)


class FamilyBench(Bench[TabT]):
    """A tab on a fake run of a family."""

    def __init__(self, make: Callable[[ViewerContext], TabT], folder: Path, kind: str) -> None:
        self.kind = kind
        super().__init__(make, folder, size=SIZES[kind])

    @property
    def client(self) -> FamilyClient:
        made = self.clients[-1]
        assert isinstance(made, FamilyClient)
        return made

    def _client(self, on_answer: Callable[[Response], None], on_exit: Callable[[str], None]) -> StandInClient:
        made = FamilyClient(on_answer)
        made.kind, made.searches = self.kind, []
        self.clients.append(made)
        return made
