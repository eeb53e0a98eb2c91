"""Writes an animation of a training in a process of its own, so that the window is not blocked."""

import json
import sys
from pathlib import Path

from PyQt6.QtCore import QObject, QProcess, pyqtSignal

from genexplorer.runs.sanitize import one_line

_JOB_MODULE = "genexplorer.jobs.progress_gif"


class AnimationJob(QObject):
    """Runs one process at a time that writes an animation.

    Signals:
        progress(float, str): The fraction that is done, and a message.
        ended(bool, str): Whether a file was written, and a message.
    """

    progress = pyqtSignal(float, str)
    ended = pyqtSignal(bool, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._last_record: dict[str, object] = {}
        self._unread_bytes = b""
        self._canceled = False
        self._name = ""

    @property
    def is_running(self) -> bool:
        """True while a file is being written."""
        return self._process is not None

    def start(self, run: Path, out: Path, kind: str) -> None:
        """Write an animation of one kind of images to the file `out`; its suffix decides the format."""
        if self.is_running:
            return
        self._last_record, self._unread_bytes, self._canceled, self._name = {}, b"", False, out.name
        process = QProcess(self)
        self._process = process
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(lambda *_: self._finish())
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", _JOB_MODULE, str(run), str(out), kind])

    def cancel(self) -> None:
        """Cancel; no part of the file remains."""
        if self._process is not None:
            self._canceled = True
            self._process.terminate()

    def close(self) -> None:
        """End the process with the window."""
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(1000)

    def _read(self) -> None:
        if self._process is None:
            return
        *lines, self._unread_bytes = (self._unread_bytes + self._process.readAllStandardOutput().data()).split(b"\n")
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                self._last_record, fraction = record, record.get("fraction")
                if isinstance(fraction, int | float):
                    self.progress.emit(float(fraction), str(record.get("message", "")))

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._last_record = {"error": "the job cannot be started"}
            self._finish()

    def _finish(self) -> None:
        if self._process is None:
            return
        self._read()
        process, self._process = self._process, None
        process.deleteLater()
        if self._canceled:
            self.ended.emit(False, f"{self._name} was not saved: canceled")
        elif "done" in self._last_record:
            self.ended.emit(True, f"saved {self._last_record['done']}: {self._last_record.get('frames', '?')} images")
        else:
            error, hint = (str(self._last_record.get(key, "")) for key in ("error", "hint"))
            reason = f"{error or 'the job ended without an error message'}{': ' if hint else ''}{hint}"
            self.ended.emit(False, f"{self._name} was not saved: {one_line(reason, 300)}")
