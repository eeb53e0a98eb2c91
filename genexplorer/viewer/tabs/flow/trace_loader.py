"""Requests the selected trace, the traces of many points beside it, and the inverse. No Qt."""

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.class_scheme import ClassScheme
from genexplorer.session.observable import Observable
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text
from genexplorer.viewer.tabs.flow.trace import Floats, PointBatch, Trace, TraceSelection, parse_trace

NUM_TRACED_POINTS = 800  # points that are traced beside the selected one
_NUM_COLOR_SECTORS = 8


class TraceLoader(Observable):
    """The newest trace of the selected input; listeners are called after each response."""

    def __init__(self, requests: RequestGroup, selection: TraceSelection) -> None:
        super().__init__()
        self._requests, self._selection = requests, selection
        self.clear()

    def clear(self) -> None:
        """Discard everything, as when another run is opened."""
        self.trace: Trace | None = None
        self.reconstruction: NDArray[np.uint8] | None = None  # f⁻¹(f(x)), (H, W, C)
        self.failure = ""
        self._points: Floats | None = None  # (K + 1, N, 2)
        self._labels: NDArray[np.int64] | None = None  # of the test points

    @property
    def batch(self) -> PointBatch | None:
        """The traces of many points, where they fit the trace; None for images."""
        points, trace = self._points, self.trace
        if points is None or trace is None or len(points) != len(trace.stages):
            return None
        # Color points by class, or by their sector of the base.
        forward = trace.direction == "forward"
        labels, base = self._labels, points[-1] if forward else points[0]
        has_labels = forward and labels is not None and len(labels) == len(base)
        if labels is None or not has_labels:
            return PointBatch(points, sector_indices(base))
        return PointBatch(points, ClassScheme().with_labels(labels.tolist()).colors(labels))

    def load(self, step: int, *, is_point_data: bool) -> None:
        """Request the trace at a snapshot, and, for 2-D data, those of many points."""
        selection, send = self._selection, self._requests.send
        request = ModelRequest("trace", self._on_trace, selection.params, step=step, on_failure=self._on_failure)
        send("preview", "trace", request)
        if not is_point_data:
            return
        forward = selection.direction == "forward"
        if forward and self._labels is None:
            params = {"count": NUM_TRACED_POINTS, "split": "test"}
            send("preview", "labels", ModelRequest("points", self._on_labels, params, step=step))
        count = max(1, min(NUM_TRACED_POINTS, selection.num_test))
        batch = {"indices": list(range(count))} if forward else {**selection.params, "count": NUM_TRACED_POINTS}
        send("preview", "batch", ModelRequest("trace", self._on_batch, batch, step=step))

    def _on_trace(self, response: ModelResponse) -> None:
        try:
            self.trace = parse_trace(response.arrays, response.meta, response.step)
        except (KeyError, ValueError):
            self._on_failure("the response is malformed", "the run was made by another version")
            return
        self.failure, self.reconstruction = "", None
        self._update_stats()
        if self.trace.direction == "forward" and not self.trace.is_point_data:
            # Request the round trip, to show it beside the image.
            def on_inverse(inverse: ModelResponse) -> None:
                values = np.asarray(inverse.arrays["stages"])
                if values.ndim == 4:
                    self.reconstruction = values[-1]
                    self.notify()

            z = {"z": self.trace.z[None].astype(np.float32)}
            request = ModelRequest("trace", on_inverse, arrays=z, step=response.step)
            self._requests.send("preview", "inverse", request)
        self.notify()

    def _on_batch(self, response: ModelResponse) -> None:
        points = np.asarray(response.arrays["stages"], np.float64)
        if points.ndim != 3:
            return
        self._points = np.nan_to_num(points, nan=0.0, posinf=1e6, neginf=-1e6)
        self._update_stats()
        self.notify()

    def _update_stats(self) -> None:
        """Set mean and deviation to those of all points: of the two numbers of one point they are meaningless."""
        batch = self.batch
        if self.trace is not None and batch is not None:
            self.trace = self.trace.with_stats(batch.points.mean(axis=(1, 2)), batch.points.std(axis=(1, 2)))

    def _on_labels(self, response: ModelResponse) -> None:
        labels = np.asarray(response.arrays["labels"], np.int64)
        self._labels = labels if len(np.unique(labels)) > 1 else None
        self.notify()

    def _on_failure(self, message: str, hint: str) -> None:
        self.failure = failure_text(message, hint)
        self.trace = self.reconstruction = self._points = None
        self.notify()


def sector_indices(points: Floats) -> NDArray[np.int64]:
    """Return the index of each point's sector around the origin, (N,), of points, (N, 2): neighbors share a color."""
    turn = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1.0
    return np.minimum((turn * _NUM_COLOR_SECTORS).astype(np.int64), _NUM_COLOR_SECTORS - 1)
