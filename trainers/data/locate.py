"""Finds out which data set a path is: IDX files, a folder of images, a file of arrays or points."""

from pathlib import Path
from typing import Any

from trainers.data import array_files, idx_folder
from trainers.data.image_files import packed, scan
from trainers.errors import DataError

ACCEPTED = (
    "a folder or .zip of images (subfolders are classes) or IDX files, or a file .npy, .npz, .h5, .csv or .parquet"
)


def data_settings(path: Path) -> dict[str, Any]:
    """Return the name and path of the data set at a path, as settings of the section "data".

    Raises:
        DataError: if there is nothing at the path, or nothing that can be read; it names what was found.
    """
    path = path.expanduser()
    place = str(path.resolve())
    if path.is_dir():
        if (folder := idx_folder.find_folder(path)) is not None:
            return {"name": "idx", "path": str(folder.resolve())}
        if scan.has_images(path) or packed.parquet_files(path):
            return {"name": "images", "path": place}
        if files := [file for file in sorted(path.iterdir()) if file.suffix.lower() in array_files.EXTENSIONS]:
            hint = f"give the file itself: {files[0]}" if len(files) == 1 else f"give one of its {len(files)} files"
            raise DataError(f"{path}: a folder with files of arrays", hint)
        scan.scan(path)  # names what there is
    if path.is_file():
        if path.suffix.lower() in array_files.EXTENSIONS:
            return {"name": array_files.find_data_set(path), "path": place}
        if path.suffix.lower() == ".zip":
            if idx_folder.prefixes_in_archive(path):
                return {"name": "idx", "path": place}
            packed.scan_zip(path)  # names what there is if it has no images
            return {"name": "images", "path": place}
        if path.suffix.lower() == packed.PARQUET_EXTENSION:
            return {"name": "images", "path": place}
        if path.suffix.lower() in scan.EXTENSIONS:
            raise DataError(f"{path}: one image; a model needs many", f"give its folder: {path.parent}")
        raise DataError(f"{path}: not a data set", f"give {ACCEPTED}")
    raise DataError(f"{path}: no such file or folder", f"give {ACCEPTED}")
