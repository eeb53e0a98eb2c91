"""The state that the window's parts share: run, selected step, colors and model client. No widgets."""

from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, pyqtSignal

from genexplorer.viewer.model_client import ModelClient

if TYPE_CHECKING:
    from genexplorer.session.own_image import OwnImage
    from genexplorer.session.palette import Palette
    from genexplorer.session.run_poller import RunPoller
    from genexplorer.session.step_selection import StepSelection


class ViewerContext(QObject):
    """The state of the window and the signals of its changes, all in the Qt thread.

    Signals:
        run_changed: Another run is open, or none; `run` is set already.
        data_changed(frozenset): A poll of the run found new data: "status", "metrics", "images", ….
        step_changed(int): Another snapshot is displayed: its step, -1 for none. See `step`.
        palette_changed: The colors changed between light and dark.
        status_message(str): A message for the status bar: "saved manifold.png".
        alert(str): An error, shown until it is dismissed.
        run_removed(Path, str): The folder of the open run is gone; its name. No run is open any more.
        curve_requested(str): The curve of a quantity, such as "kl", should be shown.
    """

    run_changed = pyqtSignal()
    data_changed = pyqtSignal(frozenset)
    step_changed = pyqtSignal(int)
    palette_changed = pyqtSignal()
    status_message = pyqtSignal(str)
    alert = pyqtSignal(str)
    run_removed = pyqtSignal(object, str)
    curve_requested = pyqtSignal(str)

    def __init__(
        self,
        step_selection: "StepSelection",
        palette: "Palette",
        model_client: ModelClient,
        runs_dir: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.run: RunPoller | None = None
        self.step_selection = step_selection
        self.palette = palette
        self.model_client = model_client
        self.runs_dir = runs_dir
        self.dragging = False  # the time bar's handle is being dragged: new snapshots are not selected meanwhile
        self.pinned_latents: dict[str, Any] = {}  # (d,) by name, pinned in the Manifold tab, which other tabs offer
        self.own_image: OwnImage | None = None  # of the user, chosen or drawn in the Encode tab
        self._last_step: int | None = None
        self._list_steps: Callable[[], list[int]] | None = None
        self._unsubscribe = step_selection.subscribe(self._on_step_selection)
        model_client.exited.connect(self.alert)
        model_client.failed.connect(self.alert)

    @property
    def step(self) -> int | None:
        """The step of the snapshot that all tabs show; None while there is no snapshot."""
        if self.run is None or not self.step_selection.steps:
            return None
        if self._list_steps is None or self.step_selection.selected_step is None:
            return self.step_selection.selected_step
        snapshots = self.run.snapshots
        index = bisect_right(snapshots, self.step_selection.selected_step) - 1
        return snapshots[max(index, 0)] if snapshots else None

    @property
    def steps_are_images(self) -> bool:
        """True if the time bar's steps are those of recorded images instead of snapshots."""
        return self._list_steps is not None

    def set_step_list(self, list_steps: Callable[[], list[int]] | None) -> None:
        """Let the time bar select other steps than those of snapshots: images may be recorded more often.

        Args:
            list_steps: Returns the steps, ascending; None restores those of the snapshots. `step` is still that of a
                snapshot: the newest at or before the selected step.
        """
        self._list_steps = list_steps
        self._update_steps()
        self.step_selection.notify()  # also where the steps are the same, because their label differs

    def open(self, run: "RunPoller | None") -> None:
        """Show a run, or none, and close the former one; only the same run opened again stays at its step."""
        is_same_run = run is not None and self.run is not None and run.folder == self.run.folder
        self.run = run
        self.model_client.set_run(None if run is None else run.folder)
        self.dragging = False
        self.pinned_latents = {}
        self.own_image = None
        self._last_step = None
        self._list_steps = None
        steps = [] if run is None else list(run.snapshots)
        (self.step_selection.set_steps if is_same_run else self.step_selection.open)(steps)
        self.run_changed.emit()
        self._on_step_selection(force=True)

    def poll(self, *, idle: bool = False) -> None:
        """Poll the run and emit the names of changed parts; while following, select the newest step.

        Args:
            idle: Whether the window is not in use: the training then saves fewer snapshots.
        """
        if self.run is None:
            return
        if _is_removed(self.run.folder):
            folder, name = self.run.folder, self.run.status.name
            self.open(None)
            self.run_removed.emit(folder, name)
            return
        self.run.watcher_idle = idle
        with self.run.open_database():  # listeners read from the same open files
            changed = self.run.poll()
            if changed:
                self.data_changed.emit(changed)
        if not self.dragging:
            self._update_steps()

    def _update_steps(self) -> None:
        if self.run is None:
            return
        steps = list(self.run.snapshots) if self._list_steps is None else self._list_steps()
        if steps != list(self.step_selection.steps):
            self.step_selection.set_steps(steps)

    def set_dragging(self, dragging: bool) -> None:
        """Set whether the time bar's handle is being dragged: new snapshots are not selected meanwhile."""
        self.dragging = dragging

    def report(self, succeeded: bool, line: str) -> None:
        """Show the outcome of an action: as a message in the status bar, or as an alert if it failed."""
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

    def _on_step_selection(self, *, force: bool = False) -> None:
        step = self.step
        if force or step != self._last_step:
            self._last_step = step
            self.step_changed.emit(-1 if step is None else step)


def _is_removed(folder: Path) -> bool:
    """Return whether a folder no longer exists; a disk that does not answer is another matter."""
    try:
        folder.stat()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False
