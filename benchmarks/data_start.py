"""Time and memory until training data are ready, by format and number of images, at the first and the second start.

    python -m benchmarks.data_start [--counts 1000 10000 100000] [--rounds 3]

Color images of 64×64 pixels are written as PNG files, as a compressed .npz, and, gray 28×28, as a .csv. Each start is a
process of its own, which loads the data and moves them to the training's tensors. Memory is what the process does not
share: pages of a mapped file are shared by all that read it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainers.storage.cache import CACHE_VARIABLE

SIDE_PX, SIDE_OF_ROWS_PX = 64, 28
MAX_ROWS = 10_000  # of a .csv, whose rows are long
_HEAD = f"  {'data':34} {'images':>8} {'first start':>12} {'second start':>13} {'own memory':>11} {'on the disk':>12}"


def main() -> None:
    """Measure and print; with a path and no other argument, load the data at this path and report."""
    if len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        print(json.dumps(_load(Path(sys.argv[1]))))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(_HEAD)
    for count in options.counts:
        for title, write in WRITERS.items():
            if count > MAX_ROWS and write is _write_csv:
                continue
            with tempfile.TemporaryDirectory() as name:
                path = write(Path(name), count)
                _measure(title, path, count, options.rounds, Path(name) / "cache")


def _measure(title: str, path: Path, count: int, rounds: int, cache: Path) -> None:
    """Start once with an empty cache and then with the filled one, and print one line."""
    environment = {**os.environ, CACHE_VARIABLE: str(cache), "OMP_NUM_THREADS": "1"}
    starts = []
    for _ in range(rounds + 1):
        command = [sys.executable, "-m", "benchmarks.data_start", str(path)]
        process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        starts.append(json.loads(process.stdout))
    first, later = starts[0], starts[1:]
    stored = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    seconds, megabytes = (median(start[key] for start in later) for key in ("seconds", "megabytes"))
    print(
        f"  {title:34} {count:8,} {first['seconds']:10.2f} s {seconds:11.2f} s {megabytes:8.0f} MB "
        f"{stored / 1e6:9.0f} MB",
        flush=True,
    )


def _load(path: Path) -> dict[str, float]:
    """Load the data at a path for training; return seconds, and megabytes that no other process shares."""
    from trainers import presets, registry
    from trainers.data import loading
    from trainers.data.dataset import ImageData
    from trainers.data.preprocess import TrainImages

    before = _private_megabytes()
    began = time.perf_counter()
    settings = presets.data_settings(str(path))
    spec = registry.dataset(settings.pop("name"))
    data = loading.load(spec, spec.options.model_validate({**settings, "binarization": "none"}))
    assert isinstance(data, ImageData)
    images = TrainImages(data.train, "none")
    return {"seconds": time.perf_counter() - began, "megabytes": _private_megabytes() - before, "count": len(images)}


def _private_megabytes() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return sizes["Private_Dirty:"] / 1024


def _images(count: int, side: int, channels: int) -> NDArray[np.uint8]:
    """Return smooth random images, which compress about as well as drawings, (N, H, W, C)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, side // 4, side // 4, channels), dtype=np.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)


def _write_png(folder: Path, count: int) -> Path:
    images = _images(count, SIDE_PX, 3)
    (folder / "images").mkdir()

    def write(index: int) -> None:
        Image.fromarray(images[index]).save(folder / "images" / f"{index:06d}.png", compress_level=1)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, range(count)))
    return folder / "images"


def _write_npz(folder: Path, count: int) -> Path:
    np.savez_compressed(folder / "images.npz", images=_images(count, SIDE_PX, 3))
    return folder / "images.npz"


def _write_csv(folder: Path, count: int) -> Path:
    side = SIDE_OF_ROWS_PX
    rows = _images(count, side, 1).reshape(count, side * side)
    header = ",".join(f"pixel{index}" for index in range(side * side))
    np.savetxt(folder / "images.csv", rows, fmt="%d", delimiter=",", header=header, comments="")
    return folder / "images.csv"


WRITERS: dict[str, Callable[[Path, int], Path]] = {
    "folder of PNG, 64×64×3": _write_png,
    ".npz, compressed, 64×64×3": _write_npz,
    ".csv, 28×28": _write_csv,
}


if __name__ == "__main__":
    main()
