"""Buttons, sliders, timers and scroll areas with the viewer's settings."""

from collections.abc import Callable

from PyQt6.QtCore import QObject, Qt, QTimer
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QDialogButtonBox, QFrame, QPushButton, QScrollArea, QSlider, QToolButton, QWidget

from genexplorer.viewer.widgets.labels import literal_tooltip


def tool_button(text: str = "", tooltip: str = "", *, checkable: bool = False, name: str = "") -> QToolButton:
    """Return a button that takes the focus only by Tab, so that after a click keys still go to the window."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(literal_tooltip(tooltip))
    button.setAccessibleName(text or tooltip)
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


def timer(parent: QObject, milliseconds: int, callback: Callable[[], object], *, once: bool = False) -> QTimer:
    """Return a timer that is not started yet."""
    new_timer = QTimer(parent)
    new_timer.setInterval(milliseconds)
    new_timer.setSingleShot(once)
    new_timer.timeout.connect(lambda: callback())
    return new_timer


def discard(widget: QWidget) -> None:
    """Hide a widget now, and let Qt delete it once it is unused."""
    widget.hide()
    widget.deleteLater()


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
