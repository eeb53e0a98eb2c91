"""The keys of the whole window, in every tab."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeyEvent

if TYPE_CHECKING:
    from genexplorer.viewer.window import MainWindow


def action_of(window: "MainWindow", event: QKeyEvent) -> Callable[[], object] | None:
    """Return the window's action of a key; a tab's own keys come first."""
    key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    actions: dict[int, Callable[[], object]] = {}
    # With Ctrl.
    if modifiers == control | shift:
        actions = {
            Qt.Key.Key_C: window.copy_command,
            Qt.Key.Key_E: lambda: window.run_actions.show_settings(length=True),
        }
    elif modifiers == control:
        actions = {
            Qt.Key.Key_S: window.save,
            Qt.Key.Key_C: window.copy_image,
            Qt.Key.Key_O: window.choose_folder,
            Qt.Key.Key_R: window.title.run_button.showMenu,
            Qt.Key.Key_P: window.run_actions.pause_or_resume,
            Qt.Key.Key_Period: window.run_actions.stop,
            Qt.Key.Key_E: window.run_actions.show_settings,
            Qt.Key.Key_F: window.run_actions.fork,
            Qt.Key.Key_Delete: window.run_actions.delete,
            Qt.Key.Key_D: window.toggle_dark,
            Qt.Key.Key_Q: window.close,
            Qt.Key.Key_W: window.close,
        }
    # Without modifiers; some keyboards need Shift for the brackets.
    elif modifiers in (Qt.KeyboardModifier.NoModifier, shift):
        step_selection, pages = window.context.step_selection, window.pages
        actions = {
            Qt.Key.Key_Space: window.time.toggle_play,
            Qt.Key.Key_BracketLeft: lambda: step_selection.move(-1),
            Qt.Key.Key_BracketRight: lambda: step_selection.move(1),
            Qt.Key.Key_BraceLeft: lambda: step_selection.move(-len(step_selection.steps)),
            Qt.Key.Key_BraceRight: lambda: step_selection.move(len(step_selection.steps)),
            Qt.Key.Key_S: window.time.next_speed,
            Qt.Key.Key_L: window.time.toggle_follow,
            Qt.Key.Key_W: window.show_alerts,
            Qt.Key.Key_T: lambda: pages.show_tab(pages.index_of("Theory")),
            Qt.Key.Key_N: window.run_actions.new_run,
            Qt.Key.Key_Period: window.run_actions.step,
            Qt.Key.Key_F2: window.run_actions.edit_notes,
            Qt.Key.Key_Question: window.show_keys,
            Qt.Key.Key_F1: window.show_keys,
            Qt.Key.Key_F10: window.title.more.showMenu,
            Qt.Key.Key_F11: window.toggle_presentation,
        }
        if Qt.Key.Key_1 <= key <= Qt.Key.Key_9 and window.context.run is not None:
            return lambda: pages.show_tab(key - Qt.Key.Key_1)
    return actions.get(key)
