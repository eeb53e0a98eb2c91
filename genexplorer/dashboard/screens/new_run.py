"""n: the form of a new run, filled in from a preset and validated as it is edited; g: the presets to choose from."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.timer import Timer
from textual.widgets import Button, Input, Label, OptionList, Select, Static
from textual.widgets.option_list import Option

from genexplorer.dashboard.details import TiledImage
from genexplorer.dashboard.images.half_blocks import HalfBlockImage
from genexplorer.dashboard.screens.dialogs import ListScreen
from genexplorer.dashboard.suggesters import KeySuggester, PathSuggester
from genexplorer.errors import UserError
from genexplorer.session import actions
from genexplorer.session.actions import ActionResult
from genexplorer.session.data_sheet import DataSheet, SheetCanceled, class_summary, read_data_sheet
from genexplorer.session.new_run import Choice, FormField, NewRunForm
from genexplorer.session.new_run_check import FormCheck
from genexplorer.session.preset_info import families_with_presets, training_time_text
from trainers import registry

# The fields of each row; one that the model or the data lack is hidden.
_ROWS = (
    *(("family",), ("preset",), ("data",), ("folder",)),
    *(("length", "unit", "seed"), ("latent_dim", "beta", "size"), ("likelihood", "binarization")),
    *(("name",), ("settings",)),
)
_MIN_ROWS_WITH_EXAMPLES = 40  # of the screen
_NUM_EXAMPLES = 16
_MAX_LISTED_CLASSES = 8
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
        """The form was validated."""

        check: FormCheck

    @dataclass
    class SheetRead(Message):
        """The sheet of the data was read, or why it cannot be."""

        number: int  # a sheet that is not the newest is dropped
        sheet: DataSheet | str

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
        self._shown_choices: dict[str, tuple[Choice, ...]] = {}
        self._sheet_source = ""  # the data of the sheet that is shown or being read
        self._num_sheets = 0
        self._sheet_text = ""

    def compose(self) -> ComposeResult:
        """Create a row for each field, the expected result, the errors and the buttons."""
        with Vertical(classes="dialog wide", id="new-run"):
            yield Static("Train a new model", markup=False, classes="dialog-title")
            with VerticalScroll(id="fields", can_focus=False):
                fields = {field.key: field for field in self.form.all_fields}
                for keys in _ROWS:
                    with Horizontal(classes="fields-row"):
                        for key in keys:
                            yield from self._compose_field(fields[key])
            yield HalfBlockImage(id="examples")
            with VerticalScroll(id="expected-result"):
                yield Static("", markup=False, id="expected-result-text")
            yield Static("", markup=False, id="message")
            with Horizontal(classes="buttons"):
                yield Button("Start (ctrl+s)", id="start", variant="primary", compact=True)
                yield Button("Cancel (esc)", id="cancel", compact=True)

    def _compose_field(self, field: FormField) -> ComposeResult:
        """Create the label and the control of a field."""
        value, control_id = self.form[field.key], f"field-{field.key}"
        with Horizontal(classes="field", id=f"row-{field.key}"):
            yield Label(field.label, markup=False)
            if field.input_type == "choice":
                yield Select(_select_options(field), value=value, allow_blank=False, compact=True, id=control_id)
                return
            suggesters: dict[str, Suggester] = {
                "folder": PathSuggester(),
                "settings": KeySuggester(lambda: self.form.setting_keys),
            }
            hint = field.placeholder or field.help
            yield Input(value, placeholder=hint, compact=True, id=control_id, suggester=suggesters.get(field.key))

    def on_unmount(self) -> None:
        """Cancel the sheet that is being read."""
        self._num_sheets += 1

    def on_mount(self) -> None:
        """Show the values of the form."""
        self.query_one("#examples").display = False
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
            field, control, value = fields[key], self.query_one(f"#field-{key}"), self.form[key]
            with self.prevent(Input.Changed, Select.Changed):
                if isinstance(control, Select) and self._shown_choices.get(key) != field.choices:
                    self._shown_choices[key] = field.choices
                    control.set_options(_select_options(field))
                    control.value = field.choices[-1].value  # the text of an unchanged value would stay
                if isinstance(control, Input):
                    control.placeholder = field.placeholder or field.help
                if isinstance(control, Select | Input) and control.value != value:
                    control.value = value
            control.disabled = bool(field.disabled_reason)
            control.tooltip = Content(field.disabled_reason) if field.disabled_reason else None
        for row in self.query(".fields-row"):
            row.display = any(cell.display for cell in row.children)
        self._show_expected_result()

    def _show_expected_result(self) -> None:
        form = self.form
        failures = Content("\n".join(form.plugin_failures)).stylize("$warning")
        notes = "\n".join(form.notes)
        details = _preset_details(
            form.expected_failure, form.expected_result, form.preset.publication, self._sheet_text, notes, failures
        )
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
        threading.Thread(target=lambda: self._post(self.FormValidated(self.form.check())), daemon=True).start()

    @on(FormValidated)
    def _form_validated(self, event: FormValidated) -> None:
        if not self.form.apply(event.check):
            return  # of earlier values; another check follows
        self.errors = dict(event.check.errors)
        self._update_controls()
        self._read_sheet(event.check)
        for key in self._field_keys:
            self.query_one(f"#row-{key}").set_class(key in self.errors, "-wrong")
        self._show_message("\n".join(f"✗ {line}" for line in self.errors.values()))
        self._show_expected_result()

    def _read_sheet(self, check: FormCheck) -> None:
        """Read the sheet of data at a path, unless it is there."""
        config = check.config
        has_path = config is not None and "path" in config.data.options
        source = config.data.model_dump_json() if config is not None and has_path else ""
        if source == self._sheet_source:
            return
        self._sheet_source, self._num_sheets = source, self._num_sheets + 1
        number = self._num_sheets
        self._show_sheet(None, "reading examples…" if source else "")
        if config is None or not source:
            return

        def read() -> None:
            try:
                sheet: DataSheet | str = read_data_sheet(config, is_canceled=lambda: number != self._num_sheets)
            except SheetCanceled:
                return
            except (UserError, OSError) as error:
                sheet = str(error)
            self._post(self.SheetRead(number, sheet))

        threading.Thread(target=read, daemon=True).start()

    @on(SheetRead)
    def _sheet_read(self, event: SheetRead) -> None:
        if event.number == self._num_sheets:
            sheet = event.sheet
            self._show_sheet(None, sheet) if isinstance(sheet, str) else self._show_sheet(sheet, _sheet_text(sheet))

    def _show_sheet(self, sheet: DataSheet | None, text: str) -> None:
        """Show the examples where there is room, and a text about the data."""
        self._sheet_text = text
        image = self.query_one("#examples", HalfBlockImage)
        has_images = sheet is not None and sheet.examples.ndim == 4 and len(sheet.examples) > 0
        image.display = has_images and self.app.size.height >= _MIN_ROWS_WITH_EXAMPLES
        if sheet is not None and has_images:
            rows = sheet.examples[:_NUM_EXAMPLES]
            rgb = np.repeat(rows, 3, axis=-1) if rows.shape[-1] == 1 else rows
            image.show(TiledImage("examples", 0, rgb[None]), "", large_tiles=False)
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
    return [(_choice_text(choice), choice.value) for choice in field.choices]


def _choice_text(choice: Choice) -> Content:
    """Return the text of a choice, and why it cannot be made."""
    reason = choice.disabled_reason.partition(": ")[2] or choice.disabled_reason
    return Content.assemble((choice.label, "$muted"), f"  ✗ {reason}") if reason else Content(choice.label)


def _sheet_text(sheet: DataSheet) -> str:
    """Return a summary of data, in a few lines."""
    counts, summary = class_summary(sheet.class_counts, _MAX_LISTED_CLASSES)
    classes = f"{summary}: {', '.join(f'{name} {count:,}' for name, count in counts)}" if counts else summary
    return "\n".join([f"{sheet.title} · {sheet.facts}", classes, *sheet.notes])


def _preset_details(expected_failure: str, expected_result: str, *more_lines: str | Content) -> Content:
    """Return the expected failure and result of a preset, and more lines; empty ones are omitted."""
    lines = [Content.assemble(("Fails on purpose: ", "$warning"), expected_failure)] if expected_failure else []
    lines.append(Content.assemble(("Expect ", "$muted"), expected_result))
    return Content("\n").join([*lines, *(Content.assemble(line) for line in more_lines if line)])
