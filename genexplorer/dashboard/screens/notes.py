"""R, T, N: the form of a run's name, tags and note."""

from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static, TextArea

from genexplorer.dashboard.screens.action_form import ActionForm
from genexplorer.runs.record import RunStatus
from genexplorer.session import actions

NotesField = Literal["name", "tags", "note"]


class NotesScreen(ActionForm):
    """Edits the name, the tags and the note of a run.

    Args:
        status: The run.
        runs_dir: The own runs folder.
        field: The field to focus first.
        owner: As of `ActionForm`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False, priority=True),  # a text area would take it
        Binding("ctrl+s", "save", "Save", show=False),
    ]

    def __init__(self, status: RunStatus, runs_dir: Path, field: NotesField, owner: Widget) -> None:
        super().__init__(owner)
        self._status, self._runs_dir, self._field = status, runs_dir, field

    def compose(self) -> ComposeResult:
        """Create the fields and the buttons."""
        status = self._status
        with Vertical(classes="dialog", id="notes"):
            yield Static(status.name, markup=False, classes="dialog-title")
            with Horizontal(classes="field"):
                yield Label("Name")
                yield Input(status.name, compact=True, id="name")
            with Horizontal(classes="field"):
                yield Label("Tags")
                hint = "such as baseline, lecture-3"
                yield Input(", ".join(status.tags), placeholder=hint, compact=True, id="tags")
            with Horizontal(classes="field"):
                yield Label("Note")
                yield TextArea(status.note, compact=True, tab_behavior="focus", id="note")
            yield Static("", markup=False, id="message")
            with Horizontal(classes="buttons"):
                yield Button("Save (ctrl+s)", id="save", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Focus the requested field."""
        self.query_one(f"#{self._field}").focus()

    @on(Input.Submitted)
    @on(Button.Pressed, "#save")
    def action_save(self) -> None:
        """Save the fields, or show why they cannot be saved."""
        name, note = self.query_one("#name", Input).value, self.query_one("#note", TextArea).text
        tags = [tag.strip() for tag in self.query_one("#tags", Input).value.split(",") if tag.strip()]
        folder, runs_dir = self._status.folder, self._runs_dir
        self.start("Saving…", lambda: actions.edit_notes(folder, runs_dir, name=name, tags=tags, note=note))

    @on(Button.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()
