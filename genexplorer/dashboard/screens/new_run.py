"""n: what to train, from the presets, checked as it is filled in, with the result and the time to expect."""

import threading
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Input, Label, Select, Static

from genexplorer.dashboard.deeds import Deeds
from genexplorer.errors import UserError
from genexplorer.session.actions import Outcome
from genexplorer.session.new_run import FormField, NewRunForm

_SETTLES_S = 0.15  # after the last key, before the form is checked
_KEYS = ("family", "preset", "data", "folder", "length", "unit", "seed", "name", "settings")


class NewRunScreen(ModalScreen[Path | None]):
    """Asks what to train and starts it; returns the folder of the new run, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("ctrl+s,f5", "start", "Start", show=False),
    ]

    class FormValidated(Message):
        """The form was checked: a line for each field that is wrong."""

        def __init__(self, errors: dict[str, str]) -> None:
            super().__init__()
            self.errors = errors

    class StartFinished(Message):
        """Starting came to an end."""

        def __init__(self, outcome: Outcome) -> None:
            super().__init__()
            self.outcome = outcome

    def __init__(self, deeds: Deeds, form: NewRunForm | None = None, *, ready: bool = False) -> None:
        """Make the form; `ready` puts the focus on its start, as the preset is chosen already."""
        super().__init__()
        self._ready = ready
        self._deeds = deeds
        self.form = form or NewRunForm()
        self.errors: dict[str, str] = {}
        self.starting = False
        self._settling: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay out a row for each field, what to expect, what is wrong, and the buttons."""
        with Vertical(classes="dialog wide", id="new-run"):
            yield Static("Train a new model", markup=False, classes="dialog-title")
            with VerticalScroll(id="fields", can_focus=False):
                for field in self._all_fields():
                    with Horizontal(classes="field", id=f"row-{field.key}"):
                        yield Label(field.label, markup=False)
                        yield self._control(field)
            with VerticalScroll(id="expectation"):
                yield Static("", markup=False, id="expect")
            yield Static("", markup=False, id="wrong")
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Show what the form says."""
        self._bind()
        self._check_soon()
        if self._ready:
            self.query_one("#start").focus()

    def _all_fields(self) -> tuple[FormField, ...]:
        """Return every field that may come to be shown, in the form's order."""
        return self.form.all_fields

    def _control(self, field: FormField) -> Select[str] | Input:
        value = self.form[field.key]
        if field.kind == "choice":
            options = [(Content(choice.label), choice.value) for choice in field.choices]
            return Select(options, value=value, allow_blank=False, compact=True, id=f"field-{field.key}")
        return Input(value, placeholder=field.placeholder or field.help, compact=True, id=f"field-{field.key}")

    def _bind(self) -> None:
        """Bring the controls up to what the form says; a preset may have changed several."""
        shown = {field.key: field for field in self.form.fields}
        for key in _KEYS:
            row = self.query_one(f"#row-{key}")
            row.display = key in shown
            if key not in shown:
                continue
            control = self.query_one(f"#field-{key}")
            value = self.form[key]
            with self.prevent(Input.Changed, Select.Changed):
                if isinstance(control, Input) and control.value != value:
                    control.value = value
                elif isinstance(control, Select):
                    self._bind_choice(control, shown[key], value)
        self._show_expectation()

    def _show_expectation(self) -> None:
        words = self.form.watch_for
        lines = [Content.assemble(("What to look at ", "$warning"), words)] if words else []
        lines.append(Content.assemble(("Expect ", "$muted"), self.form.expectation))
        lines += [Content(self.form.preset.source)] if self.form.preset.source else []
        self.query_one("#expect", Static).update(Content("\n").join(lines))

    def _bind_choice(self, control: "Select[str]", field: FormField, value: str) -> None:
        if field.key in ("preset", "data"):  # another family has other presets, points have other data
            control.set_options([(Content(choice.label), choice.value) for choice in field.choices])
        if control.value != value:
            control.value = value

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._filled_in(event.input.id, event.value)

    @on(Select.Changed)
    def _selected(self, event: Select.Changed) -> None:
        self._filled_in(event.select.id, str(event.value))

    def _filled_in(self, control: str | None, value: str) -> None:
        key = (control or "").removeprefix("field-")
        if key in _KEYS and self.form[key] != value:
            self.form.set(key, value)
            self._bind()
            self._check_soon()

    def _check_soon(self) -> None:
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(_SETTLES_S, self._check)

    def _check(self) -> None:
        """Check in a thread: the headers of the data are read, and a folder may lie on a slow disk."""
        threading.Thread(target=lambda: self._post(self.FormValidated(self.form.errors())), daemon=True).start()

    @on(FormValidated)
    def _checked(self, event: FormValidated) -> None:
        self.errors = event.errors
        for key in _KEYS:
            self.query_one(f"#row-{key}").set_class(key in self.errors, "-wrong")
        self._tell("\n".join(f"✗ {line}" for line in self.errors.values()))
        self._show_expectation()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "start":
            self.action_start()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Leave without a run."""
        self.dismiss(None)

    def action_start(self) -> None:
        """Start, or say why not."""
        if self.starting:
            return
        try:
            config = self.form.validate()
        except UserError as error:
            self._tell(f"✗ {error}")
            return
        self.starting = True
        self._tell("Starting its worker… (a few seconds)")
        name = self.form.name
        threading.Thread(
            target=lambda: self._post(self.StartFinished(self._deeds.start(config, name))), daemon=True
        ).start()

    @on(StartFinished)
    def _came(self, event: StartFinished) -> None:
        self.starting = False
        if event.outcome.ok:
            self.dismiss(event.outcome.folder)
        else:
            self._tell(f"✗ {event.outcome}")

    def _post(self, message: Message) -> None:
        if self.is_attached:
            self.post_message(message)

    def _tell(self, text: str) -> None:
        style = "$warning" if text.startswith("✗") else "$accent"
        self.query_one("#wrong", Static).update(Content.assemble((text, style)))
