"""One query to a loaded model: its parameters, the model's work in chunks, and results in their wire format."""

from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.preprocess import to_uint8
from trainers.inference import params
from trainers.inference.chunks import Progress
from trainers.inference.loaded_model import LoadedModel, TakeBatch
from trainers.numerics import rng

Array = NDArray[Any]
UNLIMITED = 1 << 31  # an upper bound of counts, above the size of any split or latent


class Query:
    """One query; it also records which fraction of its result is not finite, and whether it is a draft in bfloat16.

    Args:
        loaded: The model.
        params: JSON values by name.
        arrays: NumPy arrays by name.
    """

    def __init__(self, loaded: LoadedModel, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        self.loaded, self.params, self.arrays = loaded, params, arrays
        self._num_values, self._num_not_finite, self._is_draft = 0, 0, False

    @property
    def quality(self) -> dict[str, object]:
        """Meta of the result: `not_finite`, the fraction of such values; `draft` where bfloat16 was used."""
        quality: dict[str, object] = {"draft": True} if self._is_draft else {}
        if self._num_not_finite:
            quality["not_finite"] = self._num_not_finite / self._num_values
        return quality

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return an integer parameter; see `params.integer`."""
        return params.integer(self.params, name, default, low, high)

    def generator(self, stream: str) -> torch.Generator:
        """Return a random number generator for the parameter `seed`, on the CPU."""
        seed = self.integer("seed", 0, 0, 2**63 - 1)
        return rng.named_generator(seed, stream, torch.device("cpu"))

    def latents(self, name: str = "z") -> Tensor:
        """Return an array of latents, (N, d)."""
        return torch.from_numpy(params.latents(self.arrays, self.loaded.latent_dim, name))

    def check_size(self, count: int, bytes_each: int, items: str = "") -> None:
        """Refuse a result that is too large; see `params.check_size`."""
        params.check_size(count, bytes_each, items or self.loaded.card.data.kind)

    def prior(self, count: int) -> Tensor:
        """Return latents of the prior, (count, d), by the parameters `seed` and `temperature`.

        Raises:
            ConfigError: if the result would be too large.
        """
        temperature = params.number(self.params, "temperature", 1.0, 0.0, params.MAX_TEMPERATURE)
        self.check_size(count, self.loaded.item_bytes + 4 * self.loaded.latent_dim, "samples")
        return torch.randn((count, self.loaded.latent_dim), generator=self.generator("sample")) * temperature

    def data(self) -> tuple[TakeBatch, NDArray[np.int64]]:
        """Return access to the query's `images`, or to the test data of its `indices`; and their labels or −1."""
        loaded = self.loaded
        if loaded.is_point_data:
            own: Array | None = params.points(self.arrays)
        else:
            own = params.images(self.arrays, loaded.card.image_shape)
        if own is not None:
            return loaded.preprocess(own), np.full(len(own), -1)
        indices = params.indices(self.params, self.arrays, len(loaded.test))
        selected = torch.from_numpy(indices)
        return lambda part: loaded.test.take(selected[part]), labels_at(loaded.data.test_labels, indices)

    def split(self) -> tuple[str, NDArray[Any], Array | None, int]:
        """Return name, stored data and labels of the query's `split`, and its `count`, by default all."""
        data = self.loaded.data
        name = params.choice(self.params, "split", ("test", "train"))
        items, labels = (data.test, data.test_labels) if name == "test" else (data.train, data.train_labels)
        return name, items, labels, min(len(items), self.integer("count", len(items), 1, UNLIMITED))

    def to_display(self, tensor: Tensor) -> Array:
        """Return data in their wire format: images (N, H, W, C) uint8, points (N, 2) float32."""
        self._num_values += tensor.numel()
        if not tensor.sum().isfinite():  # one pass over the data; a second one only where it is needed
            self._num_not_finite += int((~tensor.isfinite()).sum())
        return tensor.flatten(1).float().numpy() if self.loaded.is_point_data else to_uint8(tensor)

    def to_arrays(self, tensors: Mapping[str, Tensor]) -> dict[str, Array]:
        """Return tensors in their wire format; those of four axes are data."""
        return {name: self.to_display(t) if t.ndim == 4 else t.numpy() for name, t in tensors.items()}

    def decode(self, z: Tensor) -> Generator[Progress, None, Array]:
        """Yield progress; return the data of latents (N, d) in their wire format.

        Raises:
            ConfigError: if the result would be too large.
        """
        return self._decode(z, self.loaded.decode)

    def sample(self, z: Tensor) -> Generator[Progress, None, Array]:
        """Yield progress; return samples of p(x|z) of latents (N, d) where the data are points, else their means.

        Raises:
            ConfigError: if the result would be too large.
        """
        if not self.loaded.is_point_data:
            return self._decode(z, self.loaded.decode)
        noise = self.generator("noise of samples")
        return self._decode(z, lambda part: self.loaded.sample_points(part, noise))

    def _decode(self, z: Tensor, function: Callable[[Tensor], Tensor]) -> Generator[Progress, None, Array]:
        loaded = self.loaded
        self.check_size(len(z), loaded.item_bytes)
        draft = self.params.get("draft") is True and not loaded.is_point_data
        pieces: list[Array] = []
        for part in torch.split(z, loaded.chunk):
            if pieces:
                yield Progress(len(pieces) * loaded.chunk / len(z), "decoding")
            images, is_draft = loaded.decode_draft(part) if draft else (function(part), False)
            self._is_draft |= is_draft
            pieces.append(self.to_display(images))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def encode(self, take: TakeBatch, count: int, start: int = 0) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
        """Yield progress; return mu and logvar of data `start` to `count`."""
        chunk = self.loaded.chunk
        pieces: list[tuple[Tensor, Tensor]] = []
        for first in range(start, count, chunk):
            if pieces:
                yield Progress(first / count, "encoding")
            pieces.append(self.loaded.encode(take(slice(first, min(first + chunk, count)))))
        return torch.cat([mu for mu, _ in pieces]), _compact(torch.cat([logvar for _, logvar in pieces]))

    def encode_test(self, count: int) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
        """Yield progress; return mu and logvar of the first test data, computed once per model."""
        codes = self.loaded.test_codes
        if codes is None or len(codes[0]) < count:
            start = 0 if codes is None else len(codes[0])
            more = yield from self.encode(self.loaded.test.take, count, start)
            if codes is not None:
                more = torch.cat((codes[0], more[0])), _compact(torch.cat((codes[1], more[1])))
            self.loaded.test_codes = codes = more
        return codes[0][:count], codes[1][:count]


def labels_at(labels: Array | None, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels of data, −1 without labels."""
    return np.full(len(indices), -1) if labels is None else labels[indices].astype(np.int64)


def _compact(logvar: Tensor) -> Tensor:
    """Return the same values as a view of one element where all are equal, as the −∞ of an exact encoder."""
    first = logvar[:1, :1]
    return first.clone().expand_as(logvar) if bool((logvar == first).all()) else logvar
