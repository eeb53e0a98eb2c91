"""Images inside other files: zip archives of folders, and Parquet as Hugging Face's data sets have it."""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from PIL import Image

from trainers import presets, registry
from trainers.data import loading
from trainers.data.dataset import ImageData
from trainers.data.image_files import packed
from trainers.errors import DataError

RNG = np.random.default_rng(0)


def png(gray: int | None = None, size: tuple[int, int] = (12, 12)) -> bytes:
    pixels = RNG.integers(0, 255, (*size, 3), dtype=np.uint8) if gray is None else np.full((*size, 3), gray, np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def load(path: Path, **options: Any) -> ImageData:
    settings = {**presets.data_settings(path), **options}
    spec = registry.dataset(settings.pop("name"))
    data = loading.load(spec, spec.options(**settings))
    assert isinstance(data, ImageData)
    return data


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_zip_archive_is_read_like_the_folder_in_it(tmp_path: Path) -> None:
    files = {
        f"flowers/{split}/{name}/{index}.png": png()
        for split, count in (("train", 5), ("test", 2))
        for name in ("rose", "tulip")
        for index in range(count)
    }
    files |= {"__MACOSX/flowers/train/._0.png": b"x", "flowers/train/.DS_Store": b"x", "flowers/readme.txt": b"x"}
    path = write_zip(tmp_path / "flowers.zip", files | {"flowers/train/rose/broken.png": b"x", "../out.png": png()})
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "unpacked", [name for name in archive.namelist() if not name.startswith("..")])
    data, unpacked = load(path), load(tmp_path / "unpacked" / "flowers")
    assert data.name == "flowers" and data.class_names == ("rose", "tulip")
    assert (len(data.train), len(data.test)) == (10, 4)
    assert np.array_equal(data.train, unpacked.train) and np.array_equal(data.train_labels, unpacked.train_labels)  # type: ignore[arg-type]
    description = registry.import_object(registry.dataset("images").describe)(  # type: ignore[arg-type]
        registry.dataset("images").options(path=str(path))
    )
    assert description.skipped == ("train/rose/broken.png: not an image, whatever its name says",)
    assert description.other_files == ((".txt", 1),)


def test_a_zip_archive_without_images_names_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no images in this folder; it has 1 \.txt files"):
        load(write_zip(tmp_path / "a.zip", {"a.txt": b"x"}))


def test_a_damaged_image_of_an_archive_is_skipped(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {f"{index}.png": png() for index in range(8)})
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("3.png").header_offset
    content[start + 60 : start + 90] = bytes(30)
    path.write_bytes(content)
    data = load(path)
    assert len(data.train) + len(data.test) == 7


def write_parquet(
    path: Path,
    images: list[bytes | None],
    labels: list[int] | None = None,
    names: list[str] | None = None,
    column: str = "image",
) -> Path:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns: dict[str, Any] = {
        column: pa.array([{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(images)], type=kind)
    }
    if labels is not None:
        columns["label"] = pa.array(labels, type=pa.int64())
    table = pa.table(columns)
    if names is not None:
        feature = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": feature}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, row_group_size=4)
    return path


def test_parquet_of_hugging_face_with_names_of_classes(tmp_path: Path) -> None:
    images: list[bytes | None] = [png(gray) for gray in range(0, 200, 10)]
    images[7] = None
    path = write_parquet(tmp_path / "a.parquet", images, [i % 2 for i in range(20)], ["T - shirt / top", "b\x1b[31m"])
    data = load(path)
    assert data.class_names == ("T - shirt / top", "b\x1b[31m")
    assert len(data.train) + len(data.test) == 19 and data.image_shape == (3, 12, 12)
    assert data.train_labels is not None
    assert [int(image[0, 0, 0]) // 10 % 2 for image in data.train] == data.train_labels.tolist()


def test_parquet_files_of_a_folder_are_the_splits(tmp_path: Path) -> None:
    for number in range(2):
        name = f"train-0000{number}-of-00002.parquet"
        write_parquet(tmp_path / "d" / "data" / name, [png() for _ in range(6)], [3] * 6, column="img")
    write_parquet(tmp_path / "d" / "data" / "test-00000-of-00001.parquet", [png() for _ in range(3)], [1] * 3)
    data = load(tmp_path / "d", size=8, channels=1)
    assert (len(data.train), len(data.test)) == (12, 3) and data.image_shape == (1, 8, 8)
    assert data.train_labels is not None and set(data.train_labels.tolist()) == {3}
    assert packed.parquet_files(tmp_path / "d")[0].name.startswith("test")


def test_parquet_with_unlabeled_images_has_no_classes(tmp_path: Path) -> None:
    data = load(write_parquet(tmp_path / "a.parquet", [png() for _ in range(6)], [0, 1, 0, -1, 1, 0], ["a", "b"]))
    assert data.class_names == () and data.train_labels is None


def test_wrong_parquet_files_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow.parquet.write_table(pa.table({"x": [1, 2]}), tmp_path / "numbers.parquet")
    with pytest.raises(DataError, match=r"none of its columns \(x\) has encoded images"):
        load(tmp_path / "numbers.parquet")
    (tmp_path / "no.parquet").write_bytes(b"PAR1" * 50)
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "no.parquet")
    path = write_parquet(tmp_path / "a.parquet", [png() for _ in range(6)])
    monkeypatch.setattr(packed, "MAX_PARQUET_BYTES", 100)
    with pytest.raises(DataError, match="more than"):
        load(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match=r"pip install pyarrow"):
        load(write_zip(tmp_path / "b.parquet", {"a": b"x"}))
