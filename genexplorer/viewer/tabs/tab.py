"""What a tab of the viewer is: the seam between the window and its panels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtGui import QImage, QKeyEvent
from PyQt6.QtWidgets import QWidget

from genexplorer.viewer.context import ViewerContext

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller


@dataclass(frozen=True)
class SaveTarget:
    """Something of a tab that can be saved as a file; Ctrl+S offers them all.

    Args:
        label: What it is: "Manifold", "Path as animation".
        suffixes: With the dot, the usual one first: (".png",).
        write: Writes the file at the path it is given; a `UserError` or `OSError` it raises is shown.
    """

    label: str
    suffixes: tuple[str, ...]
    write: Callable[[Path], None]


class Tab(QWidget):
    """One tab: the window calls its methods, in the Qt thread; it asks the model through `context.explorer`.

    The window calls `set_run` for every tab when the run changes, and `on_changes` and `on_time` for every tab too. A
    tab that is hidden should only note that it is out of date and ask the explorer in `activated`. Give each kind of
    question its own topic, such as "manifold/tiles": within a lane and topic a question takes the place of an older
    one. The inspector at the right belongs to the tab, as part of its own layout.

    Plots must not take the keyboard: give pyqtgraph widgets `Qt.FocusPolicy.NoFocus`, or keys never reach `on_key`.
    """

    title = ""

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.is_active = False  # kept by the window, around `activated` and `deactivated`

    def waiting_reason(self) -> str | None:
        """Return why this tab cannot show anything for the current run, or None; shown in the tab's place."""
        return None

    def set_run(self, followed: "RunPoller | None") -> None:
        """Show another run, or none. What was shown of the former one must go."""

    def on_changes(self, what: frozenset[str]) -> None:
        """Take note of what a poll found: "status", "metrics", "log", "alerts", "changes", "pictures", "snapshots"."""

    def on_time(self, step: int | None) -> None:
        """Show the run as it was at a snapshot's step. None: there is no snapshot yet."""

    def on_key(self, event: QKeyEvent) -> bool:
        """Use a key that no focused widget wanted; return whether it was used. Asked before the window's own keys."""
        return False

    def on_key_release(self, event: QKeyEvent) -> bool:
        """Take note that a key was let go; return whether it was used."""
        return False

    def save_targets(self) -> list[SaveTarget]:
        """Return what can be saved now, the most likely first."""
        return []

    def copy_image(self) -> QImage | None:
        """Return the picture that Ctrl+C copies, or None."""
        return None

    def command_line(self) -> str | None:
        """Return the shell command that makes the same picture, or None."""
        return None

    def state(self) -> dict[str, Any]:
        """Return what the tab remembers until the viewer's next start; JSON values only."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` returned, perhaps from an older version: check every value."""

    def activated(self) -> None:
        """The tab has come to the front: bring it up to date."""

    def deactivated(self) -> None:
        """Another tab has come to the front: stop asking for pictures."""

    def closing(self) -> None:
        """The window closes: let go of timers and threads."""
