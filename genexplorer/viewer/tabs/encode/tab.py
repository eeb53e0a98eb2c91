"""The Encode tab: an image, or a point, → its latent → the reconstruction, with the figures the model declares.

A model encodes with a spread (a VAE's q(z|x)), exactly (a flow), or not at all: then its latent is searched for.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QImage, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Array
from genexplorer.runs.sanitize import one_line
from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import Reply
from genexplorer.viewer.request_queue import Request, RequestQueue
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode import image_file
from genexplorer.viewer.tabs.encode.chooser import Chooser
from genexplorer.viewer.tabs.encode.encoding import Encoding, Encodings, of_found
from genexplorer.viewer.tabs.encode.search import Search
from genexplorer.viewer.tabs.encode.search_panel import SearchPanel
from genexplorer.viewer.tabs.encode.source import Source
from genexplorer.viewer.tabs.encode.views import How, Views
from genexplorer.viewer.tabs.tab import SaveTarget, Tab
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import PictureView, save_image

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller
    from trainers.model_card import ModelCard

SEARCH_AFTER_MS = 300  # an image has been chosen and no other one since
CLOUD = 1500  # data points behind the one that is encoded
_KEY = "In the difference orange is ink that is lacking, blue is too much."
_NO_RUN = "No run is open.\nOpen one with the run menu, or press N to train one."
_NO_SNAPSHOT = "Waiting for the first snapshot.\nIt comes with the first step of the training."
_DECODED: dict[How, str] = {"spread": "decoded at z = μ", "exact": "decoded from z", "search": "decoded at the best z"}


class EncodeTab(Tab):
    """What a model makes of one image or point, whatever its family and the number of its latent dimensions."""

    title = "Encode"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.source = Source()
        self.questions = RequestQueue(context.explorer, "encode", self._failed)
        self.encodings = Encodings(self.questions)
        self.search = Search(self.questions)
        self.chooser = Chooser(self.source)
        self.views = Views(context.palette, SearchPanel(self.search))
        self._soon = timer(self, SEARCH_AFTER_MS, self._search_now, once=True)
        self._followed: RunPoller | None = None
        self._card: ModelCard | None = None
        self._step: int | None = None
        self._file: Path | None = None
        self._searched_for: tuple[object, ...] = ()
        self.setAcceptDrops(True)
        self._build()
        self._bind()

    def waiting_reason(self) -> str | None:
        """Say why nothing can be encoded."""
        if self._followed is None:
            return _NO_RUN
        if self._step is None:
            return _NO_SNAPSHOT
        if self._card is None:
            return f"The snapshot at step {self._step:,} cannot be read.\nMove to another one with [ and ]."
        if self.how is not None:
            return None
        reason = self._card.capability("encode").reason
        return f"This {self._card.title} cannot encode: {reason}\nIts latents are seen in Samples and Interpolate."

    @property
    def how(self) -> How | None:
        """How the model finds a latent; None where it does not, or is not known yet."""
        if self._card is None:
            return None
        encode = self._card.capability("encode")
        if encode.available:
            return "exact" if encode.how == "exact" else "spread"
        return "search" if self._card.capability("invert").available else None

    def set_run(self, followed: "RunPoller | None") -> None:
        """Show another run, or none."""
        self._rest()
        self.search.clear()
        self._followed, self._card, self._step, self._file = followed, None, None, None
        self.encodings.clear()
        self.source.reset(0)
        self.chooser.canvas.clear()
        self.views.data.set_cloud(None)
        self.views.note.hide()

    def on_time(self, step: int | None) -> None:
        """Encode with another snapshot."""
        self._step = step
        if step is not None and self._followed is not None:
            self._card = self._read_card(step)
        if self.is_active:
            self._ask_all()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self._rest()
        self.encodings.asked_anew()
        self._ask_all()

    def deactivated(self) -> None:
        """Stop asking; a search is given up."""
        self._rest()

    def closing(self) -> None:
        """Let go of the timer."""
        self._soon.stop()

    def on_key(self, event: QKeyEvent) -> bool:
        """Walk through the test images; search for a latent, and give up."""
        actions: dict[int, Callable[[], object]] = {
            Qt.Key.Key_Right: lambda: self.source.move(1),
            Qt.Key.Key_Left: lambda: self.source.move(-1),
            Qt.Key.Key_Down: lambda: self.source.move(8),
            Qt.Key.Key_Up: lambda: self.source.move(-8),
            Qt.Key.Key_R: self.source.random,
        }
        if self.how == "search":
            actions |= {Qt.Key.Key_Return: self.search_now, Qt.Key.Key_Enter: self.search_now}
            if self.search.busy:
                actions[Qt.Key.Key_Escape] = self.search.cancel
        action = actions.get(event.key())
        plain = not (event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier)
        if action is None or not plain or self.waiting_reason() is not None:
            return False
        action()
        return True

    def open_file(self, file: Path) -> None:
        """Encode a picture file; ink on paper is turned over by itself."""
        if self._card is None or self._points:
            return
        try:
            image = image_file.read(file, self._card.image_shape)
        except UserError as error:
            self.views.note.setText(str(error))
            self.views.note.show()
            return
        light = image_file.looks_light(image)
        self._file = file
        self.chooser.inverted.blockSignals(True)
        self.chooser.inverted.setChecked(light)
        self.chooser.inverted.blockSignals(False)
        self._show_file(255 - image if light else image)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take a picture file that is dropped, and nothing else: a run's folder is the window's."""
        if event is not None and self._dropped(event) is not None:
            event.acceptProposedAction()
        elif event is not None:
            event.ignore()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Encode a picture file."""
        file = None if event is None else self._dropped(event)
        if event is not None and file is not None:
            event.acceptProposedAction()
            self.open_file(file)

    def save_targets(self) -> list[SaveTarget]:
        """Return the pictures that are there."""
        current, views = self.current, self.views
        if current is None:
            return []
        if current.is_point:
            return [SaveTarget("Planes", (".png",), lambda path: save_image(views.row_image(current), path))]
        targets = [
            SaveTarget("All pictures in a row", (".png",), lambda path: save_image(views.row_image(current), path))
        ]
        names = {"reconstruction": "Reconstruction", "x": "Image", "difference": "Difference", "latent": "Latent map"}
        shown = [name for name in names if not views.pictures[name].isHidden()]
        targets += [SaveTarget(names[name], (".png",), _writer(views.pictures[name])) for name in shown]
        if self.encodings.samples is not None:
            targets.append(SaveTarget("Posterior samples", (".png",), _writer(views.samples)))
        return targets

    def copy_image(self) -> QImage | None:
        """Return the pictures in a row, or, of points, the planes."""
        return None if self.current is None else self.views.row_image(self.current)

    def command_line(self) -> str | None:
        """Return the command that reconstructs the same test image or point, or None for one of one's own."""
        if self._followed is None or self.source.kind != "test" or self._step is None:
            return None
        run, which = self._followed.status.id, self.source.index
        if self.how == "search":
            search = self.search
            command = command_lines.invert(
                run,
                first=which,
                count=1,
                steps=search.steps,
                restarts=search.restarts,
                near=search.near,
                step=self._step,
            )
        else:
            command = command_lines.reconstruct(run, first=which, count=1, step=self._step)
        return command_lines.with_runs_dir(command, self.context.runs_dir)

    def state(self) -> dict[str, Any]:
        """Return the chosen test image, and how a latent is searched for."""
        panel = self.views.search
        search = self.search
        searching = {"steps": search.steps, "restarts": search.restarts, "near": search.near}
        searching["at_once"] = panel.at_once.isChecked()
        return {"index": self.source.index, "search": searching}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take them back."""
        self.views.search.restore(state.get("search"))
        index = state.get("index")
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 10_000_000:
            self.source.index = index

    # Inside -----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        row.setSpacing(2 * GAP)
        row.addWidget(self.chooser)
        row.addWidget(labels.upright_rule())
        row.addWidget(self.views, 1)

    def _bind(self) -> None:
        chooser = self.chooser
        self.source.subscribe(self._source_changed)
        self.encodings.subscribe(self._show)
        chooser.file_wanted.connect(self.open_file)
        chooser.inverted_changed.connect(self._inverted)
        chooser.labels_wanted.connect(self.encodings.want_labels)
        chooser.drawn.connect(self._drawn)
        chooser.cleared.connect(lambda: self.source.choose(self.source.index))
        self.search.subscribe(self._show)
        self.views.search.wanted.connect(self.search_now)
        self.views.data.pressed.connect(self._point_chosen)
        self.context.palette_changed.connect(lambda: self.views.set_style(self.context.palette))

    def _rest(self) -> None:
        self._soon.stop()
        if self.search.busy:
            self.search.clear()
        if self.encodings.x is None:
            self._searched_for = ()  # the question for the image itself is dropped as well
        self.questions.forget()

    def _read_card(self, step: int) -> "ModelCard | None":
        try:
            return None if self._followed is None else self._followed.card(step)
        except (UserError, OSError):
            return None

    def _ask_all(self) -> None:
        if self.waiting_reason() is not None or self._card is None or self._step is None:
            return
        self.encodings.at(self._step)
        self._arrange(self._card)
        if self.source.num_test != self._card.data.num_test:
            index = self.source.index
            self.source.reset(self._card.data.num_test)
            self.source.choose(index)  # asks, through `_source_changed`
        else:
            self._source_changed()

    def _arrange(self, card: "ModelCard") -> None:
        size, how = int(np.prod(card.latent_shape)), self.how
        self.chooser.set_points(self._points)
        if not self._points:
            self.chooser.canvas.set_shape(card.image_shape)
        else:
            question = Request("points", self._take_cloud, {"count": CLOUD, "split": "test"}, {}, self._step)
            self.questions.ask("preview", "cloud", question)
        if how is not None:
            is_image = not self._points and size == int(np.prod(card.image_shape))
            self.views.arrange(how, points=self._points, size=size, is_image=is_image)

    def _take_cloud(self, reply: Reply) -> None:
        points = np.asarray(reply.arrays["points"], np.float64)
        self.views.data.set_cloud(points, np.asarray(reply.arrays["labels"], np.int64))
        bounds = reply.meta.get("bounds")
        if isinstance(bounds, list | tuple) and len(bounds) == 4:
            x0, x1, y0, y1 = (float(edge) for edge in bounds)
            self.views.data.set_bounds((x0, x1, y0, y1))

    @property
    def _points(self) -> bool:
        return self._card is not None and self._card.data.kind == "points"

    @property
    def current(self) -> Encoding | None:
        """What is shown of the chosen image; None while its latent is not known."""
        if self.how == "search":
            return None if self.search.found is None else of_found(self.search.found)
        return self.encodings.current

    def _source_changed(self) -> None:
        self.views.note.hide()
        if self.is_active and self._step is not None and self.source.num_test and self.waiting_reason() is None:
            if self.how == "search":
                self._look_and_search()
            else:
                self.encodings.encode(self.source, spread=self.how == "spread")
            if not self._points:
                self.encodings.show_page(self.source.page())
        self.chooser.refresh(self.encodings)

    def _look_and_search(self) -> None:
        chosen = (self.source.kind, self.source.index, None if self.source.own is None else self.source.own.tobytes())
        if chosen != self._searched_for:
            self._searched_for = chosen
            self.search.clear()
            self.encodings.watch_for(self.source)
        known = self.search.found is not None and self.search.found.step == self._step
        if self.views.search.at_once.isChecked() and not self.search.busy and not known:
            self._soon.start()

    def search_now(self) -> None:
        """Search for the chosen image's latent, in the snapshot that is looked at."""
        self._soon.stop()
        if self.how != "search" or self._step is None or not self.is_active:
            return
        if self.source.kind == "test":
            self.search.start(self._step, index=self.source.index)
        elif self.source.own is not None:
            self.search.start(self._step, image=self.source.own[None])

    def _search_now(self) -> None:
        if not self.search.busy:
            self.search_now()

    def _point_chosen(self, x: float, y: float) -> None:
        name = f"({x:.2f}, {y:.2f})".replace("-", "−")
        self.source.show_own(np.array([x, y], np.float32), "drawn", name)

    def _drawn(self) -> None:
        self.source.show_own(self.chooser.canvas.ink.pixels(), "drawn", "drawn here")

    def _inverted(self, _: bool) -> None:
        if self.source.kind == "file" and self.source.own is not None:
            self._show_file(255 - self.source.own)

    def _show_file(self, image: Array) -> None:
        name = one_line(self._file.name, 40) if self._file is not None else ""
        self.source.show_own(image, "file", name)

    def _dropped(self, event: "QDropEvent | QDragEnterEvent") -> Path | None:
        data = event.mimeData()
        urls = data.urls() if data is not None else []
        file = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
        return file if file is not None and file.suffix.lower() in image_file.SUFFIXES else None

    def _show(self) -> None:
        encodings, views = self.encodings, self.views
        if encodings.labels is not None and not self.source.knows_labels:
            self.source.set_labels(encodings.labels)
        self.chooser.refresh(encodings)
        current, how = self.current, self.how
        if current is None or how is None:
            views.show_nothing(encodings.x if how == "search" else None, self._what(encodings.label), self._hint())
        else:
            label = current.label if how != "search" else encodings.label
            views.show_encoding(current, self._what(label), encodings.sampled_z, _DECODED[how])
            views.show_samples(encodings.samples, encodings.failure or "sampling…")
        views.setup.setText(self._setup_words() if current is not None else "")
        views.history.set_history(None if self.search.found is None else self.search.found.history, self._hint())

    def _what(self, label: int) -> str:
        named = f"  label {label}" if label >= 0 else ""
        return f"x   #{self.source.index}{named}" if self.source.kind == "test" else f"x   {self.source.name}"

    def _hint(self) -> str:
        if self.encodings.failure:
            return self.encodings.failure
        if self.how != "search":
            return "encoding…"
        if self.search.busy:
            return "searching for z…"
        return self.search.failure or "Press Enter to search for the latent that is decoded to this image."

    def _setup_words(self) -> str:
        if self._card is None:
            return ""
        if self._points:
            return ""
        setup = self._card.data.setup or "data as they are"
        own = "" if self.source.kind == "test" else " The image is seen as the model sees its data."
        taken = ", the reconstruction at z = μ alone" if self.how == "spread" else ""
        return f"One image{taken}; {setup}.{own} {_KEY}"

    def _failed(self, message: str, hint: str) -> None:
        self.context.status_message.emit(f"{message}: {hint}" if hint else message)


def _writer(picture: PictureView) -> Callable[[Path], None]:
    return lambda path: save_image(picture.shown_image(), path)
