"""The image to encode: from the test set, a file, or the drawing canvas. No Qt."""

import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.errors import DataError
from genexplorer.runs.sanitize import one_line
from genexplorer.session.observable import Observable

if TYPE_CHECKING:
    from PIL import Image

MAX_FILE_BYTES = 20_000_000
MAX_FILE_PIXELS = 40_000_000
MAX_JPEG_SCANS = 100  # a progressive JPEG has about ten; a few bytes more of a scan cost a pass over all pixels
_MAX_OVERSAMPLING = 8  # a file of more pixels per pixel of the model's image, along each side, is downsampled first
_JPEG_SCAN_MARKER = b"\xff\xda"
PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
ImageOrigin = Literal["test", "file", "drawing"]
THUMBNAILS_PER_PAGE = 40  # five rows of eight
CustomImage = NDArray[Any]


def read_image_file(file: Path, image_shape: tuple[int, int, int], *, inverted: bool = False) -> NDArray[np.uint8]:
    """Return an image file in the model's shape, (H, W, C).

    It is rotated by its EXIF orientation, converted to gray or RGB, resized by area without distortion, and padded with
    the color of its border.

    Args:
        file: PNG, JPEG or another common format.
        image_shape: (C, H, W).
        inverted: Whether to invert it, as for a drawing on paper.
    Raises:
        DataError: if it cannot be read, is too large or is not an image.
    """
    name = one_line(file.name, 80)
    content = _read_content(file, name)
    from PIL import Image, ImageOps  # deferred: only opening needs it

    # Check the size before decoding, and reduce before converting: a small file can hold a huge image.
    try:
        with Image.open(io.BytesIO(content), formats=PILLOW_FORMATS) as image:
            width, height = image.size
            if not 0 < width * height <= MAX_FILE_PIXELS:
                raise DataError(
                    f"{name}: {width} × {height} pixels", f"at most {MAX_FILE_PIXELS // 1_000_000} megapixels"
                )
            if image.format in ("JPEG", "MPO") and content.count(_JPEG_SCAN_MARKER) > MAX_JPEG_SCANS:
                raise DataError(f"{name}: a JPEG of more than {MAX_JPEG_SCANS} scans", "save it as PNG")
            ImageOps.exif_transpose(image, in_place=True)
            flat = _flatten(_downsample(image, image_shape)).convert("L" if image_shape[0] == 1 else "RGB")
    except DataError:
        raise
    except Exception:  # decoders raise anything on malformed bytes
        raise DataError(f"{name}: not a readable image", f"use one of {', '.join(PILLOW_FORMATS[:3])}") from None
    # Fit to the model's shape.
    pixels = _fit(flat, image_shape)
    return 255 - pixels if inverted else pixels


def is_light(image: NDArray[np.uint8]) -> bool:
    """Return whether the border is light, as of a drawing on paper; MNIST's is dark."""
    border = np.concatenate([image[0].ravel(), image[-1].ravel(), image[:, 0].ravel(), image[:, -1].ravel()])
    return float(np.median(border)) > 127


def _read_content(file: Path, name: str) -> bytes:
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # do not block on a pipe
        with os.fdopen(fd, "rb") as stream:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise DataError(f"{name}: not a file", "choose an image file")
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f"{name}: cannot be read", str(error.strerror or error)) from None
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"{name}: too large for an image", f"at most {MAX_FILE_BYTES // 1_000_000} MB")
    return content


def _downsample(image: "Image.Image", image_shape: tuple[int, int, int]) -> "Image.Image":
    """Downsample a very large image by a whole factor, so that copies of it take little memory."""
    _, height, width = image_shape
    factor = min(image.width // (_MAX_OVERSAMPLING * width), image.height // (_MAX_OVERSAMPLING * height))
    if factor <= 1:
        return image
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA" if _is_transparent(image) else "RGB")
    return image.reduce(factor)


def _is_transparent(image: "Image.Image") -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _flatten(image: "Image.Image") -> "Image.Image":
    """Compose an image with transparency on white, as image viewers do."""
    from PIL import Image

    if not _is_transparent(image):
        return image
    layered = image.convert("RGBA")
    ground = Image.new("RGBA", layered.size, (255, 255, 255, 255))
    return Image.alpha_composite(ground, layered).convert("RGB")


def _fit(image: "Image.Image", image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    channels, height, width = image_shape
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = np.asarray(image.resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.NEAREST), np.uint8)
    small = small.reshape(size[1], size[0], channels)
    border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
    fitted = np.empty((height, width, channels), np.uint8)
    fitted[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    fitted[top : top + size[1], left : left + size[0]] = small
    return fitted


class ImageSelection(Observable):
    """The selected image; listeners are called once per change.

    Attributes:
        kind: The origin of the image.
        index: Index of the test image, also while a file or drawing is shown.
        num_test: Size of the test set.
        label: The class to which steps are restricted; None for all classes.
        custom: The file or drawing, (H, W, C) uint8, or a point, (2,) float32, while `kind` is not "test".
        name: Name of the custom image.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._rng = np.random.default_rng(seed)
        self._labels: NDArray[np.int64] | None = None
        self.kind: ImageOrigin = "test"
        self.index = 0
        self.num_test = 0
        self.label: int | None = None
        self.custom: CustomImage | None = None
        self.name = ""

    def reset(self, num_test: int) -> None:
        """Select the first image of another test set."""
        self._labels, self.label = None, None
        self.kind, self.index, self.custom, self.name = "test", 0, None, ""
        self.num_test = num_test
        self.notify()

    @property
    def has_labels(self) -> bool:
        """Whether the test set can be filtered."""
        return self._labels is not None

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes of the test set."""
        values = np.unique(self._labels) if self._labels is not None else np.zeros(0, np.int64)
        return tuple(int(label) for label in values if label >= 0)

    def set_labels(self, labels: NDArray[np.int64]) -> None:
        """Use the labels of the test set, (num_test,)."""
        self._labels = labels
        self._apply_filter()
        self.notify()

    def filter(self, label: int | None) -> None:
        """Restrict stepping to one class, or to none, and select the next image of it."""
        self.label, self.kind = label, "test"
        self._apply_filter()
        self.notify()

    def choose(self, index: int) -> None:
        """Select a test image; one of another class removes the filter."""
        if not self.num_test:
            return
        self.kind, self.index = "test", min(max(int(index), 0), self.num_test - 1)
        if self._labels is not None and self.label is not None and self._labels[self.index] != self.label:
            self.label = None
        self.notify()

    def step_by(self, count: int) -> None:
        """Step to another image of the filter, circularly."""
        indices = self._filtered_indices()
        if len(indices):
            position = int(np.searchsorted(indices, self.index))
            self.choose(int(indices[(position + count) % len(indices)]))

    def choose_random(self) -> None:
        """Select a random image of the filter."""
        indices = self._filtered_indices()
        if len(indices):
            self.choose(int(self._rng.choice(indices)))

    def set_custom(self, image: CustomImage, kind: ImageOrigin, name: str) -> None:
        """Select a custom image, (H, W, C), or point, (2,)."""
        self.kind, self.custom, self.name = kind, image, name
        self.notify()

    def page(self) -> NDArray[np.int64]:
        """Return the indices of the page of thumbnails with the selected image."""
        indices = self._filtered_indices()
        position = int(np.searchsorted(indices, self.index)) if len(indices) else 0
        start = position // THUMBNAILS_PER_PAGE * THUMBNAILS_PER_PAGE
        return indices[start : start + THUMBNAILS_PER_PAGE]

    def _filtered_indices(self) -> NDArray[np.int64]:
        if self._labels is None or self.label is None:
            return np.arange(self.num_test)
        return np.flatnonzero(self._labels == self.label)

    def _apply_filter(self) -> None:
        indices = self._filtered_indices()
        if len(indices) and self.index not in indices:
            self.index = int(indices[min(int(np.searchsorted(indices, self.index)), len(indices) - 1)])
