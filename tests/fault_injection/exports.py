"""Processes killed while they export a run: the file is complete, or the former one, or not there."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

from genexplorer.export.tables import write_csv
from genexplorer.runs.export_run import export_run
from genexplorer.runs.import_run import import_run
from genexplorer.runs.reader import RunReader
from genexplorer.runs.store import RunStore
from tests.fault_injection.case import FaultCase, Tally
from tests.fixtures.fake_run import write_run
from tests.fixtures.waiting import repeat_for

STEPS = 1500


def killed_exports(count: int, folder: Path) -> Tally:
    """Kill a process at a random moment while it writes a run as a zip file and its metrics as CSV."""
    tally, rng, num_complete = Tally(), random.Random(10), 0
    run = write_run(folder / "runs", steps=STEPS, state="stopped")
    out = folder / "out"
    out.mkdir()
    began = time.monotonic()
    _export(run, out)
    duration_s = time.monotonic() - began
    rows = (out / "metrics.csv").read_bytes()
    steps = RunReader(run).snapshots()
    for number in range(count):
        with tally.attempt(f"random moment {number}"):
            for path in out.iterdir():
                path.unlink() if path.is_file() else shutil.rmtree(path)
            process = os.fork()
            if process == 0:
                _export(run, out)
                os._exit(0)
            repeat_for(rng.uniform(0, duration_s), lambda: None)  # the moment of the kill is under test
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            if (out / "metrics.csv").exists():
                assert (out / "metrics.csv").read_bytes() == rows
            if (out / "run.zip").exists():
                copy = import_run(out / "run.zip", RunStore(folder / f"copy-{number}")).folder
                assert RunReader(copy).snapshots() == steps
                num_complete += 1
            visible = {path.name for path in out.iterdir() if not path.name.startswith(".")}
            assert visible <= {"metrics.csv", "run.zip"}
    tally.notes.append(f"{num_complete} zip files were complete")
    return tally


def _export(run: Path, out: Path) -> None:
    write_csv(run, out / "metrics.csv")
    export_run(run, out / "run.zip")


CASES = (
    FaultCase(
        name="kill-export",
        fault="SIGKILL at a random moment while a run is exported as a zip file, and its metrics as CSV",
        guarantee="each file is complete or not there",
        full=200,
        short=6,
        run=killed_exports,
    ),
)
