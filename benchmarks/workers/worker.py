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
PATIENCE_S = 180.0
FOR_EVER = 10_000_000  # steps
SMALL_LR = 1e-5


class Worker:
    """A worker started by the launcher; leaving the block ends it.

    Args:
        store: Where its run is made.
        preset: What it trains, without end.
        execution: More of `execution`.
    """

    def __init__(self, store: RunStore, preset: str, execution: Mapping[str, object] | None = None) -> None:
        self.preset = preset
        self.folder = store.create(_endless(preset, execution or {}))
        self._paused = False

    def __enter__(self) -> "Worker":
        launcher.start(self.folder)
        until(self._is_warm, f"{self.preset} trains")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def record(self) -> heartbeat.LiveRecord:
        """Its word on itself.

        Raises:
            RuntimeError: It has ended by itself.
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
        """End it without a word."""
        pid = self._record().pid
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGKILL)

    def tell(self, command: Command) -> None:
        """Send a command and wait until it is obeyed."""
        identity = control.send(self.folder, command)
        until(lambda: control.read_ack(self.folder, identity) is not None, f"{self.preset} obeys")

    def pause(self) -> None:
        """Pause it, if it is not."""
        if not self._paused:
            self.tell(Pause())
        self._paused = True

    def go_on(self) -> None:
        """End its pause, if there is one."""
        if self._paused:
            self.tell(Resume())
        self._paused = False


def _endless(preset: str, execution: Mapping[str, object]) -> RunConfig:
    """Return a preset that is never over, or, where it holds its length, as it is; nothing is judged on the way.

    Its step is compiled before a window begins, as `auto` would do in so long a run.

    The learning rate of a preset is meant to fall: kept as it is, a small VAE diverges after a hundred seconds.
    """
    layers: dict[str, object] = {"execution": {"eval_every": FOR_EVER, "compile": "on", **execution}}
    with contextlib.suppress(ConfigError):
        schedule = {"steps": FOR_EVER, "lr": "constant", "warmup_steps": 0}
        return presets.assemble(preset, {"schedule": schedule, "optim": {"lr": SMALL_LR}, **layers})
    return presets.assemble(preset, layers)


def until(holds: Callable[[], object], what: str) -> float:
    """Wait until something holds; return the seconds.

    Raises:
        TimeoutError: if it does not.
    """
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + PATIENCE_S:
            raise TimeoutError(f"'{what}' did not come true in {PATIENCE_S:.0f} s")
        time.sleep(0.005)
    return time.monotonic() - began
