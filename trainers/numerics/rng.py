"""Named random streams of a run.

Each use of random numbers has its own stream, derived from the run's seed and a name, so that adding a stream changes
no other one, and evaluation and images never change the training.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


def derive_seed(seed: int, name: str, index: int = 0) -> int:
    """Return a seed of 63 bits for a named stream."""
    digest = hashlib.sha256(f"{seed}/{name}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def named_generator(seed: int, name: str, device: torch.device) -> torch.Generator:
    """Return the generator of a named stream on a device."""
    return torch.Generator(device).manual_seed(derive_seed(seed, name))


@contextmanager
def seeded(seed: int, name: str) -> Iterator[None]:
    """Seed torch's global generator, which initializes layers, inside the block; its state is restored at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, name))
        yield


class SkipInit(TorchFunctionMode):
    """Skips random initialization of new layers inside the block; their weights are loaded next.

    Calls with a generator of their own are not skipped.
    """

    _INIT_FUNCTIONS = frozenset({
        "uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_",
        "kaiming_normal_",
    })  # fmt: skip

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function, unless it would initialize a tensor."""
        keywords = kwargs or {}
        if getattr(func, "__name__", "") in self._INIT_FUNCTIONS and keywords.get("generator") is None:
            return args[0] if args else keywords["tensor"]
        return func(*args, **keywords)


class BatchSampler:
    """The order of the training images: a new permutation each epoch, which depends on seed and step alone.

    The last images of an epoch, which do not fill a batch, are dropped; the next permutation drops different ones.

    Args:
        num_images: Size of the training set.
        batch_size: Images per step; at most the whole set.
        seed: Seed of the run.
    """

    def __init__(self, num_images: int, batch_size: int, seed: int) -> None:
        self.batch_size = min(batch_size, num_images)
        self.steps_per_epoch = num_images // self.batch_size
        self._num_images = num_images
        self._seed = seed
        self._epoch = -1
        self._permutation = torch.empty(0, dtype=torch.int64)

    def indices(self, step: int) -> Tensor:
        """Return the indices of a step's batch, (B,), int64."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derive_seed(self._seed, "order", epoch))
            self._permutation = torch.randperm(self._num_images, generator=generator)
            self._epoch = epoch
        return self._permutation[position * self.batch_size : (position + 1) * self.batch_size]
