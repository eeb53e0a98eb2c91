"""Files and folders that are dragged onto a widget."""

from collections.abc import Collection
from pathlib import Path

from PyQt6.QtGui import QDropEvent


def accept_path(event: QDropEvent | None, suffixes: Collection[str] = ()) -> Path | None:
    """Accept a drag or a drop of one local file or folder, and return its path; else ignore the event.

    Args:
        event: Of entering the widget, or of the drop.
        suffixes: Of the only files that are accepted, in lower case: ".png"; empty for all files and folders.
    """
    if event is None:
        return None
    mime = event.mimeData()
    urls = mime.urls() if mime is not None else []
    path = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
    if path is None or (suffixes and path.suffix.lower() not in suffixes):
        event.ignore()  # a widget around may take it
        return None
    event.acceptProposedAction()
    return path
