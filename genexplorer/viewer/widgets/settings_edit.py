"""A line of settings, "model.beta=4 optim.lr=3e-4", whose keys are completed."""

from PyQt6.QtCore import QModelIndex, QStringListModel, Qt
from PyQt6.QtWidgets import QCompleter, QLineEdit, QWidget


class _KeyCompleter(QCompleter):
    """Completes the key of the last setting of a line."""

    def splitPath(self, path: str | None) -> list[str]:
        """Return the part of the line that is completed: the key that is being typed, nothing in a value."""
        last = (path or "").rpartition(" ")[2]
        return ["\0" if "=" in last else last]

    def pathFromIndex(self, index: QModelIndex) -> str:
        """Return the line with the key completed."""
        widget = self.widget()
        line = widget.text() if isinstance(widget, QLineEdit) else ""
        before, space, _ = line.rpartition(" ")
        return f"{before}{space}{index.data()}="


class SettingsEdit(QLineEdit):
    """Completes keys to those that contain the typed text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys = QStringListModel()
        completer = _KeyCompleter(self._keys, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.setCompleter(completer)

    def set_keys(self, keys: tuple[str, ...]) -> None:
        """Offer these keys."""
        if self._keys.stringList() != list(keys):
            self._keys.setStringList(keys)
