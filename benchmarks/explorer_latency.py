"""How long a face waits for a 20×20 manifold: from `ask` to the answer, through the real child on one thread.

    python -m benchmarks.explorer_latency [--count 200] [--busy 2]

Weights are random: the time does not depend on them. `--busy` threads of other work keep the cores occupied meanwhile.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Answer, Failure, Progress
from genexplorer.runs import layout

OPTIONS = {"latent_dim": 2, "hidden": [512, 512, 256], "activation": "relu"}


def main() -> None:
    """Measure and print the quantiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--nice", type=int, default=0, help="of the busy processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = Path(name) / "run"
        _write_run(run)
        others = [_busy(options.nice) for _ in range(options.busy)]
        try:
            _measure(run, options.count, options.busy)
        finally:
            for process in others:
                process.kill()
                process.wait()


def _measure(run: Path, count: int, busy: int) -> None:
    answers: list[tuple[float, Answer]] = []
    arrived = threading.Semaphore(0)

    def take(answer: Answer) -> None:
        if not isinstance(answer.body, Progress):
            answers.append((time.perf_counter(), answer))
            arrived.release()

    times, work = [], []
    with ExplorerClient(take, print) as client:
        for number in range(count + 5):
            shift = 0.3 * np.sin(number / 10)
            bounds = [-3 + shift, 3 + shift, -3.0, 3.0]
            asked = time.perf_counter()
            client.ask("drag", run, "manifold", params={"rows": 20, "columns": 20, "bounds": bounds, "coords": "z"})
            arrived.acquire()
            came, answer = answers[-1]
            if isinstance(answer.body, Failure):
                raise SystemExit(str(answer.body))
            if number == 0:
                print(f"first answer, torch and snapshot loaded: {came - asked:.2f} s")
            if number >= 5:
                times.append((came - asked) * 1000)
                work.append(answer.seconds * 1000)
    low, *_, high = statistics.quantiles(times, n=20)
    print(f"manifold of 400 images, {count} asked, {busy} busy processes on {os.cpu_count()} cores:")
    print(f"  ask to answer {statistics.median(times):.1f} ms median, {low:.1f} to {high:.1f} ms (5 % to 95 %)")
    print(f"  of it in the child {statistics.median(work):.1f} ms median")


def _write_run(run: Path) -> None:
    code = f"""
import torch
from pathlib import Path
from trainers import checkpoint, registry
from trainers.card import Card, DataCard
family = registry.family("vae")
options = family.options.model_validate({OPTIONS!r})
shape = (1, 28, 28)
model = registry.resolve(family.build)(options, shape)
arrays = {{name: value.numpy() for name, value in model.state_dict().items()}}
card = Card(family="vae", title=family.title, step=0, images_seen=0, latent_shape=(2,), image_shape=shape,
    abilities=family.abilities(options), data=DataCard(name="mnist", num_train=60000, num_test=10000),
    num_parameters=family.parameter_count(options, shape))
checkpoint.save_snapshot(Path({str(run / layout.SNAPSHOTS / "step-00000000")!r}), arrays, card)
"""
    (run / layout.SNAPSHOTS).mkdir(parents=True)
    config = {"model": {"name": "vae", **OPTIONS}, "data": {"name": "mnist"}, "schedule": {"steps": 1}}
    (run / layout.CONFIG).write_text(json.dumps(config))
    subprocess.run([sys.executable, "-c", code], check=True)


def _busy(nice: int) -> "subprocess.Popen[bytes]":
    code = "import torch; torch.set_num_threads(1); x = torch.randn(512, 512)\nwhile True: x = torch.tanh(x @ x)"
    return subprocess.Popen(["nice", "-n", str(nice), sys.executable, "-c", code])


if __name__ == "__main__":
    main()
