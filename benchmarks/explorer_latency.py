"""Latency of the model process, from request to response: 20×20 manifolds, and 10,000 encodings.

    python -m benchmarks.explorer_latency [--architecture mlp conv] [--encodings mlp conv flow] [--busy 2]

Requests go to a real model process, which leases its share of the cores. Weights are random: the time does not depend
on them. A draft is requested while the mouse moves, an exact image when it rests. `--busy` starts other processes.
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

from benchmarks.exploring import latency
from benchmarks.exploring.untrained_run import MODELS, write_run
from benchmarks.exploring.viewer_tab import cpu_seconds
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Failure, Progress, Response

REQUESTS = 40  # per window
WINDOWS = 5
TARGETS = {"mlp": "16 ms median, 33 ms p99", "conv": "33 ms median"}


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", nargs="*", choices=list(MODELS)[:2], default=list(MODELS)[:2])
    parser.add_argument("--encodings", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--threads", type=int, default=0, help="at most, of the model process; 0: its share")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--nice", type=int, default=0, help="of the busy processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Occupy cores, then measure each network.
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


class _Requester:
    """Sends one request at a time and waits for its response."""

    def __init__(self, run: Path, threads: int) -> None:
        self._run = run
        self._arrived = threading.Semaphore(0)
        self._response: Response | None = None
        self.client = ExplorerClient(self._receive, print, threads=threads)

    def _receive(self, response: Response) -> None:
        if not isinstance(response.body, Progress):
            self._response = response
            self._arrived.release()

    def send(self, op: str, params: dict[str, object]) -> float:
        """Return the time in ms until the response arrived."""
        began = time.perf_counter()
        self.client.send("drag", self._run, op, params=params)
        self._arrived.acquire()
        arrived = time.perf_counter()
        assert self._response is not None
        if isinstance(self._response.body, Failure):
            raise SystemExit(str(self._response.body))
        return 1000 * (arrived - began)

    def cpu(self) -> float:
        """Return the CPU seconds of the model process and of this process."""
        return cpu_seconds(self.client)


def _manifolds(run: Path, architecture: str, threads: int) -> None:
    requester, number = _Requester(run, threads), 0

    def send_manifolds(draft: bool, count: int) -> list[float]:
        nonlocal number
        times = []
        for _ in range(count):
            number += 1
            shift = 0.3 * np.sin(number / 10)
            bounds = [-3 + shift, 3 + shift, -3.0, 3.0]
            size = {"rows": 20, "columns": 20, "bounds": bounds, "coords": "z"}
            times.append(requester.send("manifold", {**size, "draft": draft}))
        return times

    with requester.client:
        # The first request loads torch and the snapshot; a few more warm up the drafts.
        first = send_manifolds(False, 1)[0]
        send_manifolds(True, 5)
        for draft in (True, False):
            measured = latency.windows(lambda d=draft: [send_manifolds(d, REQUESTS)], requester.cpu, WINDOWS)  # type: ignore[misc]
            name = f"manifold, {architecture}, {'draft' if draft else 'exact'}"
            print(
                latency.row(name, measured.values[0], TARGETS[architecture] if draft else ""),
                f" ({measured.describe()})",
            )
    print(f"  {'':38} first response, torch and snapshot loaded: {first / 1000:.2f} s")


def _encodings(run: Path, architecture: str, threads: int) -> None:
    requester = _Requester(run, threads)
    with requester.client:
        requester.send("describe", {})
        first = requester.send("encodings", {"split": "test", "count": 10_000})  # reads the data as well
        params: dict[str, object] = {"split": "train", "count": 10_000}  # those of the test set are cached
        measured = latency.windows(lambda: [[requester.send("encodings", params)]], requester.cpu, 3)
    target = "500 ms" if architecture != "flow" else "18 M parameters: no target"
    print(latency.row(f"10,000 encodings, {architecture}", measured.values[0], target), f" ({measured.describe()})")
    print(f"  {'':38} first, with the data read: {first:.0f} ms")


def _busy(nice: int) -> "subprocess.Popen[bytes]":
    code = "import torch; torch.set_num_threads(1); x = torch.randn(512, 512)\nwhile True: x = torch.tanh(x @ x)"
    return subprocess.Popen(["nice", "-n", str(nice), sys.executable, "-c", code])


if __name__ == "__main__":
    main()
