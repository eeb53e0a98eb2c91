"""How fast the loop trains beside a plain one of the same network, in turn: A B A B, medians of short windows.

    python -m benchmarks.training_speed [--windows 7] [--steps 60] [--threads 1]

The plain loop is what a tutorial writes: a DataLoader that collates image by image, binary cross-entropy on
probabilities, Adam as it comes, `loss.item()` at each step. Both train the preset `vae-2d` in float32.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from trainers.data import catalog
from trainers.events import Metrics
from trainers.loop import train
from trainers.presets import assemble
from trainers.registry import resolve

BATCH = 128


def main() -> None:
    """Measure and print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    loops = {"genexplorer": ours(options.threads), "plain loop": plain()}
    torch.set_num_threads(options.threads)
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for window in range(options.windows + 1):
        for name, steps in loops.items():
            start = time.perf_counter()
            sum(1 for _ in itertools.islice(steps, options.steps))
            if window:  # the first is for warming up
                speeds[name].append(options.steps * BATCH / (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    for name, values in speeds.items():
        print(f"  {name:12} {medians[name]:8,.0f} images/s  ({min(values):,.0f} to {max(values):,.0f})")
    print(f"  ratio        {medians['genexplorer'] / medians['plain loop']:8.2f}")


def ours(threads: int) -> Iterator[None]:
    """Step through our loop; snapshots and evaluations are kept out of the windows."""
    execution = {"threads": threads, "eval_every": 1_000_000, "snapshot_every_s": 1e6, "checkpoint_every_s": 1e6}
    config = assemble("vae-2d", {"execution": execution, "model": {"activation": "relu"}})
    return (None for event in train(config) if isinstance(event, Metrics))


def plain() -> Iterator[None]:
    """Step through the plain loop."""
    options = catalog.MNIST.options()
    pixels = torch.from_numpy(resolve(catalog.MNIST.load)(options).train).float().div(255).flatten(1)
    encoder = nn.Sequential(*_hidden(784, 512, 512, 256), nn.Linear(256, 4))
    decoder = nn.Sequential(*_hidden(2, 256, 512, 512), nn.Linear(512, 784), nn.Sigmoid())
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    for (images,) in itertools.chain.from_iterable(itertools.repeat(DataLoader(TensorDataset(pixels), BATCH, True))):
        x = torch.bernoulli(images)
        mu, logvar = encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        recon = nn.functional.binary_cross_entropy(decoder(z), x, reduction="sum")
        loss = (recon - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())) / len(x)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()
        yield


def _hidden(*sizes: int) -> list[nn.Module]:
    return [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]


if __name__ == "__main__":
    main()
