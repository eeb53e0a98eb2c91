"""The keys that belong to the whole window; tabs are asked before."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from genexplorer.viewer.window import MainWindow

Does = Callable[[], object]
_PLAIN = Qt.KeyboardModifier.NoModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CTRL = Qt.KeyboardModifier.ControlModifier


def action_of(event: QKeyEvent, window: "MainWindow") -> Does | None:
    """Return what a key does, or None if nothing."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if modifiers in (_PLAIN, _SHIFT):
        return _plain(window).get(event.key()) or _tab(event.key(), window)
    if modifiers == _CTRL:
        return _with_control(window).get(event.key())
    if modifiers == _CTRL | _SHIFT and event.key() == Qt.Key.Key_C:
        return window.copy_command
    return None


def _tab(key: int, window: "MainWindow") -> Does | None:
    index = key - Qt.Key.Key_1
    if 0 <= index < window.pages.bar.count() and window.context.run is not None:
        return lambda: window.pages.show_tab(index)
    return None


def _plain(window: "MainWindow") -> dict[int, Does]:
    cursor, keys = window.context.cursor, Qt.Key
    return {
        keys.Key_Space: window.time.toggle_play,
        keys.Key_BracketLeft: lambda: cursor.move(-1),
        keys.Key_BracketRight: lambda: cursor.move(1),
        keys.Key_BraceLeft: lambda: cursor.move(-len(cursor.steps)),
        keys.Key_BraceRight: lambda: cursor.move(len(cursor.steps)),
        keys.Key_S: window.time.next_speed,
        keys.Key_L: window.time.toggle_follow,
        keys.Key_W: window.show_alerts,
        keys.Key_T: lambda: window.pages.show_tab(window.pages.index_of("Theory")),
        keys.Key_N: window.control.new_run,
        keys.Key_Question: window.show_keys,
        keys.Key_F1: window.show_keys,
        keys.Key_F10: window.title.more.showMenu,
        keys.Key_F11: window.toggle_present,
    }


def _with_control(window: "MainWindow") -> dict[int, Does]:
    keys = Qt.Key
    return {
        keys.Key_S: window.save,
        keys.Key_C: window.copy_picture,
        keys.Key_O: window.ask_folder,
        keys.Key_R: window.title.run_button.showMenu,
        keys.Key_P: window.control.pause_or_resume,
        keys.Key_Period: window.control.stop,
        keys.Key_D: window.toggle_dark,
        keys.Key_Q: window.close,
        keys.Key_W: window.close,
    }
