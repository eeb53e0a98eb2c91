"""What an explorer asks of a model: decode, encode, sample, the manifold, the posterior, the pipeline.

The operations and their arrays are those of the explorers' protocol. Long answers come in chunks with progress between
them, so that a drag can overtake.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers import checkpoint, grids, questions, registry, seeding, state
from trainers.card import Card
from trainers.config import RunConfig
from trainers.data import preprocess
from trainers.data.images import ImageData
from trainers.errors import CheckpointError, ConfigError, UserError
from trainers.model import Model
from trainers.nn import images_at_once
from trainers.pictures import IMAGES_AT_ONCE, to_uint8

Array = NDArray[Any]
Chunk = tuple[object, ...]  # ("progress", fraction, message) or ("result", arrays, meta)
_OTHER = "it belongs to another run"
_BESIDE_WEIGHTS = 16 << 20  # bytes: the header of the weights, and buffers that are not counted as parameters
Take = Callable[[slice], Tensor]  # images as the model sees them, a part at a time: (B, C, H, W), float32
_NEEDS = {
    "decode": "decode",
    "manifold": "manifold",
    "sample": "sample",
    "encode": "encode",
    "encodings": "encode",
    "posterior": "encode",
    "nearest": "encode",
    "pipeline": "encode",
}


def load(folder: Path, config: RunConfig) -> "Explorer":
    """Open a snapshot.

    Args:
        folder: Of the snapshot.
        config: Of its run.

    Raises:
        CheckpointError: if the snapshot is damaged or of another model.
    """
    told = checkpoint.load_card(folder)
    if told.family != config.model.name:
        raise CheckpointError(f"{folder}: is of the family '{told.family}', its run of '{config.model.name}'", _OTHER)
    family, options = registry.family(config.model.name), config.model_options()
    count = family.parameter_count(options, told.image_shape)
    disagree = CheckpointError(f"{folder}: its weights and its run's config.json disagree about the model", _OTHER)
    if count != told.num_parameters:
        raise disagree
    arrays, card = checkpoint.load_snapshot(folder, max_weights_bytes=8 * count + _BESIDE_WEIGHTS)
    if card != told or count > sum(array.size for array in arrays.values()):  # before it is built
        raise disagree
    model: Model = registry.resolve(family.build)(options, card.image_shape)
    state.load_weights(model, arrays)
    return Explorer(model.eval().requires_grad_(False), card, config)


class Explorer:
    """A model with its weights, ready to be asked.

    Args:
        model: On the CPU.
        card: Of the snapshot.
        config: Of its run; names the data, which is read when it is first needed.
    """

    def __init__(self, model: Model, card: Card, config: RunConfig) -> None:
        self.card = card
        self.config = config
        self._model = model
        self._codes: tuple[Tensor, Tensor] | None = None  # mu, logvar of the test set
        self._operations: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Chunk]]] = {
            "describe": self._describe,
            "test_images": self._test_images,
            "decode": self._decode,
            "manifold": self._manifold,
            "sample": self._sample,
            "encode": self._encode,
            "encodings": self._encodings,
            "posterior": self._posterior,
            "nearest": self._nearest,
            "pipeline": self._pipeline,
        }

    def answer(
        self, op: str, params: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
    ) -> Iterator[Chunk]:
        """Yield ("progress", fraction, message) between chunks of work, then ("result", arrays, meta).

        Raises:
            UserError: for an operation that is unknown, that this model has not, or that is asked wrongly.
        """
        if op not in self._operations:
            raise ConfigError(f"'{op[:40]}' is no operation", f"choose one of {', '.join(self._operations)}")
        ability = self.card.ability(_NEEDS.get(op, "decode"))
        if not ability.available:
            raise UserError(f"this model cannot {op}", ability.reason)
        yield from self._operations[op](params or {}, arrays or {})

    def ask(
        self, op: str, params: Mapping[str, Any] | None = None, arrays: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return the result of an operation, arrays and meta, without the progress on the way.

        Raises:
            UserError: as `answer`.
        """
        *_, (_, result, meta) = self.answer(op, params, arrays)
        return result, meta  # type: ignore[return-value]

    def _describe(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        yield "result", {}, {"card": self.card.model_dump(mode="json")}

    def _test_images(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        """Show the data; without indices the labels alone, of the whole test set."""
        if "indices" not in params and "indices" not in arrays:
            data, test = _data_of(self.config)
            yield "result", {"labels": _labels(data.test_labels, np.arange(len(test)))}, {}
            return
        take, labels = self._images(params, {name: arrays[name] for name in ("indices",) if name in arrays})
        questions.affordable(len(labels), self._image_bytes, "images")
        yield "result", {**_shown({"x": take(slice(None))}), "labels": labels}, {}

    def _decode(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        z = torch.from_numpy(questions.latents(arrays, self._size))
        images = yield from self._decoded(z)
        yield "result", {"images": images}, {}

    def _manifold(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        rows = questions.whole(params, "rows", grids.MANIFOLD_SIDE, 1, questions.MAX_CELLS)
        columns = questions.whole(params, "columns", grids.MANIFOLD_SIDE, 1, questions.MAX_CELLS // rows)
        coords = questions.word(params, "coords", ("u", "z"))
        edges = questions.bounds(params, coords)
        images = yield from self._decoded(grids.cells(rows, columns, edges, coords))
        shaped = images.reshape(rows, columns, *images.shape[1:])
        yield "result", {"images": shaped}, {"bounds": list(edges), "coords": coords}

    def _sample(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        count = questions.whole(params, "count", 64, 1, questions.MAX_COUNT)
        temperature = questions.number(params, "temperature", 1.0, 0.0, questions.MAX_TEMPERATURE)
        questions.affordable(count, self._image_bytes + 4 * self._size, "samples")
        z = torch.randn((count, *self._model.latent_shape), generator=_chance(params, "sample")) * temperature
        images = yield from self._decoded(z)
        yield "result", {"images": images, "z": z.numpy()}, {}

    def _encode(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        """Reconstruct at z = μ; `recon_nats` is −log p(x | z = μ)."""
        take, labels = self._images(params, arrays)
        questions.affordable(len(labels), 2 * self._image_bytes + 12 * self._size, "images")
        pieces: list[dict[str, Array]] = []
        for start in range(0, len(labels), self._chunk):
            pieces.append(self._judged(take(slice(start, start + self._chunk))))
            yield "progress", min((start + self._chunk) / len(labels), 1.0), "encoding"
        result: dict[str, Array] = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
        names = {name: list(words) for name, words in self._model.figure_names().items()}
        yield "result", {**result, "labels": labels}, {"z": "mu", "figures": names}

    def _encodings(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        split = questions.word(params, "split", ("test", "train"))
        data, test = _data_of(self.config)
        labels = data.test_labels if split == "test" else data.train_labels
        length = len(data.test) if split == "test" else len(data.train)
        count = min(length, questions.whole(params, "count", length, 1, 1 << 31))
        questions.affordable(count, 8 * self._size + 16, "encodings")
        if split == "test" and count == length:
            mu, logvar = yield from self._test_codes()
        else:
            take = test.take if split == "test" else _seen(data.train[:count], self.config, "train")
            mu, logvar = yield from self._coded(take, count)
        result = {"mu": mu.numpy(), "logvar": logvar.numpy(), "indices": np.arange(count)}
        yield "result", {**result, "labels": _labels(labels, np.arange(count))}, {"split": split}

    def _posterior(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        count = questions.whole(params, "count", 16, 1, questions.MAX_COUNT)
        questions.affordable(count, self._image_bytes + 4 * self._size, "samples")
        take, _ = self._images(params, arrays)
        mu, logvar = self._codes_of(take(slice(1)))
        noise = torch.randn((count, self._size), generator=_chance(params, "posterior"))
        z = mu + torch.exp(0.5 * logvar) * noise
        images = yield from self._decoded(z)
        yield "result", {"z": z.numpy(), "images": images}, {}

    def _nearest(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        z = torch.from_numpy(questions.latents(arrays, self._size))[:1]
        data, test = _data_of(self.config)
        count = questions.whole(params, "count", 1, 1, len(test))
        questions.affordable(count, self._image_bytes, "images")
        mu, _ = yield from self._test_codes()
        distances, indices = torch.cdist(z, mu)[0].topk(count, largest=False)
        result = {
            "indices": indices.numpy(),
            "labels": _labels(data.test_labels, indices.numpy()),
            "distances": distances.numpy(),
            "images": to_uint8(test.take(indices)),
        }
        yield "result", result, {}

    def _pipeline(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        take, labels = self._images(params, arrays)
        with torch.inference_mode():
            stations, figures = self._model.pipeline(take(slice(1)), _chance(params, "pipeline"))
        yield "result", _shown(stations), {"figures": figures, "label": int(labels[0])}

    @property
    def _size(self) -> int:
        return int(np.prod(self._model.latent_shape))

    @property
    def _image_bytes(self) -> int:
        return int(np.prod(self.card.image_shape))

    @property
    def _chunk(self) -> int:
        return images_at_once(self.card.image_shape, IMAGES_AT_ONCE)

    def _decoded(self, z: Tensor) -> Generator[Chunk, None, NDArray[np.uint8]]:
        """Yield progress; return uint8 images, (N, H, W, C).

        Raises:
            ConfigError: if they are more than an answer holds.
        """
        questions.affordable(len(z), self._image_bytes, "images")
        pieces: list[NDArray[np.uint8]] = []
        for part in torch.split(z, self._chunk):
            if pieces:
                yield "progress", len(pieces) * self._chunk / len(z), "decoding"
            with torch.inference_mode():
                pieces.append(to_uint8(self._model.decode(part)))
        return np.concatenate(pieces)

    def _coded(self, take: Take, count: int) -> Generator[Chunk, None, tuple[Tensor, Tensor]]:
        """Yield progress; return mu and logvar of the first `count` images."""
        pieces: list[tuple[Tensor, Tensor]] = []
        for start in range(0, count, self._chunk):
            if pieces:
                yield "progress", start / count, "encoding"
            pieces.append(self._codes_of(take(slice(start, min(start + self._chunk, count)))))
        return torch.cat([mu for mu, _ in pieces]), torch.cat([logvar for _, logvar in pieces])

    def _test_codes(self) -> Generator[Chunk, None, tuple[Tensor, Tensor]]:
        """Yield progress; return mu and logvar of the whole test set, kept for the next time."""
        if self._codes is None:
            _, test = _data_of(self.config)
            codes = yield from self._coded(test.take, len(test))
            self._codes = codes
        return self._codes

    def _codes_of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            return self._model.encode(x)

    def _judged(self, x: Tensor) -> dict[str, Array]:
        with torch.inference_mode():
            return _shown({"x": x, **self._model.judged(x)})

    def _images(self, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> tuple[Take, NDArray[np.int64]]:
        """Return what takes the images that are meant, and their labels, one an image."""
        given = questions.images(arrays, self.card.image_shape)
        if given is not None:
            return _seen(given, self.config, "test"), np.full(len(given), -1)
        data, test = _data_of(self.config)
        indices = questions.indices(params, arrays, len(test))
        chosen = torch.from_numpy(indices)
        return lambda part: test.take(chosen[part]), _labels(data.test_labels, indices)


def _chance(params: Mapping[str, Any], name: str) -> torch.Generator:
    seed = questions.whole(params, "seed", 0, 0, 2**63 - 1)
    return seeding.stream(seed, name, torch.device("cpu"))


def _shown(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return arrays to send: four axes are images, (N, C, H, W) in [0, 1], and become uint8 (N, H, W, C)."""
    return {name: to_uint8(tensor) if tensor.ndim == 4 else tensor.numpy() for name, tensor in tensors.items()}


def _labels(labels: Array | None, indices: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.full(len(indices), -1) if labels is None else labels[indices].astype(np.int64)


def _seen(images: NDArray[np.uint8], config: RunConfig, split: str) -> Take:
    """Return what takes images as the model sees them."""
    binarisation = getattr(config.data_options(), "binarisation", "none")
    return preprocess.TestImages(images, binarisation, split=split).take


def _data_of(config: RunConfig) -> tuple[ImageData, preprocess.TestImages]:
    return _load_data(config.data.name, config.data_options())


@lru_cache(maxsize=2)
def _load_data(name: str, options: Any) -> tuple[ImageData, preprocess.TestImages]:
    """Read a run's data once for all its snapshots."""
    data: ImageData = registry.resolve(registry.dataset(name).load)(options)
    return data, preprocess.TestImages(data.test, getattr(options, "binarisation", "none"))
