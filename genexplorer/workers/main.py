"""The worker: a process that trains one run and records its events. Run by `python -m`, never imported.

    python -m genexplorer.workers.main RUN_FOLDER [--token N]

Exit codes: 0 (succeeded or stopped), 5 (failed), 7 (another worker has the run); any other code means that it crashed.
"""

import argparse
import gc
import sys
import time
import traceback
from pathlib import Path

from genexplorer.cores.leases import CoreLease
from genexplorer.errors import CheckpointError, RunStateError, TrainingError, UserError, as_user_error
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import active_runs, initial, layout, parent
from genexplorer.runs.artifacts import retention
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.settings import read_changes
from genexplorer.runs.status.run_status import LOG_HEADER, read_config
from genexplorer.runs.writer import RunWriter
from genexplorer.workers import folder_watch
from genexplorer.workers.folder_watch import FolderWatch
from genexplorer.workers.worker_control import WorkerControl
from trainers.config import RunConfig
from trainers.errors import is_out_of_memory
from trainers.events import Finished, Outcome, ResumeState
from trainers.storage import checkpoint

STOP_PATIENCE_S = 10.0  # how long a stopped run waits for a full disk; one that succeeded waits until there is space


def main(arguments: list[str] | None = None) -> int:
    """Train one run and return the exit code."""
    parser = argparse.ArgumentParser(prog="genexplorer worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--token", type=int, default=0)
    args = parser.parse_args(arguments)
    try:
        with KernelLock(args.folder / layout.LOCK) as lock:
            if not lock.acquire():
                raise RunStateError(f"{args.folder.name} already has a worker", "stop it first")
            registration = active_runs.register(args.folder)
            try:
                return _attempt(args.folder, args.token)
            finally:
                if registration is not None:
                    registration.unlink(missing_ok=True)
    except UserError as error:
        _log(str(error))
        return error.exit_code
    except OSError as error:
        _log(str(as_user_error(error)))
        return 1


def _attempt(folder: Path, token: int) -> int:
    config = read_config(folder)
    lease = CoreLease(config.execution.threads)
    writer = RunWriter(folder, config, token=token, threads=lease.acquire())
    _log(f"{LOG_HEADER}{writer.attempt} started on {time.strftime('%Y-%m-%d %H:%M:%S')}")
    control = WorkerControl(writer, lease, config.execution)
    control.install_signals()
    watch = FolderWatch(folder, writer.heartbeat.fd, control.end_without_folder)
    outcome, reason = _train(writer, config, control)
    watch.close()
    lease.release()
    if control.folder_is_gone:
        writer.discard(folder_watch.REASON)
        _log(folder_watch.REASON)
        return TrainingError.exit_code
    waits_for_disk = outcome == "succeeded" and not control.stop_requested
    writer.close(outcome, reason, patience_s=float("inf") if waits_for_disk else STOP_PATIENCE_S)
    return TrainingError.exit_code if outcome == "failed" else 0


def _train(writer: RunWriter, config: RunConfig, control: WorkerControl) -> tuple[Outcome, str]:
    """Record every event and return the outcome and its reason; all errors of the training are caught here."""
    try:
        # Continue from the newest checkpoint; a fixed number of threads is part of the configuration.
        resume = _newest_checkpoint(writer)
        pinned = config.execution.deterministic and resume is not None  # to the checkpoint's number of threads
        if not config.execution.threads and not pinned:
            execution = config.execution.model_copy(update={"threads": control.threads})
            config = config.model_copy(update={"execution": execution})
        from trainers.training.loop import train  # imports torch: after the first heartbeat

        # Record every event until the training ends.
        changes, weights = read_changes(writer.folder), initial.read(writer.folder) if resume is None else None
        for event in train(config, resume=resume, control=control, changes=changes, initial=weights):
            if control.folder_is_gone:
                break
            writer.record(event)
            control.observe(event)
            if isinstance(event, Finished):
                return event.outcome, event.reason
        return "failed", "the training ended without an error message"
    except UserError as error:
        _log(str(error))
        return "failed", one_line(error, 400)
    except (Exception, KeyboardInterrupt) as error:
        reason = _reason(error)
        traceback.print_exc()
        error.__traceback__ = None  # frees the training's arrays: recording the end may need the memory
        gc.collect()
        _log(reason)
        return "failed", reason


def _newest_checkpoint(writer: RunWriter) -> ResumeState | None:
    """Return the state to continue from; None to start at step 0."""
    origin = parent.read(writer.folder)
    is_fork = origin is not None and origin.kind == "fork"  # it has its parent's checkpoint from the beginning
    if writer.attempt == 1 and not is_fork:
        return None
    folder, damaged = retention.newest_complete(writer.folder / layout.CHECKPOINTS, checkpoint.verify)
    for step in damaged:
        writer.log(f"checkpoint {step:,} is damaged; skipped", severity="warning")
    if folder is None and is_fork:
        raise CheckpointError("the checkpoint from which this branch starts is missing or damaged", "fork it again")
    if folder is None:
        writer.log("no checkpoint to resume from; training restarts from step 0", severity="warning", step=0)
        return None
    return checkpoint.load(folder)


def _reason(error: BaseException) -> str:
    message = one_line(str(error).strip().partition("\n")[0], 240)
    if is_out_of_memory(error):
        return f"out of memory: {message}" if message else "out of memory: use a smaller model or batch"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard error is worker.log


if __name__ == "__main__":
    sys.exit(main())
