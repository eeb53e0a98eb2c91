"""Converts downloaded files of other formats to IDX files. Nothing is unpickled, no archive is unpacked to disk."""

import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.data import idx
from trainers.errors import DataError, UserError
from trainers.storage.atomic_files import write_bytes

_CIFAR_RECORD_BYTES = 1 + 3 * 32 * 32  # label, then the pixels of the red, green and blue channel
_MAX_CIFAR_BYTES = 10_000 * _CIFAR_RECORD_BYTES  # of a batch
_CIFAR_BATCHES = {f"data_batch_{number}.bin": "train" for number in range(1, 6)} | {"test_batch.bin": "t10k"}
_MAX_MEMBERS = 100
_SVHN_SIDE_PX = 32


def cifar_10(source: Path, target: Path) -> None:
    """Write the images of CIFAR-10's binary version, `cifar-10-binary.tar.gz`, as IDX files.

    Raises:
        DataError: if the archive is damaged or another one.
    """
    path = source / "cifar-10-binary.tar.gz"
    batches = _read_members(path)
    if missing := set(_CIFAR_BATCHES) - set(batches):
        raise DataError(f"{path}: has no {', '.join(sorted(missing))}", "delete it, then fetch it again")
    for split in ("train", "t10k"):
        parts = [np.frombuffer(batches[name], np.uint8) for name in sorted(batches) if _CIFAR_BATCHES[name] == split]
        records = np.concatenate(parts).reshape(-1, _CIFAR_RECORD_BYTES)
        images = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        _write_split(target, split, images, np.ascontiguousarray(records[:, 0]))


def svhn(source: Path, target: Path) -> None:
    """Write the images of SVHN's cropped digits, `train_32x32.mat` and `test_32x32.mat`, as IDX files.

    Raises:
        DataError: if a file is damaged or another one.
        UserError: if scipy is not installed.
    """
    try:
        from scipy.io import loadmat
    except ImportError:
        raise UserError("SVHN's files need scipy", "pip install scipy") from None
    for split, name in (("train", "train_32x32.mat"), ("t10k", "test_32x32.mat")):
        path = source / name
        try:
            arrays: dict[str, Any] = loadmat(path, variable_names=("X", "y"))
            images, labels = np.asarray(arrays["X"]), np.asarray(arrays["y"]).reshape(-1)
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError, zlib.error) as error:
            raise DataError(f"{path}: cannot be read ({error})", "delete it, then fetch it again") from None
        if images.shape != (_SVHN_SIDE_PX, _SVHN_SIDE_PX, 3, len(labels)) or images.dtype != np.uint8:
            raise DataError(f"{path}: arrays of shape {images.shape} and {labels.shape}", "fetch it again")
        labels = (labels % 10).astype(np.uint8)  # the digit 0 has the label 10
        _write_split(target, split, np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels)


def _read_members(path: Path) -> dict[str, bytes]:
    """Return the batches in the archive of CIFAR-10 by name; anything else in it is passed over."""
    batches: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for count, member in enumerate(archive):
                name = member.name.rpartition("/")[2]
                is_batch = name in _CIFAR_BATCHES and member.isreg()
                too_large = member.size > _MAX_CIFAR_BYTES
                if count > _MAX_MEMBERS or too_large or (is_batch and member.size % _CIFAR_RECORD_BYTES):
                    raise DataError(f"{path}: not the binary version of CIFAR-10", "delete it, then fetch it again")
                stream = archive.extractfile(member) if is_batch else None
                if stream is not None:
                    batches[name] = stream.read(member.size)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path}: damaged ({error})", "delete it, then fetch it again") from None
    return batches


def _write_split(folder: Path, split: str, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    write_bytes(folder / f"{split}-images-idx{images.ndim}-ubyte", idx.to_bytes(images))
    write_bytes(folder / f"{split}-labels-idx1-ubyte", idx.to_bytes(labels))
