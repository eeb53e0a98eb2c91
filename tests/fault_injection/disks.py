"""Disks that fail: a kill inside every call of a save, a small disk that fills up, a limit on memory."""

import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status import heartbeat
from genexplorer.runs.store import RunStore
from genexplorer.workers import launcher
from tests.fault_injection.case import FaultCase, Tally
from tests.fault_injection.tiny_runs import ENDED, at_step, create, reaped, until
from trainers.storage import checkpoint

CALLS = ("write", "fsync", "rename", "renameat2", "mkdir", "chmod", "unlink", "rmdir", "unlinkat")
SAVE = """
import sys
from pathlib import Path
import numpy as np
from trainers.storage import checkpoint
folder = Path(sys.argv[1])
checkpoint.save(folder, {"w": np.full(50_000, float(sys.argv[2]), np.float32)}, {"step": 7})
"""
DISK_MB = 64


def kills_inside_a_save(count: int, folder: Path) -> Tally:
    """Kill a process at each system call with which it replaces a checkpoint: the old or the new one loads."""
    tally, found = Tally(), {"old": 0, "new": 0}
    positions = _positions(folder)
    for call, nth in positions[:count]:
        with tally.attempt(f"{call} {nth}"):
            home = folder / "home"
            place = home / "step-00000007"
            home.mkdir()
            _save(place, 1.0)
            _save(place, 2.0, "-e", f"inject={call}:signal=SIGKILL:when={nth}")
            retention.tidy(home)
            newest, damaged = retention.newest_complete(home, checkpoint.verify)
            assert newest is not None and not damaged, f"nothing whole after {call} {nth}"
            value = float(checkpoint.load(newest).arrays["w"][0])
            found["old" if value == 1.0 else "new"] += 1
            shutil.rmtree(home)
    tally.notes += [f"{len(positions)} positions", f"old {found['old']}, new {found['new']}"]
    return tally


def _save(place: Path, value: float, *strace: str) -> str:
    command = [sys.executable, "-c", SAVE, str(place), str(value)]
    if strace:
        log = place.parent.parent / "strace.log"
        command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(CALLS)}", *strace, *command]
    subprocess.run(
        command, capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    return (place.parent.parent / "strace.log").read_text() if strace else ""


def _positions(folder: Path) -> list[tuple[str, int]]:
    """Return every call of a save that touches its folder, with its number among the calls of its name."""
    home = folder / "count"
    home.mkdir()
    _save(home / "step-00000007", 1.0)
    log = _save(home / "step-00000007", 2.0, "-y")
    counts: dict[str, int] = {}
    found = []
    for line in log.splitlines():
        name = re.sub(r"^\d+\s+", "", line).partition("(")[0]
        if name in CALLS:
            counts[name] = counts.get(name, 0) + 1
            if str(home) in line:
                found.append((name, counts[name]))
    shutil.rmtree(home)
    assert len(found) > 10, "the calls of a save were not seen"
    return found


def full_disks(count: int, folder: Path) -> Tally:
    """Fill a small disk at a random step: the run pauses and says so; it goes on when there is space."""
    tally, rng = Tally(), random.Random(9)
    for number in range(count):
        with tally.attempt(f"disk {number}"), _small_disk(folder / f"disk-{number}") as disk:
            store = RunStore(disk / "runs")
            with reaped(store):
                run = create(store, ("vae", "gan", "flow")[number % 3])
                launcher.start(run)
                at_step(run, rng.randrange(5, 200))
                _waits_for_space(run, disk)
                launcher.stop(run)
                assert launcher.wait(run, ENDED, 60).state is State.STOPPED
                _steps_without_a_hole(run)
    return tally


def _waits_for_space(run: Path, disk: Path) -> None:
    """Fill the disk, see the run pause and say so, give the space back, see it go on."""
    ballast = _fill(disk)
    with RunReader(run) as reader:
        until(lambda: "disk" in _problem(run), "it says so", 90)
        until(lambda: reader.status().state is State.PAUSED, "a pause", 90)
        stands = reader.status().step
        ballast.unlink()
        until(lambda: reader.status().step > stands + 5, "it goes on", 90)


def _problem(run: Path) -> str:
    record = heartbeat.read(run / layout.LIVE)
    return record.problem.lower() if record else ""


def _steps_without_a_hole(run: Path) -> None:
    with RunReader(run) as reader:
        steps = reader.series("train/lr", max_points=1_000_000).x.tolist()
        assert steps == list(range(1, len(steps) + 1)), "a figure is missing"
        for step in reader.checkpoints():
            checkpoint.load(layout.step_folder(run / layout.CHECKPOINTS, step))


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        end = time.monotonic() + 20
        while subprocess.run(["umount", str(place)], capture_output=True, check=False).returncode:
            if time.monotonic() > end:
                subprocess.run(["umount", "-l", str(place)], check=False)
            time.sleep(0.1)


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return ballast


def small_memories(count: int, folder: Path) -> Tally:
    """A limit on memory that the training must hit: the cause is shown, the files are intact."""
    tally, before = Tally(), resource.getrlimit(resource.RLIMIT_AS)
    with reaped(RunStore(folder / "runs")) as store:
        for number in range(count):
            with tally.attempt(f"limit {number}"):
                run = create(store, "vae", {"model": {"hidden": [6_000] * 6}, "optim": {"batch_size": 512}})
                resource.setrlimit(resource.RLIMIT_AS, (2_200_000_000 + 100_000_000 * (number % 5), before[1]))
                try:
                    _start_and_fail(run)
                finally:
                    resource.setrlimit(resource.RLIMIT_AS, before)
                with RunReader(run) as reader:
                    status = reader.status()
                    assert status.state in (State.FAILED, State.LOST), status.state
                    assert "memory" in status.reason, status.reason
                    reader.log()
                    for step in reader.checkpoints():
                        checkpoint.load(layout.step_folder(run / layout.CHECKPOINTS, step))
                shutil.rmtree(run)
    return tally


def _start_and_fail(run: Path) -> None:
    try:
        launcher.start(run)
    except Exception as error:
        assert "memory" in str(error), error
        return
    launcher.wait(run, ENDED, 120)


CASES = (
    FaultCase(
        name="save",
        fault="SIGKILL at each write, fsync, rename, mkdir and unlink while a checkpoint is saved",
        guarantee="the old or the new checkpoint loads, never a mixture",
        full=1_000,
        short=0,
        run=kills_inside_a_save,
        needs="strace",
    ),
    FaultCase(
        name="full-disk",
        fault=f"a {DISK_MB} MB disk fills up at a random step",
        guarantee="the run pauses and shows why, continues when there is space, and no metric is missing",
        full=20,
        short=0,
        run=full_disks,
        needs="mount",
    ),
    FaultCase(
        name="memory",
        fault="a memory limit that the training exceeds",
        guarantee="the cause is shown, the files are intact",
        full=10,
        short=0,
        run=small_memories,
    ),
)
