"""The form of a new run, bound to the state that dashboard and viewer share."""

import logging
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QFontMetrics, QGuiApplication, QStandardItemModel
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.session import command_lines
from genexplorer.session.data_sheet import DataSheet, SheetCanceled, read_data_sheet
from genexplorer.session.new_run import FormField, NewRunForm
from genexplorer.session.new_run_check import FormCheck
from genexplorer.session.palette import LIGHT, Palette
from genexplorer.viewer.background import Background
from genexplorer.viewer.dialogs.data_sheet_view import DataSheetView
from genexplorer.viewer.dragged_files import accept_path
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import (
    clear_default_button,
    clear_layout,
    fill_box,
    scroll_area,
    set_entries,
    timer,
    tool_button,
)
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, wrapped
from genexplorer.viewer.widgets.settings_edit import SettingsEdit
from trainers.config import RunConfig

_MIN_WIDTH_PX = 72 * GAP
_CHECK_DELAY_MS = 120  # from the last edit to the check
_FILES = "Data (*.npy *.npz *.csv);;All files (*)"
_log = logging.getLogger(__name__)
Editor = QComboBox | QLineEdit


class NewRunDialog(QDialog):
    """The form; once accepted, `config` is a valid configuration.

    Values are checked, and the sheet of the data is read, in the background.
    """

    def __init__(self, form: NewRunForm | None = None, parent: QWidget | None = None, palette: Palette = LIGHT) -> None:
        super().__init__(parent)
        self.setWindowTitle("New run")
        self.setMinimumWidth(scaled(_MIN_WIDTH_PX))
        self.setAcceptDrops(True)
        self.form = form or NewRunForm()
        self.config: RunConfig | None = None
        self.editors: dict[str, Editor] = {}
        self._visible_fields: tuple[FormField, ...] = ()
        self._background = Background(self)
        self._check_timer = timer(self, _CHECK_DELAY_MS, self._check, once=True)
        self._num_checks = 0  # a check that is not the newest is dropped
        self._accepts_when_checked = False
        self._sheet_source: object = None  # the data of the sheet that is shown or being read
        self._num_sheets = 0  # a sheet that is not the newest is canceled
        self.expected_label, self.error_label = wrapped(), wrapped("", "warning")
        self.error_label.setMinimumHeight(2 * QFontMetrics(self.font()).lineSpacing())
        self.error_label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(scaled(2 * GAP))
        self._grid.setVerticalSpacing(scaled(GAP))
        self._grid.setColumnStretch(1, 1)
        self.sheet = DataSheetView(palette)
        # The buttons, below the form, the expected result and the error.
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start = QPushButton("Start training")
        self.command = QPushButton("Copy as command")
        self.command.setToolTip("Copy the command that starts the same training")
        clear_default_button(buttons)
        self.start.setDefault(True)
        self.command.setAutoDefault(False)
        buttons.addButton(self.start, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(self.command, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.command.clicked.connect(self.copy_command)
        # Lay out the form beside the sheet.
        fields = QWidget()
        left = fill_box(QVBoxLayout(fields), self._grid, self.expected_label, self.error_label, None, spacing=2 * GAP)
        left.setContentsMargins(0, 0, scaled(GAP), 0)
        self._fields_area = scroll_area(fields)
        row = fill_box(QHBoxLayout(), (self._fields_area, 3), (scroll_area(self.sheet), 2), spacing=2 * GAP)
        margins = (3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        column = fill_box(QVBoxLayout(self), heading("Train a new run"), margins=margins, spacing=2 * GAP)
        column.addLayout(row, 1)
        column.addWidget(buttons)
        self.resize(scaled(124 * GAP), scaled(76 * GAP))
        self._unsubscribe = self.form.subscribe(self._on_form_changed)
        self._refresh()
        self._check()

    # The outcome ------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        """Close once the values are checked, if they are valid."""
        if not self.form.is_checked:
            self._accepts_when_checked = True
            return
        check = self.form.last_check
        if check.config is None:
            self._show_errors(check)
            return
        self.config = check.config
        super().accept()

    def done(self, result: int) -> None:
        """Stop listening, and cancel pending reads."""
        self._unsubscribe()
        self._check_timer.stop()
        self._num_checks += 1
        self._num_sheets += 1
        self._background.close()
        super().done(result)

    def copy_command(self) -> None:
        """Copy the command that starts the same training."""
        clipboard, config = QGuiApplication.clipboard(), self.form.last_check.config
        if clipboard is not None and config is not None and self.form.is_checked:
            name = self.form.name
            clipboard.setText(command_lines.train(config, name))

    # Data by mouse ----------------------------------------------------------------------------------------------

    def browse(self, *, for_folder: bool) -> None:
        """Choose a folder or a file."""
        start = self.form["folder"]
        if for_folder:
            path = QFileDialog.getExistingDirectory(self, "Folder of images or IDX files", start)
        else:
            path, _ = QFileDialog.getOpenFileName(self, "File of images or points", start, _FILES)
        if path:
            self.form.use_path(Path(path))

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Accept a folder or a file."""
        accept_path(event)

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Use a dropped folder or file as the data."""
        path = accept_path(event)
        if path is not None:
            self.form.use_path(path)

    # The check --------------------------------------------------------------------------------------------------

    def _on_form_changed(self) -> None:
        self._refresh()
        self._check_timer.start()

    def _check(self) -> None:
        self._num_checks += 1
        number = self._num_checks
        self._background.run(
            self.form.check,
            lambda check: self._on_checked(number, check),
            lambda message: self.error_label.setText(message),
        )

    def _on_checked(self, number: int, check: FormCheck) -> None:
        if number != self._num_checks:
            return
        is_current = self.form.apply(check)
        self._refresh()
        if not is_current:
            return  # another check follows
        self._read_sheet(check)
        if self._accepts_when_checked:
            self._accepts_when_checked = False
            self.accept()

    # The sheet --------------------------------------------------------------------------------------------------

    def _read_sheet(self, check: FormCheck) -> None:
        """Read the sheet of the data, unless it is there."""
        config = check.config
        if config is None:
            if "folder" in check.errors or "data" in check.errors:
                self._num_sheets += 1
                self._sheet_source = None
                self.sheet.show_status(check.errors.get("folder") or check.errors.get("data", ""))
            return
        source = config.data.model_dump_json(), check.notes
        if source == self._sheet_source:
            return
        self._sheet_source = source
        self._num_sheets += 1
        number = self._num_sheets
        self.sheet.show_status("reading examples…")

        def show_progress(done: int, total: int) -> None:
            if number == self._num_sheets:
                self.sheet.show_progress(done, total)

        def read() -> DataSheet | None:
            try:
                return read_data_sheet(
                    config,
                    is_canceled=lambda: number != self._num_sheets,
                    on_progress=lambda done, total: self._background.deliver(lambda: show_progress(done, total)),
                )
            except SheetCanceled:
                return None

        def show(sheet: DataSheet | None) -> None:
            if sheet is not None and number == self._num_sheets:
                self.sheet.show_sheet(sheet, check.notes)

        def fail(message: str) -> None:
            if number == self._num_sheets:
                self.sheet.show_status(message)

        self._background.run(read, show, fail)

    # The fields -------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        fields = self.form.fields
        if [field.key for field in fields] != [field.key for field in self._visible_fields]:
            self._visible_fields = fields
            self._list_fields()
        for field in fields:
            self._show_field(field)
        check, form = self.form.last_check, self.form
        expected_failure = f"\nFails on purpose: {form.expected_failure}" if form.expected_failure else ""
        failures = "".join(f"\n{failure}" for failure in form.plugin_failures)
        self.expected_label.setText(f"Expected: {form.expected_result}{expected_failure}{failures}")
        self._show_errors(check)
        is_valid = form.is_checked and check.config is not None
        self.command.setEnabled(is_valid)
        self.start.setEnabled(not check.errors or not form.is_checked)

    def _show_errors(self, check: FormCheck) -> None:
        self.error_label.setText("\n".join(list(check.errors.values())[:2]))

    def _show_field(self, field: FormField) -> None:
        """Show the value of a field, its choices, and why it cannot be set."""
        editor, value = self.editors[field.key], self.form[field.key]
        if isinstance(editor, QComboBox):
            set_entries(editor, [(choice.label, choice.value) for choice in field.choices], value)
            model = editor.model()
            for row, choice in enumerate(field.choices):
                item = model.item(row) if isinstance(model, QStandardItemModel) else None
                if item is not None:
                    item.setEnabled(not choice.disabled_reason)
                    item.setToolTip(literal_tooltip(choice.disabled_reason))
        else:
            editor.setPlaceholderText(field.placeholder)
            if isinstance(editor, SettingsEdit):
                editor.set_keys(self.form.setting_keys)
            if editor.text() != value:
                editor.setText(value)
        editor.setEnabled(not field.disabled_reason)
        editor.setToolTip(literal_tooltip(field.disabled_reason or field.help))

    def _list_fields(self) -> None:
        focused = next((key for key, editor in self.editors.items() if editor.hasFocus()), "")
        clear_layout(self._grid)
        self.editors = {}
        row = 0
        for field in self._visible_fields:
            editor = self._editor(field)
            editor.setAccessibleName(field.label)
            self.editors[field.key] = editor
            if field.key == "unit":  # beside the length
                self._grid.addWidget(editor, row - 1, 2)
                continue
            self._grid.addWidget(muted(field.label), row, 0)
            if field.key == "folder":
                self._grid.addWidget(editor, row, 1)
                self._grid.addWidget(self._browse_button(), row, 2)
            else:
                self._grid.addWidget(editor, row, 1, 1, 1 if field.key == "length" else 2)
            row += 1
        if focused in self.editors:
            self.editors[focused].setFocus()

    def _browse_button(self) -> QToolButton:
        button = tool_button("Browse ▾", "Choose a folder or a file; both can be dropped here as well")
        menu = QMenu(button)
        menu.addAction("Folder…", lambda: self.browse(for_folder=True))
        menu.addAction("File…", lambda: self.browse(for_folder=False))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button

    def _editor(self, field: FormField) -> Editor:
        key = field.key
        if field.input_type == "choice":
            box = QComboBox()
            box.setMinimumContentsLength(12)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.activated.connect(lambda _index: self.form.set(key, str(box.currentData())))
            return box
        line = SettingsEdit() if key == "settings" else QLineEdit()
        line.textEdited.connect(self._setter(key))
        completer = line.completer()
        if completer is not None:
            completer.activated[str].connect(self._setter(key))
        return line

    def _setter(self, key: str) -> Callable[[str], None]:
        return lambda content: self.form.set(key, content)
