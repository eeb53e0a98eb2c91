"""Terminal output: data on standard output, messages on standard error.

A reader that closes its end (`| head`) ends a command quietly; texts from data are printed literally.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

import typer

from genexplorer.errors import UserError
from genexplorer.runs.sanitize import plain
from genexplorer.session import plain_marks

_NOTEBOOK_PREFIXES = ("COLAB_", "KAGGLE_KERNEL_", "DATABRICKS_RUNTIME_")
_CI_VARIABLES = ("CI", "CONTINUOUS_INTEGRATION", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD")
COLORS = {"error": "red", "warning": "yellow", "good": "green", "faint": "bright_black", "accent": "cyan"}


def prepare_streams() -> None:
    """Discard output to closed streams, and replace characters that a stream lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until exit
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=plain_marks.register_error_handler())


def print_stdout(text: str) -> None:
    """Print one line on standard output; a closed pipe ends the command quietly."""
    try:
        typer.echo(_printable(text, sys.stdout), color=shows_color(sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        raise typer.Exit(0) from None


def print_json(value: Any) -> None:
    """Print a value as indented JSON. NaN and infinities, which JSON lacks, become null."""
    finite = json.loads(json.dumps(value, default=str), parse_constant=lambda name: None)
    print_stdout(json.dumps(finite, indent=2, ensure_ascii=False, allow_nan=False))


def print_stderr(text: str) -> None:
    """Print one line on standard error."""
    typer.echo(_printable(text, sys.stderr), err=True, color=shows_color(sys.stderr))


def _printable(text: str, stream: TextIO) -> str:
    """Return a text in characters that a stream, and the font of its terminal, has: '-' where it lacks '−'."""
    if is_terminal(stream) and plain_marks.is_plain():
        text = plain_marks.translate(text)
    return plain_marks.encodable(text, getattr(stream, "encoding", None) or "utf-8")


def print_error(error: UserError) -> None:
    """Print an error and its hint on standard error; names of files in it may hold anything."""
    print_stderr(f"{style('error', 'error', sys.stderr)}: {plain(str(error))}")


def print_warning(text: str) -> None:
    """Print a warning on standard error."""
    print_stderr(f"{style('warning', 'warning', sys.stderr)}: {text}")


def print_lifetime_warning() -> None:
    """Print a warning if a training in the background ends with the container."""
    from genexplorer.workers.container import lifetime_warning

    if warning := lifetime_warning():
        print_warning(warning)


def print_plugin_failures() -> None:
    """Print each plug-in that is left out, and why, on standard error."""
    from trainers import registry

    for failure in registry.plugin_failures():
        print_warning(str(failure))


def style(text: str, role: str, stream: TextIO | None = None) -> str:
    """Color a text by its role, if the stream shows colors."""
    return typer.style(text, fg=COLORS[role]) if shows_color(stream or sys.stdout) else text


def shows_color(stream: TextIO) -> bool:
    """Whether colors may be written: a terminal that is not dumb, and no NO_COLOR."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal; False for a closed one."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def can_show_dashboard() -> bool:
    """Whether the dashboard can run: a person types at a terminal that can place its text."""
    is_capable = os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
    return is_terminal(sys.stdin) and is_terminal(sys.stdout) and is_capable and not unattended_terminal(os.environ)


def unattended_terminal(environment: Mapping[str, str]) -> str:
    """Return the program whose terminal only displays output, such as 'a notebook'; empty in a real terminal.

    In such a pseudo-terminal no key reaches a program, and only lines are displayed. Empty for a person's terminal.
    """
    # IPython's kernel, whichever program started it, sets these three for the commands of '!' and '%%bash'.
    is_kernel = environment.get("TERM") == "xterm-color" and environment.get("PAGER") == environment.get("GIT_PAGER")
    is_kernel = is_kernel and environment.get("PAGER") == "cat"
    if is_kernel or any(environment.get(name) for name in ("JPY_PARENT_PID", "JPY_SESSION_NAME")):
        return "a notebook"
    if any(name.startswith(_NOTEBOOK_PREFIXES) for name in environment):
        return "a notebook"
    if any(environment.get(name, "").lower() not in ("", "0", "false", "no") for name in _CI_VARIABLES):
        return "a continuous integration job"
    if "comint" in environment.get("INSIDE_EMACS", "") or environment.get("EMACS") == "t":
        return "a shell buffer of Emacs"
    return ""


def terminal_columns() -> int:
    """Return the columns of the terminal; very many without one, so that files and pipes lose nothing."""
    return shutil.get_terminal_size((80, 24)).columns if is_terminal(sys.stdout) else 10_000


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right_aligned: Sequence[int] = ()) -> None:
    """Print aligned columns; the last one is truncated to the terminal's width.

    Args:
        headings: One for each column.
        rows: Texts without control characters.
        right_aligned: Indices of the columns that are aligned to the right.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Choose the widths of the columns; the last one gets the rest.
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=COLORS["faint"])
    columns_left = terminal_columns()
    for i, heading in enumerate(headings):
        longest = max(cell_len(row[i]) for row in [headings, *rows])
        columns = longest if i < len(headings) - 1 else max(min(longest, columns_left), 1)
        columns_left -= columns + 2
        justify: Literal["left", "right"] = "right" if i in right_aligned else "left"
        grid.add_column(Text(heading), justify=justify, width=columns, no_wrap=True, overflow="ellipsis")
    # Render and print the lines.
    for row in rows:
        grid.add_row(*map(Text, row))  # `Text` shows brackets literally
    console = Console(width=terminal_columns(), color_system="standard" if shows_color(sys.stdout) else None)
    with console.capture() as capture:
        console.print(grid)
    for line in capture.get().splitlines():
        print_stdout(line.rstrip())


def print_pairs(rows: Sequence[tuple[str, str]], *, indent: int = 0) -> None:
    """Print "name   value" lines with aligned values, omitting empty values."""
    non_empty = [(name, value) for name, value in rows if value]
    name_width = max((len(name) for name, _ in non_empty), default=0)
    for name, value in non_empty:
        print_stdout(" " * indent + style(name.ljust(name_width), "faint") + "  " + value)


def truncate(text: str, limit: int) -> str:
    """Return a text of at most `limit` terminal cells, ending in an ellipsis if anything is missing."""
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= limit else set_cell_size(text, max(limit - 1, 0)).rstrip() + "…"


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar on standard error, if that is a terminal; yields `show(fraction, message)`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    message_column = TextColumn("{task.description}", markup=False)
    columns = (TextColumn(title, markup=False), BarColumn(20), TaskProgressColumn(), message_column)
    is_unattended = unattended_terminal(os.environ) != "" or os.environ.get("TERM") == "dumb"
    console, disable = Console(stderr=True, force_terminal=True), is_unattended or not is_terminal(sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda fraction, message: progress.update(task, completed=fraction, description=message)


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Collect Ctrl+C and SIGTERM in a block; yields a function that raises the KeyboardInterrupt where it is called.

    SQLite would turn one that is raised in its callbacks into an error of the database.
    """
    received: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }

    def check() -> None:
        if received:
            raise KeyboardInterrupt

    try:
        yield check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def flush() -> None:
    """Flush standard output, so that a closed pipe is noticed here and not when Python exits."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()


def _discard_stdout() -> None:
    """Redirect standard output to /dev/null, so that Python's flush at exit does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
