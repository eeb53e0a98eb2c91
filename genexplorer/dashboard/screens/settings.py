"""The form that changes a run's settings while it trains, and the form of its name, tags and note."""

import threading
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Select, Static

from genexplorer.dashboard.charts.braille import SOLID, Dash
from genexplorer.dashboard.charts.chart import Axis, ChartData, ChartLine
from genexplorer.dashboard.charts.chart_view import ChartView
from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus
from genexplorer.session import formatting, steering
from genexplorer.session.actions import ActionResult
from genexplorer.session.steering_form import SettingsForm
from trainers.settable import SettableSetting

_REFRESH_INTERVAL_S = 1.0
_NUM_CURVE_POINTS = 120
_MIN_ROWS_WITH_CURVE = 34  # of the screen: below, the course of the learning rate is not drawn
_UNCHANGED = "as it is"


class SettingsScreen(ModalScreen[None]):
    """The settings of a run that can change, each with its limits, its value, and a field for a new one.

    Args:
        form: The form of the run.
        focused_key: Key of the setting whose field gets the focus; the first by default.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Close", show=False),
        Binding("ctrl+s,f5", "apply", "Apply", show=False),
        Binding("ctrl+y", "copy_command", "Copy command", show=False),
    ]

    @dataclass
    class Applied(Message):
        """The changes were made, or refused."""

        result: ActionResult

    def __init__(self, form: SettingsForm, focused_key: str = "") -> None:
        super().__init__()
        self.form = form
        self._focused_key = focused_key
        self._is_applying = False
        self._rows: dict[str, SettableSetting] = {row.key: row for row in form.rows}

    def compose(self) -> ComposeResult:
        """Create a row for each setting, the choice of the learning rate, the message and the buttons."""
        with Vertical(classes="dialog wide", id="settings"):
            yield Static("", markup=False, classes="dialog-title", id="settings-title")
            with Horizontal(classes="setting"):
                for name, title in (("key", "setting"), ("now", "now"), ("new", "new"), ("allowed", "allowed")):
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
                yield Button("Copy command (ctrl+y)", id="copy", compact=True)
                yield Button("Close (esc)", id="close", compact=True)

    def _compose_row(self, index: int, row: SettableSetting) -> ComposeResult:
        with Horizontal(classes="setting", id=f"setting-{index}"):
            yield Label(row.key, markup=False, classes="key")
            yield Label("", markup=False, classes="now")
            is_locked = bool(row.locked)
            if row.choices:
                options = [(Content(_UNCHANGED), ""), *((Content(choice), choice) for choice in row.choices)]
                yield Select(options, value="", allow_blank=False, compact=True, disabled=is_locked, name=row.key)
            else:
                yield Input(compact=True, disabled=is_locked, name=row.key)
            limits = "" if row.key == self.form.length_key else row.limits
            allowed = row.locked or " ".join(filter(None, (limits, row.unit)))
            yield Label(allowed, markup=False, classes="allowed")

    def on_mount(self) -> None:
        """Show the values, and read them again from time to time: another front end may change them."""
        self._show_values()
        self._refresh()
        key = self._focused_key or next((row.key for row in self.form.rows if not row.locked), "")
        for editor in self.query("#settings-rows Input, #settings-rows Select"):
            if editor.name == key:
                editor.focus()
        self.set_interval(_REFRESH_INTERVAL_S, self._reload)

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
            self.query_one(f"#setting-{index}").set_class(row.key in form.errors, "-wrong")
        has_choice = form.has_lr_choice and not form.errors
        self.query_one("#lr-choice").display = has_choice
        chart = self.query_one("#lr-curve", ChartView)
        chart.display = has_choice and self.app.size.height >= _MIN_ROWS_WITH_CURVE
        if has_choice:
            chart.show(self._lr_chart())
        self.query_one("#apply", Button).label = Content(f"{form.action} (enter)")
        self.query_one("#apply", Button).disabled = bool(form.problem) or self._is_applying
        self.query_one("#copy", Button).disabled = bool(form.problem)
        if not self._is_applying:
            self._show_message(form.problem or f"{form.changes}, {form.effect}", is_warning=bool(form.errors))

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
        return ChartData("learning rate", lines, axis=axis, show_full_range=True, format_number=formatting.number)

    def _show_message(self, text: str, *, is_warning: bool) -> None:
        self.query_one("#message", Static).update(Content.assemble((text, "$warning" if is_warning else "$muted")))

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
        """Make the changes in a thread, or show why they cannot be made."""
        if self._is_applying or self.form.problem:
            self._refresh()
            return
        self._is_applying = True
        self._refresh()
        self._show_message(f"{self.form.changes}…", is_warning=False)

        def apply() -> None:
            result = self.form.apply()
            if self.is_attached:
                self.post_message(self.Applied(result))

        threading.Thread(target=apply, name="set-settings", daemon=True).start()

    @on(Applied)
    def _applied(self, event: Applied) -> None:
        self._is_applying = False
        if event.result.ok:
            self.form.clear()
            with self.prevent(Input.Changed, Select.Changed):
                for text_editor in self.query("#settings-rows Input").results(Input):
                    text_editor.value = ""
                for choice in self.query("#settings-rows Select").results(Select):
                    choice.value = ""
        self._reload()
        symbol = "✓" if event.result.ok else "✗"
        self._show_message(f"{symbol} {event.result}", is_warning=not event.result.ok)

    def _reload(self) -> None:
        """Read the settings again."""
        if self._is_applying:
            return
        before = self.form.rows, self.form.status.state
        try:
            self.form.refresh()
        except (UserError, OSError) as error:
            self._show_message(f"✗ {error}", is_warning=True)
            return
        self._show_title()
        if (self.form.rows, self.form.status.state) != before:
            if [row.key for row in self.form.rows] != list(self._rows):
                self.dismiss(None)  # the length has another unit: the rows are others
                return
            self._show_values()
            self._refresh()

    @on(Button.Pressed, "#copy")
    def action_copy_command(self) -> None:
        """Copy the command that makes the same changes."""
        if not self.form.problem:
            self.app.copy_to_clipboard(self.form.command)
            self._show_message(f"copied: {self.form.command}", is_warning=False)

    @on(Button.Pressed, "#close")
    def action_cancel(self) -> None:
        """Close the form."""
        self.dismiss(None)


class NotesScreen(ModalScreen[tuple[str, tuple[str, ...], str] | None]):
    """The form of a run's name, tags and note; returns them, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("ctrl+s,f5", "save", "Save", show=False),
    ]

    def __init__(self, status: RunStatus) -> None:
        super().__init__()
        self._status = status

    def compose(self) -> ComposeResult:
        """Create three fields and the buttons."""
        values = {"name": self._status.name, "tags": ", ".join(self._status.tags), "note": self._status.note}
        with Vertical(classes="dialog wide"):
            yield Static(f"Name, tags and note of {self._status.name}", markup=False, classes="dialog-title")
            for key, value in values.items():
                with Horizontal(classes="field"):
                    yield Label(key, markup=False)
                    hint = "separated by commas" if key == "tags" else ""
                    yield Input(value, placeholder=hint, compact=True, id=f"notes-{key}")
            with Horizontal(classes="buttons"):
                yield Button("Save (enter)", id="save", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    @on(Input.Submitted)
    @on(Button.Pressed, "#save")
    def action_save(self) -> None:
        """Close the form with its values."""
        name, tags, note = (self.query_one(f"#notes-{key}", Input).value for key in ("name", "tags", "note"))
        self.dismiss((name, tuple(tag.strip() for tag in tags.split(",") if tag.strip()), note))

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Close the form without a change."""
        self.dismiss(None)
