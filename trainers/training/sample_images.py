"""The sample images of a training: samples, reconstructions, manifold and trace, always of the same inputs."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.dataset import ImageData
from trainers.data.preprocess import EVALUATION_SEED, TestImages, to_uint8
from trainers.events import ImagesReady
from trainers.families.interface import Encodes, Model, Traces, decode
from trainers.families.nn import chunk_size, eval_mode
from trainers.model_card import Capability
from trainers.numerics.grids import MANIFOLD_SIDE, cell_centers

NUM_SAMPLES, SAMPLE_COLUMNS = 64, 8
NUM_RECONSTRUCTIONS = 10  # test images, usually one of each class
NUM_TRACED, TRACE_COLUMNS = 8, 10
CHUNK_IMAGES = 500  # of 28×28, decoded in one batch


class SampleImages:
    """The images of each snapshot, from fixed latents and fixed test images.

    Args:
        capabilities: What the model can do, which determines the kinds of images.
        latent_shape: Shape of a latent.
        data: Data set; one test image per class is reconstructed.
        test: Preprocessed test images.
        device: Device of the model.
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
        self._manifold = cell_centers(MANIFOLD_SIDE, MANIFOLD_SIDE).to(device) if "manifold" in available else None
        self._traced = None
        if "trace" in available and self._originals is not None:
            self._traced = self._originals[:NUM_TRACED]

    def render(self, model: Model, step: int) -> Iterator[ImagesReady | None]:
        """Yield each kind of images, and None after each chunk of work, where a heartbeat may be sent."""
        # Decode the fixed latents.
        if self._samples is not None:
            samples = yield from _decode(model, self._samples)
            yield ImagesReady(step, "samples", samples, SAMPLE_COLUMNS)
        # Reconstruct test images: the originals, and below them the decoded means.
        if self._originals is not None:
            assert isinstance(model, Encodes)
            x = self._originals
            with torch.inference_mode(), eval_mode(model):
                mu, _ = model.encode(x)
                pairs = np.concatenate((to_uint8(x), to_uint8(model.decode(mu))))
            yield ImagesReady(step, "reconstructions", pairs, len(x))
        # Decode a grid over the two latent dimensions.
        if self._manifold is not None:
            manifold = yield from _decode(model, self._manifold)
            yield ImagesReady(step, "manifold", manifold, MANIFOLD_SIDE)
        # Trace test images: a row for each, with stages of the chain of transforms, first and last included.
        if self._traced is not None:
            assert isinstance(model, Traces)
            with torch.inference_mode(), eval_mode(model):
                stages = model.trace(self._traced).stages
                count = min(len(stages), TRACE_COLUMNS)
                indices = [round(column * (len(stages) - 1) / (count - 1)) for column in range(count)]
                columns = [to_uint8(model.trace_images(stages[index])) for index in indices]
            rows = np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])
            yield ImagesReady(step, "trace", rows, count)


def reconstructed_indices(data: ImageData) -> Tensor:
    """Return the indices of the test images to reconstruct: the first of each class, else the first ones."""
    count = min(NUM_RECONSTRUCTIONS, len(data.test))
    if data.test_labels is None:
        return torch.arange(count)
    _, first = np.unique(data.test_labels, return_index=True)
    fill = np.setdiff1d(np.arange(min(len(data.test), 2 * NUM_RECONSTRUCTIONS)), first)
    return torch.from_numpy(np.concatenate((first, fill))[:count].astype(np.int64))


def compute_in_chunks(
    model: Model, function: Callable[[Tensor], NDArray[Any]], inputs: Tensor, size: int
) -> Generator[None, None, NDArray[Any]]:
    """Yield after each chunk of `size` inputs; return the results of a function that uses the model, concatenated."""
    chunks = []
    for part in torch.split(inputs, size):
        with torch.inference_mode(), eval_mode(model):
            chunks.append(function(part))
        yield
    return np.concatenate(chunks)


def _decode(model: Model, z: Tensor) -> Generator[None, None, NDArray[np.uint8]]:
    size = chunk_size(model.image_shape, CHUNK_IMAGES)
    return compute_in_chunks(model, lambda part: to_uint8(decode(model, part)), z, size)
