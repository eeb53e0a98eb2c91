"""Stand-ins for models whose data are points of the plane, and for a flow of images: arithmetic in their place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genexplorer.explore.protocol import Failure, Response, Result
from genexplorer.viewer.context import ViewerContext
from tests.genexplorer.viewer.fake_model import Arrays, Bench, ReceivedRequest, StandInClient, TabT, picture

BOUNDS = [-4.0, 4.0, -4.0, 4.0]
TRANSFORMS = 8
LADJ = np.linspace(-1.0, 2.0, TRANSFORMS).astype(np.float32)  # of a trace from x to z


def to_data(z: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Return where latents (N, 2) are decoded to; it moves with the step."""
    return (np.asarray(z) * (0.5 + 0.1 * (step % 7)) + 1.0).astype(np.float32)


def truth(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return a made-up log density of points (..., 2)."""
    found: NDArray[np.float64] = -0.5 * np.square(np.asarray(points, np.float64)).sum(-1)
    return found


@dataclass
class PointsClient(StandInClient):
    """Answers what is asked of points, and traces of images too."""

    images: bool = False
    knows_truth: bool = True

    def _answer(self, q: ReceivedRequest) -> None:
        no_truth = q.op == "density" and q.params.get("of") == "truth" and not self.knows_truth
        words = self.failing or ("the true density is not known" if no_truth else "")
        body = Failure(words, "try another") if words else Result(self._arrays(q), self._meta(q))
        self.on_answer(Response(q.lane, q.request_number, q.op, q.step, body, 0.001, q.topic))

    def _meta(self, q: ReceivedRequest) -> dict[str, Any]:
        if q.op == "trace":
            forward = "index" in q.params or "indices" in q.params
            names = [f"coupling {k + 1}" for k in range(TRANSFORMS)]
            labels = ["x", *names] if forward else ["z", *reversed(names)]
            direction = "forward" if forward else "inverse"
            return {"labels": labels, "direction": direction, "error": 2.5e-6, "label": 7 if forward else -1}
        if q.op == "points":
            return {"bounds": BOUNDS}
        return {"how": "exact"} if q.op == "density" else {}

    def _arrays(self, q: ReceivedRequest) -> Arrays:
        match q.op:
            case "trace":
                return self._traced(q)
            case "points":
                return {"points": _ring(q.params["count"]), "labels": np.arange(q.params["count"]) % 8}
            case "sample":
                z = np.random.default_rng(q.params["seed"]).normal(size=(q.params["count"], 2)).astype(np.float32)
                return {"images": to_data(z, q.step), "z": z}
            case "decode":
                return {"images": to_data(q.arrays["z"], q.step)}
            case "encode":
                x = _ring(len(q.params["indices"])) if "indices" in q.params else np.asarray(q.arrays["images"])
                z = ((x - 1.0) / (0.5 + 0.1 * (q.step % 7))).astype(np.float32)
                return {"x": x, "mu": z, "logvar": np.full_like(z, -2), "recon": x * np.float32(0.9)}
            case "density":
                return {"log_prob": (truth(_cells(q.params)) - (q.params["of"] == "model")).astype(np.float32)}
            case "critic":
                return self._judged(q)
        return super()._arrays(q)

    def _traced(self, q: ReceivedRequest) -> Arrays:
        forward = "index" in q.params or "indices" in q.params
        ladj, shares = LADJ if forward else -LADJ[::-1], np.linspace(0, 1, TRANSFORMS + 1)
        figures = {"mean": shares.astype(np.float32), "std": (1 + shares).astype(np.float32)}
        if self.images:
            stages = np.concatenate([picture(np.full((1, 2), share), q.step) for share in shares])
            return {"stages": stages, "z": np.zeros((1, 784), np.float32), "ladj": ladj, **figures}
        if forward:
            indices = np.asarray(q.params.get("indices", [q.params.get("index", 0)]))
            start = _ring(len(indices))
            end = ((start - 1.0) / (0.5 + 0.1 * (q.step % 7))).astype(np.float32)
        else:
            count = q.params.get("count", 1)
            drawn = np.random.default_rng(q.params.get("seed", 0)).normal(size=(count, 2)) * q.params.get(
                "temperature", 1.0
            )
            start = np.asarray(q.arrays.get("z", drawn.astype(np.float32)))
            end = to_data(start, q.step)
        stages = np.stack([start + (end - start) * np.float32(share) for share in shares])
        z = end if forward else start
        single = len(start) == 1
        return {"stages": stages[:, 0] if single else stages, "z": z, "ladj": ladj, **figures}

    def _judged(self, q: ReceivedRequest) -> Arrays:
        z = np.random.default_rng(q.params["seed"]).normal(size=(q.params["count"], 2)).astype(np.float32)
        points = to_data(z, q.step)
        return {"surface": _cells(q.params)[..., 0].astype(np.float32), "points": points, "arrows": -points}


class PointsBench(Bench[TabT]):
    """A tab on a fake run of 2-D points, or of a flow of images.

    Args:
        make: Type of the tab.
        folder: Folder of a run of that kind.
        images: If True, traces are of images.
        failing: Error message of every response; empty for none.
        before: Called with the client before the tab sends its first request.
    """

    def __init__(
        self,
        make: Callable[[ViewerContext], TabT],
        folder: Path,
        *,
        images: bool = False,
        failing: str = "",
        before: Callable[[PointsClient], None] | None = None,
    ) -> None:
        self._images, self._before = images, before
        super().__init__(make, folder, failing=failing)

    @property
    def model(self) -> PointsClient:
        assert isinstance(self.client, PointsClient)
        return self.client

    def _client(self, on_answer: Callable[[Response], None], on_exit: Callable[[str], None]) -> StandInClient:
        made = PointsClient(on_answer, images=self._images)
        if self._before is not None:
            self._before(made)
        self.clients.append(made)
        return made


def _ring(count: int) -> NDArray[np.float32]:
    angle = 2 * np.pi * np.arange(count) / 8
    return np.stack([3 * np.cos(angle), 3 * np.sin(angle)], axis=1).astype(np.float32)


def _cells(params: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the centers of a grid of cells, (rows, columns, 2), row 0 on top."""
    x0, x1, y0, y1 = params["bounds"]
    x = x0 + (np.arange(params["columns"]) + 0.5) / params["columns"] * (x1 - x0)
    y = y1 - (np.arange(params["rows"]) + 0.5) / params["rows"] * (y1 - y0)
    return np.stack(np.meshgrid(x, y), axis=-1)
