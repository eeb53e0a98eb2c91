"""The state that the window's parts share: run, time cursor, palette and model client. No widgets."""

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
    """The state of the window and the signals of its changes, all in the Qt thread.

    Signals:
        run_changed: Another run is open, or none; `run` is set already.
        changes(frozenset): A poll of the run found new data: "status", "metrics", "images", ….
        time_changed(int): The step of the displayed snapshot, -1 for none. See `step`.
        palette_changed: The colors changed between light and dark.
        status_message(str): A message for the status bar: "saved manifold.png".
        alert(str): Something went wrong; it stays until it is dismissed.
        curve_wanted(str): The curve of a quantity, such as "kl", should be shown.
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
        self.dragging = False  # while true, Follow does not move: see `set_dragging`
        self.pins: dict[str, Any] = {}  # latents (d,) by name, pinned in the Manifold tab, to be used by the others
        self._last_step: int | None = None
        self._stops: Callable[[], list[int]] | None = None
        self._unsubscribe = cursor.subscribe(self._on_cursor)
        model_client.exited.connect(self.alert)
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
    def steps_are_images(self) -> bool:
        """True if the time bar's steps are those of recorded images instead of snapshots."""
        return self._stops is not None

    def set_stops(self, stops: Callable[[], list[int]] | None) -> None:
        """Let the time bar stop at other steps than the snapshots, as for images that are recorded more often.

        Args:
            stops: Returns the steps, ascending; None for the snapshots again. `step` is still a snapshot's: the newest
                at or before the cursor.
        """
        self._stops = stops
        self._update_steps()
        self.cursor.notify()  # also where the steps are the same: their label differs

    def open(self, run: "RunPoller | None") -> None:
        """Show a run, or none, and close the former one."""
        self.run = run
        self.model_client.set_run(None if run is None else run.folder)
        self.dragging = False
        self.pins = {}
        self._last_step = None
        self._stops = None
        self.cursor.set_steps([] if run is None else list(run.snapshots))
        self.run_changed.emit()
        self._on_cursor(force=True)

    def poll(self, *, idle: bool = False) -> None:
        """Poll the run, emit the changes, and move the cursor to the newest step where it follows.

        Args:
            idle: Whether the window is not in use: the training then saves fewer snapshots.
        """
        if self.run is None:
            return
        self.run.watcher_idle = idle
        with self.run.batch_read():  # listeners read from the same open files
            changed = self.run.poll()
            if changed:
                self.changes.emit(changed)
        if not self.dragging:
            self._update_steps()

    def _update_steps(self) -> None:
        if self.run is None:
            return
        steps = list(self.run.snapshots) if self._stops is None else self._stops()
        if steps != list(self.cursor.steps):
            self.cursor.set_steps(steps)

    def set_dragging(self, dragging: bool) -> None:
        """Note that a drag begins or ends: the snapshot does not change during it."""
        self.dragging = dragging

    def report(self, succeeded: bool, line: str) -> None:
        """Show the outcome of an action: as a message, or as an alert where it failed."""
        (self.status_message if succeeded else self.alert).emit(line)

    def set_palette(self, palette: "Palette") -> None:
        """Switch to another palette."""
        self.palette = palette
        self.palette_changed.emit()

    def close(self) -> None:
        """Close the run and end the model's process."""
        self._unsubscribe()
        self.run = None
        self.model_client.close()

    def _on_cursor(self, *, force: bool = False) -> None:
        step = self.step
        if force or step != self._last_step:
            self._last_step = step
            self.time_changed.emit(-1 if step is None else step)
