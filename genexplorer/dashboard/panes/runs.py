"""The pane of runs: list, filter, comparison marks, and the actions on the selected run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from genexplorer.dashboard.charts.curves import COMPARISON_LABELS
from genexplorer.dashboard.details import DashboardDetails
from genexplorer.dashboard.key_bindings import KeyBinding, forwarded_action, link
from genexplorer.dashboard.panes.run_actions import RunActionsPane
from genexplorer.dashboard.panes.run_list import RunList, RunRow
from genexplorer.dashboard.widgets import Text
from genexplorer.runs.record import RunStatus
from genexplorer.session.run_tree import tree_rows

if TYPE_CHECKING:
    pass

_NO_RUNS_TEXT = "No runs yet.\nn trains a 2-D VAE\n(4 min)\ng shows the presets"


class RunsPane(RunActionsPane):
    """The list of runs, and the actions on the selected one.

    Args:
        runs_dir: The folder of runs.
        initial_run: Folder of the run to select first; the newest by default.
    """

    KEYS: ClassVar[tuple[KeyBinding, ...]] = (
        KeyBinding("n", "new_run", "new", "train a new model", "Runs", in_footer=True),
        KeyBinding("g", "choose_preset", "presets", "presets, with expected result and time", "Runs"),
        *RunActionsPane.KEYS,
        KeyBinding("slash", "filter", "filter", "filter the runs; esc clears the filter", "Runs"),
        KeyBinding("space", "compare", "compare", "mark the run for a comparison of curves; esc ends it", "Runs"),
    )

    class ComparisonChanged(Message):
        """A run was added to the comparison, or removed."""

    def __init__(self, runs_dir: Path, initial_run: Path | None = None, **kwargs: Any) -> None:
        super().__init__(runs_dir, **kwargs)
        self.compared: list[Path] = []
        self.folders: frozenset[Path] = frozenset()  # of all runs, including those that the filter hides
        self._pending_selection = initial_run  # folder of a run to select once it is listed
        self._shown_inputs: tuple[object, ...] = ()
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

    @on(RunActionsPane.RunAdded)
    def _run_added(self, event: RunActionsPane.RunAdded) -> None:
        self._pending_selection = event.folder
        self.post_message(self.ListChanged())


def matches(status: RunStatus, query: str) -> bool:
    """Return whether the run's name, id, preset, family, data, state or tags contain every word of a query."""
    text = " ".join(
        (status.name, status.id, status.preset, status.family, status.dataset, status.state.value, *status.tags)
    ).lower()
    return all(word in text for word in query.lower().split())
