"""The actions on the selected run, with their keys; the pane of runs derives from this."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message

from genexplorer.dashboard.details import DashboardDetails, RunDetails
from genexplorer.dashboard.key_bindings import KeyBinding
from genexplorer.dashboard.panes.bars import StatusBar
from genexplorer.dashboard.screens.action_form import ActionFinished, start_action, start_work
from genexplorer.dashboard.screens.dialogs import ConfirmScreen, TextScreen
from genexplorer.dashboard.screens.notes import NotesField, NotesScreen
from genexplorer.dashboard.screens.run_dialogs import copy_command_screen, diagnosis_screen
from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.store import RunStore
from genexplorer.session import actions, steering
from genexplorer.session.actions import ActionResult

if TYPE_CHECKING:
    from genexplorer.session.steering_form import SettingsForm


class RunActionsPane(Vertical):
    """Base of the list of runs: pause, step, change, stop, name, delete and explain the selected run.

    Args:
        runs_dir: The folder of runs.
    """

    # The names are those of the commands `genexplorer runs …`.
    KEYS: ClassVar[tuple[KeyBinding, ...]] = (
        KeyBinding("p", "pause_or_resume", "pause", "pause or resume", "Training", in_footer=True),
        KeyBinding("full_stop", "step", "step", "one step of a paused run, with new images", "Training"),
        KeyBinding("s", "stop", "stop", "stop; the state is saved, r resumes", "Training", in_footer=True),
        KeyBinding("r", "resume", "resume", "resume a stopped, failed or lost run", "Training"),
        KeyBinding(
            "comma", "set", "set", "set: change settings, now or with the next start", "Training", in_footer=True
        ),
        KeyBinding("o", "set(True)", "extend", "extend: train longer, also a finished run", "Training"),
        KeyBinding("f", "fork", "fork", "fork: start a branch, at the selected step if there is one", "Training"),
        KeyBinding("d", "diagnose", "diagnose", "alerts with hints and what to set, last log lines", "Training"),
        KeyBinding("i,f2", "edit_notes('name')", "rename", "rename the run", "Runs"),
        KeyBinding(
            "T,shift+t", "edit_notes('tags')", "tag", "tag: edit its tags; the filter finds runs by them", "Runs"
        ),
        KeyBinding("N,shift+n", "edit_notes('note')", "note", "note: edit its note", "Runs"),
        KeyBinding("delete,backspace", "delete", "delete", "delete: move the run to the trash", "Runs"),
        KeyBinding("u", "restore", "restore", "restore the last run from the trash", "Runs"),
        KeyBinding("v", "viewer", "viewer", "open the desktop viewer", "Runs", in_footer=True),
        KeyBinding("y", "copy_command", "copy command", "copy a command line for this run", "Runs"),
    )

    class ListChanged(Message):
        """A run was started, changed, deleted or restored: the folder of runs is to be read again."""

    @dataclass
    class RunAdded(Message):
        """A run was started or restored; it is to be selected."""

        folder: Path

    @dataclass
    class FormRead(Message):
        """The form of a run's settings was read."""

        form: "SettingsForm"
        at_length: bool

    def __init__(self, runs_dir: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.runs_dir = runs_dir
        self._details = DashboardDetails()
        self._trashed_folders: list[Path] = []  # in the order of their deletion

    @property
    def selected(self) -> Path | None:
        """The folder of the selected run."""
        raise NotImplementedError

    def action_pause_or_resume(self) -> None:
        """Pause an active run, or resume a paused one."""
        if (status := self._require_selected()) is None:
            return
        if status.state is State.PAUSED:
            self.action_resume()
        elif self._require_active(status):
            self._run_in_thread(f"Pausing {status.name}…", lambda: actions.pause(status.folder, self.runs_dir))

    def action_stop(self) -> None:
        """Stop an active run, after a confirmation."""
        if (status := self._require_selected()) is None or not self._require_active(status):
            return

        def stop(confirmed: bool | None) -> None:
            if confirmed:
                self._run_in_thread(f"Stopping {status.name}…", lambda: actions.stop(status.folder, self.runs_dir))

        question = f"Stop {status.name} at step {status.step:,}?"
        self.app.push_screen(ConfirmScreen(question, "Its state is saved; r resumes it later.", "Stop"), stop)

    def action_resume(self) -> None:
        """Resume a run that is paused or has ended early."""
        if (status := self._require_selected()) is None:
            return
        if status.state is State.PAUSED or status.state.resumable:
            self._run_in_thread(f"Resuming {status.name}…", lambda: actions.resume(status.folder, self.runs_dir))
        else:
            self._notify(f"{status.name} cannot be resumed: {status.state.value}.", warning=True)

    def action_step(self) -> None:
        """Let a paused run take one step."""
        if (status := self._require_selected()) is None:
            return
        if status.state is State.PAUSED:
            self._run_in_thread(
                f"One step of {status.name}…", lambda: steering.take_steps(status.folder, self.runs_dir)
            )
        elif self._require_active(status):
            self._notify(
                f"{status.name} is {status.state}: pause it first (p), then . takes single steps.", warning=True
            )

    def action_set(self, at_length: bool = False) -> None:
        """Open the form that changes settings of the run, at its length if set; it is read in a thread."""
        if (status := self._require_selected()) is None:
            return

        def read() -> None:
            from genexplorer.session.steering_form import SettingsForm

            try:
                self.post_message(self.FormRead(SettingsForm(status.folder, self.runs_dir), at_length))
            except (UserError, OSError) as error:
                self.post_message(ActionFinished(ActionResult(False, str(error))))

        start_work(read)

    @on(FormRead)
    def _show_form(self, event: FormRead) -> None:
        from genexplorer.dashboard.screens.settings import SettingsScreen

        form = event.form
        if self.app.screen is self.screen and form.folder == self.selected:  # nothing else was done meanwhile
            focused_key = form.length_key if event.at_length else ""
            self.app.push_screen(SettingsScreen(form, self, self.action_fork, focused_key), self._show_result)

    def action_fork(self, settings_text: str = "") -> None:
        """Open the form of a branch, which starts at the selected step, or else at the newest checkpoint.

        Args:
            settings_text: Settings of the branch: "model.beta=1".
        """
        from genexplorer.dashboard.screens.fork import ForkScreen
        from genexplorer.session import forking

        if (status := self._require_selected()) is None:
            return
        run = self._content_of(status)
        config, snapshots, selected = (run.config, run.snapshots, run.selected_step) if run else (None, (), None)
        step, keys = forking.form_defaults(config, snapshots, selected)
        screen = ForkScreen(status, self.runs_dir, self, step=step, settings=settings_text, setting_keys=keys)

        def started(result: ActionResult | None) -> None:
            self._show_result(result)
            if result is not None and result.folder is not None:
                self.post_message(self.RunAdded(result.folder))

        self.app.push_screen(screen, started)

    def action_edit_notes(self, field: NotesField) -> None:
        """Edit name, tags and note, with the focus in one of them."""
        if (status := self._require_selected()) is not None:
            self.app.push_screen(NotesScreen(status, self.runs_dir, field, self), self._show_result)

    def action_delete(self) -> None:
        """Move an ended run to the trash."""
        if (status := self._require_selected()) is None:
            return
        if status.state.active:
            self._notify(f"{status.name} is {status.state.value}; stop it first (s).", warning=True)
            return

        def delete() -> ActionResult:
            result = actions.delete(status.folder, self.runs_dir)
            if not result.ok or result.folder is None:
                return result
            self._trashed_folders.append(result.folder)  # thread-safe
            return replace(result, hint="u restores it")

        self._run_in_thread(f"Moving {status.name} to the trash…", delete)

    def action_restore(self) -> None:
        """Restore the run that was moved to the trash last."""
        if not self._trashed_folders:
            self._notify("Nothing to restore.")
            return
        trashed_folder = self._trashed_folders.pop()

        def restore() -> ActionResult:
            result = actions.restore(trashed_folder)
            if result.ok and result.folder is not None:
                self.post_message(self.RunAdded(result.folder))
            return result

        self._run_in_thread("Restoring…", restore)

    def action_viewer(self) -> None:
        """Open the desktop viewer on the run."""
        if (status := self._require_selected()) is not None:
            self._run_in_thread("Opening the viewer…", lambda: actions.open_viewer(status.folder, self.runs_dir))

    def action_copy_command(self) -> None:
        """Offer command lines for the run; the chosen one is copied to the clipboard."""
        if (status := self._require_selected()) is not None:
            self.app.push_screen(copy_command_screen(status, self._content_of(status), self.runs_dir), self._copy)

    def _copy(self, line: str | None) -> None:
        if line is not None:
            self.app.copy_to_clipboard(line)
            hint = "Sent to the terminal's clipboard. If the terminal does not support that, copy it from here."
            self.app.push_screen(TextScreen("Copied", Content.assemble((line, "bold"), "\n\n", (hint, "$muted"))))

    def action_diagnose(self) -> None:
        """Show alerts with hints, and the last log lines."""
        status = self._require_selected()
        run = self._content_of(status) if status is not None else None
        if run is None:
            return
        # Runs elsewhere are read-only: their alerts are shown without buttons.
        status, config = run.status, run.present_config if RunStore(self.runs_dir).is_own(run.folder) else None

        def apply(advice: steering.Suggestion | None) -> None:
            if advice is not None and config is not None:
                label = advice.label_for(status, config)
                self._run_in_thread(f"{label}…", lambda: advice.apply(status, config, self.runs_dir))

        self.app.push_screen(diagnosis_screen(run, config), apply)

    def _content_of(self, status: RunStatus) -> RunDetails | None:
        run = self._details.run
        return run if run is not None and run.folder == status.folder else None

    def _require_selected(self) -> RunStatus | None:
        """Return the selected run's status; without a selection, show a notice how to get a run."""
        selected = self.selected
        status = next((status for status in self._details.runs if status.folder == selected), None)
        if status is None:
            self._notify("No run selected; n trains a model.")
        return status

    def _require_active(self, status: RunStatus) -> bool:
        """Return whether a run is active; if not, show a notice with its state."""
        if not status.state.active:
            hint = "; r resumes it" if status.state.resumable else ""
            self._notify(f"{status.name} is not running: {status.state.value}{hint}.", warning=True)
        return status.state.active

    def _run_in_thread(self, announcement: str, action: Callable[[], ActionResult]) -> None:
        """Run an action in a thread, and show its result."""
        self._notify(announcement)
        start_action(action, lambda result: self.post_message(ActionFinished(result)))

    @on(ActionFinished)
    def _action_finished(self, event: ActionFinished) -> None:
        self._show_result(event.result)

    def _show_result(self, result: ActionResult | None) -> None:
        """Show the result of an action; None of a form that was closed without one."""
        if result is not None:
            self._notify(str(result), warning=not result.ok)
        self.post_message(self.ListChanged())

    def _notify(self, text: str, *, warning: bool = False) -> None:
        self.post_message(StatusBar.Notice(text, warning=warning))
