"""IDX files, the format of MNIST and its relatives: strict, bounded, one clear line for each thing that can be wrong.

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

from trainers.data.images import Images, Labels
from trainers.errors import DataError

MAX_BYTES = 8 << 30  # of pixels in one file
MAX_SIDE = 4096  # pixels
_UNSIGNED_BYTE = 0x08
_DEFLATE_RATIO = 1100  # deflate cannot expand by more than about 1032
_GZIP_MAGIC = b"\x1f\x8b"
_AGAIN = "download it again"


@dataclass(frozen=True)
class Header:
    """What the first bytes of an IDX file announce."""

    dims: tuple[int, ...]
    num_header_bytes: int

    @property
    def num_bytes(self) -> int:
        """The announced number of values, one byte each."""
        return prod(self.dims)


def read_images(path: Path) -> Images:
    """Read an image file: idx3 (N, H, W) or idx4 (N, H, W, C).

    Returns:
        Images, (N, H, W, C), uint8.

    Raises:
        DataError: in one line, with the file and what to do.
    """
    array = _read(path, (3, 4), "images")
    return array if array.ndim == 4 else array[..., None]


def read_labels(path: Path) -> Labels:
    """Read a label file, idx1.

    Raises:
        DataError: in one line, with the file and what to do.
    """
    return _read(path, (1,), "labels")


def peek_images(path: Path) -> tuple[int, int, int, int]:
    """Return (N, H, W, C) from an image file's header and size alone.

    Raises:
        DataError: if the header is not that of an image file, or the file is torn or too long.
    """
    n, height, width, *channels = _peek(path, (3, 4), "images").dims
    return n, height, width, channels[0] if channels else 1


def peek_labels(path: Path) -> int:
    """Return the number of labels from a label file's header and size alone.

    Raises:
        DataError: if the header is not that of a label file, or the file is torn or too long.
    """
    return _peek(path, (1,), "labels").dims[0]


def _peek(path: Path, ranks: tuple[int, ...], what: str) -> Header:
    with _opened(path) as stream:
        header = _header(stream, path, ranks, what)
    _refuse_impossible(header, path)
    if _is_gzip(path) and _gzip_size(path) != (header.num_header_bytes + header.num_bytes) % (1 << 32):
        _read(path, ranks, what)  # says what is wrong; a gzip file of several members is right
    return header


def _gzip_size(path: Path) -> int:
    """Return the unpacked size, modulo 2³², that a gzip file tells in its last four bytes (RFC 1952, 2.3.1)."""
    with path.open("rb") as stream:
        stream.seek(-4, os.SEEK_END)
        return int.from_bytes(stream.read(4), "little")


def _read(path: Path, ranks: tuple[int, ...], what: str) -> NDArray[np.uint8]:
    with _opened(path) as stream:
        header = _header(stream, path, ranks, what)
        _refuse_impossible(header, path)
        data = _payload(stream, header, path)
    return np.frombuffer(bytearray(data), dtype=np.uint8).reshape(header.dims)  # writable, so that torch may share it


def _opened(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            raise DataError(f"{path}: not a file", "name a folder with IDX files")
        return gzip.open(path, "rb") if _is_gzip(path) else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror})", "check the permissions") from None


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def _header(stream: BinaryIO, path: Path, ranks: tuple[int, ...], what: str) -> Header:
    magic = _take(stream, 4, path)
    wanted = " or ".join(f"0x{(_UNSIGNED_BYTE << 8) | rank:08x}" for rank in ranks)
    if len(magic) < 4:
        raise DataError(f"{path}: only {len(magic)} bytes, an IDX file has at least 8", _AGAIN)
    if magic[:3] != bytes((0, 0, _UNSIGNED_BYTE)) or magic[3] not in ranks:
        raise DataError(f"{path}: wrong magic 0x{magic.hex()}, IDX {what} begin with {wanted}", _hint(magic, what))
    rank = magic[3]
    raw = _take(stream, 4 * rank, path)
    if len(raw) < 4 * rank:
        raise DataError(f"{path}: the file ends inside its header", _AGAIN)
    header = Header(struct.unpack(f">{rank}I", raw), 4 + 4 * rank)
    _check_dims(header, path)
    return header


def _hint(magic: bytes, what: str) -> str:
    if magic == bytes((0, 0, _UNSIGNED_BYTE, 1)):
        return "this file holds labels; were the names exchanged?"
    if magic[:3] == bytes((0, 0, _UNSIGNED_BYTE)):
        return f"this file does not hold {what}; were the names exchanged?"
    return "take the original IDX files"


def _check_dims(header: Header, path: Path) -> None:
    shown = "×".join(str(length) for length in header.dims)
    if header.dims[0] == 0 or 0 in header.dims:
        raise DataError(f"{path}: announces {shown} values, nothing to train on", "take another file")
    if header.num_bytes > MAX_BYTES:
        raise DataError(f"{path}: announces {shown} bytes, more than the {MAX_BYTES >> 30} GiB allowed", _AGAIN)
    if any(side > MAX_SIDE for side in header.dims[1:3]):
        raise DataError(f"{path}: announces images of {shown}, larger than {MAX_SIDE} pixels a side", _AGAIN)
    if len(header.dims) == 4 and header.dims[3] not in (1, 3):
        raise DataError(f"{path}: announces {header.dims[3]} channels", "images have 1 (gray) or 3 (RGB)")


def _refuse_impossible(header: Header, path: Path) -> None:
    """Compare the announcement with the file's size before anything is allocated."""
    size = path.stat().st_size
    if _is_gzip(path):
        if header.num_bytes > size * _DEFLATE_RATIO:
            raise DataError(f"{path}: announces {header.num_bytes:,} bytes, too many for {size:,} compressed", _AGAIN)
        return
    stored = size - header.num_header_bytes
    if stored != header.num_bytes:
        few = "fewer" if stored < header.num_bytes else "more"
        raise DataError(
            f"{path}: holds {stored:,} bytes after the header, {few} than the {header.num_bytes:,} announced", _AGAIN
        )


def _payload(stream: BinaryIO, header: Header, path: Path) -> bytes:
    data = _take(stream, header.num_bytes + 1, path)  # one more byte tells a file that is too long
    if len(data) < header.num_bytes:
        raise DataError(f"{path}: holds {len(data):,} bytes, fewer than the {header.num_bytes:,} announced", _AGAIN)
    if len(data) > header.num_bytes:
        raise DataError(f"{path}: holds more bytes than the {header.num_bytes:,} announced", _AGAIN)
    return data


def _take(stream: BinaryIO, count: int, path: Path) -> bytes:
    try:
        return stream.read(count)
    except EOFError:
        raise DataError(f"{path}: torn gzip, the compressed data ends too early", _AGAIN) from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip ({error})", _AGAIN) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})", "check the disk") from None
    except MemoryError:
        raise DataError(f"{path}: {count:,} bytes do not fit in memory", "take a smaller data set") from None
