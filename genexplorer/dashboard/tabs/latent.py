"""Tab 5: walk through a latent space, two of its dimensions at a time, and see what the model draws there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from genexplorer.dashboard.images.pane import HalfBlockImage
from genexplorer.dashboard.images.plane import LabeledPoints, LatentPlaneView, ScatterView
from genexplorer.dashboard.links import link
from genexplorer.dashboard.tabs import latent_planes
from genexplorer.dashboard.tabs.latent_planes import AffinePlane
from genexplorer.dashboard.view import RunView, TiledImage
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Answer, Array, Failure, Lane, Progress, Result
from genexplorer.runs.record import PictureRef

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

_ENCODED = 400  # test images, or points of the data, shown as points
_POINTS_EVERY_S = 10.0  # encoding costs the training a little: not at every snapshot
_POINT_NAMES = ("x₁", "x₂")

MakeClient = Callable[[Callable[[Answer], None], Callable[[str], None]], ExplorerClient]


def start_client(on_answer: Callable[[Answer], None], on_exit: Callable[[str], None]) -> ExplorerClient:
    """Return a client whose child shares the cores with the trainings of this machine."""
    return ExplorerClient(on_answer, on_exit)


class LatentPane(Horizontal):
    """The plane, what is drawn at the cursor, and how old the weights are."""

    class AnswerReceived(Message):
        """The explorer answered."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    class ClientExited(Message):
        """The explorer ended."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, make_client: MakeClient = start_client, **options: Any) -> None:
        super().__init__(**options)
        self._make_client = make_client
        self._client: ExplorerClient | None = None
        self._folder: Path | None = None
        self._card: ModelCard | None = None
        self._planes: list[AffinePlane] = []
        self._chosen = 0  # of the planes
        self._since = 0  # the first question about this run; answers to those before it are of another
        self._step: int | None = None  # of the snapshot that is asked
        self._asked: tuple[object, ...] = ()
        self._points_at = 0.0
        self._points_for: tuple[object, ...] = ()
        self._words = ("", "")
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Lay out plane, image and words; or the reason why there are none."""
        yield LatentPlaneView(id="plane")
        with Vertical(id="walked"):
            yield HalfBlockImage(id="decoded")
            yield ScatterView(id="drawn-point")
            yield Static("", markup=False, id="walk-words")
        yield Static("", markup=False, id="walk-reason")

    def on_unmount(self) -> None:
        """End the explorer's child."""
        if self._client is not None:
            self._client.close()

    def show(self, run: RunView | None, now: float) -> None:
        """Show a run; called at each view while the tab is shown. The first call starts the explorer."""
        reason = unavailable(run)
        for name in ("#plane", "#walked"):
            self.query_one(name).display = not reason
        self.query_one("#walk-reason").display = bool(reason)
        if reason or run is None or run.card is None:
            self._set_words(reason, "#walk-reason")
            return
        if run.folder != self._folder:
            self._forget(run.folder, run.card)
        step = run.snapshots[-1] if run.at_step is None else _at_or_before(run.snapshots, run.at_step)
        self._step = step
        self._ask_planes()
        self._ask_decode()
        self._ask_points(now, at_once=run.at_step is not None)

    def retry(self) -> None:
        """Ask again after the explorer has died."""
        self._problem, self._asked, self._points_for = "", (), ()
        self._ask_planes()
        self._ask_decode()

    def next_plane(self) -> bool:
        """Go on to the next plane; False where there is only one."""
        if len(self._planes) < 2:
            return False
        self._chosen = (self._chosen + 1) % len(self._planes)
        self._points_at, self._points_for = 0.0, ()
        self._show_plane()
        self._ask_decode()
        return True

    @property
    def _plane(self) -> AffinePlane | None:
        return self._planes[self._chosen] if self._planes else None

    def _forget(self, folder: Path, card: "ModelCard") -> None:
        self._folder, self._card, self._asked, self._problem, self._since = folder, card, (), "", 0
        self._points_at, self._points_for = 0.0, ()
        self._planes = latent_planes.planes_at_hand(card)
        self._chosen = 0
        points = card.data.kind == "points"
        self.query_one("#decoded").display = not points
        self.query_one("#drawn-point", ScatterView).display = points
        self.query_one("#decoded", HalfBlockImage).show(None, "Loading the model…\n(a few seconds)", large=True)
        self.query_one("#drawn-point", ScatterView).show_points(None)
        self.query_one("#drawn-point", ScatterView).show_cursor(None)
        self._tell("Loading the model… (a few seconds)" if points else "")
        self._show_plane()

    def _show_plane(self) -> None:
        plane = self._plane
        self.query_one(LatentPlaneView).show_points(None)
        self.query_one(LatentPlaneView).show_plane(plane.names if plane else ("", ""))

    # what is asked

    def _ask_planes(self) -> None:
        """Ask for planes through more than two dimensions, once for a run."""
        key = ("planes", self._folder)
        if self._planes or key == self._asked or self._problem:
            return
        self._asked = key
        self._ask("preview", "plane", {"kind": "principal"})
        self._ask("job", "axes", {"count": latent_planes.AXES}, topic="axes")

    def _ask_decode(self) -> None:
        plane, place = self._plane, self.query_one(LatentPlaneView).z
        wanted = (plane, place, self._step, self._folder)
        if plane is not None and wanted != self._asked and not self._problem:
            self._asked = wanted
            self._ask("drag", "decode", {}, {"z": plane.latent(place)})

    def _ask_points(self, now: float, *, at_once: bool) -> None:
        """Ask what is seen in the plane; for points of the plane also for the data themselves."""
        plane, card, wanted = self._plane, self._card, (self._plane, self._step)
        if plane is None or card is None or wanted == self._points_for:
            return
        if self._points_for and now - self._points_at < _POINTS_EVERY_S and not at_once:
            return
        if card.data.kind == "points" and not self._points_for:
            self._ask("job", "points", {"count": _ENCODED, "split": "test"}, topic="points")
        self._points_at, self._points_for = now, wanted
        if not card.capability("encode").available:
            return
        if card.latent_shape == (2,):
            self._ask("job", "encodings", {"count": _ENCODED, "split": "test"})
        elif card.capability("plane").available:
            self._ask("job", "project", {"count": _ENCODED}, plane.arrays())

    def _ask(
        self,
        lane: Lane,
        op: str,
        params: Mapping[str, object],
        arrays: Mapping[str, Array] | None = None,
        topic: str = "",
    ) -> None:
        if self._folder is None:
            return
        if self._client is None:
            self._client = self._make_client(
                lambda answer: self._post(self.AnswerReceived(answer)),
                lambda words: self._post(self.ClientExited(words)),
            )
        generation = self._client.ask(
            lane, self._folder, op, params=params, arrays=arrays, snapshot_step=self._step, topic=topic
        )
        self._since = self._since or generation

    def _post(self, message: Message) -> None:
        if self.is_attached:
            self.post_message(message)

    @on(LatentPlaneView.Moved)
    def _moved(self, event: LatentPlaneView.Moved) -> None:
        event.stop()
        self._ask_decode()

    # what is answered

    @on(AnswerReceived)
    def _answered(self, event: AnswerReceived) -> None:
        event.stop()
        answer = event.answer
        if answer.generation < self._since:
            return
        match answer.body:
            case Failure(message, hint):
                self._failed(answer.op, f"Cannot: {message}. {hint}".strip())
            case Progress(fraction, _) if answer.op == "plane":
                self._tell(f"Looking for the directions that matter… {fraction:.0%}")
            case Result(arrays, meta):
                self._take(answer, arrays, meta)

    def _failed(self, op: str, words: str) -> None:
        """Say what cannot be; without a better plane the first two axes serve, without points the walk goes on."""
        if op == "decode":
            self.query_one("#decoded", HalfBlockImage).show(None, "", large=True)
            self._tell(words)
        elif op == "plane" and not self._planes and self._card is not None:
            self._lay(latent_planes.first_axes(self._card.latent_shape[0]))

    def _take(self, answer: Answer, arrays: Mapping[str, Array], meta: Mapping[str, object]) -> None:
        plane = self.query_one(LatentPlaneView)
        match answer.op:
            case "decode":
                self._show_decoded(answer, arrays["images"])
            case "plane":
                self._lay(latent_planes.principal_plane(arrays, meta), first=True)
            case "axes" if self._card is not None:
                for laid in latent_planes.axis_planes(self._card.latent_shape[0], arrays, meta):
                    self._lay(laid)
                self._asked = ()  # the words beside the picture now tell of other planes
                self._ask_decode()
            case "encodings":
                plane.show_points(_points(arrays["mu"], arrays["labels"]))
            case "project":
                plane.show_points(_points(arrays["coords"], arrays["labels"]))
            case "points":
                drawn = self.query_one("#drawn-point", ScatterView)
                drawn.show_plane(_POINT_NAMES, _bounds(meta))
                drawn.show_points(_points(arrays["points"], arrays["labels"]))

    def _lay(self, plane: AffinePlane, *, first: bool = False) -> None:
        """Add a plane; the first one that comes is walked in."""
        if first and self._planes:
            self._chosen += 1
        self._planes.insert(0 if first else len(self._planes), plane)
        if len(self._planes) == 1:
            self._show_plane()
            self._ask_decode()

    def _show_decoded(self, answer: Answer, images: Array) -> None:
        card, plane = self._card, self._plane
        if card is None or plane is None:
            return
        x, y = self.query_one(LatentPlaneView).z
        place = _pair(x, y)
        lines = [f"z = {place}" if card.latent_shape == (2,) else f"{', '.join(plane.names)} = {place}"]
        if card.data.kind == "points":
            point = np.asarray(images, dtype=np.float64).reshape(-1, 2)[0]
            self.query_one("#drawn-point", ScatterView).show_cursor((float(point[0]), float(point[1])))
            lines[0] += f" → x = {_pair(*point)}"
        else:
            self._show_image(answer, np.asarray(images, dtype=np.uint8))
        lines += [plane.title] if plane.title else []
        rings = "" if card.capability("encode").available else " · rings: 1σ, 2σ of z"
        lines.append(f"step {answer.snapshot_step:,} · {answer.seconds * 1000:.0f} ms{rings}")
        lines.append("arrows move, ⇧ fine, 0 origin" + (", e plane" if len(self._planes) > 1 else ""))
        self._tell("\n".join(lines), as_lines=True)

    def _show_image(self, answer: Answer, images: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> None:
        image = images[:1]
        if image.shape[-1] == 1:
            image = np.repeat(image, 3, axis=-1)
        height, width = image.shape[1:3]
        ref = PictureRef("decoded", answer.snapshot_step, self._folder or Path(), 1, 1, (height, width))
        self.query_one("#decoded", HalfBlockImage).show(TiledImage(ref, image[None]), "", large=True)

    @on(ClientExited)
    def _died(self, event: ClientExited) -> None:
        event.stop()
        self._problem = event.words or "no last words"
        self.query_one("#decoded", HalfBlockImage).show(None, "", large=True)
        self._tell(f"The explorer ended: {self._problem}")

    def _tell(self, words: str, *, as_lines: bool = False) -> None:
        self.query_one("#walk-words").set_class(as_lines, "-lines")
        self._set_words(words, "#walk-words")

    def _set_words(self, words: str, where: str) -> None:
        if (where, words) == self._words:
            return
        self._words = (where, words)
        text = Content(words)
        if self._problem and where == "#walk-words":
            text = text + "\n" + link("try again (enter)", "screen.retry_walk", "$accent")
        self.query_one(where, Static).update(text)


def unavailable(run: RunView | None) -> str:
    """Return why there is nothing to walk through; empty where there is."""
    if run is None:
        return "Choose a run to walk through its latent space."
    if run.problem:
        return f"This run cannot be read: {run.problem}"
    if not run.snapshots:
        live = run.status.state.live
        return "The first snapshot comes when training begins." if live else "This run has no snapshot to walk through."
    if run.card is None:
        return "Reading what this model can do…"
    reason = latent_planes.unwalkable(run.card)
    return f"Cannot walk: {reason}.\n2 shows its samples, n trains a 2-D VAE." if reason else ""


def _points(places: Array, labels: Array) -> LabeledPoints:
    return LabeledPoints(np.asarray(places, np.float64)[:, :2], np.asarray(labels, np.int64))


def _pair(x: float, y: float) -> str:
    """Write a place: '(0.42, −1.10)', never −0.00."""
    return f"({round(x, 2) + 0.0:.2f}, {round(y, 2) + 0.0:.2f})".replace("-", "−")


def _bounds(meta: Mapping[str, object]) -> tuple[float, float, float, float]:
    """Return the window that holds the data, as the explorer told it; ±3 where it did not."""
    told = meta.get("bounds")
    if isinstance(told, list) and len(told) == 4 and all(isinstance(edge, int | float) for edge in told):
        x0, x1, y0, y1 = (float(edge) for edge in told)
        if x0 < x1 and y0 < y1:
            return x0, x1, y0, y1
    return -3.0, 3.0, -3.0, 3.0


def _at_or_before(steps: tuple[int, ...], step: int) -> int:
    past = [known for known in steps if known <= step]
    return past[-1] if past else steps[0]
