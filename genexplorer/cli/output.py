"""How the command line speaks: data on standard output, everything else on standard error, both safe for any reader."""

import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

import typer

from genexplorer.errors import UserError

STYLES = {"error": "red", "warning": "yellow", "good": "green", "faint": "bright_black", "accent": "cyan"}


def prepare_streams() -> None:
    """Let output that is closed swallow what is written, and a terminal that lacks a sign show '?'."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this process
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for life
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def data(text: str) -> None:
    """Print one line of data on standard output. A reader that has left (`| head`) ends the command quietly."""
    try:
        typer.echo(text, color=colored(sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        _end_quietly()


def as_json(value: Any) -> None:
    """Print a value as indented JSON. NaN and infinities, which JSON lacks, become null."""
    data(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str))


def say(text: str) -> None:
    """Print one line for people on standard error."""
    typer.echo(text, err=True, color=colored(sys.stderr))


def complain(error: UserError) -> None:
    """Tell a failure: what is wrong and what to do, on standard error."""
    say(f"{style('error', 'error', sys.stderr)}: {error}")


def style(text: str, role: str, stream: TextIO | None = None) -> str:
    """Color a text by its role where the stream shows colors."""
    return typer.style(text, fg=STYLES[role]) if colored(stream or sys.stdout) else text


def colored(stream: TextIO) -> bool:
    """Whether colors may be written: a terminal that is not dumb, and no NO_COLOR."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO) -> bool:
    """Whether a person sees this stream as it is written."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def full_screen() -> bool:
    """Whether a terminal dashboard can run: input and output are a terminal that can move its cursor."""
    return is_terminal(sys.stdin) and is_terminal(sys.stdout) and os.environ.get("TERM", "dumb") != "dumb"


def width() -> int:
    """Columns of the terminal; a wide page where there is none, so that a file or a pipe loses nothing."""
    return shutil.get_terminal_size((80, 24)).columns if is_terminal(sys.stdout) else 10_000


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print aligned columns, the last one cut where the terminal ends.

    Args:
        headings: One for each column.
        rows: Texts without control characters.
        right: Indices of the columns that are aligned to the right.
    """
    widths = [max(len(row[i]) for row in [headings, *rows]) for i in range(len(headings))]
    limit = width()
    for number, row in enumerate([headings, *rows]):
        cells = [
            text.rjust(w) if i in right else text.ljust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        ]
        line = cut("  ".join(cells).rstrip(), limit)
        data(style(line, "faint") if number == 0 else line)


def pairs(rows: Sequence[tuple[str, str]], *, indent: int = 0) -> None:
    """Print "name   value" lines with the values in one column, leaving out empty values."""
    shown = [(name, value) for name, value in rows if value]
    name_width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        data(" " * indent + style(name.ljust(name_width), "faint") + "  " + value)


def handle(name: str, identity: str) -> str:
    """Return what a hint calls a run by: its name, or its id where the name would need quotes in a shell."""
    return name if shlex.quote(name) == name else identity


def cut(text: str, limit: int) -> str:
    """Shorten a text to a number of columns, with an ellipsis."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + "…"


@contextmanager
def progress_bar(title: str) -> Iterator["ProgressBar"]:
    """Show how far a long work is, on standard error, only where that is a terminal."""
    bar = ProgressBar(title)
    try:
        yield bar
    finally:
        bar.clear()


class ProgressBar:
    """One line that is written over: a title, a bar, a percentage, a message."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = is_terminal(sys.stderr)

    def show(self, fraction: float, message: str = "") -> None:
        """Draw the bar at a fraction in [0, 1]."""
        if not self._shown:
            return
        done = round(20 * min(max(fraction, 0.0), 1.0))
        line = f"{self._title} {'━' * done}{'╌' * (20 - done)} {fraction:4.0%} {message}"
        sys.stderr.write("\r\x1b[2K" + cut(line, shutil.get_terminal_size().columns - 1))
        sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()


def flush() -> None:
    """Write out what is buffered, so that a reader that has left is noticed here and not while Python exits."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()


def _end_quietly() -> NoReturn:
    _silence_stdout()
    raise typer.Exit(0)


def _silence_stdout() -> None:
    """Point standard output nowhere; Python would otherwise complain when it flushes at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
