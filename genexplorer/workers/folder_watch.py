"""Notices that a worker's run folder was deleted or moved, and ends the worker: no front end could show or stop it."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from genexplorer.runs import layout

POLL_S = 0.5
EXIT_TIMEOUT_S = 5.0  # for the training to end by itself; a compilation cannot be interrupted
REASON = "the run folder was deleted or moved during the training"


class FolderWatch:
    """A thread that compares live.bin with the open file that the worker writes to.

    Args:
        folder: The run folder.
        fd: Descriptor of the open live.bin.
        on_missing: Called once when the folder is gone.
        exit_process: Called when the watch is not closed in time after that.
    """

    def __init__(
        self,
        folder: Path,
        fd: int,
        on_missing: Callable[[], None],
        exit_process: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        self._path = folder / layout.LIVE
        opened = os.fstat(fd)
        self._identity = (opened.st_dev, opened.st_ino)
        self._on_missing = on_missing
        self._exit_process = exit_process
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="run-folder-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        num_missing = 0
        while not self._closed.wait(POLL_S):
            num_missing = 0 if self._is_in_place() else num_missing + 1
            if num_missing == 2:  # twice, as network file systems have hiccups
                self._on_missing()
                if not self._closed.wait(EXIT_TIMEOUT_S):
                    self._exit_process()
                return

    def _is_in_place(self) -> bool:
        """Return whether the path still leads to the file; True while the file system cannot tell."""
        try:
            status = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return (status.st_dev, status.st_ino) == self._identity
