"""A real worker on a run of a preset."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping

from genexplorer.runs import layout
from genexplorer.runs.commands import control
from genexplorer.runs.status import heartbeat
from genexplorer.runs.status.run_status import log_tail
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from trainers import presets
from trainers.config import RunConfig
from trainers.errors import ConfigError
from trainers.events import Command, Pause, Resume

WARM_S = 3.0  # of training before a new worker counts
TIMEOUT_S = 180.0
ENDLESS_STEPS = 10_000_000  # steps
SMALL_LR = 1e-5


class Worker:
    """A worker started by the launcher; leaving the block ends it.

    Args:
        store: The store in which its run is created.
        preset: The preset that it trains, without end.
        execution: Further settings of `execution`.
    """

    def __init__(self, store: RunStore, preset: str, execution: Mapping[str, object] | None = None) -> None:
        self.preset = preset
        self.folder = store.create(_endless(preset, execution or {}))
        self._paused = False

    def __enter__(self) -> "Worker":
        launcher.start(self.folder)
        wait_until(self._is_warm, f"{self.preset} trains")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def record(self) -> heartbeat.LiveRecord:
        """The record that the worker wrote last.

        Raises:
            RuntimeError: if it has ended by itself.
        """
        record = self._record()
        if record.state in ("succeeded", "failed"):
            raise RuntimeError(f"{self.preset} {record.state}: {record.reason or log_tail(self.folder, 1)}")
        return record

    def _record(self) -> heartbeat.LiveRecord:
        return heartbeat.read(self.folder / layout.LIVE) or heartbeat.LiveRecord()

    def _is_warm(self) -> bool:
        record = self.record
        return record.phase == "training" and record.elapsed_s > WARM_S

    def kill(self) -> None:
        """Kill the process."""
        pid = self._record().pid
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGKILL)

    def send(self, command: Command) -> None:
        """Send a command and wait until it is acknowledged."""
        identity = control.send(self.folder, command)
        wait_until(lambda: control.read_ack(self.folder, identity) is not None, f"{self.preset} acknowledges")

    def pause(self) -> None:
        """Pause the training unless it is paused."""
        if not self._paused:
            self.send(Pause())
        self._paused = True

    def resume(self) -> None:
        """Resume the training if it is paused."""
        if self._paused:
            self.send(Resume())
        self._paused = False


def _endless(preset: str, execution: Mapping[str, object]) -> RunConfig:
    """Return the configuration of a preset without an end, where its length may be changed, and without evaluations.

    Its step is compiled before a window begins, as `auto` would do in so long a run.

    The learning rate of a preset is meant to fall: kept as it is, a small VAE diverges after a hundred seconds.
    """
    layers: dict[str, object] = {"execution": {"eval_every": ENDLESS_STEPS, "compile": "on", **execution}}
    with contextlib.suppress(ConfigError):
        schedule = {"steps": ENDLESS_STEPS, "lr": "constant", "warmup_steps": 0}
        return presets.assemble(preset, {"schedule": schedule, "optim": {"lr": SMALL_LR}, **layers})
    return presets.assemble(preset, layers)


def wait_until(condition: Callable[[], object], what: str) -> float:
    """Wait until a condition is true; return the seconds that it took.

    Raises:
        TimeoutError: if it is still false after `TIMEOUT_S`.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + TIMEOUT_S:
            raise TimeoutError(f"'{what}' is still false after {TIMEOUT_S:.0f} s")
        time.sleep(0.005)
    return time.monotonic() - began
