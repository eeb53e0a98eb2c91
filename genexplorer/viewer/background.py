"""Short blocking functions in threads, whose results arrive in Qt's thread."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import QObject, Qt, pyqtSignal

from genexplorer.errors import UserError

_log = logging.getLogger(__name__)


class Background(QObject):
    """Runs short blocking functions in daemon threads and delivers their results in Qt's thread."""

    _finished = pyqtSignal(object, object)  # a callback and its argument

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed = False
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def run(self, work: Callable[[], Any], on_result: Callable[[Any], None], on_failure: Callable[[str], None]) -> None:
        """Do the work in a thread; call `on_result` with its result or `on_failure` with one line, in Qt's thread."""

        def run_in_thread() -> None:
            try:
                outcome, callback = work(), on_result
            except (UserError, OSError) as error:
                outcome, callback = str(error), on_failure
            except Exception as error:  # the window shows it
                _log.exception("work in the background failed")
                outcome, callback = f"{type(error).__name__}: {error}", on_failure
            try:
                self._finished.emit(callback, outcome)
            except RuntimeError:  # the window is gone, and this object with it
                _log.debug("the window is closed; the outcome is dropped")

        threading.Thread(target=run_in_thread, daemon=True).start()

    def close(self) -> None:
        """Deliver no more outcomes."""
        self._closed = True

    def _deliver(self, callback: Callable[[Any], None], outcome: object) -> None:
        if not self._closed:
            callback(outcome)
