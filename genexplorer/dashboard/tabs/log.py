"""Tab 4: the worker's log, newest last; of a run that died also the last words of its process."""

from typing import Any

from rich.text import Text
from textual.widgets import RichLog

from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import LogLine
from genexplorer.session import formatting

_SIGNS = {"warning": "⚠", "error": "✗"}


class LogPane(RichLog):
    """Log lines, written once each."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, wrap=True, max_lines=2000, min_width=20, **options)
        self._shown: tuple[object, int, str] = (None, 0, "")

    def show(self, run: RunView | None) -> None:
        """Write what is new; another run begins anew."""
        folder = run.folder if run else None
        log = run.log if run else ()
        words = run.last_words if run else ""
        if folder != self._shown[0] or words != self._shown[2]:
            self.clear()
            self._shown = (folder, 0, words)
            if not log and not words and run is not None:
                self.write(Text("Nothing was logged yet.", style="dim"))
        fresh = [line for line in log if line.id > self._shown[1]]
        for line in fresh:
            self.write(log_text(line))
        if words and self._shown[1] == 0:
            self.write(Text("\nLast words of the worker:", style="bold"))
            self.write(Text(words))
        if fresh:
            self._shown = (folder, fresh[-1].id, words)


def log_text(line: LogLine) -> Text:
    """Return a line with its time, step and sign."""
    sign = _SIGNS.get(line.severity, " ")
    text = Text(no_wrap=False)
    text.append(f"{formatting.clock(line.time)} ", style="dim")
    text.append(f"{line.step:>8,} ", style="dim")
    text.append(f"{sign} {line.message}", style="bold" if line.severity in _SIGNS else "")
    return text
