"""How runs, the model process and front ends share one machine: real workers, a real model process, real front ends.

    python -m benchmarks.sharing [--only runs drag frontends reaction] [--presets vae-2d uva2019-nf] [--seconds 4]

Measured: two runs together, of one preset, of the other and of both, relative to each alone with its share of the cores
(an idle lease holds the others); a run while the model process answers 30 manifolds of 20×20 images per second; a run
with idle front ends; and the seconds until a worker changes its number of threads. Situations take turns, A B B A, and
are compared round by round. A window counts if at most 5 % of the machine's CPU went elsewhere; if too few do, all
count, and only ratios mean something. The kernel's account of how long the training threads waited for a core drifts
less than throughput and is printed too.
"""

import argparse
import contextlib
import json
import math
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.frontends.processes import cpu_seconds, process_tree
from benchmarks.frontends.terminal import Terminal
from benchmarks.frontends.window import Window
from benchmarks.workers.situations import Situation, in_turn
from benchmarks.workers.worker import Worker, wait_until
from genexplorer import paths
from genexplorer.cores.leases import CoreLease, num_cores
from genexplorer.errors import UserError
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Response, Result
from genexplorer.runs.commands.inbox import WATCH_EXPIRES_S
from genexplorer.runs.store import RunStore
from genexplorer.session.run_poller import AWAY_AFTER_S
from genexplorer.workers import launcher
from trainers.events import Stop

IMAGES_PER_S = 30
FRONTEND_WINDOWS = 6.0  # so many times the window: an idle front end polls every eight seconds


@dataclass(frozen=True)
class Plan:
    """The settings of a measurement."""

    store: RunStore
    presets: tuple[str, str]
    execution: dict[str, Any]
    seconds: float
    rounds: int

    def worker(self, number: int = 0) -> Worker:
        """Return a worker on one of the presets, not started."""
        return Worker(self.store, self.presets[number], self.execution)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--presets", nargs=2, default=("vae-2d", "uva2019-nf"))
    parser.add_argument("--execution", type=json.loads, default={}, help='JSON: {"compile": "off"}')
    parser.add_argument("--seconds", type=float, default=4.0, help="of a window")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the workers end with this program
    print(f"  {num_cores()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        os.environ[paths.STATE_VARIABLE] = str(Path(name) / "state")
        store = RunStore(Path(name) / "runs")
        plan = Plan(store, tuple(options.presets), options.execution, options.seconds, options.rounds)
        for part in options.only:
            PARTS[part](plan)
    return 0


def runs(plan: Plan) -> None:
    """Measure two runs together, relative to each alone with its core share."""
    first, second = plan.presets
    for names in ((first, first), (second, second), (first, second)):
        pair(replace(plan, presets=names))


def pair(plan: Plan) -> None:
    """Measure two runs of a pair of presets, together and alone."""
    rest = CoreLease(max(num_cores() // 2, 1))  # holds the cores of the other run without using them
    with plan.worker(0) as one, plan.worker(1) as two:

        def enter(awake: Sequence[Worker], *, shared: bool) -> None:
            for worker in (one, two):
                worker.resume() if worker in awake else worker.pause()
            rest.acquire() if shared else rest.release()

        # Each run alone with its share, both together, and one with all cores, in turn.
        alone = [
            Situation(f"{w.preset}, with its share, alone", [w], partial(enter, [w], shared=True)) for w in (one, two)
        ]
        both = Situation(f"{one.preset} and {two.preset}", [one, two], partial(enter, [one, two], shared=False))
        all_cores = Situation(f"{one.preset}, all cores, alone", [one], partial(enter, [one], shared=False))
        in_turn([*alone, both, all_cores], plan.seconds, plan.rounds)
        rest.release()
    # Compare each run beside the other with itself alone.
    kept = [both.beside(situation, number) for number, situation in enumerate(alone)]
    by_cpu = [both.by_cpu(number) / situation.by_cpu(0) for number, situation in enumerate(alone)]
    print(f"    together each keeps {kept[0]:.0%} and {kept[1]:.0%}; by CPU time {by_cpu[0]:.0%} and {by_cpu[1]:.0%}")
    _print_target("two runs together, relative to its share alone", statistics.mean(kept), 0.9)


def drag(plan: Plan) -> None:
    """Measure a run while the model process responds to a drag."""
    with plan.worker() as worker, _MouseDrag(worker.folder) as hand:
        calm = Situation(f"{worker.preset}, undisturbed", [worker], hand.rest)
        dragged = Situation(f"{worker.preset}, dragged", [worker], hand.drag, count=lambda: hand.num_responses)
        in_turn([calm, dragged], plan.seconds, plan.rounds)
    print(f"    images received: {dragged.counted():.1f} per second, {hand.median_latency_ms:.0f} ms latency")
    _print_target(f"a run during a drag, {IMAGES_PER_S} times a second", dragged.beside(calm), 0.6)


def frontends(plan: Plan) -> None:
    """Measure a run with idle front ends attached."""
    environment = {**os.environ, paths.RUNS_VARIABLE: str(plan.store.runs_dir), "QT_QPA_PLATFORM": "offscreen"}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGCONT}
    )  # inherited: continuing a process must not count as a touch
    with plan.worker() as worker, ExitStack() as stack:
        # Start both front ends and wait until they are complete and idle.
        terminal = stack.enter_context(Terminal(["dashboard", worker.folder.name], environment, (120, 40)))
        window = stack.enter_context(Window([worker.folder.name], environment))
        stack.callback(_set_frozen, [terminal.process.pid, window.process.pid], False)
        terminal.read(60.0, lambda: terminal.shows("ELBO"))
        window.wait_for("model")
        pids = {"dashboard": terminal.process.pid, "viewer": window.process.pid}
        terminal.read(AWAY_AFTER_S + 4.0)
        # Attach none, one or both to the run, in turn.
        used: dict[str, list[float]] = {}
        situations = []
        for name, attached in (("no front end", ()), *((n, (n,)) for n in pids), ("both", tuple(pids))):
            enter = partial(_attach, pids, attached)
            wait = partial(_read_and_measure, terminal, {n: pids[n] for n in attached}, used.setdefault)
            situations.append(
                Situation(f"{worker.preset}, {name} attached", [worker], enter, wait=wait, settle=terminal.read)
            )
        in_turn(situations, FRONTEND_WINDOWS * plan.seconds, plan.rounds)
    # Print how long the training waited, what the front ends used, and what the run keeps.
    waits = [100 * situation.waited() for situation in situations]
    print(
        "    threads of the training wait for a core: " + ", ".join(f"{wait:.1f} %" for wait in waits) + " of the time"
    )
    for name, shares in used.items():
        print(f"    {name}: {statistics.median(shares):.1%} of a core, with its model process")
    for situation in situations[1:]:
        name = situation.name.partition(", ")[2]
        _print_target(f"{name}, idle", situation.beside(situations[0]), 0.97)
        _print_target(
            f"{name}, idle: at least, from those waits", 1 - situation.waited() + situations[0].waited(), 0.97
        )


def adaptation(plan: Plan) -> None:
    """Measure the seconds from an event until the worker computes with another number of threads."""
    if num_cores() < 2:
        print("  one core: nothing to share")
        return
    seconds: dict[str, list[float]] = {}
    plan = replace(plan, execution={"compile": "off", **plan.execution})  # a compiling worker does not poll commands

    # Time how long the worker takes to change its number of threads after an event.
    def clock(what: str, begin: Callable[[], object], threads: int) -> None:
        begin()
        seconds.setdefault(what, []).append(wait_until(lambda: worker.record.threads == threads, what))

    # Cause the events in turn.
    cores, rest = num_cores(), num_cores() - num_cores() // 2
    with plan.worker() as worker, _MouseDrag(worker.folder) as hand:
        most = cores - min(cores // 2, 4)
        wait_until(lambda: worker.record.threads == cores, "all cores")
        for _ in range(plan.rounds):
            clock("a drag begins", hand.drag, most)
            clock("a drag ends (lease lingers for 1.5 s)", hand.rest, cores)
            with _launched(plan) as other:
                clock("another run takes its lease", lambda: wait_until(lambda: _num_leases() > 1, "its lease"), rest)
                wait_until(lambda: other.record.pid, "a heartbeat")
                clock("a run pauses", other.pause, cores)
                clock("a run resumes", other.resume, rest)
                other.send(Stop())
                clock("a run stops", lambda: wait_until(lambda: _num_leases() < 2, "its end"), cores)
            with _launched(plan) as other:
                wait_until(lambda: worker.record.threads == rest and other.record.pid, "shared")
                clock("a run is killed", other.kill, cores)
    for what, values in seconds.items():
        print(f"  {what:46} {statistics.median(values):6.2f} s   {min(values):.2f} to {max(values):.2f}")


@contextmanager
def _launched(plan: Plan) -> Iterator[Worker]:
    """Launch the second worker and do not wait: it has its lease long before it trains."""
    other = plan.worker()
    launch = threading.Thread(target=_shielded, args=(partial(launcher.start, other.folder),), daemon=True)
    launch.start()
    try:
        yield other
    finally:
        other.kill()
        launch.join()


def _shielded(launch: Callable[[], object]) -> None:
    with contextlib.suppress(UserError):  # it is killed before its first heartbeat
        launch()


def _num_leases() -> int:
    return len(list((Path(os.environ[paths.STATE_VARIABLE]) / "cores").rglob("*.lease")))


class _MouseDrag:
    """A person who rests, or drags a manifold of 20×20 images of a real model process `IMAGES_PER_S` times a second."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._client = ExplorerClient(self._receive, lambda message: print(message, file=sys.stderr))
        self._is_dragging, self._closed = threading.Event(), False
        self._sent_at: dict[int, float] = {}
        self._latencies_s: list[float] = []
        self.num_responses = 0
        self._thread = threading.Thread(target=self._move, daemon=True)

    def __enter__(self) -> "_MouseDrag":
        self._client.call(self._run, "manifold", params=self._params(0))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        self._is_dragging.set()
        self._thread.join()
        self._client.close()

    def drag(self) -> None:
        """Start dragging."""
        self._is_dragging.set()

    def rest(self) -> None:
        """Stop dragging."""
        self._is_dragging.clear()

    @property
    def median_latency_ms(self) -> float:
        """The median time from a request to its response."""
        return 1000 * statistics.median(self._latencies_s)

    def _move(self) -> None:
        number, due = 0, time.perf_counter()
        while not self._closed:
            self._is_dragging.wait()
            number += 1
            request_id = self._client.send("drag", self._run, "manifold", params=self._params(number))
            self._sent_at[request_id] = time.perf_counter()
            due = max(due + 1 / IMAGES_PER_S, time.perf_counter() - 1 / IMAGES_PER_S)
            time.sleep(max(due - time.perf_counter(), 0))

    def _params(self, number: int) -> dict[str, object]:
        shift = 0.5 * math.sin(number / 10)
        return {"rows": 20, "columns": 20, "bounds": [-3 + shift, 3 + shift, -3.0, 3.0], "coords": "z"}

    def _receive(self, response: Response) -> None:
        if isinstance(response.body, Result) and response.request_number in self._sent_at:
            self.num_responses += 1
            self._latencies_s.append(time.perf_counter() - self._sent_at.pop(response.request_number))


def _attach(pids: dict[str, int], names: Sequence[str]) -> None:
    """Continue some front ends and suspend the others with their children; wait until the watch files expire."""
    for name, pid in pids.items():
        _set_frozen([pid], name not in names)
    time.sleep(max(WATCH_EXPIRES_S.values()) + 0.5)


def _set_frozen(pids: Sequence[int], frozen: bool) -> None:
    for pid in pids:
        for one in process_tree(pid):
            os.kill(one, signal.SIGSTOP if frozen else signal.SIGCONT)


def _read_and_measure(
    terminal: Terminal, pids: dict[str, int], used: Callable[[str, list[float]], list[float]], seconds: float
) -> None:
    """Wait, take what the dashboard writes, and record the share of a core that each front end used."""
    before = {name: sum(map(cpu_seconds, process_tree(pid))) for name, pid in pids.items()}
    began = time.perf_counter()
    terminal.read(seconds)
    terminal.clear()
    for name, pid in pids.items():
        share = (sum(map(cpu_seconds, process_tree(pid))) - before[name]) / (time.perf_counter() - began)
        used(name, []).append(share)


def _print_target(what: str, kept: float, least: float) -> None:
    print(f"  {what:60} {kept:6.1%}  target {least:.0%}{'' if kept >= least else '  MISSED'}")


PARTS: dict[str, Callable[[Plan], None]] = {"runs": runs, "drag": drag, "frontends": frontends, "reaction": adaptation}

if __name__ == "__main__":
    sys.exit(main())
