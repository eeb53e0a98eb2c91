"""Checkpoints and snapshots on disk: safe (safetensors and JSON only), atomic, verified. NumPy alone, no torch.

A folder is written under a hidden temporary name beside its final one, its manifest with sizes and SHA-256 last, and
moved into place with one rename. What carries the final name is whole, or its manifest tells that it is not.
"""

import hashlib
import json
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as parse_arrays

from trainers.errors import CheckpointError
from trainers.events import Arrays, ResumeState
from trainers.model_card import ModelCard
from trainers.storage import atomic_files
from trainers.storage.safetensors_writer import formatted

ARRAYS = "state.safetensors"
META = "meta.json"
WEIGHTS = "weights.safetensors"
CARD = "card.json"
MANIFEST = "manifest.json"
SCHEMA = 1
MAX_JSON_BYTES = 1 << 20  # of a card or a manifest
MAX_META_BYTES = 64 << 20
MAX_ARRAY_BYTES = 16 << 30
_LIMITS = {ARRAYS: MAX_ARRAY_BYTES, WEIGHTS: MAX_ARRAY_BYTES, META: MAX_META_BYTES, CARD: MAX_JSON_BYTES}
_HINT = "use an older one"


def save(folder: Path, arrays: Arrays, meta: Mapping[str, object]) -> None:
    """Write a resumable state durably; a folder of that name is replaced.

    Args:
        folder: Its final place; the parent exists.
        arrays: By name.
        meta: What JSON can hold, with the `step`.

    Raises:
        OSError: if the disk refused; what had that name is still there, whole.
    """
    _write_folder(folder, {ARRAYS: formatted(arrays), META: (_encoded(meta),)})


def load(folder: Path) -> ResumeState:
    """Read a resumable state, every byte verified.

    Raises:
        CheckpointError: naming the file that is missing or damaged.
    """
    files = _read_folder(folder, (ARRAYS, META))
    meta = _decoded(files[META], folder / META)
    step = meta.get("step")
    if not isinstance(step, int) or step < 0:
        raise CheckpointError(f"{folder / META}: names no step", _HINT)
    return ResumeState(step, parsed(files[ARRAYS], folder / ARRAYS), meta)


def verify(folder: Path) -> None:
    """Check a checkpoint's or a snapshot's files against its manifest.

    Raises:
        CheckpointError: naming the file that is missing or damaged.
    """
    _read_folder(folder, ())


def save_snapshot(folder: Path, arrays: Arrays, card: ModelCard) -> None:
    """Write a snapshot durably; a folder of that name is replaced.

    Raises:
        OSError: if the disk refused; what had that name is still there, whole.
    """
    _write_folder(folder, {WEIGHTS: formatted(arrays), CARD: (_encoded(card.model_dump(mode="json", by_alias=True)),)})


def load_snapshot(
    folder: Path, *, max_weights_bytes: int = MAX_ARRAY_BYTES
) -> tuple[dict[str, NDArray[np.generic]], ModelCard]:
    """Read a snapshot, every byte verified.

    Args:
        folder: Of the snapshot.
        max_weights_bytes: More are refused before they are read.

    Raises:
        CheckpointError: naming the file that is missing, damaged or too large.
    """
    files = _read_folder(folder, (WEIGHTS, CARD), {**_LIMITS, WEIGHTS: max_weights_bytes})
    return parsed(files[WEIGHTS], folder / WEIGHTS), _card(files[CARD], folder / CARD)


def load_card(folder: Path) -> ModelCard:
    """Read a snapshot's card alone.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    return _card(_read_file(folder / CARD, None, MAX_JSON_BYTES), folder / CARD)


def _write_folder(folder: Path, files: Mapping[str, Iterable[atomic_files.Bytes]]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        written = {name: atomic_files.write_new(temporary / name, pieces) for name, pieces in files.items()}
        listed = {name: {"bytes": file.size, "sha256": file.sha256} for name, file in written.items()}
        atomic_files.write_new(temporary / MANIFEST, (_encoded({"schema": SCHEMA, "files": listed}),))
        temporary.chmod(0o755)
        _put_in_place(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Rename; what has the name steps aside first, and comes back if the rename fails."""
    aside = _step_aside(folder) if folder.exists() else None
    try:
        atomic_files.rename_folder(temporary, folder)
    except BaseException:
        if folder.exists():  # renamed, but the parent's fsync failed: not known to last, so not kept
            folder.rename(temporary)
        if aside:
            aside.rename(folder)
        raise
    finally:
        if aside:
            shutil.rmtree(aside.parent, ignore_errors=True)


def _step_aside(folder: Path) -> Path:
    hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".old", dir=folder.parent))
    return folder.rename(hidden / folder.name)


def _read_folder(
    folder: Path, wanted: tuple[str, ...], limits: Mapping[str, int] = MappingProxyType(_LIMITS)
) -> dict[str, bytes]:
    """Return the verified content of the files that a manifest lists, which `wanted` must be among."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder", _HINT)
    manifest = _decoded(_read_file(folder / MANIFEST, None, MAX_JSON_BYTES), folder / MANIFEST)
    if manifest.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{folder / MANIFEST}: schema {manifest.get('schema')!r} is not known", "update genexplorer"
        )
    listed = manifest.get("files")
    if not isinstance(listed, dict) or any(name not in listed for name in wanted):
        raise CheckpointError(f"{folder / MANIFEST}: does not list {' and '.join(wanted) or 'files'}", _HINT)
    return {name: _verified(folder, name, entry, limits) for name, entry in listed.items()}


def _verified(folder: Path, name: str, entry: Any, limits: Mapping[str, int]) -> bytes:
    if name not in limits or not isinstance(entry, dict):
        raise CheckpointError(f"{folder / MANIFEST}: lists the unknown file '{name[:80]}'", _HINT)
    size, digest = entry.get("bytes"), entry.get("sha256")
    if not isinstance(size, int) or not isinstance(digest, str):
        raise CheckpointError(f"{folder / MANIFEST}: says no size and sum of '{name}'", _HINT)
    data = _read_file(folder / name, size, limits[name])
    if _digest(data) != digest:
        raise CheckpointError(f"{folder / name}: damaged, its SHA-256 is not the one in the manifest", _HINT)
    return data


def _read_file(path: Path, size: int | None, limit: int) -> bytes:
    """Read a regular file of the expected size, never more than that plus one byte."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise CheckpointError(f"{path}: not a regular file", _HINT)
        expected = found.st_size if size is None else size
        if found.st_size != expected:
            raise CheckpointError(f"{path}: has {found.st_size:,} bytes, its manifest says {expected:,}", _HINT)
        if expected > limit:
            raise CheckpointError(f"{path}: has {expected:,} bytes, more than the {limit:,} allowed", _HINT)
        with path.open("rb") as stream:
            data = stream.read(expected + 1)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing", _HINT) from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})", "check the disk") from None
    if len(data) != expected:
        raise CheckpointError(f"{path}: changed while it was read", "try again")
    return data


def parsed(data: bytes, path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a safetensors file's bytes, whoever wrote them.

    Raises:
        CheckpointError: naming `path`, if they are not what safetensors allows.
    """
    try:
        return dict(parse_arrays(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: not readable as safetensors ({error})", _HINT) from None


def _encoded(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def _decoded(data: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not readable as JSON ({error})", _HINT) from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: not a JSON object", _HINT)
    return value


def _card(data: bytes, path: Path) -> ModelCard:
    try:
        return ModelCard.model_validate_json(data)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"]) or "card"
        raise CheckpointError(f"{path}: {key}: {problem['msg']}", _HINT) from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
