"""EMNIST as it is distributed: several data sets in a zip or a folder, transposed images, letters as classes."""

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainers import presets, registry
from trainers.data import catalog, idx, loading
from trainers.data.dataset import ImageData
from trainers.errors import DataError


def digits() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the first test digits of the bundled MNIST, (300, 28, 28)."""
    folder = catalog.bundled_folder("mnist")
    return idx.read_images(folder / "t10k-images-idx3-ubyte.gz", limit=300)[..., 0]


def files_of(prefix: str, images: np.ndarray[Any, np.dtype[np.uint8]], first_label: int = 0) -> dict[str, bytes]:
    labels = (first_label + np.arange(len(images)) % 3).astype(np.uint8)
    start = f"{prefix}-" if prefix else ""
    return {
        f"{start}{split}-{content}-ubyte.gz": gzip.compress(idx.to_bytes(np.ascontiguousarray(array)))
        for split in ("train", "test")
        for content, array in (("images-idx3", images), ("labels-idx1", labels))
    }


def write_zip(path: Path, **extra: bytes) -> Path:
    turned = digits().transpose(0, 2, 1)
    files = files_of("emnist-digits", turned) | files_of("emnist-letters", turned, first_label=1)
    files["emnist-letters-mapping.txt"] = b"1 65 97\n2 66 98\n3 67 99\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"gzip/{name}", content)
            archive.writestr(f"__MACOSX/gzip/._{name}", b"x")
        for name, content in extra.items():
            archive.writestr(name, content)
    return path


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def load(path: Path, **options: Any) -> ImageData:
    settings = {**presets.data_settings(path), **options}
    spec = registry.dataset(settings.pop("name"))
    data = loading.load(spec, spec.options(**settings))
    assert isinstance(data, ImageData)
    return data


def notes(path: Path, **options: Any) -> str:
    layer = {"data": {**presets.data_settings(path), **options}}
    return " ".join(presets.assemble_for_data("vae", layer).notes)


def test_a_data_set_is_chosen_in_the_archive(tmp_path: Path, own_cache: Path) -> None:
    path = write_zip(tmp_path / "gzip.zip")
    with pytest.raises(DataError, match=r"emnist-digits, emnist-letters: choose one, such as --set data\.prefix="):
        load(path)
    with pytest.raises(DataError, match="emnist-digits, emnist-letters"):
        load(path, prefix="emnist-balanced")
    letters = load(path, prefix="emnist-letters")
    assert letters.name == "emnist-letters" and letters.class_names == ("", "Aa", "Bb", "Cc")
    assert np.array_equal(letters.train[..., 0], digits())
    assert load(path, prefix="emnist-digits").class_names == ()
    # The second time it is read from the cache.
    before = sorted(own_cache.iterdir())
    load(path, prefix="emnist-letters")
    assert sorted(own_cache.iterdir()) == before


def test_nothing_of_an_archive_leaves_its_folder(tmp_path: Path, own_cache: Path) -> None:
    path = write_zip(tmp_path / "gzip.zip", **{"../emnist-letters-mapping.txt": b"1 88\n"})
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("gzip/class-names.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert load(path, prefix="emnist-letters").class_names == ("", "Aa", "Bb", "Cc")
    assert not [each for each in own_cache.rglob("*") if each.is_symlink()]
    assert not list(own_cache.glob("*.txt"))


def test_a_damaged_archive_is_one_line(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "gzip.zip")
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load(path, prefix="emnist-digits")
    path.write_bytes(content[:5000])
    with pytest.raises(DataError, match="not a zip archive"):
        presets.data_settings(path)


def test_content_decides_about_the_orientation(tmp_path: Path) -> None:
    upright, turned = digits(), digits().transpose(0, 2, 1)
    for name, images, is_turned in (
        ("emnist-digits", turned, True),
        ("emnist-digits", upright, False),
        ("", turned, True),
        ("", upright, False),
    ):
        folder = write_folder(tmp_path / f"{name}{is_turned}" / "d", files_of(name, images))
        assert np.array_equal(load(folder).train[..., 0], upright), (name, is_turned)
        note = notes(folder)
        assert ("data.transpose=True" in note) is is_turned
        assert ("data.transpose=False: the images are upright" in note) is (bool(name) and not is_turned)


def test_uncertain_content_leaves_it_to_the_name_and_an_option_decides(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 28, 28), dtype=np.uint8)
    folder = write_folder(tmp_path / "a", files_of("emnist-balanced", noise))
    assert np.array_equal(load(folder).train[..., 0], noise.transpose(0, 2, 1))
    assert "data.transpose=True: EMNIST is stored" in notes(folder)
    assert np.array_equal(load(folder, transpose=False).train[..., 0], noise)
    assert "transpose" not in notes(folder, transpose=False)
    assert len(load(folder).class_names) == 47, "known by name without a mapping"
    folder = write_folder(tmp_path / "b", files_of("", noise))
    assert np.array_equal(load(folder).train[..., 0], noise)


@pytest.mark.parametrize("seed", range(3))
def test_lying_shapes_are_not_taken_for_transposed_handwriting(tmp_path: Path, seed: int) -> None:
    """Wide filled shapes such as shoes resemble a lying 1."""
    rng = np.random.default_rng(seed)
    images = np.zeros((300, 28, 28), np.uint8)
    for image in images:
        top, height = rng.integers(8, 14), rng.integers(5, 10)
        image[top : top + height, rng.integers(0, 4) : rng.integers(24, 28)] = rng.integers(100, 256, (height, 1))
    folder = write_folder(tmp_path / "a", files_of("", images))
    assert np.array_equal(load(folder).train[..., 0], images)


def test_names_of_folders_name_the_classes_of_fashion_mnist(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "FashionMNIST" / "raw", files_of("", digits()))
    assert load(tmp_path / "FashionMNIST").class_names[9] == "Ankle boot"
    (folder / "class-names.txt").write_text("a \n" + "b" * 1000)
    assert load(folder).class_names == ("a", "b" * 255), "no longer than a model card stores"
