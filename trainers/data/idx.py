"""IDX files, the format of MNIST: a strict reader that checks sizes before anything is allocated, and a writer.

Reference: "The IDX file format", Y. LeCun, C. Cortes, C. Burges, http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import os
import struct
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from trainers.data.dataset import Images, Labels
from trainers.errors import DataError

MAX_FILE_BYTES = 8 << 30  # a larger file, uncompressed, is refused
MAX_SIDE_PX = 4096
_UNSIGNED_BYTE_CODE = 0x08  # the code of uint8 in the magic number
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}  # of the values, by code
_INT32_CODE = 0x0C  # of QMNIST's labels
_MAX_DEFLATE_RATIO = 1100  # uncompressed bytes per compressed byte; deflate reaches about 1032
_GZIP_MAGIC = b"\x1f\x8b"
_DOWNLOAD_AGAIN = "download it again"


@dataclass(frozen=True)
class Header:
    """The dimensions declared by an IDX file."""

    dims: tuple[int, ...]
    num_header_bytes: int
    value_type: str = "u1"

    @property
    def num_bytes(self) -> int:
        """The declared size of the values."""
        return prod(self.dims) * np.dtype(self.value_type).itemsize


def read_images(path: Path, *, limit: int | None = None) -> Images:
    """Read an image file, idx3 (N, H, W) or idx4 (N, H, W, C), as (N, H, W, C) uint8; with a limit the first images.

    Raises:
        DataError: if the file is unreadable, damaged or not an image file.
    """
    array = _read(path, (3, 4), "images", limit)
    return array if array.ndim == 4 else array[..., None]


def read_labels(path: Path) -> Labels:
    """Read a label file, idx1 of uint8, or QMNIST's idx2 of int32 whose first column is the class, as (N,).

    Raises:
        DataError: if the file is unreadable, damaged or not a label file.
    """
    labels = _read(path, (1, 2), "labels")
    return labels if labels.ndim == 1 else np.ascontiguousarray(labels[:, 0])


def peek_images(path: Path) -> tuple[int, int, int, int]:
    """Return (N, H, W, C), reading only the header and size of an image file.

    Raises:
        DataError: if it is not the header of an image file, or the file is truncated or too long.
    """
    n, height, width, *channels = _peek(path, (3, 4), "images").dims
    return n, height, width, channels[0] if channels else 1


def peek_labels(path: Path) -> int:
    """Return the number of labels, reading only the header and size of a label file.

    Raises:
        DataError: if it is not the header of a label file, or the file is truncated or too long.
    """
    return _peek(path, (1, 2), "labels").dims[0]


def to_bytes(array: NDArray[np.uint8]) -> bytes:
    """Return the content of an IDX file of images, (N, H, W) or (N, H, W, C), or labels, (N,)."""
    header = bytes((0, 0, _UNSIGNED_BYTE_CODE, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def _peek(path: Path, ranks: tuple[int, ...], content: str) -> Header:
    with _open(path) as stream:
        header = _parse_header(stream, path, ranks, content)
    _check_file_size(header, path)
    if _is_gzip(path):
        with path.open("rb") as stream:  # the last four bytes: uncompressed size modulo 2³² (RFC 1952, 2.3.1)
            stream.seek(-4, os.SEEK_END)
            size = int.from_bytes(stream.read(4), "little")
        if size != (header.num_header_bytes + header.num_bytes) % (1 << 32):
            _read(path, ranks, content)  # raises the precise error, or accepts a valid multi-member gzip file
    return header


def _read(path: Path, ranks: tuple[int, ...], content: str, limit: int | None = None) -> NDArray[np.uint8]:
    with _open(path) as stream:
        header = _parse_header(stream, path, ranks, content)
        _check_file_size(header, path)
        if limit is not None and limit < header.dims[0]:
            dims = (limit, *header.dims[1:])
            first = _read_bytes(stream, prod(dims), path)
            if len(first) == prod(dims):
                return np.frombuffer(bytearray(first), dtype=np.uint8).reshape(dims)
            raise DataError(f"{path}: ends within the first {limit} images", _DOWNLOAD_AGAIN)
        data = _read_bytes(stream, header.num_bytes + 1, path)  # the extra byte detects a file that is too long
    if len(data) < header.num_bytes:
        raise DataError(
            f"{path}: has {len(data):,} bytes, fewer than the {header.num_bytes:,} declared", _DOWNLOAD_AGAIN
        )
    if len(data) > header.num_bytes:
        raise DataError(f"{path}: has more bytes than the {header.num_bytes:,} declared", _DOWNLOAD_AGAIN)
    values = np.frombuffer(bytearray(data), dtype=header.value_type).reshape(header.dims)  # torch can share its memory
    return values if values.dtype == np.uint8 else values.astype(np.int32)


def _open(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            raise DataError(f"{path}: not a file", "choose a folder with IDX files")
        return gzip.open(path, "rb") if _is_gzip(path) else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror})", "check the permissions") from None


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def _parse_header(stream: BinaryIO, path: Path, ranks: tuple[int, ...], content: str) -> Header:
    # Read the magic number: two zeros, the type of the values, the number of dimensions.
    magic = _read_bytes(stream, 4, path)
    expected = " or ".join(f"0x{(_UNSIGNED_BYTE_CODE << 8) | rank:08x}" for rank in ranks if rank != 2)
    if len(magic) < 4:
        raise DataError(f"{path}: only {len(magic)} bytes; an IDX file has at least 8", _DOWNLOAD_AGAIN)
    code, rank = magic[2], magic[3]
    is_idx = magic[:2] == b"\0\0" and code in _TYPES
    is_int_table = content == "labels" and code == _INT32_CODE and rank == 2
    if is_idx and code != _UNSIGNED_BYTE_CODE and not is_int_table:
        wrong, value_type = f"wrong magic 0x{magic.hex()}, expected {expected}", np.dtype(_TYPES[code]).name
        message = f"{path}: {wrong}: its values are of type {value_type}, not uint8"
        raise DataError(message, "convert them to gray levels from 0 to 255")
    if not is_idx or rank not in ranks or (rank == 2 and not is_int_table):
        hint = "use the original IDX files"
        if is_idx:
            actual = "contains labels" if rank == 1 else f"does not contain {content}"
            hint = f"this file {actual}; were the file names swapped?"
        raise DataError(f"{path}: wrong magic 0x{magic.hex()}, expected {expected}", hint)
    # Read the dimensions.
    raw = _read_bytes(stream, 4 * rank, path)
    if len(raw) < 4 * rank:
        raise DataError(f"{path}: the file ends within its header", _DOWNLOAD_AGAIN)
    header = Header(struct.unpack(f">{rank}I", raw), 4 + 4 * rank, _TYPES[code])
    _check_dims(header, path)
    return header


def _check_dims(header: Header, path: Path) -> None:
    dims = "×".join(map(str, header.dims))
    if header.dims[0] == 0 or 0 in header.dims:
        raise DataError(f"{path}: declares {dims} values, so it is empty", "choose another file")
    if header.num_bytes > MAX_FILE_BYTES:
        raise DataError(
            f"{path}: declares {dims} bytes, more than the {MAX_FILE_BYTES >> 30} GiB allowed", _DOWNLOAD_AGAIN
        )
    if any(side > MAX_SIDE_PX for side in header.dims[1:3]):
        raise DataError(f"{path}: declares {dims} images, larger than {MAX_SIDE_PX} pixels per side", _DOWNLOAD_AGAIN)
    if len(header.dims) == 4 and header.dims[3] not in (1, 3):
        raise DataError(f"{path}: declares {header.dims[3]} channels", "images must have 1 (gray) or 3 (RGB)")


def _check_file_size(header: Header, path: Path) -> None:
    """Compare the declared size with the size of the file before anything is allocated."""
    size = path.stat().st_size
    if _is_gzip(path):
        if header.num_bytes > size * _MAX_DEFLATE_RATIO:
            message = f"{path}: declares {header.num_bytes:,} bytes, impossible for {size:,} compressed bytes"
            raise DataError(message, _DOWNLOAD_AGAIN)
        return
    stored = size - header.num_header_bytes
    if stored != header.num_bytes:
        comparison = "fewer" if stored < header.num_bytes else "more"
        message = f"{path}: has {stored:,} bytes after the header, {comparison} than the {header.num_bytes:,} declared"
        raise DataError(message, _DOWNLOAD_AGAIN)


def _read_bytes(stream: BinaryIO, count: int, path: Path) -> bytes:
    try:
        return stream.read(count)
    except EOFError:
        raise DataError(f"{path}: truncated gzip file", _DOWNLOAD_AGAIN) from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip file ({error})", _DOWNLOAD_AGAIN) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})", "check the disk") from None
    except MemoryError:
        raise DataError(f"{path}: {count:,} bytes do not fit in memory", "use a smaller data set") from None
