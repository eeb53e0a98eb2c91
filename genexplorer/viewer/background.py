"""Runs short blocking work off Qt's thread and delivers its outcome in it."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from genexplorer.errors import UserError

_log = logging.getLogger(__name__)


class Background(QObject):
    """Runs functions in daemon threads."""

    _done = pyqtSignal(object, object)  # a callback and what it gets

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def run(self, work: Callable[[], Any], on_done: Callable[[Any], None], on_failure: Callable[[str], None]) -> None:
        """Do the work in a thread; call `on_done` with its result or `on_failure` with one line, in Qt's thread."""
        threading.Thread(target=self._work, args=(work, on_done, on_failure), daemon=True).start()

    def close(self) -> None:
        """Deliver no more outcomes."""
        self._closed = True

    def _work(self, work: Callable[[], Any], on_done: Callable[[Any], None], on_failure: Callable[[str], None]) -> None:
        try:
            outcome, callback = work(), on_done
        except (UserError, OSError) as error:
            outcome, callback = str(error), on_failure
        except Exception as error:  # shown in the window
            _log.exception("work in the background failed")
            outcome, callback = f"{type(error).__name__}: {error}", on_failure
        try:
            self._done.emit(callback, outcome)
        except RuntimeError:  # the window is gone, and this object with it
            _log.debug("the window is closed; the outcome is dropped")

    def _deliver(self, callback: Callable[[Any], None], outcome: object) -> None:
        if not self._closed:
            callback(outcome)
