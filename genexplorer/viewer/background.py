"""Short blocking functions in threads, whose results arrive in Qt's thread."""

import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from PyQt6 import sip
from PyQt6.QtCore import QObject, Qt, pyqtSignal

from genexplorer.errors import UserError

_log = logging.getLogger(__name__)


class _Emitter(QObject):
    """Calls functions in Qt's thread. It is never deleted: a thread that emits a signal of a deleted object crashes."""

    finished = pyqtSignal(object)  # a function to call

    def __init__(self) -> None:
        super().__init__()
        self.finished.connect(self._call, Qt.ConnectionType.QueuedConnection)  # type: ignore[call-arg]

    def _call(self, function: Callable[[], None]) -> None:
        function()


@cache
def _emitter() -> _Emitter:
    return _Emitter()


class Background(QObject):
    """Runs short blocking functions in daemon threads and delivers their results in Qt's thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._closed, self._emitter = False, _emitter()

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
            self.deliver(lambda: callback(outcome))

        threading.Thread(target=run_in_thread, daemon=True).start()

    def deliver(self, function: Callable[[], None]) -> None:
        """Call a function in Qt's thread, such as one that shows progress; to be called in the thread of the work."""

        def call_unless_closed() -> None:
            if not self._closed and not sip.isdeleted(self):
                function()

        self._emitter.finished.emit(call_unless_closed)

    def close(self) -> None:
        """Deliver nothing more."""
        self._closed = True
