"""Files that contain arrays by name: `.npy`, `.npz` and HDF5. Their headers are checked before anything is read.

Pickled objects are never loaded; links of HDF5 to other files are not followed.
"""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from trainers.data import idx
from trainers.errors import DataError

MAX_FILE_BYTES = idx.MAX_FILE_BYTES
HDF5_EXTENSIONS = frozenset((".h5", ".hdf5"))
EXTENSIONS = frozenset((".npy", ".npz")) | HDF5_EXTENSIONS
NPY_NAME = "arr_0"  # of the array in a `.npy` file
_MAX_HDF5_DEPTH = 4
_MAX_HDF5_ARRAYS = 1000
Shape = tuple[int, ...]


def shapes(path: Path) -> dict[str, Shape]:
    """Return the shape of each array of a file by name, reading only headers.

    Raises:
        DataError: if it is damaged, too large, or has objects that would have to be unpickled.
    """
    shape_of = {}
    for name, (shape, dtype) in _headers(path).items():
        if dtype.hasobject:
            hint = "save it as numbers: array.astype('uint8')"
            raise DataError(f"{path}: array '{name}' holds Python objects, which are never loaded", hint)
        if int(np.prod(shape, dtype=np.float64)) * dtype.itemsize > MAX_FILE_BYTES:
            raise DataError(f"{path}: array '{name}' of shape {shape} needs more than {MAX_FILE_BYTES >> 30} GiB")
        shape_of[name] = shape
    if not shape_of:
        raise DataError(f"{path}: has no arrays", "save it with numpy.savez")
    return shape_of


def read(path: Path, names: Iterable[str], max_rows: int | None = None) -> dict[str, NDArray[Any]]:
    """Return arrays of a file by name, of HDF5 and `.npz` at most so many rows.

    Raises:
        DataError: if they cannot be read.
    """
    try:
        if path.suffix.lower() in HDF5_EXTENSIONS:
            with _open_hdf5(path) as file:
                return {name: np.asarray(file[name][:max_rows]) for name in names}
        if path.suffix.lower() == ".npy":
            return {name: np.load(path, mmap_mode="r", allow_pickle=False) for name in names}
        with zipfile.ZipFile(path) as archive:
            return {name: _read_npz_member(archive, f"{name}.npy", max_rows) for name in names}
    except (OSError, ValueError, zipfile.BadZipFile, KeyError, EOFError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]})", "make it anew") from None


def _headers(path: Path) -> dict[str, tuple[Shape, np.dtype[Any]]]:
    try:
        if path.suffix.lower() in HDF5_EXTENSIONS:
            with _open_hdf5(path) as file:
                return dict(_hdf5_headers(file, "", _MAX_HDF5_DEPTH))
        if path.suffix.lower() == ".npy":
            with path.open("rb") as stream:
                return {NPY_NAME: _npy_header(stream)}
        headers = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as member:
                        headers[name.removesuffix(".npy")] = _npy_header(member)
        return headers
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, RuntimeError) as error:
        text = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        hint = "write it anew with h5py" if path.suffix.lower() in HDF5_EXTENSIONS else ""
        raise DataError(
            f"{path}: not a file of arrays ({text})", hint or "save it with numpy.save or numpy.savez"
        ) from None


def _npy_header(stream: Any) -> tuple[Shape, np.dtype[Any]]:
    shape, _, dtype = _full_npy_header(stream)
    return shape, dtype


def _full_npy_header(stream: Any) -> tuple[Shape, bool, np.dtype[Any]]:
    """Return the shape, whether the first axis varies fastest, and the dtype."""
    version = npy_format.read_magic(stream)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    header: tuple[Shape, bool, np.dtype[Any]] = read_header(stream)
    return header


def _read_npz_member(archive: zipfile.ZipFile, name: str, max_rows: int | None) -> NDArray[Any]:
    """Return an array of an `.npz` file; only its first rows are unpacked where that is possible."""
    with archive.open(name) as stream:
        shape, is_fortran_order, dtype = _full_npy_header(stream)
        if max_rows is not None and shape and shape[0] > max_rows and not is_fortran_order and not dtype.hasobject:
            first = (max_rows, *shape[1:])
            num_bytes = int(np.prod(first)) * dtype.itemsize
            return np.frombuffer(stream.read(num_bytes), dtype).reshape(first)
    with archive.open(name) as stream:
        array: NDArray[Any] = npy_format.read_array(stream, allow_pickle=False)
        return array


@contextmanager
def _open_hdf5(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path}: HDF5 files need h5py", "pip install h5py") from None
    with h5py.File(path, "r") as file:
        yield file


def _hdf5_headers(group: Any, prefix: str, depth: int) -> Iterator[tuple[str, tuple[Shape, np.dtype[Any]]]]:
    """Yield the arrays of numbers in a group and those below; others, and links, are passed over."""
    import h5py

    for count, name in enumerate(group):
        if count >= _MAX_HDF5_ARRAYS:
            return
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            continue
        item = group[name]
        if isinstance(item, h5py.Group) and depth:
            yield from _hdf5_headers(item, f"{prefix}{name}/", depth - 1)
            continue
        if not isinstance(item, h5py.Dataset) or not item.shape or item.dtype.kind not in "biuf":
            continue
        if not item.is_virtual and item.external is None:  # those have their values in other files
            yield f"{prefix}{name}", (tuple(item.shape), item.dtype)
