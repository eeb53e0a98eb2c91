"""Tab 5: walk through a two-dimensional latent space and see what the model draws there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from genexplorer.dashboard.links import link
from genexplorer.dashboard.pictures import HalfBlockPicture
from genexplorer.dashboard.plane_view import PlaneView, Points
from genexplorer.dashboard.view import Picture, RunView
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Answer, Array, Failure, Lane, Result
from genexplorer.runs.record import PictureRef

_ENCODED = 400  # test images shown as points
_POINTS_EVERY_S = 10.0  # encoding costs the training a little: not at every snapshot

MakeClient = Callable[[Callable[[Answer], None], Callable[[str], None]], ExplorerClient]


def start_client(on_answer: Callable[[Answer], None], on_exit: Callable[[str], None]) -> ExplorerClient:
    """Return a client whose child computes with one thread, so that a training keeps its cores."""
    return ExplorerClient(on_answer, on_exit, threads=1)


class WalkTab(Horizontal):
    """The plane, the image at the cursor, and how old the weights are."""

    class Answered(Message):
        """The explorer answered."""

        def __init__(self, answer: Answer) -> None:
            super().__init__()
            self.answer = answer

    class Died(Message):
        """The explorer ended."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, make_client: MakeClient = start_client, **options: Any) -> None:
        super().__init__(**options)
        self._make_client = make_client
        self._client: ExplorerClient | None = None
        self._folder: Path | None = None
        self._step: int | None = None  # of the snapshot that is asked
        self._asked: tuple[object, ...] = ()
        self._points_at = 0.0
        self._points_step: int | None = None
        self._words = ("", "")
        self._problem = ""

    def compose(self) -> ComposeResult:
        """Lay out plane, image and words; or the reason why there are none."""
        yield PlaneView(id="plane")
        with Vertical(id="walked"):
            yield HalfBlockPicture(id="decoded")
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
        if reason or run is None:
            self._set_words(reason, "#walk-reason")
            return
        if run.folder != self._folder:
            self._forget(run.folder)
        step = run.snapshots[-1] if run.at_step is None else _at_or_before(run.snapshots, run.at_step)
        self._step = step
        self._ask_decode()
        if self._points_step != step and (now - self._points_at >= _POINTS_EVERY_S or run.at_step is not None):
            self._points_at, self._points_step = now, step
            self._ask("job", "encodings", {"count": _ENCODED, "split": "test"})

    def retry(self) -> None:
        """Ask again after the explorer has died."""
        self._problem, self._asked, self._points_step = "", (), None
        self._ask_decode()

    def _forget(self, folder: Path) -> None:
        self._folder, self._asked, self._points_step, self._points_at, self._problem = folder, (), None, 0.0, ""
        self.query_one(PlaneView).show_points(None)
        self.query_one("#decoded", HalfBlockPicture).show(None, "Loading the model…\n(a few seconds)", large=True)
        self._tell("")

    def _ask_decode(self) -> None:
        z = self.query_one(PlaneView).z
        if (z, self._step, self._folder) != self._asked and not self._problem:
            self._asked = (z, self._step, self._folder)
            self._ask("drag", "decode", {}, {"z": np.array([z], dtype=np.float32)})

    def _ask(
        self, lane: Lane, op: str, params: Mapping[str, object], arrays: Mapping[str, Array] | None = None
    ) -> None:
        if self._folder is None:
            return
        if self._client is None:
            self._client = self._make_client(
                lambda answer: self._post(self.Answered(answer)), lambda words: self._post(self.Died(words))
            )
        self._client.ask(lane, self._folder, op, params=params, arrays=arrays, snapshot_step=self._step)

    def _post(self, message: Message) -> None:
        if self.is_attached:
            self.post_message(message)

    @on(PlaneView.Moved)
    def _moved(self, event: PlaneView.Moved) -> None:
        event.stop()
        self._ask_decode()

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        event.stop()
        answer = event.answer
        if isinstance(answer.body, Failure):
            self.query_one("#decoded", HalfBlockPicture).show(None, "", large=True)
            self._tell(f"Cannot: {answer.body.message}. {answer.body.hint}".strip())
        elif isinstance(answer.body, Result) and answer.op == "decode":
            self._show_decoded(answer, np.asarray(answer.body.arrays["images"], dtype=np.uint8))
        elif isinstance(answer.body, Result) and answer.op == "encodings":
            arrays = answer.body.arrays
            z, labels = np.asarray(arrays["mu"], np.float64), np.asarray(arrays["labels"], np.int64)
            self.query_one(PlaneView).show_points(Points(z[:, :2], labels))

    def _show_decoded(self, answer: Answer, images: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> None:
        image = images[:1]
        if image.shape[-1] == 1:
            image = np.repeat(image, 3, axis=-1)
        height, width = image.shape[1:3]
        ref = PictureRef("decoded", answer.snapshot_step, self._folder or Path(), 1, 1, (height, width))
        self.query_one("#decoded", HalfBlockPicture).show(Picture(ref, image[None]), "", large=True)
        x, y = self.query_one(PlaneView).z
        place = f"z = ({x:.2f}, {y:.2f})".replace("-", "−")
        self._tell(
            f"{place}\nstep {answer.snapshot_step:,} · {answer.seconds * 1000:.0f} ms\narrows move, ⇧ fine, 0 origin"
        )

    @on(Died)
    def _died(self, event: Died) -> None:
        event.stop()
        self._problem = event.words or "no last words"
        self.query_one("#decoded", HalfBlockPicture).show(None, "", large=True)
        self._tell(f"The explorer ended: {self._problem}")

    def _tell(self, words: str) -> None:
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
    if run.latent_shape is not None and run.latent_shape != (2,):
        shape = " × ".join(str(n) for n in run.latent_shape)
        return f"Walking needs two latent dimensions; this model has {shape}.\n2 shows its samples, n trains a 2-D VAE."
    return ""


def _at_or_before(steps: tuple[int, ...], step: int) -> int:
    past = [known for known in steps if known <= step]
    return past[-1] if past else steps[0]
