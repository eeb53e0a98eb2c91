"""A list of many classes that can be searched, each hidden or shown; and a combo box that can be searched."""

from collections.abc import Sequence

from PyQt6.QtCore import QPoint, QSignalBlocker, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PyQt6.QtWidgets import (
    QComboBox,
    QCompleter,
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from genexplorer.viewer.style import GAP, scaled
from genexplorer.viewer.widgets.controls import fill_box, timer
from genexplorer.viewer.widgets.labels import muted

_SIZE_PX = 36 * GAP, 44 * GAP
_LABEL_ROLE = Qt.ItemDataRole.UserRole


class ClassList(QFrame):
    """A popup with a search field and a check box for each class.

    Signals:
        toggled(int): A class should be hidden or shown: its label.
        alone(int): A class should be shown alone: a double click or Enter.
    """

    toggled = pyqtSignal(int)
    alone = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setFrameShape(QFrame.Shape.Box)
        self.search, self.list = QLineEdit(), QListWidget()
        self.search.setPlaceholderText("Find a class")
        self.search.setAccessibleName("find a class")
        self.list.setUniformItemSizes(True)
        hint = muted("check: hide or show · Enter, double click: only this")
        margins = (GAP, GAP, GAP, GAP)
        fill_box(QVBoxLayout(self), self.search, (self.list, 1), hint, margins=margins, spacing=GAP // 2)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._choose_first)
        self.list.itemChanged.connect(lambda item: self.toggled.emit(int(item.data(_LABEL_ROLE))))
        self.list.itemDoubleClicked.connect(self._choose)

    def show_classes(self, classes: Sequence[tuple[int, str]], hidden: frozenset[int]) -> None:
        """Show classes, pairs of a label and its text, checked where not hidden."""
        with QSignalBlocker(self.list):
            texts = [(int(item.data(_LABEL_ROLE)), item.text()) for item in self._items()]
            if texts != list(classes):
                self.list.clear()
                for label, text in classes:
                    item = QListWidgetItem(text, self.list)
                    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                    item.setData(_LABEL_ROLE, label)
                self._filter(self.search.text())
            for item in self._items():
                is_hidden = int(item.data(_LABEL_ROLE)) in hidden
                item.setCheckState(Qt.CheckState.Unchecked if is_hidden else Qt.CheckState.Checked)

    def open_below(self, widget: QWidget) -> None:
        """Open below a widget, ready for typing."""
        self.resize(*map(scaled, _SIZE_PX))
        self.search.clear()
        self.move(widget.mapToGlobal(QPoint(0, widget.height())))
        self.show()
        self.search.setFocus()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Choose the selected class by Enter; close by Escape."""
        item = self.list.currentItem()
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item is not None:
            self._choose(item)
        else:
            super().keyPressEvent(event)

    def _items(self) -> list[QListWidgetItem]:
        items = (self.list.item(row) for row in range(self.list.count()))
        return [item for item in items if item is not None]

    def _filter(self, text: str) -> None:
        for item in self._items():
            item.setHidden(text.casefold() not in item.text().casefold())

    def _choose_first(self) -> None:
        for item in self._items():
            if not item.isHidden():
                self._choose(item)
                return

    def _choose(self, item: QListWidgetItem) -> None:
        self.alone.emit(int(item.data(_LABEL_ROLE)))
        self.hide()


class SearchLine(QLineEdit):
    """The line of a searchable combo box: typed text replaces the selected entry.

    Signals:
        focused: It takes the focus.
    """

    focused = pyqtSignal()

    def __init__(self, box: QComboBox) -> None:
        super().__init__(box)
        self._box = box  # it has the focus, and hands keys to the line
        self._selects_all = False
        self.setFrame(False)
        self.setStyleSheet("QLineEdit { border: none; padding: 0; margin: 0; min-height: 0; background: transparent; }")

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        """Select all; of a click, after it has placed the cursor."""
        super().focusInEvent(event)
        self.focused.emit()
        self._selects_all = event is not None and event.reason() == Qt.FocusReason.MouseFocusReason
        self.selectAll()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """Select all if this click has given the focus."""
        super().mouseReleaseEvent(event)
        if self._selects_all:
            self._selects_all = False
            self.selectAll()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Give the keys back to the window by Escape."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            _release_focus(self._box)
        else:
            super().keyPressEvent(event)


def _release_focus(box: QComboBox) -> None:
    """Give the focus to the widget around a box: keys go to the window, also once it becomes active again."""
    parent = box.parentWidget()
    if parent is not None and box.hasFocus():
        parent.setFocus(Qt.FocusReason.OtherFocusReason)


def make_searchable(box: QComboBox) -> SearchLine:
    """Let a combo box be searched: typed text is completed to the entries that contain it. Return its line."""
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    line = SearchLine(box)
    box.setLineEdit(line)
    for widget in (box, line):  # else a window that becomes active would type its keys into the line
        widget.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    completer = box.completer()
    assert completer is not None
    completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    popup = completer.popup()

    def show_selected() -> None:
        """Let an unfinished text give way to the selected entry, but not while completions are offered."""
        if popup is None or not popup.isVisible():
            box.setEditText(box.itemText(box.currentIndex()))
            line.setCursorPosition(0)

    line.editingFinished.connect(show_selected)
    # Afterwards keys go to the window again: once the list is closed, which gives the focus back.
    leave = timer(box, 0, lambda: _release_focus(box), once=True)
    line.returnPressed.connect(leave.start)
    box.activated.connect(lambda _: leave.start())
    return line
