"""The data sets that come with genexplorer, described without torch."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from trainers import bundled_data
from trainers.config import Section
from trainers.data import idx_folder
from trainers.data.images import ImageData
from trainers.errors import DataError
from trainers.registry import DataSet, ImageShape

Binarization = Literal["threshold", "static", "dynamic", "none"]


class MnistOptions(Section):
    """Options of the bundled MNIST."""

    binarization: Binarization = "dynamic"
    limit: int | None = Field(None, ge=1)  # at most this many training images, the first ones
    limit_test: int | None = Field(None, ge=1)  # likewise of the test images; every figure then says so


class IdxFolderOptions(Section):
    """Options of a folder of IDX files."""

    path: str
    binarization: Binarization = "dynamic"
    limit: int | None = Field(None, ge=1)
    limit_test: int | None = Field(None, ge=1)
    prefix: str = ""  # which data set, where the folder holds several: "emnist-letters"
    transpose: bool | None = None  # exchange rows and columns; unset: for EMNIST, which is stored so

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value or "\0" in value:
            raise ValueError("name the folder that holds the IDX files")
        return str(Path(value).expanduser().resolve())


def load_mnist(options: MnistOptions) -> ImageData:
    """Read the bundled MNIST.

    Raises:
        DataError: if its files are missing or damaged.
    """
    return idx_folder.load(_bundled(), "mnist", limits=(options.limit, options.limit_test))


def peek_mnist(options: MnistOptions) -> ImageShape:
    """Return the shape of an image, from the headers alone.

    Raises:
        DataError: if its files are missing or damaged.
    """
    return idx_folder.peek(_bundled())


def load_idx_folder(options: IdxFolderOptions) -> ImageData:
    """Read a folder of IDX files.

    Raises:
        DataError: in one line, with the file and what to do.
    """
    files = idx_folder.find(Path(options.path), options.prefix)
    name = files.prefix or Path(options.path).name or "images"
    limits = options.limit, options.limit_test
    return idx_folder.load(files, name, limits=limits, transpose=_transposed(options, files))


def peek_idx_folder(options: IdxFolderOptions) -> ImageShape:
    """Return the shape of an image, from the headers alone.

    Raises:
        DataError: in one line, with the file and what to do.
    """
    files = idx_folder.find(Path(options.path), options.prefix)
    return idx_folder.peek(files, transpose=_transposed(options, files))


def _transposed(options: IdxFolderOptions, files: idx_folder.IdxFiles) -> bool:
    return files.prefix.startswith("emnist") if options.transpose is None else options.transpose


def _bundled() -> idx_folder.IdxFiles:
    try:
        return idx_folder.find(bundled_data.folder("mnist"))
    except DataError as error:
        raise DataError(error.message, "install genexplorer again") from None


MNIST = DataSet(
    name="mnist",
    title="MNIST, 60,000 + 10,000 handwritten digits of 28×28",
    options=MnistOptions,
    load="trainers.data.catalog:load_mnist",
    peek="trainers.data.catalog:peek_mnist",
)

IDX_FOLDER = DataSet(
    name="idx",
    title="a folder of IDX files (MNIST, Fashion-MNIST, KMNIST, EMNIST)",
    options=IdxFolderOptions,
    load="trainers.data.catalog:load_idx_folder",
    peek="trainers.data.catalog:peek_idx_folder",
    aliases=("folder",),
)
