"""The path strip bound to its state: walks along the path, saves and reads it."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from genexplorer.errors import UserError
from genexplorer.viewer.tabs.manifold import path as paths
from genexplorer.viewer.tabs.manifold.inspector_data import Details
from genexplorer.viewer.tabs.manifold.path import DEFAULT_FRAMES, EMPTY, LatentPath
from genexplorer.viewer.tabs.manifold.path_strip import PathStrip
from genexplorer.viewer.tabs.manifold.selection import Selection

FRAME_MS = 50
_HINT = "Draw in the plane, or pin A and B for a straight path."


class PathWalk(QWidget):
    """Shown while there is a path, or while one is to be drawn.

    Signals:
        told(str): What became of saving or reading, in one line.
        dragging(bool): Scrubbing begins or ends.
        closed: The path was put away.
    """

    told = pyqtSignal(str)
    dragging = pyqtSignal(bool)
    closed = pyqtSignal()

    def __init__(self, selection: Selection, details: Details, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection, self._details = selection, details
        self.strip = PathStrip()
        self._decoded: LatentPath | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._tick)
        self.pen_mode = False
        self.origin: dict[str, object] = {}  # of which run and step a saved path is
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.strip)
        self.strip.film.scrubbed.connect(self._scrub)
        self.strip.film.scrubbing.connect(self.dragging)
        self.strip.play_wanted.connect(self.toggle_play)
        self.strip.gif_wanted.connect(self._save_gif)
        self.strip.json_wanted.connect(self._save_json)
        self.strip.import_wanted.connect(self._open_json)
        self.strip.closed.connect(self.close_path)
        selection.subscribe(self.refresh)
        details.subscribe(self._show_frames)
        self.refresh()

    @property
    def is_playing(self) -> bool:
        """Whether the walker walks."""
        return self._timer.isActive()

    def refresh(self) -> None:
        """Show the path that is selected; ask for its frames where they are not known."""
        path = self._selection.path
        self.setVisible(self.pen_mode or not path.is_empty)
        self.strip.film.set_position(self._selection.position)
        self.strip.json.setEnabled(not path.is_empty)
        if path is not self._decoded:
            self._decoded = path
            self._details.decode_path(path)
        if path.is_empty:
            self.pause()

    def ask_again(self) -> None:
        """Ask for the frames at another snapshot."""
        if not self._selection.path.is_empty:
            self._details.decode_path(self._selection.path)

    def set_pen_mode(self, on: bool) -> None:
        """Show the strip with its hint while a path is to be drawn."""
        self.pen_mode = on
        self.refresh()

    def toggle_play(self) -> None:
        """Walk, or stand still; from the end it begins anew."""
        if self.is_playing or self._selection.path.is_empty:
            self.pause()
            return
        if self._selection.position >= 1.0:
            self._selection.walk_to(0.0)
        self._timer.start()
        self.strip.set_playing(True)

    def pause(self) -> None:
        """Stand still."""
        self._timer.stop()
        self.strip.set_playing(False)

    def close_path(self) -> None:
        """Put the path away."""
        self.pause()
        self._selection.pins = {}
        self._selection.set_path(EMPTY)
        self.closed.emit()

    def write_gif(self, file: Path) -> None:
        """Write the walk as an animation.

        Raises:
            UserError: if the frames are not decoded yet.
            OSError: if it cannot be written.
        """
        from genexplorer.jobs import animations  # deferred: only saving needs Pillow

        frames = self._details.frames
        if frames is None:
            raise UserError("there are no frames to save yet", "draw a path and wait until it is decoded")
        animations.write(file, frames, frame_ms=FRAME_MS, back_and_forth=True)

    def write_json(self, file: Path) -> None:
        """Write the path as a list of z.

        Raises:
            OSError: if it cannot be written.
        """
        paths.write_json(self._selection.path, file, **self.origin)

    def read_json(self, file: Path) -> None:
        """Take the path of a file.

        Raises:
            DataError: if it holds none.
        """
        self._selection.set_path(paths.read_json(file, self._selection.plane.size))

    def _tick(self) -> None:
        position = self._selection.position + 1 / (DEFAULT_FRAMES - 1)
        self._selection.walk_to(position)
        if position >= 1.0:
            self.pause()

    def _scrub(self, position: float) -> None:
        self.pause()
        self._selection.walk_to(position)

    def _show_frames(self) -> None:
        frames = None if self._selection.path.is_empty else self._details.frames
        self.strip.set_frames(frames, _HINT if self._selection.path.is_empty else "decoding…")

    def _save_gif(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the walk", "path.gif", "GIF (*.gif)")
        if name:
            self._try(lambda: self.write_gif(Path(name)), f"saved {name}", "not saved")

    def _save_json(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the path", "path.json", "JSON (*.json)")
        if name:
            self._try(lambda: self.write_json(Path(name)), f"saved {name}", "not saved")

    def _open_json(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a path", "", "JSON (*.json)")
        if name:
            self._try(lambda: self.read_json(Path(name)), f"opened {name}", "not opened")

    def _try(self, action: Callable[[], None], done: str, failed: str) -> None:
        try:
            action()
        except (UserError, OSError) as error:
            self.told.emit(f"{failed}: {error}")
        else:
            self.told.emit(done)
