"""Actions on runs: open, pause, step, change settings, stop, rename, delete, train; none blocks the window."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6 import sip
from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QFileDialog, QMessageBox, QWidget

from genexplorer.errors import UserError
from genexplorer.runs import layout
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.session import actions, steering
from genexplorer.session.actions import ActionResult
from genexplorer.session.run_poller import RunPoller
from genexplorer.viewer.background import Background
from genexplorer.viewer.context import ViewerContext

if TYPE_CHECKING:
    from genexplorer.session.steering_form import SettingsForm
    from genexplorer.viewer.dialogs.settings import SettingsPanel
    from trainers.config import RunConfig

_FAILED_STATES = (State.FAILED, State.LOST)


class RunActions(QObject):
    """Opens runs into the context, steers them, and reports the outcomes.

    Signals:
        opening: A run is about to be opened.
    """

    opening = pyqtSignal()

    def __init__(self, context: ViewerContext, window: QWidget) -> None:
        super().__init__(window)
        self._context = context
        self._window = window
        # Only runs of this folder are changed; a run opened from elsewhere is read-only.
        self._own_runs_dir = context.runs_dir
        self._background = Background(self)
        self._last_state: tuple[Path, State] | None = None
        self._settings_panel: SettingsPanel | None = None
        context.data_changed.connect(self._watch_state)
        context.run_changed.connect(self._watch_state)

    def open(self, folder: Path) -> bool:
        """Open a run folder, or the newest run in a folder of runs; return whether it was opened, or show an alert."""
        try:
            run_folder = _run_in(folder)
            run = RunPoller(run_folder, watching=True)
        except (UserError, OSError) as error:
            self._context.alert.emit(f"{folder.name} was not opened: {error}")
            return False
        self._context.runs_dir = run_folder.parent
        self._last_state = None
        run.poll()
        self.opening.emit()
        self._context.open(run)
        return True

    def pause_or_resume(self) -> None:
        """Pause a running training, resume another."""
        run = self._context.run
        if run is None:
            return
        state, folder = run.status.state, run.folder
        if state in (State.RUNNING, State.PAUSED) or state.resumable:
            self._run_action("sending the command…", lambda: actions.pause_or_resume(folder, self._own_runs_dir))

    def stop(self) -> None:
        """Stop the training, after a confirmation."""
        run = self._context.run
        if run is None or run.status.state not in (State.RUNNING, State.PAUSED):
            return
        text = f"Stop the training of {run.status.name}? Its state is saved; it can be resumed later."
        yes, folder = QMessageBox.StandardButton.Yes, run.folder
        if QMessageBox.question(self._window, "Stop", text) == yes:
            self._run_action("stopping…", lambda: actions.stop(folder, self._own_runs_dir))

    @property
    def is_paused(self) -> bool:
        """Whether the open run is paused."""
        run = self._context.run
        return run is not None and run.status.state is State.PAUSED

    def step(self) -> None:
        """Let the paused training take one step."""
        run = self._context.run
        if run is None:
            return
        if run.status.state is not State.PAUSED:
            self._context.status_message.emit("pause the training first (Ctrl+P); then . takes single steps")
            return
        folder = run.folder
        self._run_action("one step…", lambda: steering.take_steps(folder, self._own_runs_dir))

    def show_settings(self, *, length: bool = False) -> None:
        """Open the panel of settings, with the field of the run's length focused where set.

        The run is read in the background: that of another machine is observed until its next heartbeat.
        """
        from genexplorer.session.steering_form import SettingsForm

        run = self._context.run
        if run is None:
            return
        if self._settings_panel is not None and not sip.isdeleted(self._settings_panel):
            self._show_panel(self._settings_panel, length)
            return
        folder, runs_dir = run.folder, self._own_runs_dir
        self._background.run(
            lambda: SettingsForm(folder, runs_dir),
            lambda form: self._open_panel(form, length),
            lambda reason: self._context.alert.emit(f"The settings cannot be read: {reason}"),
        )

    def _open_panel(self, form: "SettingsForm", length: bool) -> None:
        from genexplorer.viewer.dialogs.settings import SettingsPanel

        run, panel = self._context.run, self._settings_panel
        is_open = panel is not None and not sip.isdeleted(panel)  # opened meanwhile
        if run is not None and run.folder == form.folder and not is_open:
            self._settings_panel = SettingsPanel(form, self._context, self._window)
            self._settings_panel.fork_requested.connect(self.fork)
            self._show_panel(self._settings_panel, length)

    def _show_panel(self, panel: "SettingsPanel", length: bool) -> None:
        panel.show()
        panel.raise_()
        panel.activateWindow()
        if length:
            panel.focus_setting(panel.form.length_key)

    def fork(self, settings_text: str = "") -> None:
        """Show the form of a branch, which starts at the selected step, and open the branch.

        Args:
            settings_text: Settings of the branch: "model.beta=1".
        """
        from genexplorer.session import forking
        from genexplorer.viewer.dialogs.fork import ForkDialog

        run = self._context.run
        if run is None:
            return
        selected = None if self._context.step_selection.following else self._context.step
        step, keys = forking.form_defaults(run.config, run.snapshots, selected)
        dialog, folder = ForkDialog(run.status, step, settings_text, keys, self._window), run.folder
        if dialog.exec():
            request, runs_dir = dialog.request, self._own_runs_dir
            self._run_action("starting the branch…", lambda: request.start(folder, runs_dir), opens=True)

    def share(self) -> None:
        """Write a page of the open run, as of the displayed step, to a file that is chosen in a dialog."""
        from genexplorer.runs.export_run import safe_name

        run = self._context.run
        if run is None:
            return
        selected = None if self._context.step_selection.following else self._context.step
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Share as a page", f"{safe_name(run.status.name)}.html", "Page (*.html)"
        )
        if name:
            folder, out = run.folder, Path(name).with_suffix(".html")
            self._run_action("writing the page…", lambda: share_page(folder, out, selected))

    def export(self) -> None:
        """Write the open run as a light zip file, to a file that is chosen in a dialog."""
        from genexplorer.runs.export_run import safe_name

        run = self._context.run
        if run is None:
            return
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Light copy", f"{safe_name(run.status.name)}.zip", "Zip file (*.zip)"
        )
        if name:
            folder, out = run.folder, Path(name).with_suffix(".zip")
            self._run_action("writing the copy…", lambda: export_light(folder, out))

    def apply_suggestion(self, advice: steering.Suggestion) -> None:
        """Make the change that an alert advises."""
        run = self._context.run
        config = self.own_config()
        if run is None or config is None:
            return
        status = run.status
        label = advice.label_for(status, config)
        self._run_action(f"{label}…", lambda: advice.apply(status, config, self._own_runs_dir))

    def own_config(self) -> "RunConfig | None":
        """Return the open run's settings as they are now; None if they cannot be read, or the run is read-only."""
        run = self._context.run
        is_own = run is not None and RunStore(self._own_runs_dir).is_own(run.folder)
        return run.config_at() if run is not None and is_own else None

    def edit_notes(self) -> None:
        """Show the form of name, tags and note, and save them."""
        from genexplorer.viewer.dialogs.notes import NotesDialog

        run = self._context.run
        if run is None:
            return
        dialog, folder = NotesDialog(run.status, self._window), run.folder
        if dialog.exec():
            name, tags, note = dialog.name, dialog.tags, dialog.note
            self._run_action(
                "saving…", lambda: actions.edit_notes(folder, self._own_runs_dir, name=name, tags=tags, note=note)
            )

    def delete(self) -> None:
        """Move the open run to the trash, after a confirmation."""
        run = self._context.run
        if run is None:
            return
        if run.status.state.active:
            self._context.status_message.emit(f"{run.status.name} is {run.status.state}; stop it first (Ctrl+.)")
            return
        text = f"Move {run.status.name} to the trash? It can be restored from there."
        yes, folder = QMessageBox.StandardButton.Yes, run.folder
        if QMessageBox.question(self._window, "Delete", text) == yes:
            self._run_action("moving to the trash…", lambda: actions.delete(folder, self._own_runs_dir))

    def open_dropped(self, path: Path) -> None:
        """Open a run, or the form of a new run with the data at the path."""
        from trainers.presets import data_settings  # imports pydantic

        try:
            _run_in(path)
        except (UserError, OSError) as error:
            message = f"{path.name} was not opened: {error}"
            alert = self._context.alert.emit
            self._background.run(
                lambda: data_settings(path), lambda _: self.new_run(path), lambda reason: alert(f"{message}. {reason}")
            )
            return
        self.open(path)

    def new_run(self, data: Path | None = None) -> None:
        """Show the form, with the data at a path where one is given; a run that starts is opened."""
        from genexplorer.session.new_run import NewRunForm
        from genexplorer.viewer.dialogs.new_run import NewRunDialog

        form = NewRunForm(runs_dir=self._own_runs_dir)
        if data is not None:
            form.use_path(data)
        dialog = NewRunDialog(form, self._window, self._context.palette)
        if dialog.exec() and dialog.config is not None:
            config, name, runs_dir = dialog.config, dialog.form.name, self._own_runs_dir
            self._run_action("starting…", lambda: actions.start_run(runs_dir, config, name=name), opens=True)

    def restore(self, trash: Path) -> None:
        """Move a deleted run back from the trash and open it."""
        self._run_action("restoring…", lambda: actions.restore(trash), opens=True)

    def close(self) -> None:
        """Close the panel of settings, and drop outcomes that are still pending."""
        if self._settings_panel is not None and not sip.isdeleted(self._settings_panel):
            self._settings_panel.close()
        self._background.close()

    def _run_action(self, status: str, action: Callable[[], ActionResult], *, opens: bool = False) -> None:
        self._context.status_message.emit(status)
        self._background.run(action, lambda result: self._report(result, opens), self._context.alert.emit)

    def _report(self, result: ActionResult, opens: bool) -> None:
        self._context.report(result.ok, str(result))
        if opens and result.folder is not None:
            self.open(result.folder)
        else:
            self._context.poll()

    def _watch_state(self, *_changed: object) -> None:
        """Show an alert when the open run's training fails or is lost."""
        run = self._context.run
        if run is None:
            self._last_state = None
            return
        before, self._last_state = self._last_state, (run.folder, run.status.state)
        if run.error:
            self._context.alert.emit(f"The run cannot be read: {run.error}")
        if before is not None and before[0] == run.folder and before[1].active and run.status.state in _FAILED_STATES:
            outcome = "failed" if run.status.state is State.FAILED else "was lost"
            reason = run.status.reason or "reason unknown"
            hint = "Ctrl+P resumes from the newest checkpoint; W shows details."
            self._context.alert.emit(f"{run.status.name} {outcome}: {reason}. {hint}")


@actions.as_result
def share_page(folder: Path, out: Path, step: int | None) -> ActionResult:
    """Write a page of a run; it blocks."""
    from genexplorer.session.disk_use import size
    from genexplorer.share.page import write_page

    num_bytes = write_page([folder], out, step=step)
    return ActionResult(True, f"saved {out.name} ({size(num_bytes)})", "", folder)


@actions.as_result
def export_light(folder: Path, out: Path) -> ActionResult:
    """Write a light copy of a run; it blocks."""
    from genexplorer.runs.export_run import export_run
    from genexplorer.session.disk_use import size

    result = export_run(folder, out, light=True)
    missing = f"; without {'; '.join(result.left_out)}" if result.left_out else ""
    return ActionResult(True, f"saved {out.name} ({size(result.num_bytes)}){missing}", "", folder)


def _run_in(folder: Path) -> Path:
    """Return the run folder at a path, or the newest run in a folder of runs.

    Raises:
        UserError: if there is none.
    """
    folder = folder.expanduser().resolve()
    if folder.is_file() and (folder.parent / layout.CONFIG).is_file():
        folder = folder.parent  # a file of a run folder was dropped
    if (folder / layout.CONFIG).is_file():
        return folder
    runs = RunStore(folder).list() if folder.is_dir() else []
    usable = [status for status in runs if status.state is not State.DAMAGED]
    if usable:
        return usable[0].folder
    raise UserError("not a run folder", f"a run folder contains {layout.CONFIG}")
