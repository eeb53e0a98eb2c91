"""The viewer's buttons, sliders and timers, made the same way everywhere."""

from collections.abc import Callable

from PyQt6.QtCore import QObject, Qt, QTimer
from PyQt6.QtGui import QIcon
from PyQt6.QtWidgets import QDialogButtonBox, QFrame, QPushButton, QScrollArea, QSlider, QToolButton, QWidget

from genexplorer.viewer.widgets.labels import literal_tooltip


def tool_button(words: str = "", tooltip: str = "", *, checkable: bool = False, name: str = "") -> QToolButton:
    """Return a button that a click does not give the keyboard to: keys stay with the window, Tab still reaches it."""
    made = QToolButton()
    made.setText(words)
    made.setToolTip(literal_tooltip(tooltip))
    made.setAccessibleName(words or tooltip)
    made.setCheckable(checkable)
    made.setObjectName(name)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def slider(low: int, high: int, value: int, tooltip: str = "") -> QSlider:
    """Return a horizontal slider."""
    made = QSlider(Qt.Orientation.Horizontal)
    made.setRange(low, high)
    made.setValue(value)
    made.setToolTip(literal_tooltip(tooltip))
    made.setAccessibleName(tooltip)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def timer(parent: QObject, milliseconds: int, does: Callable[[], object], *, once: bool = False) -> QTimer:
    """Return a timer that does not run yet."""
    made = QTimer(parent)
    made.setInterval(milliseconds)
    made.setSingleShot(once)
    made.timeout.connect(lambda: does())
    return made


def discard(widget: QWidget) -> None:
    """Take a widget off the screen at once; Qt deletes it when nobody uses it any more."""
    widget.hide()
    widget.deleteLater()


def quiet(buttons: QDialogButtonBox) -> None:
    """Keep a dialog's buttons from claiming to be what one wants, by color or by the style's own little pictures."""
    for button in buttons.buttons():
        if isinstance(button, QPushButton):
            button.setAutoDefault(False)
            button.setDefault(False)
            button.setIcon(QIcon())


def scroll_area(content: QWidget, *, sideways: bool = False) -> QScrollArea:
    """Return a frameless area that scrolls its content, only down unless `sideways`."""
    made = QScrollArea()
    made.setWidgetResizable(True)
    made.setFrameShape(QFrame.Shape.NoFrame)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    if not sideways:
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setWidget(content)
    return made
