"""Images inside other files: zip archives of picture folders, and Parquet in the layout of Hugging Face's data sets.

They are read where they are: nothing is unpacked to disk before the decoded images go to the cache.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from trainers.data import zip_files
from trainers.data.image_files.scan import ImageFile, ImageFolder, find_images, scan, split_of
from trainers.errors import DataError

PARQUET_EXTENSION = ".parquet"
MAX_PARQUET_BYTES = 8 << 30  # of encoded images, which are held in memory while they are decoded
MAX_IMAGE_BYTES = 1 << 28  # of one image in an archive
_MAX_CLASSES = 1000
_LABEL_NAMES = ("label", "labels", "class", "target", "fine_label")
_Identity = tuple[tuple[str, int, int], ...]  # path, size and time of the last change of each file


def scan_any(path: Path) -> ImageFolder:
    """Find the images of a folder, of a zip archive, or of Parquet files.

    Raises:
        DataError: if there are none.
    """
    if path.is_file() and path.suffix.lower() == ".zip":
        return scan_zip(path)
    if files := parquet_files(path):
        return _scan_parquet(path, tuple(_identity(file) for file in files))
    return scan(path)


def parquet_files(path: Path) -> tuple[Path, ...]:
    """Return the Parquet files that a path names: itself, or those in a folder or its subfolder `data`."""
    if path.is_file():
        return (path,) if path.suffix.lower() == PARQUET_EXTENSION else ()
    for folder in (path, path / "data"):
        try:
            if files := sorted(each for each in folder.glob(f"*{PARQUET_EXTENSION}") if not each.name.startswith(".")):
                return tuple(files)
        except OSError:
            continue
    return ()


def scan_zip(path: Path) -> ImageFolder:
    """Find the images of a zip archive, by the rules for folders; folders around all of it do not count.

    Raises:
        DataError: if it is no zip archive, or has no images.
    """
    return _scan_zip(path, _identity(path))


@lru_cache(maxsize=2)
def _scan_zip(path: Path, identity: tuple[str, int, int]) -> ImageFolder:
    names = zip_files.member_names(path)
    archive = zipfile.ZipFile(path)
    # Leave out the folders that contain everything.
    split_names = [tuple(name.split("/")) for name in names]
    depth = 0
    while split_names and all(
        len(parts) > depth + 1 and parts[depth] == split_names[0][depth] for parts in split_names
    ):
        depth += 1
    start = "".join(f"{part}/" for part in split_names[0][:depth]) if split_names else ""
    entries = ((parts[depth:], archive.getinfo("/".join(parts)).file_size, identity[2]) for parts in split_names)
    folder = find_images(path, entries)

    def open_packed(file: ImageFile) -> BinaryIO:
        info = archive.getinfo(start + file.path)
        if info.file_size > MAX_IMAGE_BYTES:
            raise OSError("more bytes than an image has")
        try:
            return io.BytesIO(archive.read(info))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise OSError(f"damaged in the archive ({error})") from None

    return _with_source(folder, open_packed)


@lru_cache(maxsize=1)
def _scan_parquet(path: Path, identity: _Identity) -> ImageFolder:
    files: list[ImageFile] = []
    opened: list[Any] = []
    class_names: tuple[str, ...] = ()
    splits = [split_of(Path(name).name) for name, _, _ in identity]
    has_splits = {"train", "test"} <= set(splits)
    remaining = MAX_PARQUET_BYTES
    for (name, _, modified), split in zip(identity, splits, strict=True):
        if has_splits and not split:
            continue
        images, labels, names = _read_parquet(Path(name), remaining)
        remaining -= images.nbytes
        class_names = class_names or names
        for row in range(len(images)):
            label = labels[row] if labels is not None else None
            class_name = ""
            if label is not None and 0 <= label < (len(names) or _MAX_CLASSES):
                class_name = names[label] if names else str(label)
            size = len(images[row].as_buffer()) if images[row].is_valid else 0
            files.append(ImageFile(f"{len(opened)}/{row}", size, modified, split if has_splits else "", class_name))
        opened.append(images)
    if not files:
        raise DataError(f"{path}: has no images", "choose another file")
    if any(not file.class_name for file in files):  # Hugging Face's unlabeled splits have the label −1
        class_names = ()
    elif not class_names:
        class_names = tuple(map(str, range(1 + max(int(file.class_name) for file in files))))

    def open_packed(file: ImageFile) -> BinaryIO:
        number, _, row = file.path.partition("/")
        content = opened[int(number)][int(row)].as_py()
        if content is None:
            raise OSError("no content, only the name of a file elsewhere")
        return io.BytesIO(content)

    return _with_source(ImageFolder(path, tuple(files), class_names), open_packed)


def _read_parquet(path: Path, max_bytes: int) -> tuple[Any, Sequence[int | None] | None, tuple[str, ...]]:
    """Return the encoded images of a Parquet file, their labels, and the names of the classes.

    Raises:
        DataError: if it cannot be read or has no images.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f"{path}: Parquet files need pyarrow", "pip install pyarrow") from None
    try:
        schema = pyarrow.parquet.read_schema(path)
        image = next((field.name for field in schema if _holds_images(field.type, pyarrow)), None)
        if image is None:
            message = f"{path}: none of its columns ({', '.join(schema.names[:10])}) has encoded images"
            raise DataError(message, "a column of {bytes, path} is expected, as Hugging Face's data sets have it")
        label = _label_column(schema, pyarrow)
        metadata = pyarrow.parquet.read_metadata(path)
        needed = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        if needed > max_bytes:
            message = f"{path}: its columns need {needed:,} bytes, more than {MAX_PARQUET_BYTES >> 30} GiB in all"
            raise DataError(message, "use a part of the files")
        columns = [f"{image}.bytes"] + ([label] if label else [])
        table = pyarrow.parquet.ParquetFile(path).read(columns=columns)
        images = table.column(image).combine_chunks().field("bytes") if table.num_rows else pyarrow.array([])
        if isinstance(images, pyarrow.ChunkedArray):
            images = images.combine_chunks()
        labels = table.column(label).to_pylist() if label else None
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]})", "download it again") from None
    return images, labels, _class_names(schema, label)


def _holds_images(kind: Any, pyarrow: Any) -> bool:
    """Return whether a column has encoded images: a struct with bytes."""
    if not pyarrow.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        return False
    content = kind.field("bytes").type
    return bool(pyarrow.types.is_binary(content) or pyarrow.types.is_large_binary(content))


def _label_column(schema: Any, pyarrow: Any) -> str | None:
    """Return the column of labels: of a usual name, else the only one of integers."""
    integers = [field.name for field in schema if pyarrow.types.is_integer(field.type)]
    usual = next((name for name in _LABEL_NAMES if name in integers), None)
    return usual or (integers[0] if len(integers) == 1 else None)


def _class_names(schema: Any, label: str | None) -> tuple[str, ...]:
    """Return the names of classes that Hugging Face's libraries store with the schema; empty if there are none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
        if not isinstance(names, list) or len(names) > _MAX_CLASSES or len(set(map(str, names))) != len(names):
            return ()
        return tuple(str(name)[:255] for name in names)
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()


def _with_source(folder: ImageFolder, open_packed: Callable[[ImageFile], BinaryIO]) -> ImageFolder:
    return ImageFolder(folder.folder, folder.files, folder.class_names, folder.other_files, open_packed)


def _identity(path: Path) -> tuple[str, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", "check the path") from None
    return str(path), status.st_size, status.st_mtime_ns
