"""The interface between the window and its tabs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QGuiApplication, QImage, QKeyEvent
from PyQt6.QtWidgets import QWidget

from genexplorer.errors import UserError
from genexplorer.session.palette import Palette
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.widgets.images import save_image

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller

KeyHelp = Mapping[str, tuple[tuple[str, str], ...]]
"""Groups of keys for the help dialog: a heading, then pairs of a key and what it does."""


@dataclass(frozen=True)
class SaveTarget:
    """Something that a tab can save as a file; Ctrl+S offers all of them.

    Args:
        label: A name for people: "Manifold", "Path as animation".
        suffixes: File suffixes with the dot, the usual one first: (".png",).
        write: Writes the file at a path; a `UserError` or `OSError` that it raises becomes the message.
        image: Returns the image that is written; None for other files.
    """

    label: str
    suffixes: tuple[str, ...]
    write: Callable[[Path], None]
    image: Callable[[], QImage] | None = None

    @staticmethod
    def of_image(label: str, image: Callable[[], QImage]) -> "SaveTarget":
        """Return a target that saves the image that `image` returns."""
        return SaveTarget(label, (".png",), lambda path: save_image(image(), path), image)

    @staticmethod
    def of_animation(
        label: str, frames: Callable[[], NDArray[np.uint8]], frame_ms: int, *, back_and_forth: bool = False
    ) -> "SaveTarget":
        """Return a target that saves the frames, (N, H, W, C), that `frames` returns; see `animations.write`."""

        def write(path: Path) -> None:
            from genexplorer.jobs import animations  # deferred: only saving needs Pillow

            animations.write(path, frames(), frame_ms=frame_ms, back_and_forth=back_and_forth)

        return SaveTarget(label, (".gif", ".webp"), write)

    @property
    def name_filter(self) -> str:
        """The line of a file dialog: "Manifold (*.png)"."""
        return f"{self.label} ({' '.join('*' + suffix for suffix in self.suffixes)})"

    def suggested_name(self, run_name: str, step: int | None) -> str:
        """Return a file name such as "brave-fox-manifold-8400.png"."""
        stem = "-".join(part for part in (run_name, self.label.lower(), "" if step is None else str(step)) if part)
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
        return f"{safe}{self.suffixes[0]}"

    def with_suffix(self, path: Path) -> Path:
        """Return the path, with the usual suffix added where it has none of `suffixes`."""
        return path if path.suffix.lower() in self.suffixes else path.with_name(path.name + self.suffixes[0])

    def save(self, path: Path) -> tuple[bool, str]:
        """Write the file; return whether that succeeded, and a message."""
        try:
            self.write(path)
        except (UserError, OSError) as error:
            return False, f"{path.name} was not saved: {error}"
        return True, f"saved {path}"


class Recolorable(Protocol):
    """A widget that can apply another color palette."""

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""


class Tab(QWidget):
    """A tab. The window calls its methods in the Qt thread; it queries the model through `context.model_client`.

    The window calls `set_run`, `on_changes` and `on_time` of every tab, also of hidden ones; a tab that is made after a
    run was opened gets them then. A hidden tab should only note that it is out of date, and query the model in
    `activated`. The inspector at the right is part of the tab's own layout.

    Plots must not take the keyboard: give pyqtgraph widgets `Qt.FocusPolicy.NoFocus`, or keys never reach `on_key`.
    """

    title = ""
    key_help: ClassVar[KeyHelp] = {}

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.is_active = False  # set by the window, before `activated` and `deactivated`

    def follow_palette(self, *widgets: Recolorable) -> None:
        """Recolor widgets whenever the palette changes."""

        def recolor() -> None:
            for widget in widgets:
                widget.recolor(self.context.palette)

        self.context.palette_changed.connect(recolor)

    def waiting_reason(self) -> str | None:
        """Return why this tab has nothing to show, or None; shown in its place."""
        return None

    def set_run(self, run: "RunPoller | None") -> None:
        """Show another run, or none; discard the state of the former one."""

    def on_changes(self, changed: frozenset[str]) -> None:
        """Handle the changes that a poll has found.

        Args:
            changed: Some of "status", "metrics", "log", "alerts", "commands", "images" and "snapshots".
        """

    def on_time(self, step: int | None) -> None:
        """Show the run at the step of a snapshot; None while there is none."""

    def on_key(self, event: QKeyEvent) -> bool:
        """Handle a key that no focused widget used, before the window's own keys; return whether it was used."""
        return False

    def on_key_release(self, event: QKeyEvent) -> bool:
        """Handle a key's release; return whether it was used."""
        return False

    def save_targets(self) -> list[SaveTarget]:
        """Return the images and tables that can be saved now, the most likely first."""
        return []

    def copy_image(self) -> QImage | None:
        """Return the image that Ctrl+C copies, the first that can be saved, or None."""
        images = (target.image for target in self.save_targets())
        return next((image() for image in images if image is not None), None)

    def command_line(self) -> str | None:
        """Return the shell command that makes the same image, or None."""
        return None

    def copy_command(self) -> None:
        """Copy the shell command that makes the same image."""
        line, clipboard = self.command_line(), QGuiApplication.clipboard()
        if not line or clipboard is None:
            self.context.status_message.emit("no command for this view")
            return
        clipboard.setText(line)
        self.context.status_message.emit(f"copied: {line}")

    def state(self) -> dict[str, Any]:
        """Return the state stored until the next start; JSON values only."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the result of `state`, perhaps of an older version: check every value."""

    def activated(self) -> None:
        """Handle that the tab has come to the front: bring it up to date."""

    def deactivated(self) -> None:
        """Handle that another tab has come to the front: cancel requests."""

    def closing(self) -> None:
        """Handle that the window closes: stop timers and threads."""


class ContentTab(Tab):
    """A tab that updates its content only while it is in front and something has changed.

    A subclass overrides `update_content`, and calls `invalidate` after a change.
    """

    def __init__(self, context: ViewerContext, parent: QWidget | None = None) -> None:
        super().__init__(context, parent)
        self._is_stale = True

    def update_content(self) -> None:
        """Show everything as it is now."""

    def invalidate(self) -> None:
        """Mark the content as out of date; update it now if the tab is in front."""
        self._is_stale = True
        self.refresh()

    def refresh(self) -> None:
        """Update the content if the tab is in front and the content is out of date."""
        if self.is_active and self._is_stale:
            self._is_stale = False
            self.update_content()

    def activated(self) -> None:
        """Bring the tab up to date."""
        self.refresh()
