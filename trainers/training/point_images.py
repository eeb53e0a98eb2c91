"""The sample images of a training on 2-D data: samples over the data, and the model's density as a map."""

import math
from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from trainers.data.dataset import PointData
from trainers.data.preprocess import EVALUATION_SEED
from trainers.events import ImagesReady
from trainers.families.interface import HasLogProb, Model, sample_points
from trainers.model_card import Capability
from trainers.numerics import rng
from trainers.numerics.grids import cell_centers
from trainers.training.sample_images import compute_in_chunks

Bounds = tuple[float, float, float, float]
Floats = NDArray[np.float64]
Grid = NDArray[np.float64]  # (side, side), row 0 on top, which is the largest y

IMAGE_SIDE_PX = 256
NUM_SAMPLES, NUM_DATA = 2000, 5000
MAP_SIDE_CELLS = 64  # a density map is interpolated between the centers of its cells
DENSITY_RANGE_NATS = 8.0  # range of the colors below the maximum of the data's log-density
_CHUNK_POINTS = 1024
_DOT_STD_PX = 1.1  # standard deviation of the soft dot of a sample
# The front ends' dark palette, which trainers cannot import.
_BACKGROUND_COLOR, _FAINT_COLOR, _GRAY_COLOR, _ACCENT_COLOR = "#16181C", "#3D424A", "#5A6069", "#6FB1F0"
_HISTOGRAM_BINS = 48  # bins per axis of the histogram that estimates the density of the data
# Linear sRGB to the responses of the cones, and their cube roots to Oklab.
_RGB_TO_LMS = np.array(
    (
        (0.4122214708, 0.5363325363, 0.0514459929),
        (0.2119034982, 0.6806995451, 0.1073969566),
        (0.0883024619, 0.2817188376, 0.6299787005),
    )
)
_LMS_TO_LAB = np.array(
    (
        (0.2104542553, 0.7936177850, -0.0040720468),
        (1.9779984951, -2.4285922050, 0.4505937099),
        (0.0259040371, 0.7827717662, -0.8086757660),
    )
)


class PointImages:
    """The images of each snapshot: samples from fixed latents and noise, and the density where the model has one.

    Args:
        capabilities: What the model can do.
        latent_shape: Shape of a latent.
        data: Data set; its bounds are the edges of the images.
        device: Device of the model.
    """

    def __init__(
        self, capabilities: dict[str, Capability], latent_shape: tuple[int, ...], data: PointData, device: torch.device
    ) -> None:
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        available = {name for name, capability in capabilities.items() if capability.available}
        latents = torch.randn((NUM_SAMPLES, *latent_shape), generator=generator).to(device)
        self._latents = latents if "sample" in available else None
        self._bounds = data.bounds
        self._data = coverage(data.test[:NUM_DATA], data.bounds)
        self._max_log_density = max_log_density(data.test, data.bounds)
        grid = cell_centers(MAP_SIDE_CELLS, MAP_SIDE_CELLS, data.bounds, "z").view(-1, 2, 1, 1).to(device)
        self._grid = grid if "log_prob" in available else None

    def render(self, model: Model, step: int) -> Iterator[ImagesReady | None]:
        """Yield one image of each kind, and None after each chunk of work, where a heartbeat may be sent."""
        if self._latents is not None:
            noise = rng.named_generator(EVALUATION_SEED, "noise of samples", torch.device("cpu"))
            samples = yield from _compute_values(model, lambda part: sample_points(model, part, noise), self._latents)
            image = samples_over_data(samples.reshape(-1, 2), self._data, self._bounds)
            yield ImagesReady(step, "samples", image[None], 1)
        if self._grid is not None:
            assert isinstance(model, HasLogProb)
            log_density = yield from _compute_values(model, model.log_prob, self._grid)
            image = density_map(log_density.reshape(MAP_SIDE_CELLS, MAP_SIDE_CELLS), self._max_log_density)
            yield ImagesReady(step, "density", image[None], 1)


def samples_over_data(points: NDArray[np.floating], data: Grid, bounds: Bounds) -> NDArray[np.uint8]:
    """Return samples in the accent color over faint data, (IMAGE_SIDE_PX, IMAGE_SIDE_PX, 3).

    Args:
        points: (N, 2); those that are not finite or outside are dropped.
        data: Coverage of each pixel by the data, from `coverage`.
        bounds: (x0, x1, y0, y1) of the image.
    """
    background = _blend(
        np.broadcast_to(_to_rgb(_BACKGROUND_COLOR), (IMAGE_SIDE_PX, IMAGE_SIDE_PX, 3)), _to_rgb(_FAINT_COLOR), data
    )
    return _to_bytes(_blend(background, _to_rgb(_ACCENT_COLOR), coverage(points, bounds)))


def density_map(log_density: NDArray[np.floating], maximum: float) -> NDArray[np.uint8]:
    """Return a log-density as a map from grays to the accent color, (IMAGE_SIDE_PX, IMAGE_SIDE_PX, 3).

    Args:
        log_density: (MAP_SIDE_CELLS, MAP_SIDE_CELLS), in nats; NaN is background.
        maximum: Log-density that has the full accent color.
    """
    fraction = torch.from_numpy((log_density.astype(np.float32) - maximum) / DENSITY_RANGE_NATS + 1)
    fraction = fraction.nan_to_num(nan=0.0, posinf=1.0, neginf=0.0).clamp(0, 1)
    smooth = F.interpolate(
        fraction[None, None], size=(IMAGE_SIDE_PX, IMAGE_SIDE_PX), mode="bilinear", align_corners=False
    )
    return np.asarray(_color_scale()[smooth[0, 0].mul(255).add(0.5).to(torch.uint8).numpy()])


def coverage(points: NDArray[np.floating], bounds: Bounds) -> Grid:
    """Return how much points cover each pixel, in [0, 1]. Each is a soft dot; many on one spot saturate."""
    radius = math.ceil(3 * _DOT_STD_PX)
    counts = np.pad(_histogram(points, bounds, IMAGE_SIDE_PX), radius)  # so that dots do not wrap around the edges
    kernel = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / _DOT_STD_PX))
    for axis in (0, 1):
        shifted = [
            np.roll(counts, offset, axis) * weight
            for offset, weight in zip(range(-radius, radius + 1), kernel, strict=True)
        ]
        counts = np.sum(shifted, axis=0)
    return np.asarray(1 - np.exp(-counts[radius:-radius, radius:-radius]))


def max_log_density(points: NDArray[np.floating], bounds: Bounds) -> float:
    """Return the largest log-density of points, by a histogram, in nats."""
    x0, x1, y0, y1 = bounds
    area = (x1 - x0) * (y1 - y0) / _HISTOGRAM_BINS**2
    return math.log(max(1.0, float(_histogram(points, bounds, _HISTOGRAM_BINS).max())) / (len(points) * area))


def _histogram(points: NDArray[np.floating], bounds: Bounds, side: int) -> Grid:
    x0, x1, y0, y1 = bounds
    finite = points[np.isfinite(points).all(1)]
    counts, _, _ = np.histogram2d(finite[:, 1], finite[:, 0], bins=side, range=((y0, y1), (x0, x1)))
    return np.asarray(counts[::-1])


def _compute_values(
    model: Model, function: Callable[[Tensor], Tensor], inputs: Tensor
) -> Generator[None, None, NDArray[np.float32]]:
    return compute_in_chunks(model, lambda part: function(part).float().cpu().numpy(), inputs, _CHUNK_POINTS)


def _color_scale() -> NDArray[np.uint8]:
    """Return 256 perceptually uniform colors, (256, 3): straight lines in Oklab, divided by length.

    Reference: Ottosson 2020, "A perceptual color space for image processing".
    """
    # Convert the colors from sRGB to Oklab.
    srgb = np.stack([_to_rgb(color) for color in (_BACKGROUND_COLOR, _GRAY_COLOR, _ACCENT_COLOR)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    stops = np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T
    # Interpolate at equal distances.
    distances = np.concatenate(([0.0], np.cumsum(np.linalg.norm(np.diff(stops, axis=0), axis=1))))
    positions = np.linspace(0, distances[-1], 256)
    lab = np.stack([np.interp(positions, distances, axis) for axis in stops.T], axis=1)
    # Convert back to sRGB.
    linear = np.clip((lab @ np.linalg.inv(_LMS_TO_LAB).T) ** 3 @ np.linalg.inv(_RGB_TO_LMS).T, 0, 1)
    return _to_bytes(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055))


def _to_rgb(color: str) -> Floats:
    return np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255


def _blend(background: Floats, color: Floats, fraction: Grid) -> Floats:
    return background + fraction[..., None] * (color - background)


def _to_bytes(rgb: Floats) -> NDArray[np.uint8]:
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
