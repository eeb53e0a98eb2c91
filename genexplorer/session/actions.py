"""User actions on runs (start, pause, resume, stop, delete, open the viewer), shared by CLI, dashboard and viewer.

Every function blocks: call it in a thread. Expected failures are returned as an `ActionResult`, not raised. Only runs
of the own runs folder are changed; a run folder elsewhere is read-only.
"""

import functools
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from genexplorer import paths
from genexplorer.errors import DisplayError, RunStateError, TrainingError, UserError, WorkerError, as_user_error
from genexplorer.runs import layout, notes
from genexplorer.runs.artifacts import retention
from genexplorer.runs.command_hints import runs_dir_option, selector
from genexplorer.runs.commands import control
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import command_lines, display, run_data
from genexplorer.workers import launcher
from trainers.events import Pause

if TYPE_CHECKING:
    from genexplorer.runs.initial import InitialSource
    from trainers.config import RunConfig

P = ParamSpec("P")
ACK_TIMEOUT_S = 30.0  # a step boundary comes within a second, a compilation may take longer
VIEWER_STARTUP_S = 1.5  # a viewer that still runs after this time has opened
_ENDED_STATES = frozenset(state for state in State if not state.active)


@dataclass(frozen=True)
class ActionResult:
    """Result of a user action; if `ok` is false, `message` says why."""

    ok: bool
    message: str
    hint: str = ""
    folder: Path | None = None  # the run's folder; after `delete` the one in the trash, which `restore` takes
    exit_code: int = 0  # the exit code of a CLI command with this result

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


def as_result(action: Callable[P, ActionResult]) -> Callable[P, ActionResult]:
    """Decorate an action: the errors that it expects become its result."""

    @functools.wraps(action)
    def run(*args: P.args, **kwargs: P.kwargs) -> ActionResult:
        try:
            return action(*args, **kwargs)
        except UserError as error:
            return ActionResult(False, error.message, error.hint, exit_code=error.exit_code)
        except OSError as error:
            path = f" ({one_line(str(error.filename), 120)})" if error.filename else ""
            hint = as_user_error(error).hint or "is the disk full, or the folder read-only?"
            if isinstance(error, PermissionError):
                hint = "the folder belongs to another user, or is read-only"
            return ActionResult(False, f"{error.strerror or error}{path}", hint, exit_code=1)

    return run


@as_result
def start_run(
    runs_dir: Path,
    config: "RunConfig",
    *,
    name: str = "",
    tags: Iterable[str] = (),
    initial: "InitialSource | None" = None,
) -> ActionResult:
    """Create a run folder, start its worker and wait for the first heartbeat."""
    launcher.require_device(config.execution.device)
    store = RunStore(runs_dir)
    folder = store.create(config, name=name, tags=tuple(tags), initial=initial)
    try:
        status = launcher.start(folder)
    except UserError as error:
        return ActionResult(False, error.message, error.hint, folder, error.exit_code)
    notice = store.same_name_notice(folder) if name else ""
    return ActionResult(True, f"{status.name} started" + (f"; {notice}" if notice else ""), "", folder)


@as_result
def pause(
    folder: Path, runs_dir: Path, *, timeout_s: float = ACK_TIMEOUT_S, wait_for_state: bool = False
) -> ActionResult:
    """Pause a run: the worker keeps its memory and releases its cores.

    Args:
        folder: The run folder.
        runs_dir: The own runs folder.
        timeout_s: How long to wait for the worker's acknowledgement.
        wait_for_state: Wait until the run is paused too, at most as long again.
    """
    RunStore(runs_dir).require_own(folder)
    step = control.wait_for_ack(folder, control.send(folder, Pause()), timeout_s).step
    if wait_for_state:
        status = launcher.wait(folder, {State.PAUSED, *_ENDED_STATES}, timeout_s)
        if status.state is not State.PAUSED:
            raise RunStateError(f"{status.name} {status.state} before it paused", status.reason)
    return ActionResult(True, f"{read_status(folder).name} paused at step {step:,}", "", folder)


@as_result
def resume(folder: Path, runs_dir: Path, *, timeout_s: float = 60.0) -> ActionResult:
    """Resume a paused run; restart a stopped, failed or lost one from its newest checkpoint. Waits until it trains."""
    RunStore(runs_dir).require_own(folder)
    before = read_status(folder)
    if before.state in (State.STOPPED, State.FAILED, State.LOST, State.SUCCEEDED):
        run_data.require_present(folder)  # the attempt would fail
    status = launcher.resume(folder, timeout_s=timeout_s)
    if status.attempt == before.attempt:  # it was paused
        return ActionResult(True, f"{status.name} resumed at step {status.step:,}", "", folder)
    step = launcher.first_step(folder)
    if step is None:
        message = f"{status.name} is still loading after {timeout_s:.0f} s"
    elif step == 0 and before.step:
        message = f"{status.name} restarted at step 0: it has no complete checkpoint"
    else:
        message = f"{status.name} resumed at step {step:,}"
    return ActionResult(True, message, "", folder)


def pause_or_resume(folder: Path, runs_dir: Path) -> ActionResult:
    """Pause a running run, resume any other: one key for both."""
    action = pause if read_status(folder).state is State.RUNNING else resume
    return action(folder, runs_dir)


@as_result
def stop(
    folder: Path, runs_dir: Path, *, timeout_s: float = ACK_TIMEOUT_S, wait_for_state: bool = False
) -> ActionResult:
    """Stop a run at its next step; its state is saved first, so that it can be resumed.

    Args:
        folder: The run folder.
        runs_dir: The own runs folder.
        timeout_s: How long to wait for the worker's acknowledgement.
        wait_for_state: Wait for the end of the run instead.
    """
    RunStore(runs_dir).require_own(folder)
    command_id = launcher.stop(folder)
    if wait_for_state:
        return _result_of_stop(launcher.wait(folder, _ENDED_STATES, timeout_s))
    if not command_id:  # the disk is full: the process got a signal instead of a command
        return ActionResult(True, f"{read_status(folder).name} received a signal to stop", "", folder)
    step = control.wait_for_ack(folder, command_id, timeout_s).step
    name = read_status(folder).name
    return ActionResult(True, f"{name} is stopping at step {step:,} and saves its state", "", folder)


def _result_of_stop(status: RunStatus) -> ActionResult:
    """Return whether a run that was told to stop has done so, with its state saved."""
    message = f"{status.name} {status.state.value} at step {status.step:,}"
    if status.state is State.STOPPED and (failure := save_failure(status)):
        return ActionResult(False, message, failure, status.folder, UserError.exit_code)
    if status.state in (State.STOPPED, State.SUCCEEDED):
        return ActionResult(True, message, "", status.folder)
    code = TrainingError.exit_code if status.state is State.FAILED else WorkerError.exit_code
    return ActionResult(False, message, status.reason, status.folder, code)


def save_failure(status: RunStatus) -> str:
    """Return why a stopped run cannot be resumed where it stopped, and where instead; empty if it can."""
    saved = retention.steps(status.folder / layout.CHECKPOINTS, layout.MANIFEST)
    if status.step in saved:
        return ""
    reason = status.reason or "its checkpoint is missing"
    earlier = max((step for step in saved if step < status.step), default=0)
    return f"its state is not saved ({reason}); a resume restarts at step {earlier:,}"


@as_result
def edit_notes(folder: Path, runs_dir: Path, *, name: str, tags: Iterable[str], note: str) -> ActionResult:
    """Give a run another name, other tags and another note."""
    store, before = RunStore(runs_dir), read_status(folder)
    labels = notes.require_tags(tags)  # before anything is written
    if name.strip() != before.name:
        store.rename(folder, name)
    store.set_tags(folder, labels)
    store.set_note(folder, note)
    notice = store.same_name_notice(folder) if name.strip() != before.name else ""
    return ActionResult(True, f"{read_status(folder).name}: saved" + (f"; {notice}" if notice else ""), "", folder)


@as_result
def delete(folder: Path, runs_dir: Path) -> ActionResult:
    """Move a run to the trash; pass the result's folder to `restore` to undo it. Active runs are refused."""
    name = read_status(folder).name
    return ActionResult(True, f"{name} moved to the trash", "", RunStore(runs_dir).delete(folder))


@as_result
def restore(trash: Path) -> ActionResult:
    """Move a deleted run back from the trash."""
    folder = RunStore(trash.parent).restore(trash)
    return ActionResult(True, f"{read_status(folder).name} restored", "", folder)


@as_result
def open_viewer(folder: Path | None, runs_dir: Path) -> ActionResult:
    """Open the desktop viewer as a process of its own, which outlives this one."""
    require_display(folder)
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            viewer_command(folder),
            env=viewer_environment(runs_dir),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            code = process.wait(VIEWER_STARTUP_S)
        except subprocess.TimeoutExpired:  # it is open
            threading.Thread(target=process.wait, name="viewer-reaper", daemon=True).start()
            return ActionResult(True, "viewer opened")
        if code == 0:
            return ActionResult(True, "viewer opened and closed")
        # The last line of its errors names the reason.
        stderr.seek(max(stderr.seek(0, os.SEEK_END) - 4096, 0))
        lines = [one_line(line, 200) for line in stderr.read().decode("utf-8", "replace").splitlines()]
        reason = next((line for line in reversed(lines) if line), f"exit status {code}")
        return ActionResult(False, f"the viewer did not open: {reason}", exit_code=DisplayError.exit_code)


def require_display(folder: Path | None) -> None:
    """Check that a window can be opened; the error's hint is a command that writes an image instead.

    Raises:
        DisplayError: if there is no display, or it does not respond.
    """
    display.require_display(f"write an image instead: {image_command(folder)}")


def image_command(folder: Path | None) -> str:
    """Return the command that writes the viewer's first image: the latent plane of a 2-D model, else samples."""
    if folder is None:
        return command_lines.image("manifold", "RUN")
    from genexplorer.runs.reader import RunReader  # imports NumPy, which opening a viewer does not need

    reader = RunReader(folder)
    is_plane = not reader.snapshots() or reader.card().capability("manifold").available
    line = command_lines.image("manifold" if is_plane else "sample", selector(folder))
    return line + runs_dir_option(folder.parent)


def viewer_command(folder: Path | None) -> list[str]:
    """Return the command of a viewer process; run it with `viewer_environment`."""
    return [sys.executable, "-P", "-m", "genexplorer.viewer.main", *([str(folder)] if folder else [])]


def viewer_environment(runs_dir: Path) -> dict[str, str]:
    """Return the environment of a viewer process."""
    return {**os.environ, paths.RUNS_VARIABLE: str(runs_dir)}
