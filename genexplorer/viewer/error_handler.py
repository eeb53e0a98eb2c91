"""Uncaught exceptions: logged and shown in the window; PyQt would abort the process instead."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from PyQt6.QtCore import QObject, pyqtSignal

from genexplorer import paths
from genexplorer.errors import UserError

_LOG_FILE = "viewer.log"
_MAX_LOG_BYTES = 1 << 20
_log = logging.getLogger("genexplorer.viewer")
T = TypeVar("T")


class ErrorHandler(QObject):
    """Logs uncaught exceptions of all threads and reports them to the window.

    Signals:
        happened(str): One line for the window; from a thread it arrives queued.
    """

    happened = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._former_hooks = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        """Set `sys.excepthook` and `threading.excepthook`."""
        sys.excepthook = self.report
        threading.excepthook = self._report_thread

    def uninstall(self) -> None:
        """Restore the former hooks."""
        sys.excepthook, threading.excepthook = self._former_hooks

    def report(self, error_type: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Log an exception and emit one line for the window."""
        if issubclass(error_type, KeyboardInterrupt):
            return
        line = str(error)
        if not isinstance(error, UserError):
            _log.error("uncaught exception", exc_info=(error_type, error, traceback))
            line = f"{error_type.__name__}: {error}  —  logged in {log_path()}"
        with contextlib.suppress(RuntimeError):  # the window is gone, and this object with it
            self.happened.emit(line)

    def _report_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self.report(args.exc_type, args.exc_value, args.exc_traceback)


def shielded(function: Callable[[], T]) -> T | None:
    """Call a function of one part of the window; an exception is reported and does not affect the other parts."""
    try:
        return function()
    except Exception:
        sys.excepthook(*sys.exc_info())
        return None


def log_path() -> Path:
    """Return the path of the viewer's log; the null device if there is no folder for it."""
    try:
        return paths.state_dir() / _LOG_FILE
    except OSError:
        return Path(os.devnull)


def log_to_file() -> None:
    """Write warnings and errors to the viewer's log, at most two megabytes of it; without a disk, to nowhere."""
    try:
        handler: logging.Handler = RotatingFileHandler(
            log_path(), maxBytes=_MAX_LOG_BYTES, backupCount=1, encoding="utf-8"
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
