"""Latency of the model process, from request to response: 20×20 manifolds, and 10,000 encodings.

    python -m benchmarks.explorer_latency [--architecture mlp conv] [--encodings mlp conv flow] [--busy 2]

Through the real child, by its share of the cores. Weights are random: the time does not depend on them. A draft is what
follows the mouse, an exact picture what comes when it rests. `--busy` processes of other work keep the cores occupied.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.exploring import latency
from benchmarks.exploring.untrained_run import MODELS, write_run
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Failure, Progress, Response

QUESTIONS = 40  # a window
WINDOWS = 5
PROMISED = {"mlp": "16 ms median, 33 ms p99", "conv": "33 ms median"}


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", nargs="*", choices=list(MODELS)[:2], default=list(MODELS)[:2])
    parser.add_argument("--encodings", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--threads", type=int, default=0, help="of the child at most; 0: its share")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--nice", type=int, default=0, help="of the busy processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        others = [_busy(options.nice) for _ in range(options.busy)]
        try:
            print(f"  {options.busy} busy processes on {os.cpu_count()} cores\n{latency.HEAD}")
            for architecture in options.architecture:
                _manifolds(write_run(Path(folder), architecture), architecture, options.threads)
            for architecture in options.encodings:
                _encodings(write_run(Path(folder), architecture), architecture, options.threads)
        finally:
            for process in others:
                process.kill()
                process.wait()


class _Asker:
    """Asks one question at a time and waits for the answer."""

    def __init__(self, run: Path, threads: int) -> None:
        self._run = run
        self._arrived = threading.Semaphore(0)
        self._answer: Response | None = None
        self.client = ExplorerClient(self._take, print, threads=threads)

    def _take(self, answer: Response) -> None:
        if not isinstance(answer.body, Progress):
            self._answer = answer
            self._arrived.release()

    def ask(self, op: str, params: dict[str, object]) -> float:
        """Return the ms until the answer came."""
        began = time.perf_counter()
        self.client.ask("drag", self._run, op, params=params)
        self._arrived.acquire()
        came = time.perf_counter()
        assert self._answer is not None
        if isinstance(self._answer.body, Failure):
            raise SystemExit(str(self._answer.body))
        return 1000 * (came - began)

    def cpu(self) -> float:
        """Return the CPU seconds of the child and of this process."""
        child = self.client._child
        times = psutil.Process(child.pid).cpu_times() if child is not None else psutil.Process().cpu_times()
        return time.process_time() + times.user + times.system


def _manifolds(run: Path, architecture: str, threads: int) -> None:
    asker, number = _Asker(run, threads), 0

    def questions(draft: bool, count: int) -> list[float]:
        nonlocal number
        times = []
        for _ in range(count):
            number += 1
            shift = 0.3 * np.sin(number / 10)
            bounds = [-3 + shift, 3 + shift, -3.0, 3.0]
            size = {"rows": 20, "columns": 20, "bounds": bounds, "coords": "z"}
            times.append(asker.ask("manifold", {**size, "draft": draft}))
        return times

    with asker.client:
        first = questions(False, 1)[0]
        questions(True, 5)
        for draft in (True, False):
            found = latency.windows(lambda d=draft: [questions(d, QUESTIONS)], asker.cpu, WINDOWS)  # type: ignore[misc]
            name = f"manifold, {architecture}, {'draft' if draft else 'exact'}"
            print(latency.row(name, found.values[0], PROMISED[architecture] if draft else ""), f" ({found.words()})")
    print(f"  {'':38} first response, torch and snapshot loaded: {first / 1000:.2f} s")


def _encodings(run: Path, architecture: str, threads: int) -> None:
    asker = _Asker(run, threads)
    with asker.client:
        asker.ask("describe", {})
        first = asker.ask("encodings", {"split": "test", "count": 10_000})  # reads the data as well
        ask = {"split": "train", "count": 10_000}  # those of the test set would be remembered
        found = latency.windows(lambda: [[asker.ask("encodings", ask)]], asker.cpu, 3)
    target = "500 ms" if architecture != "flow" else "18 M parameters: no target"
    print(latency.row(f"10,000 encodings, {architecture}", found.values[0], target), f" ({found.words()})")
    print(f"  {'':38} first, with the data read: {first:.0f} ms")


def _busy(nice: int) -> "subprocess.Popen[bytes]":
    code = "import torch; torch.set_num_threads(1); x = torch.randn(512, 512)\nwhile True: x = torch.tanh(x @ x)"
    return subprocess.Popen(["nice", "-n", str(nice), sys.executable, "-c", code])


if __name__ == "__main__":
    main()
