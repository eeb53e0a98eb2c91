"""Specs of the built-in data sets: the bundled MNIST, folders of IDX files, 2-D toy data. Imports no torch."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from trainers.config import Section
from trainers.data import idx, idx_folder, orientation
from trainers.data.dataset import EVALUATION_SEED, ImageData, Images
from trainers.errors import DataError
from trainers.registry import DataDefault, DataDescription, DataSet, DataTraits, ImageShape

NUM_TRAIT_IMAGES = 256  # that are read to find out whether pixels are binary
MAX_GRAY_FRACTION = 0.2  # of nearly binary pixels: MNIST has 0.09, Fashion-MNIST 0.40
_BLACK, _WHITE = 25, 230  # gray levels between them count as gray
Binarization = Literal["threshold", "static", "dynamic", "none"]


class ImageOptions(Section):
    """Options of every stored image data set."""

    binarization: Binarization = "dynamic"
    random_flip: bool = False  # mirror training images left to right with probability ½
    random_crop: int = Field(0, ge=0, le=256)  # pixels by which training images are padded before a random crop
    limit: int | None = Field(None, ge=1)  # use only the first `limit` training images
    limit_test: int | None = Field(None, ge=1)  # likewise for test images; recorded in the setup of every metric


class PathOptions(Section):
    """Options of data at a path."""

    path: str

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value or "\0" in value:
            raise ValueError("choose a folder or file")
        return str(Path(value).expanduser().resolve())


class SplitOptions(PathOptions):
    """Options of data at a path that may have no test split of their own."""

    test_fraction: float = Field(0.1, gt=0, lt=1)  # of the examples, for the test split
    split_seed: int = Field(EVALUATION_SEED, ge=0)  # of that choice


class MnistOptions(ImageOptions):
    """Options of the bundled MNIST."""


class IdxFolderOptions(PathOptions, ImageOptions):
    """Options of a folder of IDX files, or of a zip archive with them."""

    prefix: str = ""  # selects a data set in a folder with several: "emnist-letters"
    transpose: bool | None = None  # swap rows and columns; None: as EMNIST needs it, told by content, else by name


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


class ThinOptions(NoisyOptions):
    """Options of curves with little noise: four concentric circles, two spirals."""

    noise: float = Field(0.1, ge=0.02, le=1)


class PinwheelOptions(NoisyOptions):
    """Options of five bent arms."""

    noise: float = Field(0.1, ge=0.02, le=0.3)  # across an arm; wider arms would overlap themselves


def load(options: ImageOptions) -> ImageData:
    """Read the bundled MNIST, or a folder of IDX files.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    files, name = _find(options)
    turn = getattr(options, "transpose", False)
    turn = _orientation(options, files).is_transposed if turn is None else turn
    return idx_folder.load(files, name, limits=(options.limit, options.limit_test), transpose=turn)


def peek(options: ImageOptions) -> ImageShape:
    """Return the image shape (C, H, W), reading only file headers.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    files, _ = _find(options)
    turn = getattr(options, "transpose", False)  # content decides about square images alone
    return idx_folder.peek(files, transpose=_is_emnist(options, files) if turn is None else turn)


def count(options: ImageOptions) -> int:
    """Return the number of training images, reading only a file header."""
    available = idx.peek_images(_find(options)[0].train_images)[0]
    return min(available, options.limit or available)


def traits(options: ImageOptions) -> DataTraits:
    """Return the properties on which settings of a model depend, from the headers and the first images.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    files, _ = _find(options)
    first = idx.read_images(files.train_images, limit=NUM_TRAIT_IMAGES)
    defaults = {}
    if isinstance(options, IdxFolderOptions) and options.transpose is None:
        turned = _orientation(options, files)
        if turned.is_transposed or _is_emnist(options, files):
            defaults["data.transpose"] = DataDefault(turned.is_transposed, turned.reason)
    return DataTraits(peek(options), "images", is_nearly_binary(first), defaults)


def describe(options: IdxFolderOptions) -> DataDescription:
    """Return how a folder of IDX files is read.

    Raises:
        DataError: if a file is missing, damaged or inconsistent.
    """
    files, _ = _find(options)
    turned = _orientation(options, files)
    if options.transpose is None and (turned.is_transposed or _is_emnist(options, files)):
        return DataDescription((f"transpose={turned.is_transposed}: {turned.reason}",))
    return DataDescription()


def is_nearly_binary(images: Images) -> bool:
    """Return whether nearly all values of gray images, (N, H, W, 1), are black or white."""
    between = (images > _BLACK) & (images < _WHITE)
    return images.shape[3] == 1 and float(between.mean()) < MAX_GRAY_FRACTION


def _find(options: ImageOptions) -> tuple[idx_folder.IdxFiles, str]:
    """Return the files and the name of the data set."""
    if isinstance(options, IdxFolderOptions):
        place = Path(options.path)
        folder = idx_folder.unpack(place, options.prefix) if place.is_file() else place
        files = idx_folder.find(folder, options.prefix)
        return files, files.prefix or place.stem or "images"
    return _bundled_mnist(), "mnist"


def _bundled_mnist() -> idx_folder.IdxFiles:
    try:
        return idx_folder.find(bundled_folder("mnist"))
    except DataError as error:
        raise DataError(error.message, "reinstall genexplorer") from None


def _orientation(options: ImageOptions, files: idx_folder.IdxFiles) -> orientation.Orientation:
    """Return whether rows and columns are swapped, by the first images and the name."""
    first = idx.read_images(files.train_images, limit=NUM_TRAIT_IMAGES)
    return orientation.detect(first, _is_emnist(options, files), _bundled_mnist().train_images)


def _is_emnist(options: ImageOptions, files: idx_folder.IdxFiles) -> bool:
    return "emnist" in f"{getattr(options, 'path', '')}/{files.prefix}".lower()


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
    load=load,
    peek=peek,
    count=count,
    traits=traits,
)

IDX_FOLDER = DataSet(
    name="idx",
    title="a folder of IDX files (MNIST, Fashion-MNIST, KMNIST, EMNIST)",
    options=IdxFolderOptions,
    load=load,
    peek=peek,
    count=count,
    traits=traits,
    describe=describe,
    location=("path", "prefix", "transpose"),
    aliases=("folder",),
)


def _point_dataset(name: str, title: str, options: type[PointOptions]) -> DataSet:
    sampler = f"trainers.data.toy.samplers:{name.replace('-', '_')}"
    return DataSet(name, title, options, sampler, lambda options: (2, 1, 1), kind="points")


MOONS = _point_dataset("moons", "two half moons", NoisyOptions)
CIRCLES = _point_dataset("circles", "two concentric circles", CirclesOptions)
RINGS = _point_dataset("rings", "four concentric rings", ThinOptions)
PINWHEEL = _point_dataset("pinwheel", "a pinwheel of five arms", PinwheelOptions)
CHECKERBOARD = _point_dataset("checkerboard", "a checkerboard of sharp squares", PointOptions)
SPIRALS = _point_dataset("spirals", "two spirals about one center", ThinOptions)
EIGHT_GAUSSIANS = _point_dataset("eight-gaussians", "eight Gaussians on a circle", NoisyOptions)
SWISS_ROLL = _point_dataset("swiss-roll", "a rolled-up curve", NoisyOptions)
