"""f: the form of a branch: a new run that goes on from a step of another one, with settings changed."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from genexplorer.dashboard.screens.action_form import ActionForm
from genexplorer.dashboard.suggesters import KeySuggester
from genexplorer.errors import ConfigError
from genexplorer.runs.record import RunStatus
from genexplorer.session import forking
from genexplorer.session.forking import BranchRequest


class ForkScreen(ActionForm):
    """Starts a branch of a run; the result has its folder.

    Args:
        status: The run.
        runs_dir: The own runs folder, which receives the branch.
        step: Step of a checkpoint or snapshot; None for the newest checkpoint.
        settings: Settings of the branch: "model.beta=1 optim.lr=0.001".
        setting_keys: The keys of the settings that can change.
        owner: As of `ActionForm`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("ctrl+s,f5", "fork", "Fork", show=False),
        Binding("ctrl+y", "copy_command", "Copy command", show=False),
    ]

    def __init__(
        self,
        status: RunStatus,
        runs_dir: Path,
        owner: Widget,
        *,
        step: int | None,
        settings: str = "",
        setting_keys: tuple[str, ...] = (),
    ) -> None:
        super().__init__(owner)
        self._status, self._runs_dir = status, runs_dir
        self._values = {"at": "" if step is None else str(step), "settings": settings, "name": ""}
        self._setting_keys = setting_keys

    def compose(self) -> ComposeResult:
        """Create the fields and the buttons."""
        hints = {"at": "the newest checkpoint", "settings": "model.beta=1 optim.lr=0.001", "name": "automatic"}
        labels = {"at": "At step", "settings": "Settings", "name": "Name"}
        with Vertical(classes="dialog wide", id="fork-form"):
            yield Static(f"Fork {self._status.name}", markup=False, classes="dialog-title")
            for key, value in self._values.items():
                with Horizontal(classes="field"):
                    yield Label(labels[key], markup=False)
                    suggester = KeySuggester(lambda: self._setting_keys) if key == "settings" else None
                    yield Input(value, placeholder=hints[key], compact=True, suggester=suggester, id=f"fork-{key}")
            yield Static(forking.EXPLANATION, markup=False, classes="hint")
            yield Static("", markup=False, id="message")
            with Horizontal(classes="buttons"):
                yield Button("Fork (enter)", id="start", variant="primary", compact=True)
                yield Button("Copy (^y)", id="copy", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Focus the settings."""
        self.query_one("#fork-settings").focus()

    def _parse(self) -> BranchRequest | None:
        """Return the parsed fields, or show why they cannot be parsed."""
        at_step, settings, name = (self.query_one(f"#fork-{key}", Input).value for key in ("at", "settings", "name"))
        try:
            return forking.parse_request(at_step, settings, name)
        except ConfigError as error:
            self.show_message(f"✗ {error}")
            return None

    @on(Input.Submitted)
    @on(Button.Pressed, "#start")
    def action_fork(self) -> None:
        """Start the branch, or show why it cannot be started."""
        request, folder, runs_dir = self._parse(), self._status.folder, self._runs_dir
        if request is not None:
            self.start("Starting the branch… (a few seconds)", lambda: request.start(folder, runs_dir))

    @on(Button.Pressed, "#copy")
    def action_copy_command(self) -> None:
        """Copy the command that starts the same branch."""
        request = self._parse()
        if request is not None:
            command = forking.fork_command(self._status.folder, at_step=request.at_step, values=request.values)
            self.app.copy_to_clipboard(command)
            self.show_message(f"copied: {command}")

    @on(Button.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        self.action_cancel()
