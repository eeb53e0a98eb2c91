"""The contents of the Density tab, computed by the model: data, samples, reconstructions, heat map, flow. No Qt."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line
from genexplorer.session.class_scheme import ClassGroup, ClassScheme, class_scheme
from genexplorer.session.observable import Observable
from genexplorer.session.plane import Bounds, data_bounds
from genexplorer.viewer.model_client import ModelRequest, ModelResponse, RequestGroup, failure_text
from genexplorer.viewer.tabs.density import heat_map
from genexplorer.viewer.tabs.density.heat_map import HeatMap
from genexplorer.viewer.tabs.density.layers import HeatMapKind, LayersState
from genexplorer.viewer.tabs.flow.trace import interpolate_stages, stage_labels
from trainers.model_card import ModelCard

Floats = NDArray[np.float64]
SceneChange = Literal["data", "samples", "heat map", "arrows", "reconstructions", "truth", "failure"]
NUM_DATA_POINTS, NUM_SAMPLES, NUM_RECONSTRUCTIONS, NUM_ARROWS = 1500, 600, 500, 250
# A heat map has about the square of this number of cells; an estimated density costs a hundred times as much as an
# exact one.
EXACT_GRID_SIDE, ESTIMATE_GRID_SIDE = 96, 44
_OFFSCREEN_COORDINATE = 1e4  # replaces coordinates that are not finite: far outside of every view


@dataclass(frozen=True)
class FlowAnimation:
    """Points after every layer: stage 0 is the base, the last one the data."""

    stages: Floats  # the points before and after each of K layers, (K + 1, N, 2)
    labels: tuple[str, ...]  # the names of the K + 1 stages

    def points_at(self, position: float) -> Floats:
        """Return the points, (N, 2), at a position from 0 to 1; on the straight line between two stages."""
        return interpolate_stages(self.stages, min(max(position, 0.0), 1.0) * (len(self.stages) - 1))

    def caption(self, position: float) -> str:
        """Return the caption of a position: "base: z from N(0, I)", "layer 3 of 18: coupling 2"."""
        last = len(self.stages) - 1
        layer = math.ceil(min(max(position, 0.0), 1.0) * last)
        return f"layer {layer} of {last}: {self.labels[layer]}" if layer else "base: z from N(0, I)"

    def axis_letter(self, position: float) -> str:
        """Return the name of the axes: z at the base, x at the data, v in between."""
        return "z" if position <= 0 else "x" if position >= 1 else "v"


@dataclass(frozen=True)
class BaseGrid:
    """Lines of constant z₁ and z₂, each of many points so that it can bend.

    Args:
        points: The points of all lines, (M, 2), line after line.
        connect: 1 where a point is joined to the next one, else 0, (M,).
    """

    points: Floats
    connect: NDArray[np.int32]


def base_grid(limit: float = 3.0, lines: int = 13, points: int = 141) -> BaseGrid:
    """Return a grid over [−limit, limit]²: `lines` lines in each direction, of `points` points each."""
    along, across = np.linspace(-limit, limit, points), np.linspace(-limit, limit, lines)
    upright = np.stack([np.repeat(across, points), np.tile(along, lines)], axis=1)
    connect = np.ones(2 * lines * points, np.int32)
    connect[points - 1 :: points] = 0
    return BaseGrid(np.concatenate([upright, upright[:, ::-1]]), connect)


@dataclass(frozen=True)
class Reconstructions:
    """Test points with their encodings and decodings."""

    x: Floats  # the test points, (N, 2)
    mu: Floats  # means of q(z|x), (N, d)
    recon: Floats  # the points decoded from `mu`, (N, 2)
    labels: NDArray[np.int64]  # classes, (N,)


class DensityScene(Observable):
    """The responses of the model at a snapshot; `change` names the newest of them for listeners."""

    def __init__(self, requests: RequestGroup, state: LayersState) -> None:
        super().__init__()
        self._requests, self._state = requests, state
        self.grid = base_grid()
        self.change: SceneChange = "data"
        self.seed = 0
        self.clear()

    def clear(self) -> None:
        """Discard the data of a run."""
        self.step: int | None = None
        self.num_test = 0
        self.has_exact_density = True
        self.has_trace = self.has_discriminator = self.has_encoder = False  # capabilities of the model
        self.data: Floats | None = None
        self.labels: NDArray[np.int64] | None = None
        self.scheme = ClassScheme()
        self.bounds: Bounds | None = None
        self.z: Floats | None = None  # the latents of the samples, (N, d)
        self.samples: Floats | None = None
        self.flow: FlowAnimation | None = None  # its points are the samples, then those of the base grid
        self.arrows: tuple[Floats, Floats] | None = None
        self.reconstructions: Reconstructions | None = None
        self.heat_map: HeatMap | None = None
        self.truth_is_known = True
        self.failure = ""
        self._truth: HeatMap | None = None
        self._model: HeatMap | None = None

    def colors_of(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the color of each label, (N,)."""
        return self.scheme.with_labels(labels.tolist()).colors(labels)

    @property
    def class_groups(self) -> tuple[ClassGroup, ...]:
        """The classes of the data, or groups of neighboring classes; empty without labels."""
        labels = [] if self.labels is None else np.unique(self.labels).tolist()
        return self.scheme.with_labels(labels).groups(labels) if len(labels) > 1 else ()

    # Requests ---------------------------------------------------------------------------------------------------

    def set_snapshot(self, step: int, card: ModelCard) -> None:
        """Use another snapshot, and request data, samples and reconstructions."""
        self.step, self.num_test, self.scheme = step, card.data.num_test, class_scheme(card.data)
        names = ("trace", "critic", "encode")
        self.has_trace, self.has_discriminator, self.has_encoder = (card.capability(name).available for name in names)
        density = card.capability("log_prob")
        self.has_exact_density = not density.available or density.how == "exact"
        if self.data is None:

            def on_data(response: ModelResponse) -> None:
                self.data = np.asarray(response.arrays["points"], np.float64)
                self.labels = np.asarray(response.arrays["labels"], np.int64)
                self.bounds = data_bounds(response.meta) or self.bounds
                self._notify("data")

            params = {"count": NUM_DATA_POINTS, "split": "test"}
            self._requests.send("drag", "data", ModelRequest("points", on_data, params, step=step))
        self.request_samples()
        self.request_reconstructions()

    def set_seed(self, seed: int) -> None:
        """Request other samples."""
        self.seed, self.z = seed, None
        self.request_samples()

    def request_samples(self) -> None:
        """Request samples; of a flow, request samples and base grid after each layer."""
        if self.step is None or not (self._state.shows("samples") or self._state.shows("grid")):
            return
        if self.has_trace and self.z is not None:
            self._request_flow(self.z)
            return
        params = {"count": NUM_SAMPLES, "seed": self.seed, "temperature": 1.0}
        self._requests.send("drag", "samples", ModelRequest("sample", self._on_samples, params, step=self.step))

    def request_reconstructions(self) -> None:
        """Request encodings and reconstructions of test points."""
        is_visible = self._state.shows("lines") or self._state.shows("latent")
        if self.step is not None and is_visible and self.has_encoder:
            params = {"indices": list(range(min(NUM_RECONSTRUCTIONS, self.num_test)))}
            request = ModelRequest("encode", self._on_reconstructions, params, step=self.step)
            self._requests.send("preview", "reconstructions", request)

    def request_heat_map(self, bounds: Bounds) -> None:
        """Request the heat map of a part of the plane, and the arrows."""
        kind, step = self._state.heat_map_kind, self.step
        if step is None:
            return
        rows, columns = heat_map.grid_shape(bounds, EXACT_GRID_SIDE if self.has_exact_density else ESTIMATE_GRID_SIDE)
        params: dict[str, Any] = {"bounds": list(bounds), "rows": rows, "columns": columns}
        if kind == "critic" or self._state.shows("arrows"):
            with_samples = {**params, "count": NUM_SAMPLES, "seed": self.seed}
            on_result = partial(self._on_discriminator, bounds)
            self._requests.send("preview", "critic", ModelRequest("critic", on_result, with_samples, step=step))
        if kind in ("model", "difference"):
            self._request_density("model", bounds, params, step)
        if kind in ("truth", "difference"):
            # The true density is the same at every snapshot.
            if self._truth is None or self._truth.bounds != bounds:
                self._request_density("truth", bounds, params, step)
            else:
                self.show_heat_map()

    def _request_density(self, kind: HeatMapKind, bounds: Bounds, params: dict[str, Any], step: int) -> None:
        def on_result(response: ModelResponse) -> None:
            values = np.asarray(response.arrays["log_prob"], np.float64)
            method = one_line(str(response.meta.get("how", "")), 80)
            result = HeatMap(kind, values, bounds, method, response.step)
            if kind == "truth":
                self._truth = result
            else:
                self._model = result
            self.show_heat_map()

        def on_truth_unknown(message: str, hint: str) -> None:
            self.truth_is_known = False
            self._notify("truth")

        on_failure = on_truth_unknown if kind == "truth" else None
        request = ModelRequest("density", on_result, {**params, "of": kind}, step=step, on_failure=on_failure)
        self._requests.send("preview", kind, request)

    def _request_flow(self, z: Floats) -> None:
        points = np.concatenate([z, self.grid.points]).astype(np.float32)
        request = ModelRequest("trace", self._on_flow, arrays={"z": points}, step=self.step)
        self._requests.send("drag", "trace", request)

    # Responses ------------------------------------------------------------------------------------------------

    def show_heat_map(self) -> None:
        """Show the selected heat map if it is known."""
        kind = self._state.heat_map_kind
        if kind in ("model", "truth"):
            self.heat_map = self._model if kind == "model" else self._truth
        elif kind == "difference" and self._model is not None and self._truth is not None:
            self.heat_map = heat_map.difference_map(self._model, self._truth) or self.heat_map
        if self.heat_map is not None and self.heat_map.kind != kind:
            self.heat_map = None
        self._notify("heat map")

    def _on_samples(self, response: ModelResponse) -> None:
        self.z = np.asarray(response.arrays["z"], np.float64)
        self.samples = replace_nonfinite(response.arrays["images"])
        if self.has_trace:
            self._request_flow(self.z)
        else:
            self.flow = None
            self._notify("samples")

    def _on_flow(self, response: ModelResponse) -> None:
        stages = replace_nonfinite(response.arrays["stages"])
        if stages.ndim != 3 or self.z is None:
            return
        self.flow = FlowAnimation(stages, stage_labels(response.meta, len(stages)))
        self.samples = stages[-1, : len(self.z)]
        self._notify("samples")

    def _on_discriminator(self, bounds: Bounds, response: ModelResponse) -> None:
        arrays = response.arrays
        self.arrows = (
            replace_nonfinite(arrays["points"])[:NUM_ARROWS],
            replace_nonfinite(arrays["arrows"], 0.0)[:NUM_ARROWS],
        )
        self._notify("arrows")
        surface = heat_map.sigmoid(np.asarray(arrays["surface"], np.float64))
        if self._state.heat_map_kind == "critic":
            self.heat_map = HeatMap("critic", surface, bounds, "", response.step)
            self._notify("heat map")

    def _on_reconstructions(self, response: ModelResponse) -> None:
        arrays = response.arrays
        self.reconstructions = Reconstructions(
            replace_nonfinite(arrays["x"]),
            replace_nonfinite(arrays["mu"]),
            replace_nonfinite(arrays["recon"]),
            np.asarray(arrays.get("labels", np.full(len(arrays["x"]), -1)), np.int64),
        )
        self._notify("reconstructions")

    def set_failure(self, message: str, hint: str) -> None:
        """Report the failure of any other request."""
        self.failure = failure_text(message, hint)
        self._notify("failure")

    def _notify(self, change: SceneChange) -> None:
        self.change = change
        self.notify()


def replace_nonfinite(values: Any, replacement: float = _OFFSCREEN_COORDINATE) -> Floats:
    """Return values without NaN and infinities; by default they become coordinates far outside of every view."""
    return np.nan_to_num(
        np.asarray(values, np.float64), nan=replacement, posinf=_OFFSCREEN_COORDINATE, neginf=-_OFFSCREEN_COORDINATE
    )
