"""Real runs so small that a step takes a millisecond, one of each family; waiting for them, and killing them."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from tests.fixtures.waiting import wait_until
from trainers import presets

ENDED = {State.SUCCEEDED, State.STOPPED, State.FAILED, State.LOST}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "vae": ("vae-toy", {"hidden": [8]}),
    "gan": ("gan-toy", {}),
    "flow": ("flow-toy", {"couplings": 2, "hidden": [8]}),
}


def create(store: RunStore, family: str, *layers: Mapping[str, Any], steps: int = 1_000_000) -> Path:
    """Return the folder of a new run of a family on a few 2-D points, with several checkpoints per second."""
    preset, model = FAMILIES[family]
    base = {
        "schedule": {"steps": steps, "lr": "constant", "warmup_steps": 0},
        "data": {"num_train": 512, "num_test": 64},
        "model": model,
        "optim": {"batch_size": 16},
        "execution": {"threads": 1, "eval_every": 1_000_000, "checkpoint_every_s": 0.2, "deterministic": True},
    }
    return store.create(presets.assemble(preset, base, *layers))


def wait_for_step(folder: Path, step: int) -> None:
    """Wait until a run has reached a step.

    Raises:
        AssertionError: if it ends before that step.
    """
    reader = RunReader(folder)
    wait_until(lambda: reader.status().step >= step or reader.status().state in ENDED, f"step {step}")
    assert reader.status().state is State.RUNNING, reader.status()


@contextmanager
def killing_workers(store: RunStore) -> Iterator[RunStore]:
    """Yield the store; on leaving the block, kill its workers that still run."""
    try:
        yield store
    finally:
        for run in store.list():
            if run.state.active and run.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(run.pid, signal.SIGKILL)


def kill(folder: Path) -> None:
    """Kill a run's worker at once."""
    pid = read_status(folder).pid
    assert pid
    os.kill(pid, signal.SIGKILL)
