"""A model loaded from a snapshot, with its card and its run's data."""

from collections.abc import Callable
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers import registry
from trainers.config import RunConfig
from trainers.data import loading, preprocess
from trainers.data.dataset import ImageData, PointData
from trainers.data.fingerprint import fingerprint
from trainers.data.preprocess import DevicePoints
from trainers.errors import CheckpointError, DataError
from trainers.families.interface import Encodes, Model, build
from trainers.families.nn import chunk_size
from trainers.families.weights import load_weights
from trainers.model_card import ModelCard
from trainers.numerics import rng
from trainers.numerics.precision import has_bfloat16
from trainers.storage import checkpoint

if TYPE_CHECKING:
    from trainers.inference.sensitivity import Sensitivity

TakeBatch = Callable[[slice], Tensor]  # a part of some data, preprocessed for the model: (B, C, H, W), float32
CHUNK_IMAGES = 200  # of 28×28: 400 in one chunk take a convolutional model half as long again
CHUNK_POINTS = 4096
_MAX_CHUNK_MULTIPLICATIONS = 2_000_000_000  # roughly the parameters times the images of a chunk
_MAX_IMAGE_VALUES = 1 << 24  # refuses a card with absurd shapes before a model is built
_EXTRA_WEIGHT_BYTES = 16 << 20  # the header of the weights, and buffers, which are not counted as parameters
NUM_DRAFT_CHECKS = 32  # number of latents on which a draft is compared with the exact images
MAX_MEAN_ERROR_LEVELS, MAX_ERROR_LEVELS = 0.5, 8.0  # errors of an accurate draft, in gray levels of 255
_OTHER_RUN_HINT = "it belongs to another run"
_num_parameters: dict[tuple[str, str, tuple[int, ...]], int] = {}  # by family, options and image shape


class LoadedModel:
    """A model with its weights and its card, and results about it that later queries reuse.

    Args:
        model: Model on the CPU, in evaluation mode; no parameter requires a gradient.
        card: Model card of the snapshot.
        config: Configuration of its run; the data that it names are read when they are first needed.
    """

    def __init__(self, model: Model, card: ModelCard, config: RunConfig) -> None:
        self.model, self.card, self.config = model, card, config
        self.test_codes: tuple[Tensor, Tensor] | None = None  # mu, logvar of the first test data
        self.sensitivity: Sensitivity | None = None
        # Whether drafts are accurate, None before the check; without hardware support, they would be slower.
        fast = has_bfloat16(torch.device("cpu")) and not self.is_point_data
        self._drafts_are_accurate: bool | None = None if fast else False

    @property
    def latent_dim(self) -> int:
        """The number of latent dimensions."""
        return prod(self.model.latent_shape)

    @property
    def is_point_data(self) -> bool:
        """True if the data are 2-D points."""
        return self.card.data.kind == "points"

    @property
    def how_sampled(self) -> str:
        """How the model samples, in words: "z from N(0, I), then the generator"; cards of earlier versions differ."""
        capabilities = registry.family(self.config.model.name).capabilities(self.config.model_options())
        return capabilities["sample"].how if "sample" in capabilities else ""

    @property
    def item_bytes(self) -> int:
        """Bytes of one image (uint8), or point (float32), in a result."""
        return prod(self.card.image_shape) * (4 if self.is_point_data else 1)

    @property
    def chunk(self) -> int:
        """Number of items to decode or encode at once: fewer for a large model, so that a newer query waits less."""
        if self.is_point_data:
            return CHUNK_POINTS
        affordable = max(1, _MAX_CHUNK_MULTIPLICATIONS // max(1, self.card.num_parameters))
        return min(chunk_size(self.card.image_shape, CHUNK_IMAGES), max(16, affordable))

    @property
    def data(self) -> ImageData | PointData:
        """The run's data.

        Raises:
            DataError: if they cannot be read, or are not those on which the model was trained.
        """
        return self._load_data()[0]

    @property
    def test(self) -> preprocess.TestImages | DevicePoints:
        """The test data, preprocessed for the model."""
        return self._load_data()[1]

    def _load_data(self) -> tuple[ImageData | PointData, preprocess.TestImages | DevicePoints]:
        options, card = self.config.data_options(), self.card.data
        path = getattr(options, "path", "")
        if path and not Path(path).exists():
            hint = "if they moved, open the run with the option --data PATH; what needs no data still works"
            raise DataError(f"{path}: the data of the run are not there", hint)
        data, test, present = _load_data(self.config.data.name, options)
        card.check_same(len(data.train), len(data.test), present, path or card.name)
        return data, test

    @property
    def points(self) -> PointData:
        """The run's data, which must be points."""
        data = self.data
        assert isinstance(data, PointData)
        return data

    def preprocess(self, data: NDArray[Any], split: str = "test") -> TakeBatch:
        """Return access to data, images (N, H, W, C) uint8 or points (N, 2), preprocessed for the model."""
        if self.is_point_data:
            return DevicePoints(data).take
        binarization = getattr(self.config.data_options(), "binarization", "none")
        return preprocess.TestImages(data, binarization, split=split).take

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of q(z|x), (B, d) each."""
        assert isinstance(self.model, Encodes)
        with torch.inference_mode():
            return self.model.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        """Return images, (B, C, H, W) in [0, 1], or points, for latents (B, d)."""
        with torch.inference_mode():
            return self.model.decode(z)

    def sample_points(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """Return samples of p(x|z), points (B, 2, 1, 1), for latents (B, d)."""
        with torch.inference_mode():
            return self.model.sample_points(z, generator)

    def decode_draft(self, z: Tensor) -> tuple[Tensor, bool]:
        """Decode in bfloat16 where no pixel changes by more than 8 gray levels. Returns (images, is_draft).

        The first call decodes exactly and runs that check. Weights stay float32: autocast converts them on the fly,
        which costs a few percent and keeps sums and normalizations exact.
        """
        if self._drafts_are_accurate:
            return self._decode_bf16(z), True
        images = self.decode(z)
        if self._drafts_are_accurate is None:
            draft = self._decode_bf16(z[:NUM_DRAFT_CHECKS])
            error = 255 * (images[:NUM_DRAFT_CHECKS].nan_to_num() - draft.nan_to_num()).abs()
            self._drafts_are_accurate = (
                float(error.mean()) <= MAX_MEAN_ERROR_LEVELS and float(error.max()) <= MAX_ERROR_LEVELS
            )
        return images, False

    def _decode_bf16(self, z: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return self.model.decode(z).float()


def load_model(folder: Path, config: RunConfig) -> LoadedModel:
    """Load a snapshot.

    The number of parameters is checked against card and configuration before anything of their size is allocated.

    Args:
        folder: Folder of the snapshot.
        config: Configuration of its run.

    Raises:
        CheckpointError: if the snapshot is damaged or of another model.
    """
    # Compare card and configuration.
    card = checkpoint.load_card(folder)
    if card.family != config.model.name:
        message = f"{folder}: family '{card.family}', but its run's config.json has '{config.model.name}'"
        raise CheckpointError(message, _OTHER_RUN_HINT)
    family, options = registry.family(config.model.name), config.model_options()
    mismatch = CheckpointError(
        f"{folder}: its weights do not match the model of its run's config.json", _OTHER_RUN_HINT
    )
    if prod(card.image_shape) > _MAX_IMAGE_VALUES:
        raise mismatch
    # Count the parameters that the configuration gives, before the weights are read.
    key = (family.name, options.model_dump_json(), card.image_shape)
    if key not in _num_parameters:
        _num_parameters[key] = registry.parameter_count(family, options, card.image_shape)
    count = _num_parameters[key]
    if count != card.num_parameters:
        raise mismatch
    arrays, saved_card = checkpoint.load_snapshot(folder, max_weights_bytes=8 * count + _EXTRA_WEIGHT_BYTES)
    if saved_card != card or count > sum(array.size for array in arrays.values()):
        raise mismatch
    # Build the model and load its weights.
    with rng.SkipInit():  # the weights are loaded next; initialization would take half of the time
        model = build(family, options, card.image_shape)
    load_weights(model, arrays)
    return LoadedModel(to_channels_last(model.eval().requires_grad_(False)), card, config)


def to_channels_last(model: Model) -> Model:
    """Convert convolution weights to channels_last for faster CPU inference; return the model.

    oneDNN then skips its own reordering: the first transposed convolution of the small convolutional VAE takes 9 ms
    instead of 26 (400 images, one thread).
    """
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch 2.13's stub lacks the keyword
    return model


@lru_cache(maxsize=2)
def _load_data(name: str, options: Any) -> tuple[ImageData | PointData, preprocess.TestImages | DevicePoints, str]:
    """Return a run's data, read once for all its snapshots, the preprocessed test data, and the fingerprint."""
    data = loading.load(registry.dataset(name), options)
    if isinstance(data, PointData):
        return data, DevicePoints(data.test), fingerprint(data)
    binarization = getattr(options, "binarization", "none")
    return data, preprocess.TestImages(data.test, binarization), fingerprint(data)
