"""Contenders as processes, controlled over pipes."""

import json
import math
import os
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, cast

from benchmarks.peers import environments
from benchmarks.peers.environments import MissingError
from benchmarks.windows import WindowResult
from genexplorer.cores.environment import compute_environment

ROOT = Path(__file__).resolve().parents[1]
SET_UP_S, WINDOW_S = 900, 300  # timeouts


class ContenderProcess:
    """A contender in a process of its own; a context that ends with it.

    Args:
        name: Name in the table.
        target: "module:function" in `benchmarks.peers`.
        peer: Name of the environment that it needs; "" for this one.
        threads: Number of threads to compute with.
        device: "cpu" or "cuda".
        options: Options of the variant.

    Raises:
        MissingError: if it cannot be set up.
    """

    def __init__(
        self, name: str, target: str, peer: str, threads: int, device: str, options: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed in `close`)
        # Start the process with so many threads, and read its standard error only after a failure.
        command = [environments.python(peer), "-m", "benchmarks.peers.contender", target]
        command += ["--threads", str(threads), "--device", device, "--options", json.dumps(options or {})]
        threads_alone = {f"{kind}_NUM_THREADS": str(threads) for kind in ("OMP", "MKL", "OPENBLAS")}
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **(compute_environment(os.environ, adapts=True) if target.startswith("ours:") else os.environ),
                **threads_alone,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            # Wait until it is set up; it then reports what one step costs.
            ready = self._receive(SET_UP_S)
        except MissingError:
            self.close()
            raise
        self.flops, self._chunk, self._batch = float(ready["flops"]), int(ready["chunk"]), int(ready["batch"])
        self._steps = self._chunk

    def warm_up(self, seconds: float) -> None:
        """Find the number of steps that fill a window of this length; this also fills caches and raises clocks."""
        while (took := self.window().wall_s) < seconds / 2:
            self._steps *= 2 if took > seconds / 8 else 4
        chunks = self._steps * seconds / took / self._chunk
        self._steps = self._chunk * max(1, math.ceil(chunks))

    def window(self) -> WindowResult:
        """Run one window."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"steps": self._steps}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise MissingError(self._last_line()) from None
        answer = self._receive(WINDOW_S)
        return WindowResult(float(answer["wall_s"]), float(answer["cpu_s"]), int(answer["images"]))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def __enter__(self) -> "ContenderProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self, limit_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        patience = threading.Timer(limit_s, self._process.kill)
        patience.start()
        try:
            line = self._process.stdout.readline()
        finally:
            patience.cancel()
        if not line:
            self._process.wait()
            raise MissingError(self._last_line())
        return cast(dict[str, Any], json.loads(line))

    def _last_line(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return lines[-1] if lines else f"ended with code {self._process.returncode}"
