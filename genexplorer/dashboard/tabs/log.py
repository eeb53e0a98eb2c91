"""Tab 4: the run's log, newest last; for a lost or failed run also the last lines of worker.log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text
from textual.widgets import RichLog

from genexplorer.dashboard.details import RunDetails
from genexplorer.runs.record import LogLine
from genexplorer.session import formatting

_SEVERITY_SYMBOLS = {"warning": "⚠", "error": "✗"}


class LogPane(RichLog):
    """Log lines; only new ones are appended."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(highlight=False, markup=False, wrap=True, max_lines=2000, min_width=20, **kwargs)
        # What is displayed.
        self._folder: Path | None = None
        self._last_line_id = 0
        self._worker_log_tail = ""

    def show(self, run: RunDetails | None) -> None:
        """Append new lines; another run clears the pane."""
        folder = run.folder if run else None
        log = run.log if run else ()
        tail = run.log_tail if run else ""
        new = [line for line in log if line.id > self._last_line_id]
        # Append to displayed lines; nothing may be below them, or in their place.
        is_same = (folder, tail) == (self._folder, self._worker_log_tail)
        if is_same and (not new or (self._last_line_id and not tail)):
            self._write_lines(new)
            return
        # Start again.
        self.clear()
        self._folder, self._last_line_id, self._worker_log_tail = folder, 0, tail
        self._write_lines(log)
        if tail:
            self.write(Text("\nLast log lines of the worker:", style="bold"))
            self.write(Text(tail))
        if run is not None and not log and not tail:
            self.write(Text("The log is empty.", style="dim"))

    def _write_lines(self, lines: Sequence[LogLine]) -> None:
        for line in lines:
            self.write(log_line_text(line))
            self._last_line_id = line.id


def log_line_text(line: LogLine) -> Text:
    """Return a line with its time, step and severity."""
    symbol = _SEVERITY_SYMBOLS.get(line.severity, " ")
    text = Text(no_wrap=False)
    text.append(f"{formatting.clock(line.time)} ", style="dim")
    text.append(f"{line.step:>8,} ", style="dim")
    text.append(f"{symbol} {line.message}", style="bold" if line.severity in _SEVERITY_SYMBOLS else "")
    return text
