"""The worker: a process of its own that trains one run and records what happens. Run by `python -m`, never imported.

    python -m genexplorer.workers.main RUN_FOLDER [--token N]

It ends with 0 (succeeded or stopped), 5 (failed) or 7 (another worker has the run); with another code it died.
"""

import argparse
import errno
import gc
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from genexplorer.cores.leases import CoreLease
from genexplorer.errors import RunStateError, TrainingError, UserError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import FIRST_WORDS, read_config
from genexplorer.runs.writer import RunWriter
from genexplorer.workers.supervision import WorkerControl
from trainers.config import RunConfig
from trainers.events import Event, Finished, Outcome, ResumeState
from trainers.storage import checkpoint

STOP_PATIENCE_S = 10.0  # how long a stopped run waits for a full disk; one that succeeded waits until there is space


def main(arguments: list[str] | None = None) -> int:
    """Train one run and return the exit code."""
    parser = argparse.ArgumentParser(prog="genexplorer worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--token", type=int, default=0)
    given = parser.parse_args(arguments)
    try:
        with KernelLock(given.folder / layout.LOCK) as lock:
            if not lock.acquire():
                raise RunStateError(f"{given.folder.name} has a worker already", "one is enough")
            return _attempt(given.folder, given.token)
    except UserError as error:
        _say(str(error))
        return error.exit_code
    except OSError as error:
        _say(f"the run folder cannot be used: {error}")
        return 1


def _attempt(folder: Path, token: int) -> int:
    config = read_config(folder)
    lease = CoreLease(config.execution.threads)
    writer = RunWriter(folder, config, token=token, threads=lease.take())
    _say(f"{FIRST_WORDS}{writer.attempt} began on {time.strftime('%Y-%m-%d %H:%M:%S')}")
    supervision = WorkerControl(writer, lease, config.execution)
    supervision.install_signals()
    outcome, reason = _train(writer, config, supervision)
    lease.give_back()
    waits_for_disk = outcome == "succeeded" and not supervision.told_to_stop
    writer.close(outcome, reason, patience_s=float("inf") if waits_for_disk else STOP_PATIENCE_S)
    return TrainingError.exit_code if outcome == "failed" else 0


def _train(writer: RunWriter, config: RunConfig, supervision: WorkerControl) -> tuple[Outcome, str]:
    """Record every event and return how it ended; no failure of the training gets past here."""
    try:
        for event in _events(writer, config, supervision):
            writer.record(event)
            supervision.see(event)
            if isinstance(event, Finished):
                return event.outcome, event.reason
        return "failed", "the training ended without an error message"
    except UserError as error:
        _say(str(error))
        return "failed", one_line(error, 400)
    except (Exception, KeyboardInterrupt) as error:
        reason = _reason(error)
        traceback.print_exc()
        error.__traceback__ = None  # lets go of the training's arrays, which writing the end may need
        gc.collect()
        _say(reason)
        return "failed", reason


def _events(writer: RunWriter, config: RunConfig, supervision: WorkerControl) -> Iterator[Event]:
    resume = _newest_state(writer) if writer.attempt > 1 else None
    pinned = config.execution.deterministic and resume is not None  # as many threads as when the state was saved
    if not config.execution.threads and not pinned:
        execution = config.execution.model_copy(update={"threads": supervision.threads})
        config = config.model_copy(update={"execution": execution})
    from trainers.training.loop import train  # brings torch: after the first heartbeat

    return train(config, resume=resume, control=supervision)


def _newest_state(writer: RunWriter) -> ResumeState | None:
    parent = writer.folder / layout.CHECKPOINTS
    folder, damaged = retention.newest_whole(parent, checkpoint.verify)
    for step in damaged:
        writer.log(f"checkpoint {step:,} is damaged and left out", severity="warning")
    if folder is None:
        writer.log("there is no checkpoint to go on from: the training starts anew", severity="warning", step=0)
        return None
    return checkpoint.load(folder)


def _reason(error: BaseException) -> str:
    said = one_line(str(error).strip().partition("\n")[0], 240)
    memory = ("out of memory", "can't allocate memory", "alloc_cpu", "bad_alloc")
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in memory):
        return f"out of memory: {said}" if said else "out of memory: make the model or the batch smaller"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return f"out of memory: {said}"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard error is worker.log


if __name__ == "__main__":
    sys.exit(main())
