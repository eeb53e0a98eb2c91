"""Arrays as a safetensors file, piece by piece: nothing is copied on the way from an array to the disk.

The format is eight bytes with the length of a JSON header, the header, and the arrays one after the other,
little-endian and in C order. Reading is left to the safetensors package.

Reference: https://huggingface.co/docs/safetensors, "Format".
"""

import json
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from trainers.events import Arrays

_LETTERS = {"f": "F", "i": "I", "u": "U"}
_ALIGNMENT = 8  # bytes, of the header: the arrays after it can then be mapped


def formatted(arrays: Arrays) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a file; the arrays must not change until the last of them is taken.

    Args:
        arrays: By name; floats, integers and booleans of any shape.

    Raises:
        TypeError: if an array is of another kind.
    """
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # the widest first: each is aligned
    header = json.dumps(_header({name: arrays[name] for name in order}), separators=(",", ":")).encode()
    header = header.ljust(-(-len(header) // _ALIGNMENT) * _ALIGNMENT)
    yield len(header).to_bytes(8, "little") + header
    for name in order:
        if arrays[name].size:
            yield _plain(arrays[name])


def _header(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, object]:
    described: dict[str, object] = {}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        described[name] = {"dtype": _kind(array.dtype), "shape": list(array.shape), "data_offsets": [begin, end]}
    return described


def _kind(dtype: np.dtype[np.generic]) -> str:
    if dtype.kind == "b":
        return "BOOL"
    if dtype.kind not in _LETTERS or dtype.itemsize > 8:
        raise TypeError(f"arrays of {dtype} cannot be saved")
    return f"{_LETTERS[dtype.kind]}{8 * dtype.itemsize}"


def _plain(array: NDArray[np.generic]) -> memoryview:
    """Return an array's bytes, without a copy where it is contiguous and little-endian already."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data
