"""The Encode tab: an image → q(z|x) → samples and reconstruction, with the figures of its objective."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QImage, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.runs.text import one_line
from genexplorer.session import command_lines
from genexplorer.viewer import labels
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.encode import image_file
from genexplorer.viewer.encode.bars import LatentBars
from genexplorer.viewer.encode.chooser import Chooser
from genexplorer.viewer.encode.encoding import SAMPLES, Encoding, Encodings
from genexplorer.viewer.encode.latent_map import LatentMap
from genexplorer.viewer.encode.source import Source
from genexplorer.viewer.encode.square_row import SquareRow
from genexplorer.viewer.manifold.asking import Questions
from genexplorer.viewer.pictures import PictureView, montage, save_image, to_qimage
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tab import SaveTarget, Tab

if TYPE_CHECKING:
    from genexplorer.session.followed_run import FollowedRun
    from trainers.card import Card

_KEY = "In the difference orange is ink that is lacking, blue is too much."
_NO_RUN = "No run is open. Open one with the run menu, or press N to train one."
_NO_SNAPSHOT = "Waiting for the first snapshot. It comes with the first step of the training."


class EncodeTab(Tab):
    """What the encoder and the decoder make of one image, for any number of latent dimensions."""

    title = "Encode"

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self.source = Source()
        self.questions = Questions(context.explorer, "encode", self._failed)
        self.encodings = Encodings(self.questions)
        self.chooser = Chooser(self.source)
        self.pictures = {name: PictureView(name) for name in ("x", "reconstruction", "difference")}
        self.samples = PictureView("posterior samples")
        self.bars, self.map = LatentBars(context.palette), LatentMap(context.palette)
        self.figures, self.setup, self.note = labels.heading(), labels.wrapped(), labels.wrapped("", "warning")
        self._followed: FollowedRun | None = None
        self._card: Card | None = None
        self._step: int | None = None
        self._file: Path | None = None
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
            return f"The snapshot at step {self._step:,} cannot be read. Move to another one with [ and ]."
        ability = self._card.ability("encode")
        return None if ability.available else f"This {self._card.title} cannot encode: {ability.reason}"

    def set_run(self, followed: "FollowedRun | None") -> None:
        """Show another run, or none."""
        self.questions.forget()
        self._followed, self._card, self._step, self._file = followed, None, None, None
        self.encodings.clear()
        self.source.reset(0)
        self.chooser.canvas.clear()
        self.note.hide()

    def on_time(self, step: int | None) -> None:
        """Encode with another snapshot."""
        self._step = step
        if step is not None and self._followed is not None:
            self._card = self._read_card(step)
        if self.is_active:
            self._ask_all()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.questions.forget()
        self.encodings.asked_anew()
        self._ask_all()

    def deactivated(self) -> None:
        """Stop asking."""
        self.questions.forget()

    def on_key(self, event: QKeyEvent) -> bool:
        """Walk through the test images."""
        actions = {
            Qt.Key.Key_Right: lambda: self.source.move(1),
            Qt.Key.Key_Left: lambda: self.source.move(-1),
            Qt.Key.Key_Down: lambda: self.source.move(8),
            Qt.Key.Key_Up: lambda: self.source.move(-8),
            Qt.Key.Key_R: self.source.random,
        }
        action = actions.get(Qt.Key(event.key()))
        plain = not (event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier)
        if action is None or not plain or self.waiting_reason() is not None:
            return False
        action()
        return True

    def open_file(self, file: Path) -> None:
        """Encode a picture file; ink on paper is turned over by itself."""
        if self._card is None:
            return
        try:
            image = image_file.read(file, self._card.image_shape)
        except UserError as error:
            self.note.setText(str(error))
            self.note.show()
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
        if self.encodings.current is None:
            return []
        names = [("Reconstruction", "reconstruction"), ("Image", "x"), ("Difference", "difference")]
        targets = [
            SaveTarget("Image, reconstruction, difference", (".png",), lambda path: save_image(self._row_image(), path))
        ]
        for label, name in names:
            picture = self.pictures[name]
            targets.append(SaveTarget(label, (".png",), _writer(picture)))
        if self.encodings.samples is not None:
            targets.append(SaveTarget("Posterior samples", (".png",), self._save_samples))
        return targets

    def copy_image(self) -> QImage | None:
        """Return image, reconstruction and difference in a row."""
        return None if self.encodings.current is None else self._row_image()

    def command_line(self) -> str | None:
        """Return the command that reconstructs the same test image, or None for an image of one's own."""
        if self._followed is None or self.source.kind != "test" or self._step is None:
            return None
        command = command_lines.reconstruct(self._followed.status.id, first=self.source.index, count=1, step=self._step)
        return command_lines.with_runs_dir(command, self.context.runs_dir)

    def state(self) -> dict[str, Any]:
        """Return the chosen test image."""
        return {"index": self.source.index}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the chosen test image."""
        index = state.get("index")
        if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 10_000_000:
            self.source.index = index

    def _build(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        row.setSpacing(2 * GAP)
        row.addWidget(self.chooser)
        row.addWidget(labels.upright_rule())
        middle = QVBoxLayout()
        middle.setSpacing(GAP)
        middle.addWidget(self.note)
        middle.addWidget(SquareRow(list(self.pictures.values())))
        middle.addWidget(self.figures)
        middle.addWidget(self.setup)
        middle.addWidget(labels.rule())
        middle.addWidget(labels.heading("Samples of q(z|x), decoded"))
        self.samples.setMaximumHeight(320)
        middle.addWidget(self.samples, 4)
        middle.addStretch(1)
        row.addLayout(middle, 5)
        row.addWidget(labels.upright_rule())
        row.addLayout(self._posterior_column(), 3)
        self.note.hide()

    def _posterior_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(GAP)
        column.addWidget(labels.heading("q(z|x)"))
        scroll = QScrollArea()
        scroll.setWidget(self.bars)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setMinimumWidth(280)
        self._scroll = scroll
        column.addWidget(scroll, 1)
        column.addWidget(self.map)
        self._below = QWidget()  # takes the room that two dimensions leave
        column.addWidget(self._below, 1)
        return column

    def _bind(self) -> None:
        chooser = self.chooser
        self.source.subscribe(self._source_changed)
        self.encodings.subscribe(self._show)
        chooser.file_wanted.connect(self.open_file)
        chooser.inverted_changed.connect(self._inverted)
        chooser.labels_wanted.connect(lambda: self.encodings.want_labels(self.source.num_test))
        chooser.drawn.connect(self._drawn)
        chooser.cleared.connect(lambda: self.source.choose(self.source.index))
        self.context.palette_changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.bars.set_style(self.context.palette)
        self.map.set_style(self.context.palette)

    def _read_card(self, step: int) -> "Card | None":
        try:
            return None if self._followed is None else self._followed.card(step)
        except (UserError, OSError):
            return None

    def _ask_all(self) -> None:
        if self.waiting_reason() is not None or self._card is None or self._step is None:
            return
        self.encodings.at(self._step)
        self.chooser.canvas.set_shape(self._card.image_shape)
        self._scroll.setMaximumHeight(88 if self._is_plane else 16_777_215)
        self.map.setVisible(self._is_plane)
        self._below.setVisible(self._is_plane)
        if self.source.num_test != self._card.data.num_test:
            index = self.source.index
            self.source.reset(self._card.data.num_test)
            self.source.choose(index)  # asks, through `_source_changed`
        else:
            self._source_changed()

    @property
    def _is_plane(self) -> bool:
        return self._card is not None and int(np.prod(self._card.latent_shape)) == 2

    def _source_changed(self) -> None:
        self.note.hide()
        if self.is_active and self._step is not None and self.source.num_test and self.waiting_reason() is None:
            self.encodings.encode(self.source)
            self.encodings.show_page(self.source.page())
        self.chooser.refresh(self.encodings)

    def _drawn(self) -> None:
        self.source.show_own(self.chooser.canvas.ink.pixels(), "drawn", "drawn here")

    def _inverted(self, _: bool) -> None:
        if self.source.kind == "file" and self.source.own is not None:
            self._show_file(255 - self.source.own)

    def _show_file(self, image: "np.ndarray[Any, np.dtype[np.uint8]]") -> None:
        name = one_line(self._file.name, 40) if self._file is not None else ""
        self.source.show_own(image, "file", name)

    def _dropped(self, event: "QDropEvent | QDragEnterEvent") -> Path | None:
        data = event.mimeData()
        urls = data.urls() if data is not None else []
        file = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
        return file if file is not None and file.suffix.lower() in image_file.SUFFIXES else None

    def _show(self) -> None:
        encodings = self.encodings
        if encodings.labels is not None and not self.source.knows_labels:
            self.source.set_labels(encodings.labels)
        self.chooser.refresh(encodings)
        self._show_encoding(encodings.current)
        samples = encodings.samples
        self.samples.set_picture(
            None if samples is None else to_qimage(montage(samples, SAMPLES // 2, 2)),
            hint=encodings.failure or "sampling…",
        )

    def _show_encoding(self, current: Encoding | None) -> None:
        hint = self.encodings.failure or "encoding…"
        if current is None:
            for picture in self.pictures.values():
                picture.set_picture(None, hint=hint)
            self.figures.setText("")
            self.setup.setText("")
            self.map.set_posterior(None, np.ones(2), None)
            return
        label = f"  label {current.label}" if current.label >= 0 else ""
        what = f"x   #{self.source.index}{label}" if self.source.kind == "test" else f"x   {self.source.name}"
        self.pictures["x"].set_picture(current.x, what)
        self.pictures["reconstruction"].set_picture(current.recon, "decoded at z = μ")
        self.pictures["difference"].set_picture(current.difference(), "x − reconstruction")
        self.figures.setText(_figures(current))
        self.setup.setText(self._setup_words())
        self.bars.set_posterior(current.mu, current.sigma, current.kl_dims)
        if self._is_plane:
            self.map.set_posterior(current.mu, current.sigma, self.encodings.sampled_z)

    def _setup_words(self) -> str:
        setup = self._card.data.setup if self._card is not None else ""
        own = "" if self.source.kind == "test" else " The image is seen as the model sees its data."
        return f"One image, E_q[log p(x|z)] taken at z = μ; {setup or 'data as they are'}.{own} {_KEY}"

    def _row_image(self) -> QImage:
        current = self.encodings.current
        if current is None:
            return QImage()
        images = [np.broadcast_to(image, (*image.shape[:2], 3)) for image in (current.x, current.recon)]
        row = montage(np.stack([*images, current.difference()]), 3, 2)
        return to_qimage(row.repeat(8, axis=0).repeat(8, axis=1))

    def _save_samples(self, path: Path) -> None:
        save_image(self.samples.shown_image(), path)

    def _failed(self, message: str, hint: str) -> None:
        self.context.status_message.emit(f"{message}: {hint}" if hint else message)


def _writer(picture: PictureView) -> Callable[[Path], None]:
    return lambda path: save_image(picture.shown_image(), path)


def _figures(current: Encoding) -> str:
    parts = f"= −{current.recon_nats:.1f} reconstruction − {current.kl_nats:.1f} KL"
    return f"ELBO {current.elbo:.1f} nats {parts}".replace("-", "−")
