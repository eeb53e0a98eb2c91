"""A safetensors writer that streams arrays to disk without copying them.

The format is the length of a JSON header in eight bytes, the header, then the arrays, little-endian and in C order.
The safetensors package does the reading.

Reference: https://huggingface.co/docs/safetensors, "Format".
"""

import json
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from trainers.events import Arrays

_DTYPE_LETTERS = {"f": "F", "i": "I", "u": "U"}
_ALIGNMENT = 8  # bytes; pads the header so that the arrays can be memory-mapped


def serialize(arrays: Arrays) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a safetensors file. The arrays must not change meanwhile.

    Args:
        arrays: Float, integer and boolean arrays by name.

    Raises:
        TypeError: if an array has another dtype.
    """
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # widest first: all aligned
    header = json.dumps(_header({name: arrays[name] for name in order}), separators=(",", ":")).encode()
    header = header.ljust(-(-len(header) // _ALIGNMENT) * _ALIGNMENT)
    yield len(header).to_bytes(8, "little") + header
    for name in order:
        if arrays[name].size:
            yield _raw_bytes(arrays[name])


def _header(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, object]:
    entries: dict[str, object] = {}
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        entries[name] = {"dtype": _dtype_name(array.dtype), "shape": list(array.shape), "data_offsets": [begin, end]}
    return entries


def _dtype_name(dtype: np.dtype[np.generic]) -> str:
    if dtype.kind == "b":
        return "BOOL"
    if dtype.kind not in _DTYPE_LETTERS or dtype.itemsize > 8:
        raise TypeError(f"cannot save arrays of dtype {dtype}")
    return f"{_DTYPE_LETTERS[dtype.kind]}{8 * dtype.itemsize}"


def _raw_bytes(array: NDArray[np.generic]) -> memoryview:
    """Return the bytes of an array, copied only if it is not contiguous and little-endian."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data
