"""A trained model for scripts and notebooks: arrays or tensors in, the same out, in float32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers import arguments
from trainers.data.arrays import to_numpy
from trainers.data.preprocess import DevicePoints, TestImages
from trainers.errors import DataError, UserError
from trainers.families.interface import Encodes, HasLogProb, Model
from trainers.families.nn import chunk_size
from trainers.inference.loaded_model import CHUNK_IMAGES, CHUNK_POINTS
from trainers.model_card import ModelCard
from trainers.numerics import matmul, rng

Values = TypeVar("Values", NDArray[Any], Tensor)
MAX_SAMPLES = 1_000_000


class TrainedModel:
    """A model with loaded weights.

    Methods take NumPy arrays or tensors and return the same type; `sample` returns an array. Images are (N, C, H, W),
    or (N, H, W) for one channel. uint8 images are preprocessed like the test set of the run (binarized, or scaled to
    [0, 1]); floats must be in [0, 1] and are used as they are. 2-D points are (N, 2). Latents are (N, latent_dim).

    Args:
        model: The model on the CPU, in evaluation mode.
        card: Describes the weights and the capabilities.
        binarization: Binarization of the run's images: "threshold", "static", "dynamic" or "none".
        snapshot_folder: The snapshot it was read from, if any.
    """

    def __init__(self, model: Model, card: ModelCard, binarization: str, snapshot_folder: Path | None = None) -> None:
        self.module = model
        self.card = card
        self.snapshot_folder = snapshot_folder
        self._binarization = binarization

    def __repr__(self) -> str:
        available = ", ".join(name for name, capability in self.card.capabilities.items() if capability.available)
        return f"<TrainedModel {self.card.family}, step {self.card.step:,}, latent_dim={self.latent_dim}: {available}>"

    @property
    def step(self) -> int:
        """Optimizer updates behind these weights."""
        return self.card.step

    @property
    def latent_dim(self) -> int:
        """The number of latent dimensions."""
        return int(np.prod(self.card.latent_shape))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of an image; (2, 1, 1) for 2-D points."""
        return self.card.image_shape

    def sample(self, n: int = 16, *, seed: int = 0) -> NDArray[np.float32]:
        """Return n samples as an array: images (n, C, H, W) in [0, 1], or points (n, 2).

        z is from N(0, I). Points are samples of p(x|z); images are decoded, for a VAE to the mean of p(x|z).

        Raises:
            UserError: if the model cannot sample, or n or the seed is no integer in its range.
        """
        self._require("sample")
        n = arguments.integer("n", n, 1, MAX_SAMPLES, unit="samples", error=DataError)
        seed = arguments.seed(seed, error=DataError)
        z = torch.randn(n, self.latent_dim, generator=rng.named_generator(seed, "sample", torch.device("cpu")))
        if self.card.data.kind != "points":
            return np.asarray(self._decoded(z).numpy())
        noise = rng.named_generator(seed, "noise of samples", torch.device("cpu"))
        points = self._in_chunks(lambda part: self.module.sample_points(part, noise), z)
        return np.asarray(points.flatten(1).numpy())

    def decode(self, z: Values) -> Values:
        """Return images (N, C, H, W) in [0, 1], or points (N, 2), for latents (N, latent_dim).

        For a VAE these are the expected images under p(x|z).

        Raises:
            UserError: if the model has no decoder, or `z` has another shape or values that are not finite.
        """
        self._require("decode")
        latents = _as_float(z, "z")
        if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
            raise DataError(f"z: shape {tuple(latents.shape)}; expected (N, {self.latent_dim})")
        return _as_type_of(z, self._decoded(latents))

    def encode(self, x: Values) -> Values:
        """Return latents (N, latent_dim): the posterior mean of a VAE, f⁻¹(x) of a flow.

        Raises:
            UserError: if the model has no encoder, or `x` has another shape, dtype or range.
        """
        return self.posterior(x)[0]

    def posterior(self, x: Values) -> tuple[Values, Values]:
        """Return mean and log-variance of q(z|x), (N, latent_dim) each; −∞ for a deterministic encoder, as a flow's.

        Raises:
            UserError: as `encode`.
        """
        self._require("encode")
        assert isinstance(self.module, Encodes)
        encode = self.module.encode
        posterior = self._in_chunks(lambda part: torch.stack(encode(part), dim=1), self._to_model_input(x))
        mu, logvar = posterior.unbind(1)
        return _as_type_of(x, mu.contiguous()), _as_type_of(x, logvar.contiguous())

    def reconstruct(self, x: Values) -> Values:
        """Return `decode(encode(x))`."""
        return self.decode(self.encode(x))

    def log_prob(self, x: Values) -> Values:
        """Return log p(x) in nats, (N,), or the estimate that `card.capability("log_prob").how` names.

        Raises:
            UserError: if the model has no density, or `x` has another shape, dtype or range.
        """
        self._require("log_prob")
        assert isinstance(self.module, HasLogProb)
        return _as_type_of(x, self._in_chunks(self.module.log_prob, self._to_model_input(x)))

    def _require(self, name: str) -> None:
        capability = self.card.capability(name)
        if not capability.available:
            raise UserError(f"this {self.card.title} does not support '{name}'", capability.reason)

    def _to_model_input(self, x: Any) -> Tensor:
        """Return data as the model expects it, (N, C, H, W) float32."""
        # Points, floats.
        if self.card.data.kind == "points":
            points = _as_float(x, "x")
            if points.ndim != 2 or points.shape[1] != 2:
                raise DataError(f"x: shape {tuple(points.shape)}; expected points (N, 2)")
            return DevicePoints(points.numpy()).take(slice(None))
        # Images, uint8 or floats in [0, 1].
        array = to_numpy(x, "x")
        if array.ndim == 3 and self.image_shape[0] == 1:
            array = array[:, None]
        if array.ndim != 4 or array.shape[1:] != self.image_shape:
            raise DataError(f"x: shape {array.shape}; expected (N, {', '.join(map(str, self.image_shape))})")
        if array.dtype == np.uint8:
            return TestImages(array.transpose(0, 2, 3, 1), self._binarization).take(slice(None))
        images = _as_float(x, "x").view(array.shape)
        if len(images) and not 0 <= float(images.min()) <= float(images.max()) <= 1:
            low, high = float(images.min()), float(images.max())
            raise DataError(f"x: values from {low:g} to {high:g}; expected floats in [0, 1] or uint8")
        return images

    def _decoded(self, z: Tensor) -> Tensor:
        decoded = self._in_chunks(self.module.decode, z)
        return decoded.flatten(1) if self.card.data.kind == "points" else decoded

    def _in_chunks(self, function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """Apply a function to chunks of a batch, so that memory suffices; return the results as one tensor."""
        is_points = self.card.data.kind == "points"
        size = CHUNK_POINTS if is_points else chunk_size(self.image_shape, CHUNK_IMAGES)
        with torch.inference_mode(), matmul.prefer_onednn():
            if not len(batch):  # models need not take empty batches: compute one row for the shapes and drop it
                row = batch.new_zeros(1, *batch.shape[1:])
                return function(row)[:0].clone()
            parts = [function(part) for part in torch.split(batch, size)]
        return torch.cat(parts).clone()


def _as_float(value: Any, name: str) -> Tensor:
    array = to_numpy(value, name)
    if array.dtype.kind != "f":
        raise DataError(f"{name}: dtype {array.dtype}; expected floats", "convert it with astype('float32')")
    with np.errstate(over="ignore"):  # a value beyond the range of float32 becomes infinite, and is refused
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    if not tensor.isfinite().all():
        raise DataError(f"{name}: contains NaN, infinite values, or values beyond the range of float32")
    return tensor


def _as_type_of(argument: Values, result: Tensor) -> Values:
    """Return a tensor on the device of the argument if that is a tensor, else an array."""
    return result.to(argument.device) if isinstance(argument, Tensor) else np.asarray(result)
