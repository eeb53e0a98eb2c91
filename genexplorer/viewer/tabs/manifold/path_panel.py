"""The panel below the plane: the frames along the path, with playback, export and import."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.inspector_data import InspectorData
from genexplorer.viewer.tabs.manifold.selection import (
    DEFAULT_FRAMES,
    EMPTY,
    LatentPath,
    Selection,
    read_json,
    write_json,
)
from genexplorer.viewer.widgets.controls import timer
from genexplorer.viewer.widgets.images import to_qimage

FRAME_MS = 50
_HINT = "Draw in the plane, or pin A and B for a straight path."
Images = NDArray[np.uint8]


class PathPanel(QWidget):
    """Shown while there is a path, or while one is to be drawn.

    Signals:
        message(str): The outcome of saving or reading, in one line.
        dragging(bool): Scrubbing begins or ends.
        closed: The path was discarded.
    """

    message = pyqtSignal(str)
    dragging = pyqtSignal(bool)
    closed = pyqtSignal()

    def __init__(self, selection: Selection, data: InspectorData, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection, self._data = selection, data
        self._requested: LatentPath | None = None  # whose frames were requested last
        self._timer = timer(self, FRAME_MS, self._advance)
        self.pen_mode = False
        self.origin: dict[str, object] = {}  # run and step, for a saved path
        self.frames = FrameStrip()
        self.play = _button("▶", "Play along the path (Enter)", self.toggle_play)
        self.gif = _button("GIF", "Save as an animation", self._save_gif)
        self.json = _button("JSON", "Save the path as a list of z", self._save_json)
        open_path = _button("Open…", "Read a path from a JSON file", self._open_json)
        close = _button("✕", "Discard the path (Escape)", self.close_path)
        close.setAccessibleName("close path")
        title = QLabel("path")
        title.setProperty("role", "muted")
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(title)
        left.addWidget(self.play)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addLayout(left)
        row.addWidget(self.frames, 1)
        for button in (self.gif, self.json, open_path, close):
            row.addWidget(button)
        self.frames.scrubbed.connect(self._scrub)
        self.frames.scrubbing.connect(self.dragging)
        selection.subscribe(self.refresh)
        data.subscribe(self._show_frames)
        self._show_frames()
        self.refresh()

    @property
    def is_playing(self) -> bool:
        """Whether the cursor moves along the path by itself."""
        return self._timer.isActive()

    def refresh(self) -> None:
        """Show the path; request its frames where it is another one."""
        path = self._selection.path
        self.setVisible(self.pen_mode or not path.is_empty)
        self.frames.set_position(self._selection.position)
        self.json.setEnabled(not path.is_empty)
        if path is not self._requested:
            self._requested = path
            self._data.decode_path(path)
        if path.is_empty:
            self.pause()

    def request_frames(self) -> None:
        """Request the frames at another snapshot."""
        if not self._selection.path.is_empty:
            self._data.decode_path(self._selection.path)

    def set_pen_mode(self, on: bool) -> None:
        """Show the panel with its hint while a path is to be drawn."""
        self.pen_mode = on
        self.refresh()

    def toggle_play(self) -> None:
        """Play or pause; at the end, play from the start."""
        if self.is_playing or self._selection.path.is_empty:
            self.pause()
            return
        if self._selection.position >= 1.0:
            self._selection.move_along_path(0.0)
        self._timer.start()
        self.play.setText("❚❚")

    def pause(self) -> None:
        """Stop playback."""
        self._timer.stop()
        self.play.setText("▶")

    def close_path(self) -> None:
        """Discard the path and the pins."""
        self.pause()
        self._selection.pins = {}
        self._selection.set_path(EMPTY)
        self.closed.emit()

    def write_gif(self, file: Path) -> None:
        """Write the frames as an animation.

        Raises:
            UserError: if the frames are not decoded yet.
            OSError: if it cannot be written.
        """
        from genexplorer.jobs import animations  # deferred: only saving needs Pillow

        frames = self._data.frames
        if frames is None:
            raise UserError("there are no frames to save yet", "draw a path and wait until it is decoded")
        animations.write(file, frames, frame_ms=FRAME_MS, back_and_forth=True)

    def write_json(self, file: Path) -> None:
        """Write the path as a list of z.

        Raises:
            OSError: if it cannot be written.
        """
        write_json(self._selection.path, file, **self.origin)

    def read_json(self, file: Path) -> None:
        """Read the path of a file.

        Raises:
            DataError: if it contains none.
        """
        self._selection.set_path(read_json(file, self._selection.plane.size))

    def _advance(self) -> None:
        position = self._selection.position + 1 / (DEFAULT_FRAMES - 1)
        self._selection.move_along_path(position)
        if position >= 1.0:
            self.pause()

    def _scrub(self, position: float) -> None:
        self.pause()
        self._selection.move_along_path(position)

    def _show_frames(self) -> None:
        is_empty = self._selection.path.is_empty
        frames = None if is_empty else self._data.frames
        self.frames.set_frames(frames, _HINT if is_empty else "decoding…")
        for button in (self.play, self.gif):
            button.setEnabled(frames is not None and len(frames) > 1)

    def _save_gif(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save animation", "path.gif", "GIF (*.gif)")
        if name:
            self._run(lambda: self.write_gif(Path(name)), f"saved {name}", "not saved")

    def _save_json(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save path", "path.json", "JSON (*.json)")
        if name:
            self._run(lambda: self.write_json(Path(name)), f"saved {name}", "not saved")

    def _open_json(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open path", "", "JSON (*.json)")
        if name:
            self._run(lambda: self.read_json(Path(name)), f"opened {name}", "not opened")

    def _run(self, action: Callable[[], None], success: str, failure: str) -> None:
        try:
            action()
        except (UserError, OSError) as error:
            self.message.emit(f"{failure}: {error}")
        else:
            self.message.emit(success)


class FrameStrip(QWidget):
    """As many of the path's frames as fit; pressing or dragging moves along them.

    Signals:
        scrubbed(float): The position on the path, in [0, 1].
        scrubbing(bool): A drag begins or ends.
    """

    scrubbed = pyqtSignal(float)
    scrubbing = pyqtSignal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: list[QImage] = []
        self._position = 0.0
        self._hint = ""
        self._width = 1.0  # of the frames that are drawn, in logical pixels
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(112)

    def sizeHint(self) -> QSize:
        """Return one row of thumbnails."""
        return QSize(400, 60)

    def set_frames(self, frames: Images | None, hint: str = "") -> None:
        """Show frames, (N, H, W, C), or None and why there are none."""
        self._frames = [] if frames is None else [to_qimage(frame) for frame in frames]
        self._hint = hint
        self.update()

    def set_position(self, position: float) -> None:
        """Mark a position on the path, in [0, 1]."""
        self._position = position
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the frames that fit, evenly spaced, and a bar below the present one."""
        painter = QPainter(self)
        if not self._frames:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap, self._hint)
            return
        size = self._frames[0].size()
        factor = max(1, int((self.height() - 4) * self.devicePixelRatioF()) // max(1, size.height()))
        width = size.width() * factor / self.devicePixelRatioF()
        height = size.height() * factor / self.devicePixelRatioF()
        shrink = min(1.0, (self.height() - 4) / height)
        width, height = width * shrink, height * shrink
        count = max(1, min(len(self._frames), int(self.width() // width)))
        for column, index in enumerate(np.linspace(0, len(self._frames) - 1, count).round().astype(int)):
            painter.drawImage(QRectF(column * width, 0, width, height), self._frames[index])
        self._width = count * width
        x = self._position * (self._width - width)
        painter.fillRect(QRectF(x, height + 1, width, 3), self.palette().color(QPalette.ColorRole.Highlight))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Begin to scrub."""
        if event is not None and self._frames:
            self.scrubbing.emit(True)
            self._scrub(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Move to the position under the mouse."""
        if event is not None and self._frames and event.buttons() & Qt.MouseButton.LeftButton:
            self._scrub(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End scrubbing."""
        self.scrubbing.emit(False)

    def _scrub(self, event: QMouseEvent) -> None:
        self.scrubbed.emit(min(1.0, max(0.0, event.position().x() / self._width)))


def _button(text: str, tip: str, action: Callable[[], object]) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(lambda: action())
    return button
