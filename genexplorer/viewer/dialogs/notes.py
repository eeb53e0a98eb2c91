"""The form of a run's name, tags and note."""

from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from genexplorer.runs.notes import MAX_NAME_LENGTH
from genexplorer.runs.record import RunStatus
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import clear_default_button, fill_box
from genexplorer.viewer.widgets.labels import heading


class NotesDialog(QDialog):
    """Edits the name, the tags, separated by commas, and the note of a run; `exec` returns whether to save them."""

    def __init__(self, status: RunStatus, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Name, tags and note")
        self.name_edit, self.tags_edit = QLineEdit(status.name), QLineEdit(", ".join(status.tags))
        self.name_edit.setMaxLength(MAX_NAME_LENGTH)
        self.tags_edit.setPlaceholderText("such as baseline, lecture-3")
        self.note_edit = QPlainTextEdit(status.note)
        self.note_edit.setTabChangesFocus(True)
        form = QFormLayout()
        form.setHorizontalSpacing(scaled(2 * GAP))
        form.setVerticalSpacing(scaled(GAP))
        for label, edit in (("Name", self.name_edit), ("Tags", self.tags_edit), ("Note", self.note_edit)):
            form.addRow(label, edit)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        clear_default_button(buttons)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        margins = (3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        fill_box(QVBoxLayout(self), heading(status.name), (form, 1), buttons, margins=margins, spacing=2 * GAP)
        self.resize(scaled(60 * GAP), scaled(36 * GAP))

    @property
    def name(self) -> str:
        """The name as it was entered."""
        return self.name_edit.text()

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags."""
        return tuple(tag.strip() for tag in self.tags_edit.text().split(",") if tag.strip())

    @property
    def note(self) -> str:
        """The note."""
        return self.note_edit.toPlainText()
