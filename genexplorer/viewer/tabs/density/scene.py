"""What is known of the plane at a snapshot, and what is asked for it. No Qt."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.runs.sanitize import one_line
from genexplorer.session.observable import Observable
from genexplorer.session.plane import Bounds, bounds_from
from genexplorer.viewer.model_client import ModelRequest, Reply, RequestGroup
from genexplorer.viewer.tabs.density import heat_map as heats
from genexplorer.viewer.tabs.density.flow_animation import Unmixing, base_grid
from genexplorer.viewer.tabs.density.heat_map import HeatMap
from genexplorer.viewer.tabs.density.layers import Heat, LayersState

Floats = NDArray[np.float64]
News = Literal["data", "cloud", "heat", "arrows", "pairs", "truth", "failure"]
DATA, SAMPLES, PAIRS, ARROWS = 1500, 600, 500, 250
EXACT_SIDE, ESTIMATE_SIDE = 96, 44  # of a heat map, in cells
_FAR = 1e4  # where a point that is no number is put, out of sight


@dataclass(frozen=True)
class Pairs:
    """Test points with what encoder and decoder make of them.

    Args:
        x: (N, 2).
        mu: Means of q(z|x), (N, d).
        recon: Their decodings, (N, 2).
        labels: Classes, (N,).
    """

    x: Floats
    mu: Floats
    recon: Floats
    labels: NDArray[np.int64]


class Scene(Observable):
    """Asks for what the switches want, and keeps the answers; `news` says what a call of the listeners is about.

    Args:
        questions: To the explorer.
        state: The switches.
    """

    def __init__(self, requests: RequestGroup, state: LayersState) -> None:
        super().__init__()
        self._requests, self._state = requests, state
        self.grid = base_grid()
        self.news: News = "data"
        self.seed = 0
        self.clear()

    def clear(self) -> None:
        """Forget what belongs to a run."""
        self.step: int | None = None
        self.traces = self.critic = False
        self.data: Floats | None = None
        self.labels: NDArray[np.int64] | None = None
        self.bounds: Bounds | None = None
        self.z: Floats | None = None  # of the samples, (N, d)
        self.samples: Floats | None = None
        self.unmixing: Unmixing | None = None  # samples first, then the grid's points
        self.arrows: tuple[Floats, Floats] | None = None
        self.pairs: Pairs | None = None
        self.heat: HeatMap | None = None
        self.truth_is_known = True
        self.failure = ""
        self._truth: HeatMap | None = None
        self._model: HeatMap | None = None

    def look(self, step: int, *, traces: bool, critic: bool) -> None:
        """Take another snapshot, and whether its model can be traced and judges; ask for what belongs to it."""
        self.step, self.traces, self.critic = step, traces, critic
        if self.data is None:
            params = {"count": DATA, "split": "test"}
            self._ask("drag", "data", ModelRequest("points", self._data_came, params, step=step))
        self.ask_cloud()
        self.ask_pairs()

    def set_seed(self, seed: int) -> None:
        """Draw other samples."""
        self.seed, self.z = seed, None
        self.ask_cloud()

    def ask_cloud(self) -> None:
        """Ask for the samples, and where the flow takes them and the grid from."""
        if self.step is None or not (self._state.shows("samples") or self._state.shows("grid")):
            return
        if self.traces and self.z is not None:
            self._ask_way(self.z)
            return
        params = {"count": SAMPLES, "seed": self.seed, "temperature": 1.0}
        self._ask("drag", "samples", ModelRequest("sample", self._samples_came, params, step=self.step))

    def ask_pairs(self) -> None:
        """Ask for encodings and reconstructions of test points."""
        wanted = self._state.shows("lines") or self._state.shows("latent")
        if self.step is not None and wanted and self.encodes:
            params = {"indices": list(range(min(PAIRS, self.num_test)))}
            self._ask("preview", "pairs", ModelRequest("encode", self._pairs_came, params, step=self.step))

    encodes = False  # whether there is an encoder; kept by the tab, with what follows
    num_test = 0
    is_exact = True  # whether the model's density is; an estimate costs a hundred times as much

    def ask_heat(self, bounds: Bounds) -> None:
        """Ask for the heat map of a part of the plane, and the arrows."""
        kind, step = self._state.heat, self.step
        if step is None:
            return
        rows, columns = heats.cells(bounds, EXACT_SIDE if self.is_exact else ESTIMATE_SIDE)
        params: dict[str, Any] = {"bounds": list(bounds), "rows": rows, "columns": columns}
        if kind == "critic" or self._state.shows("arrows"):
            judged = {**params, "count": SAMPLES, "seed": self.seed}
            question = ModelRequest("critic", lambda reply: self._critic_came(bounds, reply), judged, step=step)
            self._ask("preview", "critic", question)
        if kind in ("model", "difference"):
            self._ask("preview", "model", self._density("model", bounds, params, step))
        if kind in ("truth", "difference"):
            self._ask_truth(bounds, params, step)

    def _ask_truth(self, bounds: Bounds, params: dict[str, Any], step: int) -> None:
        if self._truth is None or self._truth.bounds != bounds:
            self._ask("preview", "truth", self._density("truth", bounds, params, step))
        else:
            self._show_heat()

    def _density(self, of: Heat, bounds: Bounds, params: dict[str, Any], step: int) -> ModelRequest:
        def came(reply: Reply) -> None:
            values = np.asarray(reply.arrays["log_prob"], np.float64)
            how = one_line(str(reply.meta.get("how", "")), 80)
            found = HeatMap(of, values, bounds, how, reply.step)
            if of == "truth":
                self._truth = found
            else:
                self._model = found
            self._show_heat()

        unknown = self._truth_unknown if of == "truth" else None
        return ModelRequest("density", came, {**params, "of": of}, step=step, on_failure=unknown)

    def show_heat(self) -> None:
        """Show the heat map that is wanted of what is known."""
        self._show_heat()

    def _show_heat(self) -> None:
        kind = self._state.heat
        if kind in ("model", "truth"):
            self.heat = self._model if kind == "model" else self._truth
        elif kind == "difference" and self._model is not None and self._truth is not None:
            found = heats.difference(self._model, self._truth)
            self.heat = found if found is not None else self.heat
        elif kind != "critic":
            self.heat = None
        if self.heat is not None and self.heat.kind != kind:
            self.heat = None
        self._tell("heat")

    def _ask_way(self, z: Floats) -> None:
        together = np.concatenate([z, self.grid.points]).astype(np.float32)
        self._ask("drag", "way", ModelRequest("trace", self._way_came, arrays={"z": together}, step=self.step))

    def _ask(self, lane: Literal["drag", "preview"], key: str, question: ModelRequest) -> None:
        self._requests.send(lane, key, question)

    # Answers ----------------------------------------------------------------------------------------------------

    def _data_came(self, reply: Reply) -> None:
        self.data = np.asarray(reply.arrays["points"], np.float64)
        self.labels = np.asarray(reply.arrays["labels"], np.int64)
        self.bounds = bounds_from(reply.meta) or self.bounds
        self._tell("data")

    def _samples_came(self, reply: Reply) -> None:
        self.z = np.asarray(reply.arrays["z"], np.float64)
        self.samples = finite(reply.arrays["images"])
        if self.traces:
            self._ask_way(self.z)
        else:
            self.unmixing = None
            self._tell("cloud")

    def _way_came(self, reply: Reply) -> None:
        stages = finite(reply.arrays["stages"])
        if stages.ndim != 3 or self.z is None:
            return
        labels = reply.meta.get("labels")
        names = labels if isinstance(labels, list) and len(labels) == len(stages) else range(len(stages))
        self.unmixing = Unmixing(stages, tuple(one_line(str(name), 24) for name in names))
        self.samples = stages[-1, : len(self.z)]
        self._tell("cloud")

    def _critic_came(self, bounds: Bounds, reply: Reply) -> None:
        arrays = reply.arrays
        self.arrows = finite(arrays["points"])[:ARROWS], finite(arrays["arrows"], 0.0)[:ARROWS]
        self._tell("arrows")
        surface = heats.probability(np.asarray(arrays["surface"], np.float64))
        if self._state.heat == "critic":
            self.heat = HeatMap("critic", surface, bounds, "", reply.step)
            self._tell("heat")

    def _pairs_came(self, reply: Reply) -> None:
        arrays = reply.arrays
        self.pairs = Pairs(
            finite(arrays["x"]),
            finite(arrays["mu"]),
            finite(arrays["recon"]),
            np.asarray(arrays.get("labels", np.full(len(arrays["x"]), -1)), np.int64),
        )
        self._tell("pairs")

    def _truth_unknown(self, message: str, hint: str) -> None:
        self.truth_is_known = False
        self._tell("truth")

    def failed(self, message: str, hint: str) -> None:
        """Take what went wrong with any other question."""
        self.failure = f"{message}: {hint}" if hint else message
        self._tell("failure")

    def _tell(self, news: News) -> None:
        self.news = news
        self.notify()


def finite(values: Any, lost: float = _FAR) -> Floats:
    """Return numbers, with those that are none put out of sight."""
    return np.nan_to_num(np.asarray(values, np.float64), nan=lost, posinf=_FAR, neginf=-_FAR)
