"""The Encode tab: an image, or a point, → its latent → the reconstruction, with the figures the model declares.

A model encodes with a spread (a VAE's q(z|x)), exactly (a flow), or not at all: then its latent is searched for.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.explore.protocol import Array
from genexplorer.runs.sanitize import one_line
from genexplorer.session import command_lines
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.encode import image_file
from genexplorer.viewer.tabs.encode.chooser import Chooser
from genexplorer.viewer.tabs.encode.encoding import Encoding, Encodings, of_found
from genexplorer.viewer.tabs.encode.search import Search
from genexplorer.viewer.tabs.encode.search_panel import SearchPanel
from genexplorer.viewer.tabs.encode.source import Source
from genexplorer.viewer.tabs.encode.views import How, Views
from genexplorer.viewer.tabs.model_tab import KeyActions, ModelTab
from genexplorer.viewer.tabs.tab import SaveTarget
from genexplorer.viewer.widgets import labels
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import PictureView, save_image

if TYPE_CHECKING:
    from trainers.model_card import ModelCard

SEARCH_AFTER_MS = 300  # an image has been chosen and no other one since
_KEY = "In the difference orange is ink that is lacking, blue is too much."
_DECODED: dict[How, str] = {"spread": "decoded at z = μ", "exact": "decoded from z", "search": "decoded at the best z"}


class EncodeTab(ModelTab):
    """What a model makes of one image or point, whatever its family and the number of its latent dimensions."""

    title = "Encode"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.source = Source()
        self.encodings = Encodings(self.requests)
        self.search = Search(self.requests)
        self.chooser = Chooser(self.source)
        self.views = Views(context.palette, SearchPanel(self.search))
        self._soon = timer(self, SEARCH_AFTER_MS, self._search_now, once=True)
        self._file: Path | None = None
        self._searched_for: tuple[object, ...] = ()
        self.setAcceptDrops(True)
        self._build()
        self._bind()

    def unsupported_reason(self, card: "ModelCard") -> str | None:
        """Return why nothing can be encoded."""
        if self.how is not None:
            return None
        reason = card.capability("encode").reason
        return f"This {card.title} cannot encode: {reason}.\nSamples and Interpolate show its latents."

    @property
    def how(self) -> How | None:
        """How the model finds a latent; None where it does not, or is not known yet."""
        if self.card is None:
            return None
        encode = self.card.capability("encode")
        if encode.available:
            return "exact" if encode.how == "exact" else "spread"
        return "search" if self.card.capability("invert").available else None

    def clear(self) -> None:
        """Discard what belongs to the former run."""
        self.search.clear()
        self._file = None
        self.encodings.clear()
        self.source.reset(0)
        self.chooser.canvas.clear()
        self.views.data.set_data(None)
        self.views.note.hide()

    def stop(self) -> None:
        """Stop requests and cancel a search for a latent."""
        self._soon.stop()
        if self.search.busy:
            self.search.clear()
        if self.encodings.x is None:
            self._searched_for = ()  # the request for the image itself is canceled as well
        super().stop()

    def show_snapshot(self, card: "ModelCard", step: int) -> None:
        """Encode the chosen image with the snapshot."""
        self.encodings.at(step)
        self._arrange(card)
        if self.source.num_test != card.data.num_test:
            index = self.source.index
            self.source.reset(card.data.num_test)
            self.source.choose(index)  # encodes, through `_source_changed`
        else:
            self._source_changed()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.encodings.asked_anew()
        super().activated()

    def key_actions(self, shift: bool) -> KeyActions:
        """Arrows and R choose a test image; Enter searches for its latent, Esc cancels the search."""
        if shift:
            return {}
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
        return actions

    def open_file(self, file: Path) -> None:
        """Encode a picture file; ink on paper is turned over by itself."""
        if self.card is None or self.is_point_data:
            return
        try:
            image = image_file.read(file, self.card.image_shape)
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

    def build_command(self, run_id: str, step: int) -> str | None:
        """Return the command that reconstructs the same test image or point, or None for a file or a drawing."""
        index, search = self.source.index, self.search
        if self.source.kind != "test":
            return None
        if self.how != "search":
            return command_lines.reconstruct(run_id, first=index, count=1, step=step)
        return command_lines.invert(
            run_id, first=index, count=1, steps=search.steps, restarts=search.restarts, near=search.near, step=step
        )

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
        self.context.palette_changed.connect(lambda: self.views.recolor(self.context.palette))

    def _arrange(self, card: "ModelCard") -> None:
        size, how = int(np.prod(card.latent_shape)), self.how
        self.chooser.set_points(self.is_point_data)
        if not self.is_point_data:
            self.chooser.canvas.set_shape(card.image_shape)
        else:
            self.request_data_points(self.views.data)
        if how is not None:
            is_image = not self.is_point_data and size == int(np.prod(card.image_shape))
            self.views.arrange(how, points=self.is_point_data, size=size, is_image=is_image)

    @property
    def current(self) -> Encoding | None:
        """What is shown of the chosen image; None while its latent is not known."""
        if self.how == "search":
            return None if self.search.found is None else of_found(self.search.found)
        return self.encodings.current

    def _source_changed(self) -> None:
        self.views.note.hide()
        if self.is_showing and self.source.num_test:
            if self.how == "search":
                self._look_and_search()
            else:
                self.encodings.encode(self.source, spread=self.how == "spread")
            if not self.is_point_data:
                self.encodings.show_page(self.source.page())
        self.chooser.refresh(self.encodings)

    def _look_and_search(self) -> None:
        chosen = (self.source.kind, self.source.index, None if self.source.own is None else self.source.own.tobytes())
        if chosen != self._searched_for:
            self._searched_for = chosen
            self.search.clear()
            self.encodings.watch_for(self.source)
        known = self.search.found is not None and self.search.found.step == self.step
        if self.views.search.at_once.isChecked() and not self.search.busy and not known:
            self._soon.start()

    def search_now(self) -> None:
        """Search for the chosen image's latent, in the snapshot that is looked at."""
        self._soon.stop()
        if self.how != "search" or self.step is None or not self.is_active:
            return
        if self.source.kind == "test":
            self.search.start(self.step, index=self.source.index)
        elif self.source.own is not None:
            self.search.start(self.step, image=self.source.own[None])

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
        if self.card is None:
            return ""
        if self.is_point_data:
            return ""
        setup = self.card.data.setup or "data as they are"
        own = "" if self.source.kind == "test" else " The image is seen as the model sees its data."
        taken = ", the reconstruction at z = μ alone" if self.how == "spread" else ""
        return f"One image{taken}; {setup}.{own} {_KEY}"


def _writer(picture: PictureView) -> Callable[[Path], None]:
    return lambda path: save_image(picture.shown_image(), path)
