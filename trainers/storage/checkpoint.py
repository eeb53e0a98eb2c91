"""Checkpoints and snapshots on disk: safetensors and JSON only, written atomically, verified when read. No torch.

A folder is written under a hidden temporary name, its manifest with sizes and SHA-256 last, and then renamed. A folder
with the final name is therefore complete, or its manifest reveals that it is damaged.
"""

import hashlib
import json
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays

from trainers import validation
from trainers.errors import CheckpointError
from trainers.events import Arrays, ResumeState
from trainers.model_card import ModelCard
from trainers.storage import atomic_files

STATE_ARRAYS_FILE = "state.safetensors"
STATE_JSON_FILE = "meta.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "card.json"
MANIFEST_FILE = "manifest.json"
MANIFEST_VERSION = 1
MAX_CARD_BYTES = 1 << 20  # the manifest, too, is smaller
MAX_STATE_JSON_BYTES = 64 << 20
MAX_ARRAY_BYTES = 16 << 30
_MAX_BYTES = {
    STATE_ARRAYS_FILE: MAX_ARRAY_BYTES,
    WEIGHTS_FILE: MAX_ARRAY_BYTES,
    STATE_JSON_FILE: MAX_STATE_JSON_BYTES,
    CARD_FILE: MAX_CARD_BYTES,
}
_DTYPE_LETTERS = {"f": "F", "i": "I", "u": "U"}  # of safetensors, by NumPy's `dtype.kind`
_ALIGNMENT_BYTES = 8  # pads the header of safetensors so that the arrays can be memory-mapped
_USE_OLDER = "use an older one"  # checkpoint or snapshot


def save(folder: Path, arrays: Arrays, meta: Mapping[str, object]) -> None:
    """Write a resumable state atomically, replacing an existing folder.

    Args:
        folder: Destination; its parent exists.
        arrays: Arrays by name.
        meta: JSON-serializable, includes `step`.

    Raises:
        OSError: if writing failed; an existing folder is then unchanged.
    """
    _write_folder(folder, {STATE_ARRAYS_FILE: serialize(arrays), STATE_JSON_FILE: (_to_json(meta),)})


def load(folder: Path) -> ResumeState:
    """Read and verify a resumable state.

    Raises:
        CheckpointError: naming the missing or damaged file.
    """
    files = _read_folder(folder, (STATE_ARRAYS_FILE, STATE_JSON_FILE))
    meta = _parse_json(files[STATE_JSON_FILE], folder / STATE_JSON_FILE)
    step = meta.get("step")
    if not isinstance(step, int) or step < 0:
        raise CheckpointError(f"{folder / STATE_JSON_FILE}: has no valid 'step' field", _USE_OLDER)
    return ResumeState(step, parse_safetensors(files[STATE_ARRAYS_FILE], folder / STATE_ARRAYS_FILE), meta)


def verify(folder: Path) -> None:
    """Check the files of a checkpoint or snapshot against its manifest.

    Raises:
        CheckpointError: naming the missing or damaged file.
    """
    _read_folder(folder, ())


def save_snapshot(folder: Path, arrays: Arrays, card: ModelCard) -> None:
    """Write a snapshot atomically, replacing an existing folder.

    Raises:
        OSError: if writing failed; an existing folder is then unchanged.
    """
    _write_folder(
        folder, {WEIGHTS_FILE: serialize(arrays), CARD_FILE: (_to_json(card.model_dump(mode="json", by_alias=True)),)}
    )


def load_snapshot(
    folder: Path, *, max_weights_bytes: int = MAX_ARRAY_BYTES
) -> tuple[dict[str, NDArray[np.generic]], ModelCard]:
    """Read and verify a snapshot.

    Args:
        folder: Folder of the snapshot.
        max_weights_bytes: Larger files are rejected before they are read.

    Raises:
        CheckpointError: naming the missing, damaged or oversized file.
    """
    files = _read_folder(folder, (WEIGHTS_FILE, CARD_FILE), max_weights_bytes=max_weights_bytes)
    return parse_safetensors(files[WEIGHTS_FILE], folder / WEIGHTS_FILE), _parse_card(
        files[CARD_FILE], folder / CARD_FILE
    )


def load_card(folder: Path) -> ModelCard:
    """Read only the card of a snapshot.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    return _parse_card(_read_file(folder / CARD_FILE, None, MAX_CARD_BYTES), folder / CARD_FILE)


def _write_folder(folder: Path, files: Mapping[str, Iterable[atomic_files.Buffer]]) -> None:
    temporary = atomic_files.new_temporary_folder(folder.parent, f".{folder.name}.", ".tmp")
    try:
        # Write the files, then the manifest, then rename.
        written = {name: atomic_files.write_new_file(temporary / name, pieces) for name, pieces in files.items()}
        entries = {name: {"bytes": file.size, "sha256": file.sha256} for name, file in written.items()}
        atomic_files.write_new_file(
            temporary / MANIFEST_FILE, (_to_json({"schema": MANIFEST_VERSION, "files": entries}),)
        )
        _replace_folder(folder, temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _replace_folder(folder: Path, temporary: Path) -> None:
    """Rename `temporary` to `folder`; an existing folder is moved aside first and restored if the rename fails.

    A crash between the two renames leaves no folder of that name, but the backup beside it; a crash before or after
    leaves the old folder or the new one, complete.
    """
    backup: Path | None = None
    if folder.exists():
        backup_parent = atomic_files.new_temporary_folder(folder.parent, f".{folder.name}.", ".old")
        backup = folder.rename(backup_parent / folder.name)
    try:
        atomic_files.rename_folder(temporary, folder)
    except BaseException:
        if folder.exists():  # renamed, but syncing the parent failed: it may not survive a crash
            folder.rename(temporary)
        if backup:
            backup.rename(folder)
        raise
    finally:
        if backup:
            shutil.rmtree(backup.parent, ignore_errors=True)


def _read_folder(
    folder: Path, required: tuple[str, ...], *, max_weights_bytes: int = MAX_ARRAY_BYTES
) -> dict[str, bytes]:
    """Return the verified content of all files in the manifest, which must list the required ones."""
    max_bytes = {**_MAX_BYTES, WEIGHTS_FILE: max_weights_bytes}
    # Read the manifest.
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder", _USE_OLDER)
    manifest = _parse_json(_read_file(folder / MANIFEST_FILE, None, MAX_CARD_BYTES), folder / MANIFEST_FILE)
    if manifest.get("schema") != MANIFEST_VERSION:
        raise CheckpointError(
            f"{folder / MANIFEST_FILE}: unknown schema {manifest.get('schema')!r}", "update genexplorer"
        )
    entries = manifest.get("files")
    if not isinstance(entries, dict) or any(name not in entries for name in required):
        raise CheckpointError(
            f"{folder / MANIFEST_FILE}: does not list {' and '.join(required) or 'files'}", _USE_OLDER
        )
    # Read each file and compare it with its entry.
    files: dict[str, bytes] = {}
    for name, entry in entries.items():
        if name not in max_bytes or not isinstance(entry, dict):
            raise CheckpointError(f"{folder / MANIFEST_FILE}: lists an unknown file '{name[:80]}'", _USE_OLDER)
        size, digest = entry.get("bytes"), entry.get("sha256")
        if not isinstance(size, int) or not isinstance(digest, str):
            raise CheckpointError(f"{folder / MANIFEST_FILE}: lacks size or SHA-256 for '{name}'", _USE_OLDER)
        files[name] = _read_file(folder / name, size, max_bytes[name])
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise CheckpointError(f"{folder / name}: damaged: its SHA-256 does not match the manifest", _USE_OLDER)
    return files


def _read_file(path: Path, size: int | None, limit: int) -> bytes:
    """Read a regular file of the expected size; never reads more than one extra byte."""
    try:
        # Compare type and size with the manifest before anything is allocated.
        info = path.lstat()
        if not stat.S_ISREG(info.st_mode):
            raise CheckpointError(f"{path}: not a regular file", _USE_OLDER)
        expected = info.st_size if size is None else size
        if info.st_size != expected:
            raise CheckpointError(
                f"{path}: has {info.st_size:,} bytes, but the manifest lists {expected:,}", _USE_OLDER
            )
        if expected > limit:
            raise CheckpointError(f"{path}: has {expected:,} bytes, more than the {limit:,} allowed", _USE_OLDER)
        # Read it.
        with path.open("rb") as stream:
            data = stream.read(expected + 1)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing", _USE_OLDER) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})", "check the disk") from None
    if len(data) != expected:
        raise CheckpointError(f"{path}: changed while being read", "try again")
    return data


def serialize(arrays: Arrays) -> Iterator[bytes | memoryview]:
    """Yield the bytes of a safetensors file, without copying the arrays, which must not change meanwhile.

    The length of a JSON header in eight bytes, the header, then the arrays, little-endian and in C order.

    Reference: https://huggingface.co/docs/safetensors, "Format".

    Args:
        arrays: Float, integer and boolean arrays by name.

    Raises:
        TypeError: if an array has another dtype.
    """
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))  # widest first: all aligned
    # Write the header.
    entries: dict[str, object] = {}
    end = 0
    for name in order:
        array, begin = arrays[name], end
        end += array.nbytes
        entries[name] = {"dtype": _dtype_name(array.dtype), "shape": list(array.shape), "data_offsets": [begin, end]}
    header = json.dumps(entries, separators=(",", ":")).encode()
    header = header.ljust(-(-len(header) // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES)
    yield len(header).to_bytes(8, "little") + header
    # Write the arrays; only those that are not contiguous and little-endian are copied.
    for name in order:
        if arrays[name].size:
            array = np.ascontiguousarray(arrays[name], dtype=arrays[name].dtype.newbyteorder("<"))
            yield array.reshape(-1).view(np.uint8).data


def _dtype_name(dtype: np.dtype[np.generic]) -> str:
    if dtype.kind == "b":
        return "BOOL"
    if dtype.kind not in _DTYPE_LETTERS or dtype.itemsize > 8:
        raise TypeError(f"cannot save arrays of dtype {dtype}")
    return f"{_DTYPE_LETTERS[dtype.kind]}{8 * dtype.itemsize}"


def parse_safetensors(data: bytes, path: Path) -> dict[str, NDArray[np.generic]]:
    """Parse the bytes of an untrusted safetensors file into arrays by name.

    Raises:
        CheckpointError: naming `path`, if the bytes are not valid safetensors.
    """
    try:
        return dict(parse_arrays(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not a valid safetensors file ({error})", _USE_OLDER) from None


def _to_json(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def _parse_json(data: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not valid JSON ({error})", _USE_OLDER) from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: not a JSON object", _USE_OLDER)
    return value


def _parse_card(data: bytes, path: Path) -> ModelCard:
    try:
        return ModelCard.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(validation.key_path(first)) or "card"
        raise CheckpointError(f"{path}: {key}: {validation.describe(first)}", _USE_OLDER) from None
