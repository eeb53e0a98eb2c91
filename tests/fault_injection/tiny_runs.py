"""Real runs so small that a step takes a millisecond, one of each family, and what a proof does with them."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from trainers import presets

ENDED = {State.SUCCEEDED, State.STOPPED, State.FAILED, State.LOST}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "vae": ("vae-toy", {"hidden": [8]}),
    "gan": ("gan-toy", {}),
    "flow": ("flow-toy", {"couplings": 2, "hidden": [8]}),
}


def create(store: RunStore, family: str, *layers: Mapping[str, Any], steps: int = 1_000_000) -> Path:
    """Make a run of a family on a few points; its checkpoints come several times a second."""
    preset, model = FAMILIES[family]
    base = {
        "schedule": {"steps": steps, "lr": "constant", "warmup_steps": 0},
        "data": {"num_train": 512, "num_test": 64},
        "model": model,
        "optim": {"batch_size": 16},
        "execution": {"threads": 1, "eval_every": 1_000_000, "checkpoint_every_s": 0.2, "deterministic": True},
    }
    return store.create(presets.assemble(preset, base, *layers))


def until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> float:
    """Wait for a condition; return the seconds it took.

    Raises:
        AssertionError: if it does not come true in time.
    """
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


def at_step(folder: Path, step: int) -> None:
    """Wait until a run has done a step.

    Raises:
        AssertionError: if it ends before.
    """
    with RunReader(folder) as reader:
        until(lambda: reader.status().step >= step or reader.status().state in ENDED, f"step {step}")
        assert reader.status().state is State.RUNNING, reader.status()


@contextmanager
def reaped(store: RunStore) -> Iterator[RunStore]:
    """Kill what still runs when the block is left."""
    try:
        yield store
    finally:
        for run in store.list():
            if run.state.live and run.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(run.pid, signal.SIGKILL)


def kill(folder: Path) -> None:
    """Kill a run's worker at once."""
    pid = read_status(folder).pid
    assert pid
    os.kill(pid, signal.SIGKILL)
