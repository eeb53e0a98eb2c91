"""The keys of the whole window; a tab's own keys come first."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from genexplorer.viewer.window import MainWindow

Action = Callable[[], object]
_PLAIN = Qt.KeyboardModifier.NoModifier
_SHIFT = Qt.KeyboardModifier.ShiftModifier
_CTRL = Qt.KeyboardModifier.ControlModifier


def action_of(event: QKeyEvent, window: "MainWindow") -> Action | None:
    """Return the action of a key, or None."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if modifiers in (_PLAIN, _SHIFT):
        return _plain(window).get(event.key()) or _tab(event.key(), window)
    if modifiers == _CTRL:
        return _with_control(window).get(event.key())
    if modifiers == _CTRL | _SHIFT and event.key() == Qt.Key.Key_C:
        return window.copy_command
    return None


def _tab(key: int, window: "MainWindow") -> Action | None:
    index = key - Qt.Key.Key_1
    if 0 <= index < window.pages.bar.count() and window.context.run is not None:
        return lambda: window.pages.show_tab(index)
    return None


def _plain(window: "MainWindow") -> dict[int, Action]:
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
        keys.Key_N: window.run_actions.new_run,
        keys.Key_Question: window.show_keys,
        keys.Key_F1: window.show_keys,
        keys.Key_F10: window.title.more.showMenu,
        keys.Key_F11: window.toggle_full_screen,
    }


def _with_control(window: "MainWindow") -> dict[int, Action]:
    keys = Qt.Key
    return {
        keys.Key_S: window.save,
        keys.Key_C: window.copy_image,
        keys.Key_O: window.choose_folder,
        keys.Key_R: window.title.run_button.showMenu,
        keys.Key_P: window.run_actions.pause_or_resume,
        keys.Key_Period: window.run_actions.stop,
        keys.Key_D: window.toggle_dark,
        keys.Key_Q: window.close,
        keys.Key_W: window.close,
    }
