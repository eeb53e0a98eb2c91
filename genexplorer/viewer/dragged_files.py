"""Files and folders that are dragged onto the window."""

from pathlib import Path

from PyQt6.QtGui import QDropEvent


def dropped_path(event: QDropEvent) -> Path | None:
    """Return the one local file or folder of a drag; None for anything else."""
    mime = event.mimeData()
    urls = mime.urls() if mime is not None else []
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
