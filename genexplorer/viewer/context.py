"""What the window's parts share: the run, the time cursor, the palette and the client of the model; no widgets here."""

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, pyqtSignal

from genexplorer.viewer.model_client import ModelClient

if TYPE_CHECKING:
    from genexplorer.session.palette import Palette
    from genexplorer.session.playback import SnapshotCursor
    from genexplorer.session.run_poller import RunPoller


class ViewerContext(QObject):
    """The state of the window and the signals that tell of its changes, all in the Qt thread.

    Signals:
        run_changed: Another run is open, or none; `run` is set already.
        changes(frozenset): What a poll of the run found.
        time_changed(int): The snapshot's step that is looked at, -1 for none. See `step`.
        palette_changed: Light became dark or the other way round.
        status_message(str): A passing word for the status line: "saved manifold.png".
        alert(str): Something went wrong; it stays until it is dismissed.
        curve_wanted(str): Somebody asks to see the curve of a quantity, such as "kl".
    """

    run_changed = pyqtSignal()
    changes = pyqtSignal(frozenset)
    time_changed = pyqtSignal(int)
    palette_changed = pyqtSignal()
    status_message = pyqtSignal(str)
    alert = pyqtSignal(str)
    curve_wanted = pyqtSignal(str)

    def __init__(
        self,
        cursor: "SnapshotCursor",
        palette: "Palette",
        model_client: ModelClient,
        runs_dir: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.run: RunPoller | None = None
        self.cursor = cursor
        self.palette = palette
        self.model_client = model_client
        self.runs_dir = runs_dir
        self.dragging = False  # while true, Follow does not move: set by whoever drags, see `hold_still`
        self.pins: dict[str, Any] = {}  # latents (d,) by name, pinned in the Manifold tab, to be used by the others
        self._last_step: int | None = None
        self._stops: Callable[[], list[int]] | None = None
        self._unsubscribe = cursor.subscribe(self._on_cursor)
        model_client.died.connect(self.alert)
        model_client.failed.connect(self.alert)

    @property
    def step(self) -> int | None:
        """The snapshot's step that everything shows; None while there is no snapshot."""
        if self.run is None or not self.cursor.steps:
            return None
        if self._stops is None or self.cursor.position is None:
            return self.cursor.position
        snapshots = self.run.snapshots
        past = bisect_right(snapshots, self.cursor.position)
        return snapshots[max(past - 1, 0)] if snapshots else None

    @property
    def walks_pictures(self) -> bool:
        """Whether time stops at recorded pictures instead of at snapshots."""
        return self._stops is not None

    def walk_over(self, stops: Callable[[], list[int]] | None) -> None:
        """Let time stop at other steps than the snapshots, as a tab in front that shows what was recorded oftener.

        Args:
            stops: Returns the steps, ascending; None for the snapshots again. `step` stays a snapshot's, the newest one
                at or before where time stands.
        """
        self._stops = stops
        self._take_steps()
        self.cursor.notify()  # the steps may be the same, and are now called otherwise

    def open(self, followed: "RunPoller | None") -> None:
        """Make a run, or none, the one that everything shows; the former one is closed."""
        former, self.run = self.run, followed
        self.model_client.set_run(None if followed is None else followed.folder)
        self.dragging = False
        self.pins = {}
        self._last_step = None
        self._stops = None
        self.cursor.set_steps([] if followed is None else list(followed.snapshots))
        self.run_changed.emit()
        if former is not None:
            former.close()
        self._on_cursor(force=True)

    def poll(self, *, calm: bool = False) -> None:
        """Ask the run what is new and tell it; moves the cursor where it follows.

        Args:
            calm: Whether nobody has touched the window for a while: a training then shows itself less often.
        """
        if self.run is None:
            return
        self.run.viewer_idle = calm
        with self.run.batch_read():  # what the listeners ask of the run belongs to the same opening
            what = self.run.poll()
            if what:
                self.changes.emit(what)
        if not self.dragging:
            self._take_steps()

    def _take_steps(self) -> None:
        if self.run is None:
            return
        steps = list(self.run.snapshots) if self._stops is None else self._stops()
        if steps != list(self.cursor.steps):
            self.cursor.set_steps(steps)

    def hold_still(self, dragging: bool) -> None:
        """Say that a drag begins or ends: no new snapshot is taken up in its middle."""
        self.dragging = dragging

    def set_palette(self, palette: "Palette") -> None:
        """Take other colors."""
        self.palette = palette
        self.palette_changed.emit()

    def close(self) -> None:
        """Let go of the run and end the model's process."""
        self._unsubscribe()
        if self.run is not None:
            self.run.close()
            self.run = None
        self.model_client.close()

    def _on_cursor(self, *, force: bool = False) -> None:
        step = self.step
        if force or step != self._last_step:
            self._last_step = step
            self.time_changed.emit(-1 if step is None else step)
