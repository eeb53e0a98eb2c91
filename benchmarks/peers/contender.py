"""A contender's process: told a number of steps, it takes them and answers what they cost.

    python -m benchmarks.peers.contender MODULE:FUNCTION --threads 1 --options '{"compile": true}'

Lines of JSON. It says {"flops", "chunk", "batch"} once it is set up and warm; each {"steps": 40} is answered by
{"wall_s", "cpu_s", "images"}. What libraries print goes to standard error. Standard library alone: what else is there
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
    given = parser.parse_args()
    answers = _own_output()
    _pin(given.threads)
    module, _, function = given.target.partition(":")
    setting = Setting(given.threads, given.device, given.options)
    loop: Loop = getattr(importlib.import_module(f"benchmarks.peers.{module}"), function)(setting)
    loop.run(loop.chunk)
    _send(answers, {"flops": loop.flops, "chunk": loop.chunk, "batch": loop.batch})
    for line in sys.stdin:
        _send(answers, _window(loop, int(json.loads(line)["steps"])))


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
    """Keep standard output for the answers; whoever prints prints to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _send(answers: TextIO, what: dict[str, float]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
