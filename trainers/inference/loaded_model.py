"""One question to an open model: its parameters, the model in chunks, its data, and arrays as they are sent."""

from collections.abc import Callable, Generator, Mapping
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers import registry
from trainers.config import RunConfig
from trainers.data import preprocess
from trainers.data.images import ImageData
from trainers.data.points import PointData, ResidentPoints
from trainers.families.interface import Encodes, Model
from trainers.families.nn import images_at_once
from trainers.inference import params as inference_params
from trainers.inference.preview import Drafts
from trainers.model_card import ModelCard
from trainers.training import rng
from trainers.training.sample_images import to_uint8

Array = NDArray[Any]
Chunk = tuple[object, ...]  # ("progress", fraction, message) or ("result", arrays, meta)
Take = Callable[[slice], Tensor]  # data as the model sees them, a part at a time: (B, C, H, W), float32
IMAGES_AT_ONCE = 200  # of 28×28: a convolutional model takes half as long again for 400 in one go
POINTS_AT_ONCE = 4096
_WEIGHTS_AT_ONCE = 2_000_000_000  # parameters times images, about the multiplications of a chunk
_EXACT_BYTES = 4  # of a float32


class LoadedModel:
    """A model with its weights and what is known of it already.

    Args:
        model: On the CPU, for looking: no parameter takes a gradient.
        card: Of the snapshot.
        config: Of its run; names the data, which is read when it is first needed.
    """

    def __init__(self, model: Model, card: ModelCard, config: RunConfig) -> None:
        self.model, self.card, self.config = model, card, config
        self.codes: tuple[Tensor, Tensor] | None = None  # mu, logvar of the first test images, as many as were asked
        self.effects: Any = None  # how strongly images answer to latents, once it was measured
        self._drafts = Drafts()

    @property
    def size(self) -> int:
        """The number of latent dimensions."""
        return prod(self.model.latent_shape)

    @property
    def of_points(self) -> bool:
        """Whether the data are points of the plane."""
        return self.card.data.kind == "points"

    @property
    def bytes_each(self) -> int:
        """What one image, or point, takes in an answer."""
        return prod(self.card.image_shape) * (_EXACT_BYTES if self.of_points else 1)

    @property
    def chunk(self) -> int:
        """How many are decoded or encoded in one go: fewer of a large model, so that a drag overtakes soon."""
        if self.of_points:
            return POINTS_AT_ONCE
        small_enough = max(1, _WEIGHTS_AT_ONCE // max(1, self.card.num_parameters))
        return min(images_at_once(self.card.image_shape, IMAGES_AT_ONCE), max(16, small_enough))

    @property
    def data(self) -> ImageData | PointData:
        """The run's data."""
        return _load_data(self.config.data.name, self.config.data_options())[0]

    @property
    def test(self) -> preprocess.TestImages | ResidentPoints:
        """The test data as the model sees them."""
        return _load_data(self.config.data.name, self.config.data_options())[1]

    @property
    def points(self) -> PointData:
        """The run's data where they are points."""
        data = self.data
        assert isinstance(data, PointData)
        return data

    def seen(self, given: Array, split: str = "test") -> Take:
        """Return what takes data of one's own, or of a split, as the model sees them."""
        if self.of_points:
            return ResidentPoints(given).take
        binarization = getattr(self.config.data_options(), "binarization", "none")
        return preprocess.TestImages(given, binarization, split=split).take

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (B, d) each."""
        assert isinstance(self.model, Encodes)
        with torch.inference_mode():
            return self.model.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        """Return images, (B, C, H, W) in [0, 1], or points, of latents (B, d)."""
        with torch.inference_mode():
            return self.model.decode(z)

    def draft(self, z: Tensor) -> tuple[Tensor, bool]:
        """Return what `decode` does, sooner and a little less exact where that may be, and whether it is so."""
        with torch.inference_mode():
            return (self.model.decode(z), False) if self.of_points else self._drafts.decode(self.model, z)


class Query:
    """One question, how much of its answer is not finite, and whether it is a draft.

    Args:
        opened: The model that is asked.
        params: Of the question.
        arrays: Of the question.
    """

    def __init__(self, opened: LoadedModel, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        self.opened, self.params, self.arrays = opened, params, arrays
        self._values, self._not_finite, self._is_draft = 0, 0, False

    @property
    def flaws(self) -> dict[str, object]:
        """What an answer's meta says where numbers are not finite, their share, and where it is a draft."""
        flaws: dict[str, object] = {"draft": True} if self._is_draft else {}
        return {**flaws, "not_finite": self._not_finite / self._values} if self._not_finite else flaws

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a parameter that is a whole number; see `questions.whole`."""
        return inference_params.whole(self.params, name, default, low, high)

    def chance(self, name: str) -> torch.Generator:
        """Return the random numbers of an operation, by the parameter `seed`."""
        seed = self.whole("seed", 0, 0, 2**63 - 1)
        return rng.named_generator(seed, name, torch.device("cpu"))

    def latents(self, name: str = "z") -> Tensor:
        """Return latents that were given, (N, d)."""
        return torch.from_numpy(inference_params.latents(self.arrays, self.opened.size, name))

    def given(self) -> tuple[Take, NDArray[np.int64]]:
        """Return what takes the data that are meant, and their labels, one each; −1 is unknown."""
        opened = self.opened
        given = inference_params.points(self.arrays) if opened.of_points else self._images()
        if given is not None:
            return opened.seen(given), np.full(len(given), -1)
        indices = inference_params.indices(self.params, self.arrays, len(opened.test))
        chosen = torch.from_numpy(indices)
        return lambda part: opened.test.take(chosen[part]), labels_at(opened.data.test_labels, indices)

    def shown(self, tensor: Tensor) -> Array:
        """Return data as they are sent: images (N, H, W, C) uint8, points (N, 2) float32."""
        self._values += tensor.numel()
        if not tensor.sum().isfinite():  # one pass, and another only where it is needed
            self._not_finite += int((~tensor.isfinite()).sum())
        return tensor.flatten(1).float().numpy() if self.opened.of_points else to_uint8(tensor)

    def sent(self, tensors: Mapping[str, Tensor]) -> dict[str, Array]:
        """Return tensors as they are sent: four axes are data."""
        return {name: self.shown(one) if one.ndim == 4 else one.numpy() for name, one in tensors.items()}

    def decoded(self, z: Tensor) -> Generator[Chunk, None, Array]:
        """Yield progress; return the data that latents (N, d) decode to, as they are sent.

        Raises:
            ConfigError: if they are more than an answer holds.
        """
        inference_params.affordable(len(z), self.opened.bytes_each, self.plural)
        hasty = self.params.get("draft") is True
        pieces: list[Array] = []
        for part in torch.split(z, self.opened.chunk):
            if pieces:
                yield "progress", len(pieces) * self.opened.chunk / len(z), "decoding"
            images, is_draft = self.opened.draft(part) if hasty else (self.opened.decode(part), False)
            self._is_draft |= is_draft
            pieces.append(self.shown(images))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def coded(self, take: Take, count: int, start: int = 0) -> Generator[Chunk, None, tuple[Tensor, Tensor]]:
        """Yield progress; return mu and logvar of data `start` to `count`."""
        pieces: list[tuple[Tensor, Tensor]] = []
        for first in range(start, count, self.opened.chunk):
            if pieces:
                yield "progress", first / count, "encoding"
            pieces.append(self.opened.encode(take(slice(first, min(first + self.opened.chunk, count)))))
        return torch.cat([mu for mu, _ in pieces]), _slim(torch.cat([logvar for _, logvar in pieces]))

    def test_codes(self, count: int) -> Generator[Chunk, None, tuple[Tensor, Tensor]]:
        """Yield progress; return mu and logvar of the first test data, kept for the next time."""
        known = self.opened.codes
        if known is None or len(known[0]) < count:
            start = 0 if known is None else len(known[0])
            more = yield from self.coded(self.opened.test.take, count, start)
            known = more if known is None else (torch.cat((known[0], more[0])), _slim(torch.cat((known[1], more[1]))))
            self.opened.codes = known
        return known[0][:count], known[1][:count]

    @property
    def plural(self) -> str:
        """What the data are called."""
        return "points" if self.opened.of_points else "images"

    def _images(self) -> NDArray[np.uint8] | None:
        return inference_params.images(self.arrays, self.opened.card.image_shape)


def labels_at(labels: Array | None, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels of some data, −1 where they have none."""
    return np.full(len(indices), -1) if labels is None else labels[indices].astype(np.int64)


def _slim(logvar: Tensor) -> Tensor:
    """Return the same values in less memory where all are equal: an exact code's are −∞ throughout."""
    first = logvar[:1, :1]
    return first.clone().expand_as(logvar) if bool((logvar == first).all()) else logvar


@lru_cache(maxsize=2)
def _load_data(name: str, options: Any) -> tuple[ImageData | PointData, preprocess.TestImages | ResidentPoints]:
    """Read a run's data once for all its snapshots."""
    data: ImageData | PointData = registry.resolve(registry.dataset(name).load)(options)
    if isinstance(data, PointData):
        return data, ResidentPoints(data.test)
    return data, preprocess.TestImages(data.test, getattr(options, "binarization", "none"))
