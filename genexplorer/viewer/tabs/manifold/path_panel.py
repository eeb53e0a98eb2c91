"""The panel below the plane: the frames along the path, with playback, export and import."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.session.latent_path import DEFAULT_FRAMES, EMPTY_PATH, LatentPath, read_json, write_json
from genexplorer.viewer.style import scaled
from genexplorer.viewer.tabs.manifold.inspector_data import InspectorData
from genexplorer.viewer.tabs.manifold.selection import Selection
from genexplorer.viewer.widgets.controls import fill_box, timer, tool_button
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import muted

FRAME_MS = 50
_DRAWING_HINT = "Draw in the plane, or pin A and B for a straight path."
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
        # The buttons.
        self.play = tool_button("▶", "Play along the path (Enter)")
        self.gif = tool_button("GIF", "Save as an animation")
        self.json = tool_button("JSON", "Save the path as a list of z")
        open_path = tool_button("Open…", "Read a path from a JSON file")
        close = tool_button("✕", "Discard the path (Escape)")
        close.setAccessibleName("close path")
        self.play.clicked.connect(lambda: self.toggle_play())
        self.gif.clicked.connect(lambda: self._save("Save animation", "path.gif", "GIF (*.gif)", self.write_gif))
        self.json.clicked.connect(lambda: self._save("Save path", "path.json", "JSON (*.json)", self.write_json))
        open_path.clicked.connect(lambda: self._open())
        close.clicked.connect(lambda: self.close_path())
        # The layout.
        left = fill_box(QVBoxLayout(), muted("path"), self.play, spacing=2)
        fill_box(QHBoxLayout(self), left, (self.frames, 1), self.gif, self.json, open_path, close)
        self.frames.scrubbed.connect(self._scrub)
        self.frames.scrubbing.connect(self.dragging)
        selection.subscribe(self.refresh)
        data.subscribe(self._show_frames)
        self._show_frames()
        self.refresh()

    @property
    def is_playing(self) -> bool:
        """Whether the cursor is animated along the path."""
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
        self._selection.set_path(EMPTY_PATH)
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
        self.frames.set_frames(frames, _DRAWING_HINT if is_empty else "decoding…")
        for button in (self.play, self.gif):
            button.setEnabled(frames is not None and len(frames) > 1)

    def _save(self, title: str, suggested_name: str, name_filter: str, write: Callable[[Path], None]) -> None:
        name, _ = QFileDialog.getSaveFileName(self, title, suggested_name, name_filter)
        self._run(write, name, "saved")

    def _open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open path", "", "JSON (*.json)")
        self._run(self.read_json, name, "opened")

    def _run(self, action: Callable[[Path], None], name: str, outcome: str) -> None:
        """Save or open a file and report the outcome; no name means that the dialog was canceled."""
        if not name:
            return
        try:
            action(Path(name))
        except (UserError, OSError) as error:
            self.message.emit(f"not {outcome}: {error}")
        else:
            self.message.emit(f"{outcome} {name}")


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
        self.setMinimumWidth(scaled(112))

    def sizeHint(self) -> QSize:
        """Return one row of thumbnails."""
        return QSize(scaled(400), scaled(60))

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
        """Draw the frames that fit, evenly spaced, and a bar below the current one."""
        painter = QPainter(self)
        # Without frames, draw the hint.
        if not self._frames:
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextWordWrap, self._hint)
            return
        # Enlarge by a whole factor, or shrink what is still too high.
        size, ratio, room = self._frames[0].size(), self.devicePixelRatioF(), self.height() - 4
        factor = max(1, int(room * ratio) // max(1, size.height())) / ratio
        factor *= min(1.0, room / (size.height() * factor))
        width, height = size.width() * factor, size.height() * factor
        # Draw the frames, and the bar at the current position.
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
