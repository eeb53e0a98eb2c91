"""The form of a new run, bound to the state that dashboard and viewer share."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFontMetrics
from PyQt6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.errors import UserError
from genexplorer.session.new_run import FormField, NewRunForm
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import clear_default_button, clear_layout, fill_box, set_entries
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, wrapped
from trainers.config import RunConfig

_MIN_WIDTH_PX = 72 * GAP


class NewRunDialog(QDialog):
    """The form; once accepted, `config` is a valid configuration."""

    def __init__(self, form: NewRunForm | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("New run")
        self.setMinimumWidth(scaled(_MIN_WIDTH_PX))
        self.form = form or NewRunForm()
        self.config: RunConfig | None = None
        self.editors: dict[str, QComboBox | QLineEdit] = {}
        self._visible_fields: tuple[FormField, ...] = ()
        self.expected_label, self.error_label = wrapped(), wrapped("", "warning")
        self.error_label.setMinimumHeight(2 * QFontMetrics(self.font()).lineSpacing())
        self.error_label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(scaled(2 * GAP))
        self._grid.setVerticalSpacing(scaled(GAP))
        self._grid.setColumnStretch(1, 1)
        # The buttons, below the form, the expected result and the error.
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.start = QPushButton("Start training")
        clear_default_button(buttons)
        self.start.setDefault(True)
        buttons.addButton(self.start, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        items = (heading("Train a new run"), self._grid, self.expected_label, self.error_label, buttons)
        fill_box(QVBoxLayout(self), *items, margins=(3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP), spacing=2 * GAP)
        self._unsubscribe = self.form.subscribe(self._refresh)
        self._refresh()

    def accept(self) -> None:
        """Check everything once more and close."""
        try:
            self.config = self.form.validate()
        except UserError as error:
            self.error_label.setText(str(error))
            return
        super().accept()

    def done(self, result: int) -> None:
        """Stop listening."""
        self._unsubscribe()
        super().done(result)

    def _refresh(self) -> None:
        fields = self.form.fields
        if fields != self._visible_fields:
            self._visible_fields = fields
            self._list_fields()
        for field in fields:
            editor, value = self.editors[field.key], self.form[field.key]
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(max(0, editor.findData(value)))
            elif editor.text() != value:
                editor.setText(value)
        errors = self.form.find_errors()
        expected_failure = f"\nFails on purpose: {self.form.expected_failure}" if self.form.expected_failure else ""
        failures = "".join(f"\n{failure}" for failure in self.form.plugin_failures)
        notes = "".join(f"\n{note}" for note in self.form.notes)
        self.expected_label.setText(f"Expected: {self.form.expected_result}{expected_failure}{notes}{failures}")
        self.error_label.setText("\n".join(list(errors.values())[:2]))
        self.start.setEnabled(not errors)

    def _list_fields(self) -> None:
        focused = next((key for key, editor in self.editors.items() if editor.hasFocus()), "")
        clear_layout(self._grid)
        self.editors = {}
        for row, field in enumerate(self._visible_fields):
            editor = self._editor(field)
            editor.setToolTip(literal_tooltip(field.help))
            editor.setAccessibleName(field.label)
            self.editors[field.key] = editor
            self._grid.addWidget(muted(field.label), row, 0)
            self._grid.addWidget(editor, row, 1)
        if focused in self.editors:
            self.editors[focused].setFocus()

    def _editor(self, field: FormField) -> QComboBox | QLineEdit:
        key = field.key
        if field.input_type == "choice":
            box = QComboBox()
            set_entries(box, [(choice.label, choice.value) for choice in field.choices], self.form[key])
            box.activated.connect(lambda _index: self.form.set(key, str(box.currentData())))
            return box
        line = QLineEdit()
        line.setPlaceholderText(field.placeholder)
        line.textEdited.connect(lambda content: self.form.set(key, content))
        return line
