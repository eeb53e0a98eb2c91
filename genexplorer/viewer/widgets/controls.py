"""Buttons, boxes, sliders, timers, scroll areas and the empty state, with the viewer's settings."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from PyQt6.QtCore import QObject, QSignalBlocker, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QIcon
from PyQt6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.viewer.style import GAP, scale, scaled, set_font, text_font
from genexplorer.viewer.widgets.labels import literal_tooltip, text, wrapped

_EMPTY_STATE_WIDTH_PX = 62 * GAP
Box = TypeVar("Box", bound=QBoxLayout)
BoxItem = QWidget | QLayout | int | None | tuple[QWidget | QLayout, int]


def tool_button(label: str = "", tooltip: str = "", *, checkable: bool = False, name: str = "") -> QToolButton:
    """Return a button that takes the focus only by Tab, so that after a click keys still go to the window."""
    button = QToolButton()
    button.setText(label)
    button.setToolTip(literal_tooltip(tooltip))
    button.setAccessibleName(label or tooltip)
    button.setCheckable(checkable)
    button.setObjectName(name)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def slider(low: int, high: int, value: int, tooltip: str = "") -> QSlider:
    """Return a horizontal slider."""
    widget = QSlider(Qt.Orientation.Horizontal)
    widget.setRange(low, high)
    widget.setValue(value)
    widget.setToolTip(literal_tooltip(tooltip))
    widget.setAccessibleName(tooltip)
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return widget


def spin_box(
    low: int,
    high: int,
    name: str,
    tooltip: str = "",
    *,
    prefix: str = "",
    suffix: str = "",
    focus: Qt.FocusPolicy = Qt.FocusPolicy.WheelFocus,
) -> QSpinBox:
    """Return a box for an integer, which emits a typed number once it is complete."""
    box = QSpinBox()
    box.setRange(low, high)
    box.setAccessibleName(name)
    box.setToolTip(literal_tooltip(tooltip))
    box.setPrefix(prefix)
    box.setSuffix(suffix)
    box.setFocusPolicy(focus)
    box.setKeyboardTracking(False)
    return box


def check_box(label: str, tooltip: str, *, checked: bool = False) -> QCheckBox:
    """Return a check box that takes the focus only by Tab."""
    box = QCheckBox(label)
    box.setToolTip(literal_tooltip(tooltip))
    box.setChecked(checked)
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return box


def combo_box(name: str, tooltip: str = "") -> QComboBox:
    """Return an empty combo box that takes the focus only by Tab."""
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(literal_tooltip(tooltip))
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return box


def set_entries(box: QComboBox, entries: Sequence[tuple[str, object]], selected: object) -> bool:
    """Show entries, pairs of a label and its data, and select one of the data, without a signal.

    Returns:
        Whether the entries differ from the former ones.
    """
    differ = [(box.itemText(row), box.itemData(row)) for row in range(box.count())] != list(entries)
    with QSignalBlocker(box):
        if differ:
            box.clear()
            for label, data in entries:
                box.addItem(label, data)
        values = [data for _, data in entries]
        index = values.index(selected) if selected in values else 0
        if box.currentIndex() != index:  # else an editable box would replace what is being typed
            box.setCurrentIndex(index)
        line = box.lineEdit()
        if differ and line is not None and box.hasFocus():
            line.selectAll()  # as before the entries were there
        elif line is not None and not box.hasFocus():
            line.setCursorPosition(0)  # of a long entry, the beginning is shown
    return differ


def set_value(widget: QSpinBox | QSlider, value: int, maximum: int | None = None) -> None:
    """Show a value, and a new maximum where given, without a signal."""
    with QSignalBlocker(widget):
        if maximum is not None:
            widget.setMaximum(maximum)
        widget.setValue(value)


def timer(parent: QObject, milliseconds: int, callback: Callable[[], object], *, once: bool = False) -> QTimer:
    """Return a timer that is not started yet."""
    new_timer = QTimer(parent)
    new_timer.setInterval(milliseconds)
    new_timer.setSingleShot(once)
    new_timer.timeout.connect(lambda: callback())
    return new_timer


def fill_box(box: Box, *items: BoxItem, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = GAP) -> Box:
    """Add items to a box layout and return it.

    Args:
        box: The layout.
        items: Widgets and layouts, with their stretch in a tuple; an int is a space in pixels, None takes the rest.
        margins: Left, top, right, bottom.
        spacing: Between two items; -1 for that of the desktop's style.
    """
    box.setContentsMargins(*map(scaled, margins))
    box.setSpacing(scaled(spacing) if spacing > 0 else spacing)
    for item in items:
        content, stretch = item if isinstance(item, tuple) else (item, 0)
        if content is None:
            box.addStretch(1)
        elif isinstance(content, int):
            box.addSpacing(scaled(content))
        elif isinstance(content, QWidget):
            box.addWidget(content, stretch)
        else:
            box.addLayout(content, stretch)
    return box


def discard(widget: QWidget) -> None:
    """Hide a widget now, and let Qt delete it once it is unused."""
    widget.hide()
    widget.deleteLater()


def clear_layout(layout: QLayout) -> None:
    """Remove and discard all widgets of a layout."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            discard(widget)


def close_buttons(dialog: QDialog) -> QDialogButtonBox:
    """Return a row with the button that closes a dialog."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    clear_default_button(buttons)
    return buttons


def clear_default_button(buttons: QDialogButtonBox) -> None:
    """Remove icons and the default button from a dialog, so that no choice is suggested."""
    for button in buttons.buttons():
        if isinstance(button, QPushButton):
            button.setAutoDefault(False)
            button.setDefault(False)
            button.setIcon(QIcon())


def scroll_area(content: QWidget, *, sideways: bool = False) -> QScrollArea:
    """Return a frameless area that scrolls its content vertically, and `sideways` where set."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    if not sideways:
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


class EmptyState(QWidget):
    """A centered sentence, a hint below it, and optional buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reason, self.hint = text(""), wrapped("")
        self.reason.setWordWrap(True)
        set_font(self.reason, text_font(14))
        for label in (self.reason, self.hint):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setFixedWidth(scaled(_EMPTY_STATE_WIDTH_PX))
        self._buttons = fill_box(QHBoxLayout())
        layout = QVBoxLayout(self)
        layout.addStretch(2)
        fill_box(layout, self.reason, GAP, self.hint, 2 * GAP, self._buttons, spacing=-1)
        layout.addStretch(3)
        for label in (self.reason, self.hint):
            layout.setAlignment(label, Qt.AlignmentFlag.AlignHCenter)

    def set_text(self, reason: str, hint: str = "") -> None:
        """Show the reason and the remedy."""
        self.reason.setText(reason)
        self.hint.setText(hint)
        for label in (self.reason, self.hint):
            label.setMinimumHeight(max(0, label.heightForWidth(scaled(_EMPTY_STATE_WIDTH_PX))))

    def add_button(self, label: str, callback: Callable[[], object], *, default: bool = False) -> QPushButton:
        """Add a button and return it."""
        if not self._buttons.count():
            self._buttons.addStretch(1)
            self._buttons.addStretch(1)
        button = QPushButton(label)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setDefault(default)
        button.clicked.connect(lambda: callback())
        self._buttons.insertWidget(self._buttons.count() - 1, button)
        return button


class Toolbar(QWidget):
    """Controls in a row or column that the presentation hides; nothing else may show or hide it.

    Args:
        *items: As of `fill_box`.
        vertical: Whether they are in a column.
        spacing: Between two items.
    """

    def __init__(self, *items: BoxItem, vertical: bool = False, spacing: int = GAP) -> None:
        super().__init__()
        if items:  # a subclass may have a layout of its own
            fill_box(QVBoxLayout(self) if vertical else QHBoxLayout(self), *items, spacing=spacing)
        if scale() > 1:
            self.hide()  # made during a presentation


class ChoiceMenu(QMenu):
    """A menu of which one entry is checked.

    Signals:
        entry_selected(entry): An entry was chosen, named as in `entries`.
    """

    entry_selected = pyqtSignal(str)

    def __init__(self, title: str, entries: Sequence[str], parent: QWidget) -> None:
        super().__init__(title, parent)
        self._actions: dict[str, QAction] = {}
        for entry in entries:
            action = QAction(entry.capitalize(), self)
            action.setCheckable(True)
            action.triggered.connect(lambda _checked, entry=entry: self.entry_selected.emit(entry))
            self.addAction(action)
            self._actions[entry] = action

    def select(self, entry: str) -> None:
        """Check one entry."""
        for name, action in self._actions.items():
            action.setChecked(name == entry)
