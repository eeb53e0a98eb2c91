"""n: the form of a new run, filled in from a preset and validated as it is edited; g: the presets to choose from."""

import threading
from dataclasses import dataclass
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
from textual.widgets import Button, Input, Label, OptionList, Select, Static
from textual.widgets.option_list import Option

from genexplorer.dashboard.screens.dialogs import ListScreen
from genexplorer.errors import UserError
from genexplorer.session import actions
from genexplorer.session.actions import ActionResult
from genexplorer.session.new_run import FormField, NewRunForm
from genexplorer.session.preset_info import families_with_presets, training_time_text
from trainers import registry

_VALIDATION_DELAY_S = 0.15  # from the last edit to the validation


class NewRunScreen(ModalScreen[Path | None]):
    """Starts a run and returns its folder, or None.

    Args:
        runs_dir: The folder of runs.
        preset: The chosen preset, which focuses the start button; empty for the default one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("ctrl+s,f5", "start", "Start", show=False),
    ]

    @dataclass
    class FormValidated(Message):
        """The form was validated; `errors` has a message for each wrong field."""

        errors: dict[str, str]  # by key of the field

    @dataclass
    class StartFinished(Message):
        """The run was started, or this failed."""

        result: ActionResult

    def __init__(self, runs_dir: Path, preset: str = "") -> None:
        super().__init__()
        self.form = NewRunForm(preset, runs_dir=runs_dir)
        self.errors: dict[str, str] = {}
        self._runs_dir = runs_dir
        self._focus_start = bool(preset)
        self._field_keys = tuple(field.key for field in self.form.all_fields)
        self._starting = False
        self._validation_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Create a row for each field, the expected result, the errors and the buttons."""
        with Vertical(classes="dialog wide", id="new-run"):
            yield Static("Train a new model", markup=False, classes="dialog-title")
            with VerticalScroll(id="fields", can_focus=False):
                for field in self.form.all_fields:
                    value, control_id = self.form[field.key], f"field-{field.key}"
                    with Horizontal(classes="field", id=f"row-{field.key}"):
                        yield Label(field.label, markup=False)
                        if field.input_type == "choice":
                            yield Select(
                                _select_options(field), value=value, allow_blank=False, compact=True, id=control_id
                            )
                        else:
                            hint = field.placeholder or field.help
                            yield Input(value, placeholder=hint, compact=True, id=control_id)
            with VerticalScroll(id="expected-result"):
                yield Static("", markup=False, id="expected-result-text")
            yield Static("", markup=False, id="message")
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Show the values of the form."""
        self._update_controls()
        self._validate_later()
        if self._focus_start:
            self.query_one("#start").focus()

    def _update_controls(self) -> None:
        """Show the values of the form; a preset may have changed several, or which fields apply."""
        fields = {field.key: field for field in self.form.fields}
        for key in self._field_keys:
            self.query_one(f"#row-{key}").display = key in fields
            if key not in fields:
                continue
            control, value = self.query_one(f"#field-{key}"), self.form[key]
            with self.prevent(Input.Changed, Select.Changed):
                if isinstance(control, Select) and key in ("preset", "data"):  # these depend on the family
                    control.set_options(_select_options(fields[key]))
                if isinstance(control, Select | Input) and control.value != value:
                    control.value = value
        self._show_expected_result()

    def _show_expected_result(self) -> None:
        form = self.form
        failures = Content("\n".join(form.plugin_failures)).stylize("$warning")
        notes = "\n".join(form.notes)
        details = _preset_details(form.expected_failure, form.expected_result, form.preset.publication, notes, failures)
        self.query_one("#expected-result-text", Static).update(details)

    @on(Input.Changed)
    @on(Select.Changed)
    def _field_changed(self, event: Input.Changed | Select.Changed) -> None:
        key, value = (event.control.id or "").removeprefix("field-"), str(event.value)
        if key in self._field_keys and self.form[key] != value:
            self.form.set(key, value)
            self._update_controls()
            self._validate_later()

    def _validate_later(self) -> None:
        if self._validation_timer is not None:
            self._validation_timer.stop()
        self._validation_timer = self.set_timer(_VALIDATION_DELAY_S, self._validate)

    def _validate(self) -> None:
        """Validate in a thread, since headers of the data are read, perhaps from a slow disk."""
        threading.Thread(target=lambda: self._post(self.FormValidated(self.form.find_errors())), daemon=True).start()

    @on(FormValidated)
    def _form_validated(self, event: FormValidated) -> None:
        self.errors = event.errors
        for key in self._field_keys:
            self.query_one(f"#row-{key}").set_class(key in self.errors, "-wrong")
        self._show_message("\n".join(f"✗ {line}" for line in self.errors.values()))
        self._show_expected_result()

    @on(Input.Submitted)
    @on(Button.Pressed, "#start")
    def action_start(self) -> None:
        """Start the run, or show why it cannot be started."""
        if self._starting:
            return
        try:
            config = self.form.validate()
        except UserError as error:
            self._show_message(f"✗ {error}")
            return
        self._starting = True
        self._show_message("Starting the worker… (a few seconds)")
        name = self.form.name

        def start() -> None:
            self._post(self.StartFinished(actions.start_run(self._runs_dir, config, name=name)))

        threading.Thread(target=start, daemon=True).start()

    @on(StartFinished)
    def _start_finished(self, event: StartFinished) -> None:
        self._starting = False
        if event.result.ok:
            self.dismiss(event.result.folder)
        else:
            self._show_message(f"✗ {event.result}")

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Close the form without starting a run."""
        self.dismiss(None)

    def _post(self, message: Message) -> None:
        if self.is_attached:
            self.post_message(message)

    def _show_message(self, text: str) -> None:
        style = "$warning" if text.startswith("✗") else "$accent"
        self.query_one("#message", Static).update(Content.assemble((text, style)))


class PresetScreen(ListScreen):
    """Lists the presets; returns the name of the chosen one, or None."""

    BINDINGS = [Binding("g", "cancel", "Cancel", show=False)]  # noqa: RUF012 - Textual

    def compose(self) -> ComposeResult:
        """Create the list, and below it the details of the highlighted preset."""
        with Vertical(classes="dialog wide", id="presets"):
            yield Static("Presets  enter opens the form", markup=False, classes="dialog-title")
            yield OptionList(*_preset_options(), compact=True, markup=False)
            with VerticalScroll(id="preset-details", can_focus=False):
                yield Static("", markup=False, id="preset-details-text")

    def on_mount(self) -> None:
        """Highlight the first preset."""
        options = self.query_one(OptionList)
        options.focus()
        options.action_first()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        preset = registry.presets().get(event.option.id or "")
        if preset is not None:
            expected_result = f"{preset.expected} · about {training_time_text(preset)} on two cores"
            published_in = Content.assemble(("From ", "$muted"), preset.publication) if preset.publication else ""
            details = _preset_details(preset.expected_failure, expected_result, preset.summary, published_in)
            self.query_one("#preset-details-text", Static).update(details)


def _preset_options() -> list[Option]:
    groups = families_with_presets()
    width = max((len(preset.name) for group in groups for preset in group.presets), default=0)
    options: list[Option] = []
    for group in groups:
        options.append(Option(Content.assemble((group.title, "$muted")), disabled=True))
        for preset in group.presets:
            name, time = f"  {preset.name:<{width}}  ", f"{training_time_text(preset):>10}  "
            options.append(Option(Content.assemble((name, "bold"), (time, "$muted"), preset.summary), id=preset.name))
    # Plug-ins that are left out, and why.
    for failure in registry.plugin_failures():
        options.append(Option(Content(str(failure)).stylize("$warning"), disabled=True))
    return options


def _select_options(field: FormField) -> list[tuple[Content, str]]:
    return [(Content(choice.label), choice.value) for choice in field.choices]


def _preset_details(expected_failure: str, expected_result: str, *more_lines: str | Content) -> Content:
    """Return the expected failure and result of a preset, and more lines; empty ones are omitted."""
    lines = [Content.assemble(("Fails on purpose: ", "$warning"), expected_failure)] if expected_failure else []
    lines.append(Content.assemble(("Expect ", "$muted"), expected_result))
    return Content("\n").join([*lines, *(Content.assemble(line) for line in more_lines if line)])
