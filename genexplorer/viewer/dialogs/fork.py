"""The form of a branch: a new run that goes on from a step of the open one, with settings changed."""

from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from genexplorer.errors import ConfigError
from genexplorer.runs.notes import MAX_NAME_LENGTH
from genexplorer.runs.record import RunStatus
from genexplorer.session import forking
from genexplorer.session.forking import BranchRequest
from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import clear_default_button, fill_box
from genexplorer.viewer.widgets.labels import heading, muted, set_role, wrapped
from genexplorer.viewer.widgets.settings_edit import SettingsEdit


class ForkDialog(QDialog):
    """Edits where a branch starts, its settings and its name; `exec` returns whether to start it.

    Args:
        status: The run.
        step: Step of a checkpoint or snapshot; None for the newest checkpoint.
        settings: Settings of the branch: "model.beta=1 optim.lr=0.001".
        setting_keys: The keys of the settings that can change.
        parent: The window.
    """

    def __init__(
        self,
        status: RunStatus,
        step: int | None,
        settings: str = "",
        setting_keys: tuple[str, ...] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Fork")
        self._status = status
        self.request = BranchRequest()
        self.step_edit, self.settings_edit, self.name_edit = QLineEdit(), SettingsEdit(), QLineEdit()
        self.step_edit.setText("" if step is None else str(step))
        self.step_edit.setPlaceholderText("the newest checkpoint")
        self.settings_edit.setText(settings)
        self.settings_edit.set_keys(setting_keys)
        self.settings_edit.setPlaceholderText("model.beta=1 optim.lr=0.001")
        self.name_edit.setMaxLength(MAX_NAME_LENGTH)
        self.name_edit.setPlaceholderText("automatic")
        form = QFormLayout()
        form.setHorizontalSpacing(scaled(2 * GAP))
        form.setVerticalSpacing(scaled(GAP))
        for label, edit in (("At step", self.step_edit), ("Settings", self.settings_edit), ("Name", self.name_edit)):
            form.addRow(label, edit)
        note = muted(forking.EXPLANATION)
        note.setWordWrap(True)
        self.message = wrapped()
        # The buttons.
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        clear_default_button(buttons)
        start, copy = QPushButton("Fork"), QPushButton("Copy as command")
        start.setDefault(True)
        copy.setAutoDefault(False)
        buttons.addButton(start, QDialogButtonBox.ButtonRole.ApplyRole)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ResetRole)
        start.clicked.connect(self._start)
        copy.clicked.connect(self._copy)
        buttons.rejected.connect(self.reject)
        margins = (3 * GAP, 3 * GAP, 3 * GAP, 2 * GAP)
        column = QVBoxLayout(self)
        fill_box(
            column,
            heading(f"Fork {status.name}"),
            form,
            note,
            self.message,
            None,
            buttons,
            margins=margins,
            spacing=GAP,
        )
        self.resize(scaled(64 * GAP), scaled(34 * GAP))
        self.settings_edit.setFocus()

    def _parse(self) -> bool:
        """Parse the fields into `request`, or show why they cannot be."""
        try:
            self.request = forking.parse_request(
                self.step_edit.text(), self.settings_edit.text(), self.name_edit.text()
            )
        except ConfigError as error:
            self.message.setText(f"✗ {error}")
            set_role(self.message, "warning")
            return False
        return True

    def _start(self) -> None:
        if self._parse():
            self.accept()

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if self._parse() and clipboard is not None:
            command = forking.fork_command(
                self._status.folder, at_step=self.request.at_step, values=self.request.values
            )
            clipboard.setText(command)
            self.message.setText(f"copied: {command}")
            set_role(self.message, "muted")
