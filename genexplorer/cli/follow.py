"""Following a run line by line until it ends: what `--plain`, `--foreground` and `runs logs --follow` print."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from genexplorer.cli import output
from genexplorer.cli.runs.show import print_log_line
from genexplorer.errors import UserError
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import Cursor, Delta, Point, RunStatus, State
from genexplorer.session import formatting
from genexplorer.workers import launcher
from trainers.events import MetricSpec

POLL_S = 0.25
_CLOCK = 10  # columns of the time of day before a line
LINE_EVERY_S = 5.0
STARTING_S = 20.0  # a worker that was only just started cannot be told to stop yet
INTERRUPTED = 130
END_CODES = {State.FAILED: 5, State.LOST: 8, State.DAMAGED: 4}


def follow(folder: Path, *, lines: bool = True) -> RunStatus:
    """Print progress lines until a run has ended, and return how it ended.

    Args:
        folder: The run's folder.
        lines: False prints the log alone.
    """
    with Following(folder, lines=lines) as following:
        return following.to_the_end()


class Following:
    """A run that is being told line by line; after an interruption it goes on where it was."""

    def __init__(self, folder: Path, *, lines: bool = True) -> None:
        self._reader = RunReader(folder)
        self._printer = _Printer(lines=lines)
        self._cursor = Cursor()

    def __enter__(self) -> "Following":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def to_the_end(self) -> RunStatus:
        """Print what is new until the run has ended, and return how it ended."""
        while True:
            delta = self._reader.changes(self._cursor)
            self._cursor = delta.cursor
            self._printer.tell(delta)
            if not delta.status.state.live:
                return delta.status
            time.sleep(POLL_S)


def follow_detachable(folder: Path) -> None:
    """Follow a run; Ctrl+C leaves it training and says so. Exits with the run's code."""
    try:
        status = follow(folder)
    except KeyboardInterrupt:
        tell_goes_on(folder)
        raise typer.Exit(INTERRUPTED) from None
    finish(status)


def follow_in_foreground(folder: Path) -> None:
    """Follow a run; Ctrl+C, SIGTERM and a closed terminal stop it cleanly. Exits with the run's code."""
    with _signals_interrupt(), Following(folder) as following:
        try:
            status = following.to_the_end()
        except KeyboardInterrupt:
            stop_and_wait(folder, following)
            raise typer.Exit(INTERRUPTED) from None
    finish(status)


def finish(status: RunStatus) -> None:
    """Tell how a run ended and exit with the code for it."""
    line = f"{formatting.state_symbol(status.state)} {status.name} {status.state.value}"
    line += f" at step {status.step:,} after {formatting.duration(status.elapsed_s)}"
    if status.reason:
        line += f": {status.reason}"
    output.say(line)
    name, code = output.handle(status.name, status.id), END_CODES.get(status.state, 0)
    if code:
        output.say(f"'genexplorer runs logs {name}' shows more; 'genexplorer runs resume {name}' tries again")
        raise typer.Exit(code)
    if status.state is State.STOPPED:
        output.say(f"'genexplorer runs resume {name}' goes on from there")


def progress_line(status: RunStatus, latest: Mapping[str, Point], specs: Mapping[str, MetricSpec]) -> str:
    """Return one line: step, share, the objective in training and test, speed, time left.

    Where that is wider than the terminal, the speed goes first, then the figure of the training batch.
    """
    begin = [f"step {status.step:>7,}", f"{formatting.percent(status.progress):>4}"]
    figures = _figures(status, latest, specs)
    speed = list(filter(None, [formatting.speed(status, short=True)]))
    end = [formatting.time_left(status) if status.state.live else status.state.value]
    room = output.width() - _CLOCK
    lines = ["  ".join(begin + middle + end) for middle in (figures + speed, figures, figures[-1:])]
    return next((line for line in lines if len(line) <= room), lines[-1])


def _figures(status: RunStatus, latest: Mapping[str, Point], specs: Mapping[str, MetricSpec]) -> list[str]:
    """Return the objective of training and of test, the latter of the EMA weights, with their steps' own values."""
    headline = specs.get(status.headline_name)
    if headline is None:
        return []
    same = [spec for spec in specs.values() if spec.quantity == headline.quantity and spec.name in latest]
    train = next((spec for spec in same if spec.name.startswith("train/")), None)
    test = next((spec for spec in same if spec.name.endswith("_ema")), None)
    shown = [f"{_short(spec.title)} {formatting.number(latest[spec.name].value)}" for spec in (train, test) if spec]
    return [*shown[:-1], f"{shown[-1]} {headline.unit}".rstrip()] if shown else []


def _short(title: str) -> str:
    return title.replace("(EMA weights)", "(EMA)")


class _Printer:
    """Collects what is new and prints it: log lines and alerts at once, progress every few seconds."""

    def __init__(self, *, lines: bool) -> None:
        self._lines = lines
        self._latest: dict[str, Point] = {}
        self._specs: dict[str, MetricSpec] = {}
        self._due = 0.0
        self._printed_step = -1

    def tell(self, delta: Delta) -> None:
        """Print what came since the last delta."""
        self._latest.update(delta.latest)
        self._specs.update(delta.specs)
        for line in delta.log:
            print_log_line(line)
        if not self._lines:
            return
        now = time.monotonic()
        ended = not delta.status.state.live
        if self._latest and delta.status.step != self._printed_step and (now >= self._due or ended):
            output.data(f"{formatting.clock(time.time())}  {progress_line(delta.status, self._latest, self._specs)}")
            self._due = now + LINE_EVERY_S
            self._printed_step = delta.status.step


def tell_goes_on(folder: Path) -> None:
    """Say that a run trains on in the background, and how to stop it."""
    name = _name(folder)
    output.say(f"\n{name} goes on training. 'genexplorer runs stop {name}' stops it, 'genexplorer' shows it.")


def stop_and_wait(folder: Path, following: Following) -> None:
    """Ask the worker to stop and wait until it has; a second Ctrl+C leaves it to stop alone."""
    name = _name(folder)
    output.say(f"\nstopping {name}; it saves its state first (Ctrl+C again leaves it to do so alone)")
    try:
        launcher.wait(folder, set(State) - {State.QUEUED}, STARTING_S)
        launcher.stop(folder)
        finish(following.to_the_end())
    except KeyboardInterrupt:
        output.say(f"{name} is still stopping; 'genexplorer runs show {name}' tells")
    except UserError as error:
        output.complain(error)


def _name(folder: Path) -> str:
    try:
        with RunReader(folder) as reader:
            status = reader.status()
            return output.handle(status.name, status.id)
    except UserError:
        return folder.name


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl+C does; one that is ignored, as under nohup, stays so."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    asked = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = [number for number in asked if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.stdout.flush()
