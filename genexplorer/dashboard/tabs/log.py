"""Tab 4: the run's log, newest last; for a lost or failed run also the last lines of worker.log."""

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
        # What is displayed: run folder, id of its last log line, tail of worker.log.
        self._written: tuple[Path | None, int, str] = (None, 0, "")

    def show(self, run: RunDetails | None) -> None:
        """Append new lines; another run clears the pane."""
        folder = run.folder if run else None
        log = run.log if run else ()
        tail = run.log_tail if run else ""
        # Start again for another run, and when the tail of worker.log appears.
        if folder != self._written[0] or tail != self._written[2]:
            self.clear()
            self._written = (folder, 0, tail)
            if not log and not tail and run is not None:
                self.write(Text("The log is empty.", style="dim"))
        # Append new lines, then the tail.
        new = [line for line in log if line.id > self._written[1]]
        for line in new:
            self.write(log_line_text(line))
        if tail and self._written[1] == 0:
            self.write(Text("\nLast log lines of the worker:", style="bold"))
            self.write(Text(tail))
        if new:
            self._written = (folder, new[-1].id, tail)


def log_line_text(line: LogLine) -> Text:
    """Return a line with its time, step and severity."""
    symbol = _SEVERITY_SYMBOLS.get(line.severity, " ")
    text = Text(no_wrap=False)
    text.append(f"{formatting.clock(line.time)} ", style="dim")
    text.append(f"{line.step:>8,} ", style="dim")
    text.append(f"{symbol} {line.message}", style="bold" if line.severity in _SEVERITY_SYMBOLS else "")
    return text
