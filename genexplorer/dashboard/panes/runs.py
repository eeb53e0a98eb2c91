"""The pane of runs: list, filter, comparison marks, and the actions on the selected run."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from genexplorer.dashboard.charts.curves import COMPARISON_LABELS
from genexplorer.dashboard.details import DashboardDetails, RunDetails
from genexplorer.dashboard.key_bindings import KeyBinding, forwarded_action, link
from genexplorer.dashboard.panes.bars import StatusBar
from genexplorer.dashboard.panes.run_list import RunList, RunRow
from genexplorer.dashboard.screens.dialogs import ConfirmScreen, TextScreen
from genexplorer.dashboard.screens.run_dialogs import copy_command_screen, diagnosis_screen
from genexplorer.dashboard.widgets import Text
from genexplorer.errors import UserError
from genexplorer.runs import settings
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.store import RunStore
from genexplorer.session import actions, steering
from genexplorer.session.actions import ActionResult
from genexplorer.session.run_tree import tree_rows

if TYPE_CHECKING:
    from trainers.config import RunConfig

_NO_RUNS_TEXT = "No runs yet.\nn trains a 2-D VAE\n(4 min)\ng shows the presets"


class RunsPane(Vertical):
    """The list of runs, and the actions on the selected one.

    Args:
        runs_dir: The folder of runs.
        initial_run: Folder of the run to select first; the newest by default.
    """

    KEYS: ClassVar[tuple[KeyBinding, ...]] = (
        KeyBinding("n", "new_run", "new", "train a new model", "Runs", in_footer=True),
        KeyBinding("g", "choose_preset", "presets", "presets, with expected result and time", "Runs"),
        KeyBinding("p", "pause_or_resume", "pause", "pause or resume", "Runs", in_footer=True),
        KeyBinding("s", "stop", "stop", "stop; the state is saved, r resumes", "Runs", in_footer=True),
        KeyBinding("r", "resume", "resume", "resume a stopped, failed or lost run", "Runs"),
        KeyBinding("comma", "settings", "settings", "change settings, while it trains or with its next start", "Runs"),
        KeyBinding("o", "train_longer", "train longer", "train a run longer, also a finished one", "Runs"),
        KeyBinding("i", "edit_notes", "name and tags", "name, tags and note", "Runs"),
        KeyBinding("delete,backspace", "trash", "trash", "move the run to the trash", "Runs"),
        KeyBinding("u", "undo", "undo", "restore the last run from the trash", "Runs"),
        KeyBinding("v", "viewer", "viewer", "open the desktop viewer", "Runs", in_footer=True),
        KeyBinding("y", "copy_command", "copy command", "copy a command line for this run", "Runs"),
        KeyBinding("d", "diagnose", "diagnose", "alerts with hints, and last log lines", "Runs"),
        KeyBinding("slash", "filter", "filter", "filter the runs; esc clears the filter", "Runs"),
        KeyBinding("space", "compare", "compare", "mark the run for a comparison of curves; esc ends it", "Runs"),
    )

    class ListChanged(Message):
        """A run was started, changed, deleted or restored: the folder of runs is to be read again."""

    class ComparisonChanged(Message):
        """A run was added to the comparison, or removed."""

    @dataclass
    class RunAdded(Message):
        """A run was started or restored; it is to be selected."""

        folder: Path

    @dataclass
    class ActionFinished(Message):
        """An action on a run has finished."""

        result: ActionResult

    def __init__(self, runs_dir: Path, initial_run: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.runs_dir = runs_dir
        self.compared: list[Path] = []
        self.folders: frozenset[Path] = frozenset()  # of all runs, including those that the filter hides
        self._details = DashboardDetails()
        self._pending_selection = initial_run  # folder of a run to select once it is listed
        self._shown_inputs: tuple[object, ...] = ()
        self._trashed_folders: list[Path] = []  # in the order of their deletion
        self.run_list = RunList(id="runs")
        self._title = Text("Runs", id="runs-title")
        self._filter = Input(placeholder="name, family, state, tag…", compact=True, id="filter")

    def compose(self) -> ComposeResult:
        """Create title or filter, and the list."""
        self._filter.display = False
        yield from (self._title, self._filter, self.run_list)

    @property
    def selected(self) -> Path | None:
        """The folder of the selected run."""
        return self.run_list.selected

    # Display

    def show(self, details: DashboardDetails) -> None:
        """Show the list of runs; selects another run if none is selected or the selected one is gone."""
        # Take over the runs.
        if details.runs is not self._details.runs:
            self.folders = frozenset(status.folder for status in details.runs)
        self._details = details
        self.compared = [folder for folder in self.compared if folder in self.folders]
        # Select the run that was requested, if it is listed by now.
        if self._pending_selection is not None and self._pending_selection in self.folders:
            self.run_list.select(self._pending_selection)
            self._pending_selection = None
        elif self._pending_selection is None and self.selected not in self.folders:
            # Select the run that took the place of a deleted one.
            before, after = self.run_list.folders, [status.folder for status in self._matching_runs()]
            if after:
                index = before.index(self.selected) if self.selected in before else 0
                self.run_list.select(after[min(index, len(after) - 1)])
            elif not self.folders and details.loaded:
                self.run_list.select(None)
        self._show_rows()

    def _show_rows(self) -> None:
        details, query = self._details, self._filter.value
        inputs = (details.runs, query, tuple(self.compared), details.loaded, details.error)
        if inputs == self._shown_inputs:
            return
        self._shown_inputs = inputs
        # Rows, or a placeholder.
        labels = dict(zip(self.compared, COMPARISON_LABELS, strict=False))
        rows = [
            RunRow(row.status, labels.get(row.status.folder, ""), row.prefix)
            for row in tree_rows(self._matching_runs())
        ]
        if not details.loaded:
            placeholder = "Reading the runs…"
        elif details.error:
            placeholder = f"Cannot read {self.runs_dir}:\n{details.error}"
        elif query and details.runs:
            placeholder = "No run matches.\nesc clears the filter."
        else:
            placeholder = _NO_RUNS_TEXT
        self.run_list.show(rows, placeholder)
        # Title: "Runs (3 of 5) · 1 active   / filter"
        total, active = len(details.runs), sum(status.state.active for status in details.runs)
        count = f"{len(rows)} of {total}" if query else str(total)
        title = f"Runs ({count})" + (f" · {active} active" if active else "") + "  "
        filter_link = link("/ filter", f"screen.{forwarded_action('RunsPane', 'filter')}", "$muted")
        self._title.show_text(Content(title) + filter_link, layout=False)

    def _matching_runs(self) -> tuple[RunStatus, ...]:
        query, runs = self._filter.value, self._details.runs
        return tuple(status for status in runs if matches(status, query)) if query else runs

    # Filter and comparison

    def action_filter(self) -> None:
        """Show the filter and focus it."""
        self._show_filter(True)
        self.screen.set_focus(self._filter)  # at once: the next key is the first letter of the filter

    @on(Input.Changed, "#filter")
    def _filter_changed(self) -> None:
        matching = [status.folder for status in self._matching_runs()]
        if matching and self.selected not in matching:
            self.run_list.select(matching[0])
        self._show_rows()

    @on(Input.Submitted, "#filter")
    def _filter_submitted(self) -> None:
        self.screen.set_focus(self.run_list)
        self._show_filter(bool(self._filter.value))

    def clear_filter(self) -> bool:
        """Clear and hide the filter; False if there was none."""
        if not self._filter.display:
            return False
        self._filter.value = ""
        self._show_filter(False)
        return True

    def _show_filter(self, visible: bool) -> None:
        """Show the filter or the title, which share a line."""
        self._filter.display, self._title.display = visible, not visible

    def action_compare(self) -> None:
        """Add the selected run to the comparison, or remove it."""
        if (status := self._require_selected()) is None:
            return
        if status.folder in self.compared:
            self.compared.remove(status.folder)
        elif len(self.compared) >= len(COMPARISON_LABELS):
            self._notify(f"At most {len(COMPARISON_LABELS)} runs can be compared; space removes one.", warning=True)
        else:
            self.compared.append(status.folder)
            if len(self.compared) == 1:
                self._notify("Marked A. Select another run and press space; esc ends the comparison.")
        self._show_rows()
        self.post_message(self.ComparisonChanged())

    def clear_comparison(self) -> None:
        """End the comparison."""
        self.compared.clear()
        self._show_rows()

    # New runs

    def action_new_run(self, preset: str | None = "") -> None:
        """Open the form of a new run, filled in from a preset; None opens nothing."""
        from genexplorer.dashboard.screens.new_run import (
            NewRunScreen,
        )  # imported late: slow, and seldom the first action

        def started(folder: Path | None) -> None:
            if folder is not None:
                self.post_message(self.RunAdded(folder))

        if preset is not None:
            self.app.push_screen(NewRunScreen(self.runs_dir, preset), started)

    def action_choose_preset(self) -> None:
        """Open the list of presets, then the form of the chosen one."""
        from genexplorer.dashboard.screens.new_run import PresetScreen

        self.app.push_screen(PresetScreen(), self.action_new_run)

    @on(RunAdded)
    def _run_added(self, event: RunAdded) -> None:
        self._pending_selection = event.folder
        self.post_message(self.ListChanged())

    # Actions on the selected run

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

    def take_step(self) -> bool:
        """Let the selected run take a single step; False unless it is paused."""
        details = self._details.runs
        status = next((status for status in details if status.folder == self.selected), None)
        if status is None or status.state is not State.PAUSED:
            return False
        self._run_in_thread(f"One step of {status.name}…", lambda: steering.take_steps(status.folder, self.runs_dir))
        return True

    def action_train_longer(self) -> None:
        """Open the form of settings at the run's length."""
        self.action_settings(at_length=True)

    def action_settings(self, at_length: bool = False) -> None:
        """Open the form that changes settings of the run."""
        from genexplorer.dashboard.screens.settings import SettingsScreen
        from genexplorer.session.steering_form import SettingsForm

        if (status := self._require_selected()) is None:
            return
        try:
            form = SettingsForm(status.folder, self.runs_dir)
        except (UserError, OSError) as error:
            self._notify(str(error), warning=True)
            return
        screen = SettingsScreen(form, form.length_key if at_length else "")

        def closed(_result: None) -> None:
            self.post_message(self.ListChanged())

        self.app.push_screen(screen, closed)

    def action_edit_notes(self) -> None:
        """Edit the run's name, tags and note."""
        from genexplorer.dashboard.screens.settings import NotesScreen

        if (status := self._require_selected()) is None:
            return

        def save(edited: tuple[str, tuple[str, ...], str] | None) -> None:
            if edited is not None:
                name, tags, note = edited
                self._run_in_thread(
                    f"Saving {status.name}…",
                    lambda: actions.edit_notes(status.folder, self.runs_dir, name=name, tags=tags, note=note),
                )

        self.app.push_screen(NotesScreen(status), save)

    def action_trash(self) -> None:
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

    def action_undo(self) -> None:
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
        status, config = run.status, self._present_config(run.folder)

        def apply(advice: steering.Suggestion | None) -> None:
            if advice is not None and config is not None:
                label = advice.label_for(status, config)
                self._run_in_thread(f"{label}…", lambda: advice.apply(status, config, self.runs_dir))

        self.app.push_screen(diagnosis_screen(run, config), apply)

    def _present_config(self, folder: Path) -> "RunConfig | None":
        """Return a run's settings as they are now; None if they cannot be read, or the run is read-only."""
        try:
            RunStore(self.runs_dir).require_own(folder)
            return settings.config_at(folder)
        except (UserError, OSError):
            return None  # the alerts are shown without buttons

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
        """Run an action in a thread that does not delay quitting, and show its result."""
        self._notify(announcement)

        def work() -> None:
            try:
                result = action()
            except Exception as error:  # a bug must not end the dashboard
                result = ActionResult(False, f"{type(error).__name__}: {error}")
            self.post_message(self.ActionFinished(result))

        threading.Thread(target=work, name="run-action", daemon=True).start()

    @on(ActionFinished)
    def _action_finished(self, event: ActionFinished) -> None:
        self._notify(str(event.result), warning=not event.result.ok)
        self.post_message(self.ListChanged())

    def _notify(self, text: str, *, warning: bool = False) -> None:
        self.post_message(StatusBar.Notice(text, warning=warning))


def matches(status: RunStatus, query: str) -> bool:
    """Return whether the run's name, id, preset, family, data, state or tags contain every word of a query."""
    text = " ".join(
        (status.name, status.id, status.preset, status.family, status.dataset, status.state.value, *status.tags)
    ).lower()
    return all(word in text for word in query.lower().split())
