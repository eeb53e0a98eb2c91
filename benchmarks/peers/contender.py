"""The process of a contender: it receives a number of steps, takes them and reports what they cost.

    python -m benchmarks.peers.contender MODULE:FUNCTION --threads 1 --options '{"compile": true}'

Lines of JSON. It sends {"flops", "chunk", "batch"} once it is set up and warm, and {"wall_s", "cpu_s", "images"} in
response to each {"steps": 40}. What libraries print goes to standard error. Standard library alone: what else is there
depends on the environment it runs in.
"""

import argparse
import importlib
import json
import os
import sys
import time
from typing import TextIO

from benchmarks.peers.loop import Loop, Setting


def main() -> None:
    """Set up, then take steps until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--options", type=json.loads, default={})
    arguments = parser.parse_args()
    responses = _own_output()
    _pin(arguments.threads)
    module, _, function = arguments.target.partition(":")
    setting = Setting(arguments.threads, arguments.device, arguments.options)
    loop: Loop = getattr(importlib.import_module(f"benchmarks.peers.{module}"), function)(setting)
    loop.run(loop.chunk)
    _send(responses, {"flops": loop.flops, "chunk": loop.chunk, "batch": loop.batch})
    for line in sys.stdin:
        _send(responses, _window(loop, int(json.loads(line)["steps"])))


def _window(loop: Loop, steps: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    done = loop.run(steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"wall_s": wall, "cpu_s": cpu, "images": done * loop.batch}


def _pin(threads: int) -> None:
    """Keep to as many cores as threads: XLA makes as many threads as it sees cores."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[-threads:])


def _own_output() -> TextIO:
    """Keep standard output for the responses; whoever prints prints to standard error."""
    responses = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return responses


def _send(responses: TextIO, what: dict[str, float]) -> None:
    responses.write(json.dumps(what) + "\n")
    responses.flush()


if __name__ == "__main__":
    main()
