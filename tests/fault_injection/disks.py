"""A kill at every system call of a save, a small disk that fills up, a memory limit."""

import os
import random
import re
import resource
import shutil
import subprocess
import sys
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
from tests.fault_injection.tiny_runs import ENDED, create, killing_workers, wait_for_step
from tests.fixtures.waiting import wait_until
from trainers.storage import checkpoint

SYSTEM_CALLS = ("write", "fsync", "rename", "renameat2", "mkdir", "chmod", "unlink", "rmdir", "unlinkat")
SAVE = """
import sys
from pathlib import Path
import numpy as np
from trainers.storage import checkpoint
folder = Path(sys.argv[1])
checkpoint.save(folder, {"w": np.full(50_000, float(sys.argv[2]), np.float32)}, {"step": 7})
"""
DISK_MB = 64


def kills_during_save(count: int, folder: Path) -> Tally:
    """Kill a process at each system call with which it replaces a checkpoint: the old or the new one loads."""
    tally, outcomes = Tally(), {"old": 0, "new": 0}
    positions = _positions(folder)
    for call, nth in positions[:count]:
        with tally.attempt(f"{call} {nth}"):
            home = folder / "home"
            target = home / "step-00000007"
            home.mkdir()
            _save(target, 1.0)
            _save(target, 2.0, "-e", f"inject={call}:signal=SIGKILL:when={nth}")
            retention.clean_up_partial(home)
            newest, damaged = retention.newest_complete(home, checkpoint.verify)
            assert newest is not None and not damaged, f"no intact checkpoint after {call} {nth}"
            value = float(checkpoint.load(newest).arrays["w"][0])
            outcomes["old" if value == 1.0 else "new"] += 1
            shutil.rmtree(home)
    tally.notes += [f"{len(positions)} positions", f"old {outcomes['old']}, new {outcomes['new']}"]
    return tally


def _save(target: Path, value: float, *strace: str) -> str:
    """Save a checkpoint in a process of its own, traced if there are options for strace; return the log of strace."""
    command = [sys.executable, "-c", SAVE, str(target), str(value)]
    log = target.parent.parent / "strace.log"
    if strace:
        command = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(SYSTEM_CALLS)}", *strace, *command]
    subprocess.run(
        command, capture_output=True, timeout=120, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    )
    return log.read_text() if strace else ""


def _positions(folder: Path) -> list[tuple[str, int]]:
    """Return the system calls of a save that concern its folder, each with its number among the calls of its name."""
    home = folder / "count"
    home.mkdir()
    _save(home / "step-00000007", 1.0)
    log = _save(home / "step-00000007", 2.0, "-y")
    counts: dict[str, int] = {}
    positions = []
    for line in log.splitlines():
        name = re.sub(r"^\d+\s+", "", line).partition("(")[0]
        if name in SYSTEM_CALLS:
            counts[name] = counts.get(name, 0) + 1
            if str(home) in line:
                positions.append((name, counts[name]))
    shutil.rmtree(home)
    assert len(positions) > 10, "strace did not record the calls of a save"
    return positions


def full_disks(count: int, folder: Path) -> Tally:
    """Fill a small disk at a random step: the run pauses and shows why; it continues when there is space."""
    tally, rng = Tally(), random.Random(9)
    for number in range(count):
        with tally.attempt(f"disk {number}"), _small_disk(folder / f"disk-{number}") as disk:
            store = RunStore(disk / "runs")
            with killing_workers(store):
                run = create(store, ("vae", "gan", "flow")[number % 3])
                launcher.start(run)
                wait_for_step(run, rng.randrange(5, 200))
                _check_pause_while_full(run, disk)
                launcher.stop(run)
                assert launcher.wait(run, ENDED, 60).state is State.STOPPED
                _check_metrics_and_checkpoints(run)
    return tally


def _check_pause_while_full(run: Path, disk: Path) -> None:
    """Fill the disk, wait until the run reports it and pauses, free the space, wait until it continues."""
    ballast = _fill(disk)
    reader = RunReader(run)
    wait_until(lambda: "disk" in _reported_problem(run), "the full disk is reported", 90)
    wait_until(lambda: reader.status().state is State.PAUSED, "the run is paused", 90)
    paused_at = reader.status().step
    ballast.unlink()
    wait_until(lambda: reader.status().step > paused_at + 5, "the run continues", 90)


def _reported_problem(run: Path) -> str:
    record = heartbeat.read(run / layout.LIVE)
    return record.problem.lower() if record else ""


def _check_metrics_and_checkpoints(run: Path) -> None:
    reader = RunReader(run)
    steps = reader.series("train/lr", max_points=1_000_000).x.tolist()
    assert steps == list(range(1, len(steps) + 1)), "a metric is missing"
    for step in reader.checkpoints():
        checkpoint.load(layout.step_folder(run / layout.CHECKPOINTS, step))


@contextmanager
def _small_disk(mount_point: Path) -> Iterator[Path]:
    def unmount() -> bool:
        return subprocess.run(["umount", str(mount_point)], capture_output=True, check=False).returncode == 0

    mount_point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(mount_point)], check=True)
    try:
        yield mount_point
    finally:
        try:
            wait_until(unmount, "the disk is unmounted", 20)  # a worker that was killed may still be exiting
        except AssertionError:
            subprocess.run(["umount", "-l", str(mount_point)], check=False)
            raise


def _fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return ballast


def memory_limits(count: int, folder: Path) -> Tally:
    """Set a memory limit that the training exceeds: the cause is shown, the files are intact."""
    tally, previous = Tally(), resource.getrlimit(resource.RLIMIT_AS)
    with killing_workers(RunStore(folder / "runs")) as store:
        for number in range(count):
            with tally.attempt(f"limit {number}"):
                run = create(store, "vae", {"model": {"hidden": [6_000] * 6}, "optim": {"batch_size": 512}})
                resource.setrlimit(resource.RLIMIT_AS, (2_200_000_000 + 100_000_000 * (number % 5), previous[1]))
                try:
                    _run_out_of_memory(run)
                finally:
                    resource.setrlimit(resource.RLIMIT_AS, previous)
                reader = RunReader(run)
                status = reader.status()
                assert status.state in (State.FAILED, State.LOST), status.state
                assert "memory" in status.reason, status.reason
                reader.log()
                for step in reader.checkpoints():
                    checkpoint.load(layout.step_folder(run / layout.CHECKPOINTS, step))
                shutil.rmtree(run)
    return tally


def _run_out_of_memory(run: Path) -> None:
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
        run=kills_during_save,
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
        run=memory_limits,
    ),
)
