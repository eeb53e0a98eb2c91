"""Specs of the built-in data sets: the bundled MNIST, folders of IDX files, 2-D toy data. Imports no torch."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from trainers.config import Section
from trainers.data import idx, idx_folder
from trainers.data.dataset import ImageData
from trainers.errors import DataError
from trainers.registry import DataSet, ImageShape

Binarization = Literal["threshold", "static", "dynamic", "none"]


class ImageOptions(Section):
    """Options of every stored image data set."""

    binarization: Binarization = "dynamic"
    limit: int | None = Field(None, ge=1)  # use only the first `limit` training images
    limit_test: int | None = Field(None, ge=1)  # likewise for test images; recorded in the setup of every metric


class MnistOptions(ImageOptions):
    """Options of the bundled MNIST."""


class IdxFolderOptions(ImageOptions):
    """Options of a folder of IDX files."""

    path: str
    prefix: str = ""  # selects a data set in a folder with several: "emnist-letters"
    transpose: bool | None = None  # swap rows and columns; None: only for EMNIST, which is stored transposed

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value or "\0" in value:
            raise ValueError("choose a folder with IDX files")
        return str(Path(value).expanduser().resolve())


class PointOptions(Section):
    """Options of every 2-D data set."""

    num_train: int = Field(100_000, ge=1, le=10_000_000)
    num_test: int = Field(10_000, ge=1, le=1_000_000)


class NoisyOptions(PointOptions):
    """Options of points with Gaussian noise around a curve or a center."""

    noise: float = Field(0.2, ge=0.02, le=1)  # standard deviation in each coordinate


class CirclesOptions(NoisyOptions):
    """Options of two concentric circles."""

    noise: float = Field(0.15, ge=0.02, le=1)


class RingsOptions(NoisyOptions):
    """Options of four concentric circles."""

    noise: float = Field(0.1, ge=0.02, le=1)


class SpiralsOptions(NoisyOptions):
    """Options of two spirals."""

    noise: float = Field(0.1, ge=0.02, le=1)


class PinwheelOptions(NoisyOptions):
    """Options of five bent arms."""

    noise: float = Field(0.1, ge=0.02, le=0.3)  # across an arm; wider arms would overlap themselves


def load_mnist(options: MnistOptions) -> ImageData:
    """Read the bundled MNIST.

    Raises:
        DataError: if its files are missing or damaged.
    """
    return idx_folder.load(_bundled(), "mnist", limits=(options.limit, options.limit_test))


def peek_mnist(options: MnistOptions) -> ImageShape:
    """Return the image shape (C, H, W), reading only file headers.

    Raises:
        DataError: if its files are missing or damaged.
    """
    return idx_folder.peek(_bundled())


def load_idx_folder(options: IdxFolderOptions) -> ImageData:
    """Read a folder of IDX files.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    files = idx_folder.find(Path(options.path), options.prefix)
    name = files.prefix or Path(options.path).name or "images"
    limits = options.limit, options.limit_test
    return idx_folder.load(files, name, limits=limits, transpose=_is_transposed(options, files))


def peek_idx_folder(options: IdxFolderOptions) -> ImageShape:
    """Return the image shape (C, H, W), reading only file headers.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    files = idx_folder.find(Path(options.path), options.prefix)
    return idx_folder.peek(files, transpose=_is_transposed(options, files))


def count_mnist(options: MnistOptions) -> int:
    """Return the number of training images, reading only a file header."""
    return _count(_bundled(), options.limit)


def count_idx_folder(options: IdxFolderOptions) -> int:
    """Return the number of training images, reading only a file header."""
    return _count(idx_folder.find(Path(options.path), options.prefix), options.limit)


def _count(files: idx_folder.IdxFiles, limit: int | None) -> int:
    count = idx.peek_images(files.train_images)[0]
    return min(count, limit or count)


def _is_transposed(options: IdxFolderOptions, files: idx_folder.IdxFiles) -> bool:
    return files.prefix.startswith("emnist") if options.transpose is None else options.transpose


def _bundled() -> idx_folder.IdxFiles:
    try:
        return idx_folder.find(bundled_folder("mnist"))
    except DataError as error:
        raise DataError(error.message, "reinstall genexplorer") from None


def bundled_folder(name: str) -> Path:
    """Return a folder of bundled data, such as `mnist`: in `assets` of a checkout, in `trainers` of a wheel.

    Raises:
        DataError: if the installation lacks it.
    """
    package = Path(__file__).resolve().parents[1]
    for base in (package / "_assets", package.parent / "assets"):
        if (base / name).is_dir():
            return base / name
    raise DataError(f"the bundled data have no folder '{name}'", "reinstall genexplorer")


MNIST = DataSet(
    name="mnist",
    title="MNIST, 60,000 + 10,000 handwritten digits of 28×28",
    options=MnistOptions,
    load="trainers.data.catalog:load_mnist",
    peek="trainers.data.catalog:peek_mnist",
    count="trainers.data.catalog:count_mnist",
)

IDX_FOLDER = DataSet(
    name="idx",
    title="a folder of IDX files (MNIST, Fashion-MNIST, KMNIST, EMNIST)",
    options=IdxFolderOptions,
    load="trainers.data.catalog:load_idx_folder",
    peek="trainers.data.catalog:peek_idx_folder",
    count="trainers.data.catalog:count_idx_folder",
    aliases=("folder",),
)


def _point_dataset(name: str, title: str, options: type[PointOptions]) -> DataSet:
    function = name.replace("-", "_")
    return DataSet(
        name, title, options, f"trainers.data.toy.samplers:{function}", lambda options: (2, 1, 1), kind="points"
    )


MOONS = _point_dataset("moons", "two half moons", NoisyOptions)
CIRCLES = _point_dataset("circles", "two concentric circles", CirclesOptions)
RINGS = _point_dataset("rings", "four concentric rings", RingsOptions)
PINWHEEL = _point_dataset("pinwheel", "a pinwheel of five arms", PinwheelOptions)
CHECKERBOARD = _point_dataset("checkerboard", "a checkerboard of sharp squares", PointOptions)
SPIRALS = _point_dataset("spirals", "two spirals about one center", SpiralsOptions)
EIGHT_GAUSSIANS = _point_dataset("eight-gaussians", "eight Gaussians on a circle", NoisyOptions)
SWISS_ROLL = _point_dataset("swiss-roll", "a rolled-up curve", NoisyOptions)
