"""Print the progress of a run line by line until it ends, for `--plain` and `--foreground`."""

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
from genexplorer.runs.command_hints import run_command, runs_dir_option
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import MetricValue, NewRecords, ReadPosition, RunStatus, State
from genexplorer.runs.status.run_status import read_status
from genexplorer.session import formatting
from genexplorer.session.actions import save_failure
from genexplorer.workers import launcher
from trainers.events import MetricSpec

POLL_INTERVAL_S = 0.25
_CLOCK_COLUMNS = 10  # width of the time of day and the space after it
PROGRESS_INTERVAL_S = 5.0
REPETITION_INTERVAL_S = 30.0  # between lines that say the same
STARTUP_TIMEOUT_S = 20.0  # a worker accepts commands only after it has started
INTERRUPTED_EXIT_CODE = 130
EXIT_CODES = {State.FAILED: 5, State.LOST: 8, State.DAMAGED: 4}


class RunFollower:
    """Prints log lines and alerts of a run at once, and its progress every few seconds."""

    def __init__(self, folder: Path) -> None:
        self._reader = RunReader(folder)
        self._cursor = ReadPosition()
        self._latest: dict[str, MetricValue] = {}
        self._specs: dict[str, MetricSpec] = {}
        self._next_print = 0.0
        self._next_repetition = 0.0
        self._printed_step, self._printed_activity = -1, ""

    def follow(self) -> RunStatus:
        """Print until the run has ended and return its status; after an interruption it continues where it was."""
        while True:
            delta = self._reader.read_new(self._cursor)
            self._cursor = delta.cursor
            self._print(delta)
            if not delta.status.state.active:
                return delta.status
            time.sleep(POLL_INTERVAL_S)

    def _print(self, delta: NewRecords) -> None:
        self._latest.update(delta.latest)
        self._specs.update(delta.metric_specs)
        for line in delta.log:
            print_log_line(line)
        now = time.monotonic()
        is_due = now >= self._next_print or not delta.status.state.active
        # A long evaluation or compilation has no steps: print how far it is, and now and then that it goes on.
        activity = activity_text(delta.status)
        is_new = bool(self._latest) and delta.status.step != self._printed_step
        is_new = is_new or (activity != "" and (activity != self._printed_activity or now >= self._next_repetition))
        if is_new and is_due:
            output.print_stdout(
                f"{formatting.clock(time.time())}  {progress_line(delta.status, self._latest, self._specs)}"
            )
            self._next_print, self._next_repetition = now + PROGRESS_INTERVAL_S, now + REPETITION_INTERVAL_S
            self._printed_step, self._printed_activity = delta.status.step, activity


def follow_detachable(folder: Path) -> None:
    """Follow a run; Ctrl+C leaves it training. Exits with the run's code."""
    try:
        status = RunFollower(folder).follow()
    except KeyboardInterrupt:
        print_still_training(folder)
        raise typer.Exit(INTERRUPTED_EXIT_CODE) from None
    exit_with_outcome(status)


def follow_in_foreground(folder: Path) -> None:
    """Follow a run; Ctrl+C, SIGTERM and a closed terminal stop it. Exits with the run's code."""
    with _interrupt_on_signals():
        follower = RunFollower(folder)
        try:
            status = follower.follow()
        except KeyboardInterrupt:
            stop_and_wait(folder, follower)
            raise typer.Exit(INTERRUPTED_EXIT_CODE) from None
    exit_with_outcome(status)


def exit_with_outcome(status: RunStatus) -> None:
    """Print the outcome of a run and exit with the code for it."""
    line = f"{formatting.state_symbol(status.state)} {status.name} {status.state.value}"
    line += f" at step {status.step:,} after {formatting.duration(status.elapsed_s)}"
    if status.reason:
        line += f": {status.reason}"
    output.print_stderr(line)
    code = EXIT_CODES.get(status.state, 0)
    resume_command = run_command("runs resume", status.folder)
    if code:
        output.print_stderr(
            f"'{run_command('runs logs', status.folder)}' shows the log; '{resume_command}' tries again"
        )
        raise typer.Exit(code)
    if status.state is State.STOPPED:
        if failure := save_failure(status):
            output.print_error(UserError(f"{status.name} stopped", failure))
            raise typer.Exit(UserError.exit_code)
        output.print_stderr(f"'{resume_command}' continues it")


def activity_text(status: RunStatus) -> str:
    """Return the activity of a run between two steps: 'evaluating 40%', 'compiling the training step'; else empty."""
    if not status.state.active or status.phase in ("", "training", status.state.value):
        return ""
    return f"{status.phase} {status.phase_detail}".rstrip()


def progress_line(status: RunStatus, latest: Mapping[str, MetricValue], specs: Mapping[str, MetricSpec]) -> str:
    """Return step, progress, training and test objective, speed and time left in one line.

    In a narrow terminal the speed is dropped first, then the training objective.
    """
    head = [f"step {status.step:>7,}", f"{formatting.percent(status.progress):>4}"]
    objective = _objective_texts(status, latest, specs)
    speed = formatting.speed(status, short=True)
    time_left = formatting.time_left(status) if status.state.active else status.state.value
    activity = activity_text(status)
    tail = [time_left, activity] if activity and time_left != status.phase else [activity or time_left]
    middles = ([*objective, speed] if speed else objective, objective, objective[-1:])
    lines = ["  ".join(head + middle + tail) for middle in middles]
    return next((line for line in lines if len(line) <= output.terminal_columns() - _CLOCK_COLUMNS), lines[-1])


def _objective_texts(
    status: RunStatus, latest: Mapping[str, MetricValue], specs: Mapping[str, MetricSpec]
) -> list[str]:
    """Return the latest objective of training and, for the EMA weights, of the test set."""
    primary = specs.get(status.primary_metric)
    if primary is None:
        return []
    candidates = [spec for spec in specs.values() if spec.quantity == primary.quantity and spec.name in latest]
    train = [spec for spec in candidates if spec.name.startswith("train/")][:1]
    test = [spec for spec in candidates if spec.name.endswith("_ema")][:1]
    parts = []
    for spec in train + test:
        title = spec.title.replace("(EMA weights)", "(EMA)")
        parts.append(f"{title} {formatting.number(latest[spec.name].value)}")
    return [*parts[:-1], f"{parts[-1]} {primary.unit}".rstrip()] if parts else []


def print_still_training(folder: Path) -> None:
    """Print that a run keeps training in the background, and how to stop it."""
    dashboard = f"genexplorer{runs_dir_option(folder.parent)}"
    output.print_stderr(
        f"\n{read_status(folder).name} keeps training. '{run_command('runs stop', folder)}' stops it,"
        f" '{dashboard}' opens the dashboard."
    )


def stop_and_wait(folder: Path, follower: RunFollower) -> None:
    """Stop a run and wait for its end; a second Ctrl+C returns at once."""
    name = read_status(folder).name
    output.print_stderr(f"\nstopping {name}; it saves its state first (Ctrl+C again: do not wait)")
    try:
        launcher.wait(folder, set(State) - {State.QUEUED}, STARTUP_TIMEOUT_S)
        launcher.stop(folder)
        exit_with_outcome(follower.follow())
    except KeyboardInterrupt:
        output.print_stderr(f"{name} is still stopping; '{run_command('runs show', folder)}' shows its state")
    except UserError as error:
        output.print_error(error)


@contextmanager
def _interrupt_on_signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl+C; an ignored signal, as under nohup, stays ignored."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    handled = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    previous_handlers = {number: signal.signal(number, interrupt) for number in handled}
    try:
        yield
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
        sys.stdout.flush()
