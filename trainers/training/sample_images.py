"""The sample images of a training: samples, reconstructions, manifold and trace, always from the same inputs."""

from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.dataset import ImageData
from trainers.data.preprocess import EVALUATION_SEED, TestImages
from trainers.events import ImagesReady, Phase
from trainers.families.interface import Encodes, Model, Traces, decode
from trainers.families.nn import chunk_size, eval_mode
from trainers.inference.grids import MANIFOLD_SIDE, cells
from trainers.model_card import Capability

NUM_SAMPLES, SAMPLE_COLUMNS = 64, 8
NUM_RECONSTRUCTIONS = 10
NUM_TRACED, TRACE_COLUMNS = 8, 10
CHUNK_IMAGES = 500  # of 28×28, decoded in one batch


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Return (N, H, W, C) uint8 from (N, C, H, W) in [0, 1]; NaN is black."""
    scaled = images.nan_to_num(0.0).clamp(0, 1).mul(255).add_(0.5).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy())


class SampleImages:
    """The images of each snapshot, from fixed latents and fixed test images.

    Args:
        capabilities: Of the model; they determine the kinds of images.
        latent_shape: Of the model.
        data: The data set; one test image per class is reconstructed.
        test: The test images, preprocessed.
        device: Of the model.
    """

    def __init__(
        self,
        capabilities: dict[str, Capability],
        latent_shape: tuple[int, ...],
        data: ImageData,
        test: TestImages,
        device: torch.device,
    ) -> None:
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        available = {name for name, capability in capabilities.items() if capability.available}
        samples = torch.randn((NUM_SAMPLES, *latent_shape), generator=generator).to(device)
        self._samples = samples if "sample" in available else None
        self._originals = test.take(reconstructed_indices(data).to(device)) if "encode" in available else None
        self._manifold = cells(MANIFOLD_SIDE, MANIFOLD_SIDE).to(device) if "manifold" in available else None
        self._traced = None
        if "trace" in available and self._originals is not None:
            self._traced = self._originals[:NUM_TRACED]

    def draw(self, model: Model, step: int) -> Iterator[ImagesReady | Phase]:
        """Yield each kind of images, and a heartbeat after each chunk."""
        if self._samples is not None:
            samples = yield from _decoded(model, self._samples, step)
            yield ImagesReady(step, "samples", samples, SAMPLE_COLUMNS)
        if self._originals is not None:
            assert isinstance(model, Encodes)
            with torch.inference_mode(), eval_mode(model):
                mu, _ = model.encode(self._originals)
                pairs = np.concatenate((to_uint8(self._originals), to_uint8(model.decode(mu))))
            yield ImagesReady(step, "reconstructions", pairs, len(self._originals))
        if self._manifold is not None:
            manifold = yield from _decoded(model, self._manifold, step)
            yield ImagesReady(step, "manifold", manifold, MANIFOLD_SIDE)
        if self._traced is not None:
            yield _trace(model, self._traced, step)


def reconstructed_indices(data: ImageData) -> Tensor:
    """Return the indices of the test images to reconstruct: the first of each class, else the first ones."""
    count = min(NUM_RECONSTRUCTIONS, len(data.test))
    if data.test_labels is None:
        return torch.arange(count)
    _, first = np.unique(data.test_labels, return_index=True)
    others = np.setdiff1d(np.arange(min(len(data.test), 2 * NUM_RECONSTRUCTIONS)), first)
    return torch.from_numpy(np.concatenate((first, others))[:count].astype(np.int64))


def _decoded(model: Model, z: Tensor, step: int) -> Generator[Phase, None, NDArray[np.uint8]]:
    pieces = []
    for part in torch.split(z, chunk_size(model.image_shape, CHUNK_IMAGES)):
        with torch.inference_mode(), eval_mode(model):
            pieces.append(to_uint8(decode(model, part)))
        yield Phase(step, "evaluating", "pictures")
    return np.concatenate(pieces)


def _trace(model: Model, x: Tensor, step: int) -> ImagesReady:
    """Return a row for each image with stages of the chain of transforms, first and last included."""
    assert isinstance(model, Traces)
    with torch.inference_mode(), eval_mode(model):
        stages = model.trace(x).stages
        count = min(len(stages), TRACE_COLUMNS)
        indices = [round(column * (len(stages) - 1) / (count - 1)) for column in range(count)]
        columns = [to_uint8(model.trace_images(stages[index])) for index in indices]
    return ImagesReady(step, "trace", np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:]), count)
