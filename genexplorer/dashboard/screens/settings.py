"""The form that changes a run's settings while it trains, or with its next start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from genexplorer.dashboard.charts.braille import SOLID, Dash
from genexplorer.dashboard.charts.chart import Axis, ChartData, ChartLine
from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.dashboard.screens.action_form import ActionForm, start_work
from genexplorer.errors import UserError
from genexplorer.session import formatting, steering
from genexplorer.session.steering_form import SettingsForm
from trainers.settable import SettableSetting

_REFRESH_INTERVAL_S = 1.0
_NUM_CURVE_POINTS = 120
_MIN_ROWS_OF_TALL_SCREEN = 34  # below, a curve of the learning rate takes its room from the list of settings
_UNCHANGED = "as it is"


class SettingsScreen(ActionForm):
    """The settings of a run that can change, each with its limits, its value, and a field for a new one.

    Args:
        form: The form of the run.
        owner: As of `ActionForm`.
        on_fork: Opens the form of a branch with settings, "model.beta=1 optim.lr=0.001".
        focused_key: Key of the setting whose field gets the focus; the first by default.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Close", show=False),
        Binding("ctrl+s,f5", "apply", "Apply", show=False),
        Binding("ctrl+y", "copy_command", "Copy command", show=False),
        Binding("ctrl+f", "fork", "Fork instead", show=False, priority=True),  # in a field it would delete a word
    ]

    @dataclass
    class Reread(Message):
        """The run was read again, or why it cannot be."""

        form: SettingsForm | str

    def __init__(
        self, form: SettingsForm, owner: Widget, on_fork: Callable[[str], object], focused_key: str = ""
    ) -> None:
        super().__init__(owner)
        self.form = form
        self._on_fork = on_fork
        self._focused_key = focused_key
        self._reading = False
        self._rows: dict[str, SettableSetting] = {row.key: row for row in form.rows}

    def compose(self) -> ComposeResult:
        """Create a row for each setting, the choice of the learning rate, the message and the buttons."""
        with Vertical(classes="dialog wide", id="settings"):
            yield Static("", markup=False, classes="dialog-title", id="settings-title")
            with Horizontal(classes="setting"):
                for name, title in (("key", "  setting"), ("now", "now"), ("new", "new"), ("allowed", "allowed")):
                    yield Label(title, markup=False, classes=f"{name} heading")
            with VerticalScroll(id="settings-rows", can_focus=False):
                for index, row in enumerate(self.form.rows):
                    yield from self._compose_row(index, row)
            with Horizontal(classes="field", id="lr-choice"):
                yield Label("learning rate", markup=False)
                choices = [(Content(text), name) for name, text in steering.LR_CONTINUATIONS.items()]
                yield Select(choices, value="continue", allow_blank=False, compact=True, id="lr-continuation")
            yield ChartView(id="lr-curve")
            yield Static("", markup=False, id="message")
            with Horizontal(classes="buttons"):
                yield Button("Apply (enter)", id="apply", variant="primary", compact=True)
                yield Button("Fork (^f)", id="fork", compact=True)
                yield Button("Copy (^y)", id="copy", compact=True)
                yield Button("Close (esc)", id="close", compact=True)

    def _compose_row(self, index: int, row: SettableSetting) -> ComposeResult:
        with Horizontal(classes="setting", id=f"setting-{index}"):
            yield Label("", markup=False, classes="key")
            yield Label("", markup=False, classes="now")
            if row.locked:
                yield Label("fixed", classes="new fixed")
            elif row.choices:
                options = [(Content(_UNCHANGED), ""), *((Content(choice), choice) for choice in row.choices)]
                yield Select(options, value="", allow_blank=False, compact=True, name=row.key)
            else:
                yield Input(compact=True, name=row.key)
            yield Label("", markup=False, classes="allowed")

    def on_mount(self) -> None:
        """Show the values, and read them again from time to time: another front end may change them."""
        self._show_values()
        self._refresh()
        key = self._focused_key or next((row.key for row in self.form.rows if not row.locked), "")
        for editor in self.query("#settings-rows Input, #settings-rows Select"):
            if editor.name == key:
                editor.focus()
        self.set_interval(_REFRESH_INTERVAL_S, self._reread)

    def _show_values(self) -> None:
        """Show the present value of each setting, also as the hint of its empty field."""
        self._rows = {row.key: row for row in self.form.rows}
        for index, row in enumerate(self.form.rows):
            text = steering.format_value(row.value)
            widget = self.query_one(f"#setting-{index}")
            widget.query_one(".now", Label).update(Content(text))
            for editor in widget.query(Input):
                editor.placeholder = text

    def _refresh(self) -> None:
        """Show what the entered values mean: errors, when they take effect, the learning rate."""
        form = self.form
        self._show_title()
        for index, row in enumerate(form.rows):
            error, changed = form.errors.get(row.key, ""), row.key in form.values
            widget = self.query_one(f"#setting-{index}")
            widget.set_class(bool(error), "-wrong")
            widget.query_one(".key", Label).update(Content(f"{'✗' if error else '•' if changed else ' '} {row.key}"))
            widget.query_one(".allowed", Label).update(Content(error.removeprefix(f"{row.key}: ") or form.allowed(row)))
        has_choice = form.has_lr_choice and not form.errors
        self.query_one("#lr-choice").display = has_choice
        chart = self.query_one("#lr-curve", ChartView)
        chart.display = has_choice
        self.query_one("#settings").set_class(has_choice and self.app.size.height < _MIN_ROWS_OF_TALL_SCREEN, "-low")
        if has_choice:
            chart.show(self._lr_chart())
            if self.focused is not None and self.focused.name in self._rows:
                self.call_after_refresh(self.focused.scroll_visible, animate=False)
        self.query_one("#apply", Button).label = Content(f"{form.action} (enter)")
        for name in ("#apply", "#copy"):
            self.query_one(name, Button).disabled = bool(form.problem) or self.busy
        if not self.busy:
            text = form.problem or f"{form.changes}, {form.effect}"
            self.show_message(f"✗ {text}" if form.errors else text, "$muted" if form.problem else "$accent")

    def _show_title(self) -> None:
        status = self.form.status
        state = f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}"
        title = f"Settings of {status.name}   {state} at step {status.step:,}"
        self.query_one("#settings-title", Static).update(Content(title))

    def _lr_chart(self) -> ChartData:
        x, before, after = self.form.lr_curves(_NUM_CURVE_POINTS)
        lines = (
            ChartLine("now", "other", 100 * x, before, dash=Dash(1, 2)),
            ChartLine("then", "test", 100 * x, after, dash=SOLID),
        )
        axis = Axis("% of the new length")
        return ChartData("", lines, axis=axis, show_full_range=True, format_number=formatting.number, is_small=True)

    # Editing

    @on(Input.Changed)
    @on(Select.Changed)
    def _edited(self, event: Input.Changed | Select.Changed) -> None:
        if event.control.id == "lr-continuation":
            self.form.lr_continuation = next(name for name in steering.LR_CONTINUATIONS if name == event.value)
        elif event.control.name in self._rows and self.form.texts.get(event.control.name, "") != str(event.value):
            self.form.set(event.control.name, str(event.value))
        else:
            return
        self._refresh()

    @on(Input.Submitted)
    @on(Button.Pressed, "#apply")
    def action_apply(self) -> None:
        """Make the changes, or show why they cannot be made."""
        if self.form.problem or self.busy:
            self._refresh()
            return
        form = self.form
        self.start(f"{form.changes}…", form.apply)
        self._refresh()

    @on(Button.Pressed, "#fork")
    def action_fork(self) -> None:
        """Close the form, and open that of a branch with the entered values."""
        values = self.form.values_text
        self.dismiss(None)
        self._on_fork(values)

    @on(Button.Pressed, "#copy")
    def action_copy_command(self) -> None:
        """Copy the command that makes the same changes."""
        if not self.form.problem:
            self.app.copy_to_clipboard(self.form.command)
            self.show_message(f"copied: {self.form.command}")

    @on(Button.Pressed, "#close")
    def _close_pressed(self) -> None:
        self.action_cancel()

    # The run as it is now

    def _reread(self) -> None:
        """Read the run again in a thread: that of a run on another machine waits for its heartbeat."""
        if self.busy or self._reading:
            return
        self._reading, folder, runs_dir = True, self.form.folder, self.form.runs_dir

        def read() -> None:
            form: SettingsForm | str
            try:
                form = SettingsForm(folder, runs_dir)
            except (UserError, OSError) as error:
                form = str(error)
            if self.is_attached:
                self.post_message(self.Reread(form))

        start_work(read)

    @on(Reread)
    def _show_reread(self, event: Reread) -> None:
        self._reading = False
        if self.busy:
            return
        if isinstance(event.form, str):
            self.show_message(f"✗ {event.form}")
            return
        before, self.form = self.form, event.form
        self.form.take_entries(before)
        self._show_title()
        if (self.form.rows, self.form.status.state) != (before.rows, before.status.state):
            if [row.key for row in self.form.rows] != list(self._rows):
                self.dismiss(None)  # the length has another unit: the rows are others
                return
            self._show_values()
            self._refresh()
