"""Start-up time of help, dashboard and viewer, and their cost while idle.

    python -m benchmarks.startup [--runs 100] [--points 100000] [--rounds 5] [--folder DIR]

Commands, dashboard (in a real pseudo-terminal) and viewer (offscreen, and on an X server where there is one) are
started in turn, and their medians printed with the targets. CPU time is the robust value on a machine that is
shared. `--folder` keeps the runs, so that they are made once.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.frontends import runs_folder
from benchmarks.frontends.processes import command, cpu_seconds, megabytes, process_tree
from benchmarks.frontends.terminal import Terminal
from benchmarks.frontends.window import Window, display, viewer_start_seconds
from genexplorer import paths
from genexplorer.runs.store import RunStore
from genexplorer.session.run_poller import AWAY_AFTER_S, RunPoller
from tests.fixtures.fake_run import FakeRun, running_run

COMMANDS = {
    "genexplorer --help": ["--help"],
    "genexplorer --version": ["--version"],
    "genexplorer presets": ["presets"],
    "genexplorer runs list": ["runs", "list"],
    "genexplorer runs show": ["runs", "show", "run-000"],
}
SIZES = ((80, 24), (120, 40))
STEPS_PER_S = 100
IDLE_S = 8.0
DEADLINE_S = 60.0


@dataclass
class ResultTable:
    """Measured values by name, with their targets."""

    values_by_name: dict[str, list[float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str, limit: float | None = None) -> None:
        """Add a value."""
        self.values_by_name.setdefault(name, []).append(value)
        self.units[name] = unit
        if limit is not None:
            self.limits[name] = limit

    def print(self) -> None:
        """Print the medians, the extremes and the limits."""
        print(f"  {'':52} {'median':>8} {'least':>8} {'most':>8}  target")
        for name, values in self.values_by_name.items():
            limit = self.limits.get(name)
            median = statistics.median(values)
            target = (
                "" if limit is None else f"below {limit:g} {self.units[name]}" + ("" if median < limit else "  MISSED")
            )
            metrics = " ".join(f"{value:8.3g}" for value in (median, min(values), max(values)))
            print(f"  {name + ', ' + self.units[name]:52} {metrics}  {target}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", nargs="*", choices=("commands", "dashboard", "viewer", "polls", "idle"), default=None)
    options = parser.parse_args()
    # Create the runs, unless the folder has them from an earlier measurement.
    with tempfile.TemporaryDirectory() as name:
        os.environ[paths.STATE_VARIABLE] = str(Path(name) / "state")
        folder = options.folder or Path(name) / "runs"
        if not folder.is_dir():
            runs_folder.make(folder, options.runs, options.points)
        # Measure the selected parts and print one table.
        rows = ResultTable()
        parts: dict[str, Callable[[ResultTable, Path, int], None]] = {
            "commands": _measure_commands,
            "dashboard": _measure_dashboard,
            "viewer": _measure_viewer,
            "polls": _measure_polls,
            "idle": _measure_idle_front_ends,
        }
        for part in options.only or parts:
            parts[part](rows, folder, options.rounds)
        rows.print()


def _environment(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of a shell; compiled files may be written."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, paths.RUNS_VARIABLE: str(folder), "OMP_NUM_THREADS": "1", **more}


def _measure_commands(rows: ResultTable, folder: Path, rounds: int) -> None:
    for number in range(rounds + 1):
        for name, words in COMMANDS.items():
            took = command(words, _environment(folder))
            if not number:
                continue  # files are compiled and read into memory
            rows.add(name, took.wall, "s", 0.3 if "--help" in words else None)
            rows.add(f"{name}: CPU", took.cpu, "s")


def _measure_dashboard(rows: ResultTable, folder: Path, rounds: int) -> None:
    for number in range(rounds + 1):
        for size in SIZES:
            what = f"dashboard {size[0]}×{size[1]}"
            with Terminal(["dashboard"], _environment(folder), size) as terminal:
                whole = terminal.read(DEADLINE_S, lambda: terminal.shows("run-000", "run-001", "Succeeded", "ELBO"))
                used = cpu_seconds(terminal.process.pid)
                if not number:
                    continue
                rows.add(f"{what}: first output", terminal.first_byte or 0.0, "s")
                rows.add(f"{what}: complete", whole, "s", 1.0)
                rows.add(f"{what}: CPU until then", used, "s")
                if number == 1:
                    terminal.read(3.0)
                    _add_memory(rows, what, terminal.process.pid, 150)


def _measure_viewer(rows: ResultTable, folder: Path, rounds: int) -> None:
    # Measure from the command to its process, then from the process to what it displays.
    before = statistics.median([_hand_over(folder) for _ in range(rounds + 1)])
    rows.add("genexplorer view: until the viewer's process", before, "s")
    with display() as x:
        places = {"offscreen": {"QT_QPA_PLATFORM": "offscreen"}} | ({"Xvfb": x} if x else {})
        for number in range(rounds + 1):
            for place, named in places.items():
                with Window(["run-000"], _environment(folder, **named)) as window:
                    what = f"viewer {place}"
                    painted, used = window.wait_for("painted"), cpu_seconds(window.process.pid)
                    shown, model = window.wait_for("run"), window.wait_for("model")
                    if not number:
                        continue
                    rows.add(f"{what}: painted", painted, "s")
                    rows.add(f"{what}: CPU until then", used, "s")
                    rows.add(f"{what}: painted, from the command", before + painted, "s", 1.0)
                    rows.add(f"{what}: the run shown", shown, "s")
                    rows.add(f"{what}: first image of the model", model, "s")
                    if number == 1:
                        time.sleep(3.0)
                        _add_memory(rows, what, window.process.pid, 250)


def _hand_over(folder: Path) -> float:
    return viewer_start_seconds(["run-000"], _environment(folder, QT_QPA_PLATFORM="offscreen"))


def _add_memory(rows: ResultTable, what: str, pid: int, limit: float) -> None:
    for kind, value in megabytes(pid).items():
        rows.add(f"{what}: {kind.upper()}", value, "MB", limit if kind == "rss" else None)


def _measure_polls(rows: ResultTable, folder: Path, rounds: int) -> None:
    """Measure the cost of a poll that finds nothing new, and of one that finds new points."""
    store, followed = RunStore(folder), RunPoller(RunStore(folder).find("run-000"))
    _add_poll_times(rows, "the list of runs, nothing new", rounds, store.list)
    _add_poll_times(rows, "a run that ended, nothing new", rounds, followed.poll)
    with tempfile.TemporaryDirectory() as name, running_run(Path(name), steps=2000, total_steps=10**6) as run:
        live = RunPoller(run.folder)
        _add_poll_times(rows, "a run that trains, nothing new", rounds, live.poll)
        for _ in range(10 * rounds):
            run.step += 1
            run.writer.record(run._metrics(run.step, run._train_values(run.step)))
            run.writer.flush()
            began = time.thread_time()
            assert "metrics" in live.poll()
            rows.add("poll of a run that trains, with new points: CPU", 1000 * (time.thread_time() - began), "ms")


def _add_poll_times(rows: ResultTable, what: str, rounds: int, poll: Callable[[], object]) -> None:
    for number in range(10 * rounds + 1):
        began = time.thread_time()
        poll()
        if number:
            rows.add(f"poll of {what}: CPU", 1000 * (time.thread_time() - began), "ms")


def _measure_idle_front_ends(rows: ResultTable, folder: Path, rounds: int) -> None:
    """Measure both front ends, idle, on a finished run and on one that trains."""
    _measure_idle(rows, folder, "a run that ended", "run-000", rounds)
    with tempfile.TemporaryDirectory() as name, running_run(Path(name), steps=2000, total_steps=10**6) as run:
        runs_folder.give_weights(run.folder, run.step)
        with _recording(run):
            _measure_idle(rows, run.folder.parent, "a run that trains", run.folder.name, rounds)


def _measure_idle(rows: ResultTable, folder: Path, what: str, run: str, rounds: int) -> None:
    environment = _environment(folder, QT_QPA_PLATFORM="offscreen")
    words = ["dashboard", run]
    # Start both front ends and wait until they poll at the idle rate.
    with Terminal(words, environment, (120, 40)) as terminal, Window([run], environment) as window:
        terminal.read(DEADLINE_S, lambda: terminal.shows("ELBO"))
        window.wait_for("model")
        terminal.read(AWAY_AFTER_S + 4.0)
        # Measure CPU time and output over a while.
        for _ in range(rounds):
            terminal.clear()
            frontends = {"dashboard": terminal.process.pid, "viewer": window.process.pid}
            before = {name: _family_cpu_seconds(pid) for name, pid in frontends.items()}
            began = time.perf_counter()
            terminal.read(IDLE_S)
            wall = time.perf_counter() - began
            shares = {name: 100 * (_family_cpu_seconds(pid) - before[name]) / wall for name, pid in frontends.items()}
            for name, share in shares.items():
                rows.add(f"{name} on {what}", share, "% of a core")
            rows.add(f"both on {what}", sum(shares.values()), "% of a core", 3.0)
            rows.add(f"dashboard on {what}: written", terminal.clear() / wall / 1000, "kB/s")


def _family_cpu_seconds(pid: int) -> float:
    return sum(cpu_seconds(one) for one in process_tree(pid))


@contextmanager
def _recording(run: FakeRun) -> Iterator[None]:
    """Record steps in a thread, as fast as a worker."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.1):
            for _ in range(STEPS_PER_S // 10):
                run.step += 1
                run.writer.record(run._metrics(run.step, run._train_values(run.step)))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()
