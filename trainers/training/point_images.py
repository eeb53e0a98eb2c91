"""The sample images of a training on 2-D data: samples over the data, and the model's density as a map."""

import math
from collections.abc import Callable, Generator, Iterator
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.dataset import PointData
from trainers.data.preprocess import EVALUATION_SEED
from trainers.events import ImagesReady, Phase
from trainers.families.interface import HasLogProb, Model, decode
from trainers.families.nn import eval_mode
from trainers.inference.grids import cells
from trainers.model_card import Capability

Bounds = tuple[float, float, float, float]
Grid = NDArray[np.float64]  # (side, side), row 0 on top, which is the largest y

SIDE = 256  # pixels
NUM_SAMPLES, NUM_DATA = 2000, 5000
MAP_SIDE = 64  # cells of a density map, which is interpolated between their centers
NATS_RANGE = 8.0  # below the peak of the data's density; anything lower is background
_CHUNK = 1024  # points that are decoded or evaluated in one batch
_DOT_STD = 1.1  # of a sample's dot, in pixels
_BACKGROUND, _FAINT, _GRAY, _ACCENT = "#16181C", "#3D424A", "#5A6069", "#6FB1F0"  # dark, as in the front ends
_BINS = 48  # of the histogram that estimates the density of the data


class PointImages:
    """The images of each snapshot: samples from fixed latents, and the density where the model has one.

    Args:
        capabilities: Of the model.
        latent_shape: Of the model.
        data: The data set; its bounds are the edges of the images.
        device: Of the model.
    """

    def __init__(
        self, capabilities: dict[str, Capability], latent_shape: tuple[int, ...], data: PointData, device: torch.device
    ) -> None:
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        has = {name for name, capability in capabilities.items() if capability.available}
        latents = torch.randn((NUM_SAMPLES, *latent_shape), generator=generator).to(device)
        self._latents = latents if "sample" in has else None
        self._bounds = data.bounds
        self._data = coverage(data.test[:NUM_DATA], data.bounds)
        self._peak = peak(data.test, data.bounds)
        grid = cells(MAP_SIDE, MAP_SIDE, data.bounds, "z").view(-1, 2, 1, 1).to(device)
        self._grid = grid if "log_prob" in has else None

    def draw(self, model: Model, step: int) -> Iterator[ImagesReady | Phase]:
        """Yield each kind of image, one of each, and heartbeats in between."""
        if self._latents is not None:
            samples = yield from _compute(model, partial(decode, model), self._latents, step)
            image = samples_over_data(samples.reshape(-1, 2), self._data, self._bounds)
            yield ImagesReady(step, "samples", image[None], 1)
        if self._grid is not None:
            assert isinstance(model, HasLogProb)
            logs = yield from _compute(model, model.log_prob, self._grid, step)
            yield ImagesReady(step, "density", density_map(logs.reshape(MAP_SIDE, MAP_SIDE), self._peak)[None], 1)


def samples_over_data(points: NDArray[np.floating], data: Grid, bounds: Bounds) -> NDArray[np.uint8]:
    """Return samples in the accent color over faint data, (SIDE, SIDE, 3).

    Args:
        points: (N, 2); those that are not finite or outside are dropped.
        data: The coverage of each pixel by the data, from `coverage`.
        bounds: (x0, x1, y0, y1) of the image.
    """
    background = _blend(np.broadcast_to(_rgb(_BACKGROUND), (SIDE, SIDE, 3)), _rgb(_FAINT), data)
    return _bytes(_blend(background, _rgb(_ACCENT), coverage(points, bounds)))


def density_map(logs: NDArray[np.floating], peak: float) -> NDArray[np.uint8]:
    """Return a log-density as a map from grays to the accent color, (SIDE, SIDE, 3).

    Args:
        logs: (MAP_SIDE, MAP_SIDE), in nats; NaN is background.
        peak: The value of the full color.
    """
    fraction = torch.from_numpy((logs.astype(np.float32) - peak) / NATS_RANGE + 1)
    fraction = fraction.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0).clamp(0, 1)
    smooth = F.interpolate(fraction[None, None], size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return np.asarray(_color_scale()[smooth[0, 0].mul(255).add(0.5).to(torch.uint8).numpy()])


def coverage(points: NDArray[np.floating], bounds: Bounds) -> Grid:
    """Return how much points cover each pixel, in [0, 1]. Each is a soft dot; many on one spot saturate."""
    reach = math.ceil(3 * _DOT_STD)
    counts = np.pad(_counts(points, bounds, SIDE), reach)  # so that dots do not wrap around the edges
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / _DOT_STD))
    for axis in (0, 1):
        shifted = [
            np.roll(counts, offset, axis) * weight
            for offset, weight in zip(range(-reach, reach + 1), kernel, strict=True)
        ]
        counts = np.sum(shifted, axis=0)
    return np.asarray(1 - np.exp(-counts[reach:-reach, reach:-reach]))


def peak(points: NDArray[np.floating], bounds: Bounds) -> float:
    """Return the largest log-density of points, by a histogram, in nats."""
    x0, x1, y0, y1 = bounds
    area = (x1 - x0) * (y1 - y0) / _BINS**2
    return math.log(max(1.0, float(_counts(points, bounds, _BINS).max())) / (len(points) * area))


def _counts(points: NDArray[np.floating], bounds: Bounds, side: int) -> Grid:
    x0, x1, y0, y1 = bounds
    finite = points[np.isfinite(points).all(1)]
    counts, _, _ = np.histogram2d(finite[:, 1], finite[:, 0], bins=side, range=((y0, y1), (x0, x1)))
    return np.asarray(counts[::-1])


def _compute(
    model: Model, function: Callable[[Tensor], Tensor], inputs: Tensor, step: int
) -> Generator[Phase, None, NDArray[np.float32]]:
    pieces = []
    for part in torch.split(inputs, _CHUNK):
        with torch.inference_mode(), eval_mode(model):
            pieces.append(function(part).float().cpu().numpy())
        yield Phase(step, "evaluating", "pictures")
    return np.concatenate(pieces)


def _color_scale() -> NDArray[np.uint8]:
    """Return 256 perceptually uniform colors, (256, 3): straight lines in Oklab, divided by length.

    Reference: Ottosson 2020, "A perceptual color space for image processing".
    """
    stops = np.stack([_to_oklab(_rgb(color)) for color in (_BACKGROUND, _GRAY, _ACCENT)])
    distances = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(stops, axis=0), axis=1))))
    positions = np.linspace(0, distances[-1], 256)
    return _bytes(_from_oklab(np.stack([np.interp(positions, distances, axis) for axis in stops.T], axis=1)))


_LMS = np.array(
    (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
)
_LAB = np.array(
    (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
)


def _to_oklab(rgb: Grid) -> Grid:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _LMS.T) @ _LAB.T)


def _from_oklab(lab: Grid) -> Grid:
    linear = np.clip((lab @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_LMS).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _rgb(color: str) -> Grid:
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255


def _blend(background: Grid, color: Grid, fraction: Grid) -> Grid:
    return background + fraction[..., None] * (color - background)


def _bytes(rgb: Grid) -> NDArray[np.uint8]:
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
