"""What a key does to a run, the same in both faces, told in one line. Every function waits: call it in a thread.

Runs outside of the face's own runs folder are only read: what would change one is refused.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from genexplorer import paths
from genexplorer.errors import DisplayError, RunStateError, UserError, WorkerError
from genexplorer.runs.commands import control
from genexplorer.runs.commands.control import Ack
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import command_lines
from genexplorer.workers import launcher
from trainers.events import Pause

if TYPE_CHECKING:
    from trainers.config import RunConfig

OBEY_S = 30.0  # a step boundary comes within a second, a compilation may take longer
VIEWER_STANDS_S = 1.5
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Outcome:
    """What became of it. Nothing here raises for what a person can mend: `ok` is then false and `line` says why."""

    ok: bool
    line: str
    hint: str = ""
    folder: Path | None = None  # of the new run; of the trash after `delete`, to be given to `restore`

    def __str__(self) -> str:
        return f"{self.line}: {self.hint}" if self.hint else self.line


def start_run(runs_dir: Path, config: "RunConfig", *, name: str = "", tags: Iterable[str] = ()) -> Outcome:
    """Make the folder of a new run and start its worker; waits for its first sign of life."""

    def start() -> Outcome:
        folder = RunStore(runs_dir).create(config, name=name, tags=tuple(tags))
        try:
            status = launcher.start(folder)
        except UserError as error:
            return Outcome(False, error.message, error.hint, folder)
        return Outcome(True, f"{status.name} trains", "", folder)

    return _told(start)


def pause(folder: Path, runs_dir: Path) -> Outcome:
    """Pause a run: it keeps its memory and gives its cores back."""

    def hold() -> Outcome:
        RunStore(runs_dir).require_own(folder)
        return _outcome(folder, control.send(folder, Pause()), "pauses at step {step:,}")

    return _told(hold)


def resume(folder: Path, runs_dir: Path) -> Outcome:
    """Go on with a paused run; start a stopped, failed or lost one again from its newest checkpoint."""

    def go_on() -> Outcome:
        RunStore(runs_dir).require_own(folder)
        status = launcher.resume(folder)
        return Outcome(True, f"{status.name} trains from step {status.step:,}", "", folder)

    return _told(go_on)


def pause_or_resume(folder: Path, runs_dir: Path) -> Outcome:
    """Pause what runs, go on with what does not: one key for both."""
    act = pause if read_status(folder).state is State.RUNNING else resume
    return act(folder, runs_dir)


def stop(folder: Path, runs_dir: Path) -> Outcome:
    """Stop a run at its next step; it saves its state first and can be resumed."""

    def end() -> Outcome:
        RunStore(runs_dir).require_own(folder)
        command_id = launcher.stop(folder)
        if not command_id:  # a full disk took no command: the process itself was told
            return Outcome(True, f"{read_status(folder).name} was told to stop", "", folder)
        return _outcome(folder, command_id, "stops at step {step:,} and saves its state")

    return _told(end)


def delete(folder: Path, runs_dir: Path) -> Outcome:
    """Move a run to the trash; `restore` of the outcome's folder brings it back. Live runs are refused."""

    def move() -> Outcome:
        name = read_status(folder).name
        return Outcome(True, f"{name} is in the trash", "", RunStore(runs_dir).delete(folder))

    return _told(move)


def restore(trash: Path) -> Outcome:
    """Bring a deleted run back from the trash."""

    def move() -> Outcome:
        folder = RunStore(trash.parent).restore(trash)
        return Outcome(True, f"{read_status(folder).name} is back", "", folder)

    return _told(move)


def open_viewer(folder: Path | None, runs_dir: Path) -> Outcome:
    """Open the desktop viewer as a process of its own, which outlives this one; says why it cannot."""

    def open_it() -> Outcome:
        require_display(folder)
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                viewer_command(folder),
                env=viewer_environment(runs_dir),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
            code = _stands(process)
            if code is None:
                threading.Thread(target=process.wait, name="viewer-reaper", daemon=True).start()
                return Outcome(True, "the viewer opens")
            return _fell(code, said)

    return _told(open_it)


def has_display() -> bool:
    """Return whether a window can be asked for: a display is named, or Qt was told of a platform of its own."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)


def require_display(folder: Path | None) -> None:
    """Raise where no window can be asked for, with the command that writes a picture instead.

    Raises:
        DisplayError: if there is no display.
    """
    if not has_display():
        raise DisplayError(
            "there is no display to open a window on", f"write a picture instead: {picture_command(folder)}"
        )


def picture_command(folder: Path | None) -> str:
    """Return the command that writes what the viewer would show first: the plane of a 2-D model, else samples."""
    if folder is None:
        return command_lines.picture("manifold", "RUN")
    from genexplorer.runs.reader import RunReader  # with NumPy, which who opens a viewer need not wait for

    with RunReader(folder) as reader:
        plane = not reader.snapshots() or reader.card().capability("manifold").available
    return command_lines.picture("manifold" if plane else "sample", read_status(folder).name)


def viewer_command(folder: Path | None) -> list[str]:
    """Return the command of a viewer process; `viewer_environment` goes with it."""
    return [sys.executable, "-P", "-m", "genexplorer.viewer.main", *([str(folder)] if folder else [])]


def viewer_environment(runs_dir: Path) -> dict[str, str]:
    """Return the environment of a viewer process."""
    return {**os.environ, paths.RUNS_VARIABLE: str(runs_dir)}


def _stands(process: "subprocess.Popen[bytes]") -> int | None:
    """Return the exit status of a viewer that fell at once, None of one that stands."""
    try:
        return process.wait(VIEWER_STANDS_S)
    except subprocess.TimeoutExpired:
        return None


def _fell(code: int, said: IO[bytes]) -> Outcome:
    if code == 0:
        return Outcome(True, "the viewer was opened and closed")
    said.seek(max(said.seek(0, os.SEEK_END) - 4096, 0))
    lines = [one_line(line, 200) for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return Outcome(False, f"the viewer did not open: {lines[-1] if lines else f'it ended with status {code}'}")


def _told(action: Callable[[], Outcome]) -> Outcome:
    """Do it; what a person can mend becomes a line."""
    try:
        return action()
    except UserError as error:
        return Outcome(False, error.message, error.hint)
    except OSError as error:
        where = f" ({one_line(str(error.filename), 120)})" if error.filename else ""
        return Outcome(False, f"{error.strerror or error}{where}", "is the disk full, or the folder read-only?")


def _outcome(folder: Path, command_id: str, done: str) -> Outcome:
    ack = _answer(folder, command_id)
    name = read_status(folder).name
    if not ack.applied:
        return Outcome(False, f"{name} cannot: {ack.error}", "", folder)
    return Outcome(True, f"{name} {done.format(step=ack.step)}", "", folder)


def _answer(folder: Path, command_id: str) -> Ack:
    deadline = time.monotonic() + OBEY_S
    while time.monotonic() < deadline:
        ack = control.outcome(folder, command_id)
        if ack is not None:
            return ack
        status: RunStatus = read_status(folder)
        if not status.state.live:
            raise RunStateError(f"{status.name} is {status.state}", status.reason)
        if not status.answering:
            raise WorkerError(f"the worker of {status.name} does not answer", "it will obey once it wakes")
        time.sleep(_LOOK_EVERY_S)
    raise WorkerError(f"the worker did not obey within {OBEY_S:.0f} s", "it may be compiling; it obeys when it is done")
