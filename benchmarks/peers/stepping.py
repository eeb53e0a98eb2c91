"""From a generator of steps to a loop that can be run; compiling and layouts of the plain loops. Needs torch."""

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from benchmarks.peers.loop import Loop, Setting


def of(steps: Iterator[object], setting: Setting, batch: int, flops: float) -> Loop:
    """Return the loop that advances a generator, one step each."""
    torch.set_num_threads(setting.threads)

    def run(count: int) -> int:
        done = sum(1 for _ in itertools.islice(steps, count))
        if setting.device == "cuda":
            torch.cuda.synchronize()
        return done

    return Loop(run, batch, flops)


def prepared(function: Any, setting: Setting) -> Any:
    """Return a module or function, compiled where the variant says so."""
    return torch.compile(function) if setting.options.get("compile") else function


def placed(network: nn.Module, setting: Setting) -> nn.Module:
    """Return a network on its device, in the layout that the variant says."""
    if setting.options.get("channels_last"):
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(setting.device)


def fused_adam(network: nn.Module, lr: float, **options: Any) -> torch.optim.Adam:
    """Return the fastest Adam that torch has."""
    return torch.optim.Adam(network.parameters(), lr=lr, fused=True, **options)
