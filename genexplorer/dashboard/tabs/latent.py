"""Tab 5: a plane of the latent space, and the decoded image at the cursor.

The plane is the latent space itself if that is 2-D, else a plane through its most influential directions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message

from genexplorer.dashboard.charts.class_legend import class_legend
from genexplorer.dashboard.charts.scatter import LabeledPoints, LatentPlaneView, ScatterView
from genexplorer.dashboard.details import RunDetails, TiledImage
from genexplorer.dashboard.images.half_blocks import HalfBlockImage
from genexplorer.dashboard.key_bindings import forwarded_action, link
from genexplorer.dashboard.panes.bars import StatusBar
from genexplorer.dashboard.widgets import Text
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Array, Failure, Lane, Progress, Response, Result
from genexplorer.session import formatting
from genexplorer.session.class_scheme import ClassScheme, class_scheme
from genexplorer.session.plane import Bounds, data_bounds

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

_NUM_POINTS = 400  # encoded test images, and points of 2-D data
_POINTS_INTERVAL_S = 10.0  # encoding slows the training a little, so points are not requested at every snapshot
_DATA_AXIS_NAMES = ("x₁", "x₂")
_MAX_LEGEND_LINES, _MAX_LEGEND_LINES_WHERE_LOW, _TALL_ROWS = 6, 3, 20
_DEFAULT_DATA_BOUNDS: Bounds = (-3.0, 3.0, -3.0, 3.0)  # of 2-D data whose own bounds are unknown

ClientFactory = Callable[[Callable[[Response], None], Callable[[str], None]], ExplorerClient]
Floats = NDArray[np.float32]
NUM_RANKED_AXES = 8  # the most influential latent axes, which make four planes
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, eq=False)
class AffinePlane:
    """A plane of the latent space: the points origin + a e1 + b e2."""

    title: str
    axis_names: tuple[str, str]
    origin: Floats  # (d,)
    e1: Floats  # (d,)
    e2: Floats  # (d,)

    def latent_at(self, position: tuple[float, float]) -> Floats:
        """Return the latent at the coordinates (a, b) of the plane, as a batch (1, d)."""
        return np.asarray((self.origin + position[0] * self.e1 + position[1] * self.e2)[None], dtype=np.float32)


def initial_planes(card: "ModelCard") -> list[AffinePlane]:
    """Return the planes that are known without a request; none if better ones can be requested."""
    if card.latent_shape == (2,):
        return [_axis_plane(2, 0, 1, "")]
    return [] if card.capability("plane").available else [first_axes_plane(card.latent_shape[0])]


def principal_plane(arrays: Mapping[str, Array], meta: Mapping[str, object], *, has_encoder: bool) -> AffinePlane:
    """Return the plane of the response to a "plane" request of the kind "principal"."""
    origin, e1, e2 = (np.asarray(arrays[name], dtype=np.float32) for name in ("origin", "e1", "e2"))
    title = "principal plane" if has_encoder else "most influential directions"
    explained_fractions = meta.get("explained")
    if (
        isinstance(explained_fractions, Sequence)
        and len(explained_fractions) == 2
        and all(isinstance(v, float) for v in explained_fractions)
    ):
        title += f", {explained_fractions[0]:.0%} + {explained_fractions[1]:.0%}"
    return AffinePlane(title, ("a", "b"), origin, e1, e2)


def axis_planes(latent_dim: int, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> list[AffinePlane]:
    """Return the planes of the response to an "axes" request: two axes each, the most influential first."""
    indices = np.asarray(arrays["indices"], dtype=np.int64).tolist()
    scores = np.asarray(arrays["scores"], dtype=np.float64).tolist()
    measure, unit = str(meta.get("measure", "")), str(meta.get("unit", ""))
    planes = []
    for i in range(0, len(indices) - 1, 2):
        numbers = ", ".join(formatting.number(score) for score in scores[i : i + 2])
        planes.append(_axis_plane(latent_dim, indices[i], indices[i + 1], f"{measure} {numbers} {unit}".strip()))
    return planes


def first_axes_plane(latent_dim: int) -> AffinePlane:
    """Return the plane of the first two axes, for models without a better one."""
    return _axis_plane(latent_dim, 0, 1, "the first two axes")


def no_plane_reason(card: "ModelCard") -> str:
    """Return why a model's latent space has no plane to explore; empty if it has."""
    if not card.capability("decode").available:
        return card.capability("decode").reason or "this model has no decoder"
    if len(card.latent_shape) == 1 and card.latent_shape[0] >= 2:
        return ""
    shape = " × ".join(str(length) for length in card.latent_shape)
    return f"a plane needs at least two latent dimensions; this model has {shape}"


def _axis_plane(latent_dim: int, first: int, second: int, title: str) -> AffinePlane:
    basis = np.zeros((2, latent_dim), np.float32)
    basis[0, first] = basis[1, second] = 1
    names = tuple("z" + str(axis + 1).translate(_SUBSCRIPTS) for axis in (first, second))
    return AffinePlane(title, (names[0], names[1]), np.zeros(latent_dim, np.float32), basis[0], basis[1])


class LatentPane(Horizontal):
    """The plane on the left; on the right the decoded image or 2-D point, and a description.

    Args:
        make_client: Makes the client of the process that evaluates the model, given callbacks for responses and for
            its exit. The process starts with the first request.
    """

    @dataclass
    class ResponseReceived(Message):
        """The model process sent a response."""

        response: Response

    @dataclass
    class ClientExited(Message):
        """The model process exited."""

        error: str

    def __init__(self, make_client: ClientFactory, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._make_client = make_client
        self._client: ExplorerClient | None = None
        self._error = ""  # of a model process that has exited; empty otherwise
        self._plane_view = LatentPlaneView(id="plane")
        self._image = HalfBlockImage(id="decoded")
        self._data_view = ScatterView(id="decoded-point")
        # The run.
        self._folder: Path | None = None
        self._card: ModelCard | None = None
        self._snapshot_step: int | None = None  # step of the snapshot that requests are sent to
        self._planes: list[AffinePlane] = []
        self._plane_index = 0
        self._labels = np.zeros(0, np.int64)  # of the points that are shown
        # The requests made for it.
        self._first_request_number = 0  # responses to earlier requests belong to other runs
        self._last_inputs: dict[str, tuple[object, ...]] = {}  # of the last requests for "planes", "decode", "points"
        self._last_points_request_time = 0.0  # Unix time

    def compose(self) -> ComposeResult:
        """Create the plane, the image and the description; or a reason in their place."""
        yield self._plane_view
        with Vertical(id="latent-side"):
            yield self._image
            yield self._data_view
            yield Text(id="latent-text")
            yield Text(id="class-legend")
        yield Text(id="latent-reason")

    def on_unmount(self) -> None:
        """End the model process."""
        if self._client is not None:
            self._client.close()

    @property
    def _plane(self) -> AffinePlane | None:
        return self._planes[self._plane_index] if self._planes else None

    def show(self, run: RunDetails | None, now: float) -> None:
        """Show a run at its selected step, and request missing responses."""
        # Show a reason if there is no latent space.
        reason = unavailable_reason(run)
        for selector in ("#plane", "#latent-side"):
            self.query_one(selector).display = not reason
        self.query_one("#latent-reason").display = bool(reason)
        if reason or run is None or run.card is None:
            self.query_one("#latent-reason", Text).show_text(Content(reason))
            return
        if run.folder != self._folder:
            self._reset(run.folder, run.card)
        # Choose the newest snapshot up to the selected step.
        past = [step for step in run.snapshots if run.selected_step is None or step <= run.selected_step]
        self._snapshot_step = past[-1] if past else run.snapshots[0]
        self._request_planes()
        self._request_decode()
        self._request_points(now, throttled=run.selected_step is None)

    def action_retry(self) -> None:
        """Start the model process again after it exited."""
        self._error = ""
        self._last_inputs.clear()
        self._request_planes()
        self._request_decode()

    def next_plane(self) -> None:
        """Show the next plane."""
        if len(self._planes) < 2:
            self.post_message(StatusBar.Notice("This latent space has only one plane."))
            return
        self._plane_index = (self._plane_index + 1) % len(self._planes)
        self._last_inputs.pop("points", None)
        self._show_plane()
        self._request_decode()

    def _reset(self, folder: Path, card: "ModelCard") -> None:
        """Clear everything for another run, and show its first plane."""
        self._folder, self._card, self._error = folder, card, ""
        self._first_request_number = 0
        self._last_inputs.clear()
        self._planes, self._plane_index = initial_planes(card), 0
        is_2d = card.data.kind == "points"
        self._image.display, self._data_view.display = not is_2d, is_2d
        self._image.show(None, "Loading the model…\n(a few seconds)", large_tiles=True)
        self._data_view.show_points(None)
        self._data_view.show_cursor(None)
        self._labels = np.zeros(0, np.int64)
        self._show_legend()
        self._show_description("Loading the model… (a few seconds)" if is_2d else "")
        self._show_plane()

    def _show_plane(self) -> None:
        plane = self._plane
        self._plane_view.show_points(None)
        self._plane_view.show_plane(plane.axis_names if plane else ("", ""))

    # Requests

    def _request_planes(self) -> None:
        """Request the planes of a latent space of more than two dimensions, once for each run."""
        if not self._planes and "planes" not in self._last_inputs and not self._error:
            self._last_inputs["planes"] = ()
            self._request("preview", "plane", {"kind": "principal"})
            self._request("job", "axes", {"count": NUM_RANKED_AXES}, topic="axes")

    def _request_decode(self) -> None:
        """Request the decoded image at the cursor."""
        plane, position = self._plane, self._plane_view.position
        inputs = (plane, position, self._snapshot_step)
        if plane is not None and inputs != self._last_inputs.get("decode") and not self._error:
            self._last_inputs["decode"] = inputs
            self._request("drag", "decode", {}, {"z": plane.latent_at(position)})

    def _request_points(self, now: float, *, throttled: bool) -> None:
        """Request the encodings of test data in the plane; of 2-D data also the data themselves."""
        # Skip a request that was made, or made too recently.
        plane, card = self._plane, self._card
        inputs, last_inputs = (plane, self._snapshot_step), self._last_inputs.get("points")
        if plane is None or card is None or inputs == last_inputs:
            return
        if last_inputs and throttled and now - self._last_points_request_time < _POINTS_INTERVAL_S:
            return
        if card.data.kind == "points" and not last_inputs:
            self._request("job", "points", {"count": _NUM_POINTS, "split": "test"}, topic="points")
        self._last_points_request_time, self._last_inputs["points"] = now, inputs
        if not card.capability("encode").available:
            return
        if card.latent_shape == (2,):
            self._request("job", "encodings", {"count": _NUM_POINTS, "split": "test"})
        elif card.capability("plane").available:
            basis = {"origin": plane.origin, "e1": plane.e1, "e2": plane.e2}
            self._request("job", "project", {"count": _NUM_POINTS}, basis)

    def _request(
        self,
        lane: Lane,
        op: str,
        params: Mapping[str, object],
        arrays: Mapping[str, Array] | None = None,
        topic: str = "",
    ) -> None:
        """Send a request; it replaces an older one of the same lane and topic that has not been answered."""
        if self._folder is None:
            return
        if self._client is None:
            self._client = self._make_client(
                lambda response: self._post(self.ResponseReceived(response)),
                lambda error: self._post(self.ClientExited(error)),
            )
        request_number = self._client.send(
            lane, self._folder, op, params=params, arrays=arrays, snapshot_step=self._snapshot_step, topic=topic
        )
        self._first_request_number = self._first_request_number or request_number

    def _post(self, message: Message) -> None:
        if self.is_attached:
            self.post_message(message)

    @on(LatentPlaneView.CursorMoved)
    def _cursor_moved(self, event: LatentPlaneView.CursorMoved) -> None:
        event.stop()
        self._request_decode()

    # Responses

    @on(ResponseReceived)
    def _response_received(self, event: ResponseReceived) -> None:
        event.stop()
        response = event.response
        if response.request_number < self._first_request_number:
            return
        match response.body:
            case Failure(message, hint) if response.op == "decode":
                self._image.show(None, "", large_tiles=True)
                self._show_description(f"{message}. {hint}".strip())
            case Failure() if response.op == "plane" and not self._planes and self._card is not None:
                self._add_plane(first_axes_plane(self._card.latent_shape[0]))
            case Progress(fraction, _) if response.op == "plane":
                self._show_description(f"Ranking directions… {fraction:.0%}")
            case Result(arrays, meta):
                self._show_result(response, arrays, meta)

    def _show_result(self, response: Response, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> None:
        match response.op:
            case "decode":
                self._show_decoded(response, arrays["images"])
            case "plane" if self._card is not None:
                has_encoder = self._card.capability("encode").available
                self._add_plane(principal_plane(arrays, meta, has_encoder=has_encoder), first=True)
            case "axes" if self._card is not None:
                for plane in axis_planes(self._card.latent_shape[0], arrays, meta):
                    self._add_plane(plane)
                self._last_inputs.pop("decode", None)  # decode again: the description now offers other planes
                self._request_decode()
            case "encodings":
                self._show_points(self._plane_view, arrays["mu"], arrays["labels"])
            case "project":
                self._show_points(self._plane_view, arrays["coords"], arrays["labels"])
            case "points":
                self._data_view.show_plane(_DATA_AXIS_NAMES, data_bounds(meta) or _DEFAULT_DATA_BOUNDS)
                self._show_points(self._data_view, arrays["points"], arrays["labels"])

    def _show_points(self, view: ScatterView, positions: Array, labels: Array) -> None:
        """Show points in the colors of their classes, and the legend of these."""
        scheme = ClassScheme() if self._card is None else class_scheme(self._card.data)
        points = LabeledPoints(np.asarray(positions, np.float64)[:, :2], np.asarray(labels, np.int64), scheme)
        view.show_points(points)
        self._labels = points.labels
        self._show_legend()

    def _show_legend(self) -> None:
        legend, side = self.query_one("#class-legend", Text), self.query_one("#latent-side")
        scheme = ClassScheme() if self._card is None else class_scheme(self._card.data)
        max_lines = _MAX_LEGEND_LINES if self.size.height > _TALL_ROWS else _MAX_LEGEND_LINES_WHERE_LOW
        content = class_legend(self._labels.tolist(), scheme, max(side.size.width, 1), max_lines)
        legend.display = bool(content.plain)
        legend.show_text(content)

    def on_resize(self) -> None:
        """Fit the legend to the width."""
        self._show_legend()

    def _add_plane(self, plane: AffinePlane, *, first: bool = False) -> None:
        """Add a plane at the start or the end of the list; the displayed one stays, or is the first to arrive."""
        displayed = self._plane or plane
        self._planes = [plane, *self._planes] if first else [*self._planes, plane]
        self._plane_index = self._planes.index(displayed)
        if displayed is plane:
            self._show_plane()
            self._request_decode()

    def _show_decoded(self, response: Response, images: Array) -> None:
        card, plane = self._card, self._plane
        if card is None or plane is None:
            return
        # Show the latent, and the decoded point or image.
        position = _pair_text(*self._plane_view.position)
        names = "z" if card.latent_shape == (2,) else ", ".join(plane.axis_names)
        lines = [f"{names} = {position}"]
        if card.data.kind == "points":
            x, y = np.asarray(images, dtype=np.float64).reshape(-1, 2)[0].tolist()
            self._data_view.show_cursor((x, y))
            lines[0] += f" → x = {_pair_text(x, y)}"
        else:
            image = np.asarray(images, dtype=np.uint8)[:1]  # (1, H, W, C)
            rgb = np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
            self._image.show(TiledImage("decoded", response.snapshot_step, rgb[None]), "", large_tiles=True)
        # Describe the plane, the snapshot and the keys.
        lines += [plane.title] if plane.title else []
        rings = "" if card.capability("encode").available else " · rings: 1σ, 2σ of z"
        lines.append(f"step {response.snapshot_step:,} · {response.seconds * 1000:.0f} ms{rings}")
        lines.append("arrows move, ⇧ fine, 0 origin" + (", e plane" if len(self._planes) > 1 else ""))
        self._show_description("\n".join(lines), wrap=False)

    @on(ClientExited)
    def _client_exited(self, event: ClientExited) -> None:
        event.stop()
        self._error = event.error or "no error message"
        self._image.show(None, "", large_tiles=True)
        self._show_description(f"The model process exited: {self._error}")

    def _show_description(self, text: str, *, wrap: bool = True) -> None:
        widget = self.query_one("#latent-text", Text)
        widget.set_class(not wrap, "-lines")
        retry = link("retry", f"screen.{forwarded_action('LatentPane', 'retry')}", "$accent")
        widget.show_text(Content(text) + "\n" + retry if self._error else Content(text))


def unavailable_reason(run: RunDetails | None) -> str:
    """Return why there is no latent space to explore; empty if there is."""
    if run is None:
        return "Select a run to explore its latent space."
    if run.error:
        return f"This run cannot be read: {run.error}"
    if not run.snapshots:
        return "Waiting for the first snapshot." if run.status.state.active else "This run has no snapshot."
    if run.card is None:
        return "Reading the model card…"
    reason = no_plane_reason(run.card)
    return f"No latent plane: {reason}.\n2: samples · n: train a 2-D VAE" if reason else ""


def _pair_text(x: float, y: float) -> str:
    """Format two coordinates: '(0.42, −1.10)', never −0.00."""
    return f"({round(x, 2) + 0.0:.2f}, {round(y, 2) + 0.0:.2f})".replace("-", "−")
