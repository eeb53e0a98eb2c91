"""IDX files: valid ones are read, each fault is reported in one line."""

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.trainers.idx_files import idx_bytes, write_folder
from trainers.data import idx, idx_folder
from trainers.errors import DataError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
GOOD = idx_bytes(IMAGES)


def header(*dims: int) -> bytes:
    return bytes((0, 0, 8, len(dims))) + struct.pack(f">{len(dims)}I", *dims)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_round_trip(tmp_path: Path, pack: type[bytes]) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(pack(GOOD))
    assert np.array_equal(idx.read_images(path)[..., 0], IMAGES)
    assert idx.peek_images(path) == (2, 3, 4, 1)


def test_color_images_have_four_dimensions(tmp_path: Path) -> None:
    color = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    path = tmp_path / "x"
    path.write_bytes(idx_bytes(color))
    assert np.array_equal(idx.read_images(path), color)


FAULTS = {
    "empty file": (b"", "only 0 bytes"),
    "wrong magic": (b"\x89PNG" + GOOD[4:], "wrong magic 0x89504e47"),
    "labels in place of images": (header(2) + b"\1\2", "wrong magic 0x00000801"),
    "another type": (b"\0\0\x0d\x03" + GOOD[4:], "wrong magic 0x00000d03"),
    "header cut": (GOOD[:9], "ends within its header"),
    "pixels cut": (GOOD[:-1], "has 23 bytes after the header, fewer than the 24 declared"),
    "pixels too many": (GOOD + b"\0", "has 25 bytes after the header, more than the 24 declared"),
    "no images": (header(0, 3, 4), "declares 0×3×4"),
    "too large": (header(4_000_000, 4000, 4000), "GiB allowed"),
    "too wide": (header(1, 2, 5000), "larger than 4096 pixels"),
    "two channels": (header(1, 2, 2, 2) + bytes(8), "declares 2 channels"),
    "gzip cut": (gzip.compress(GOOD)[:-12], "truncated gzip"),
    "gzip damaged": (gzip.compress(GOOD)[:-8] + b"\0\0\0\0" + gzip.compress(GOOD)[-4:], "damaged gzip"),
    "gzip not deflate": (gzip.compress(GOOD)[:10] + b"\xff" * 40, "damaged gzip"),
    "gzip too short": (gzip.compress(GOOD[:-1]), "has 23 bytes, fewer than the 24 declared"),
    "gzip too long": (gzip.compress(GOOD + b"\0\0\0"), "has more bytes than the 24 declared"),
    "gzip cannot hold that": (gzip.compress(header(60_000, 28, 28)), "impossible for"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_one_line_with_file_and_remedy(tmp_path: Path, fault: str) -> None:
    data, expected = FAULTS[fault]
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        idx.read_images(path)
    assert str(path) in caught.value.message
    assert expected in caught.value.message
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in ("gzip damaged", "gzip not deflate")])
def test_reading_header_and_size_alone_finds_the_same_fault(tmp_path: Path, fault: str) -> None:
    data, expected = FAULTS[fault]
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match=re.escape(expected)):
        idx.peek_images(path)


def test_a_gzip_file_with_several_members_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(GOOD[:20]) + gzip.compress(GOOD[20:]))
    assert idx.peek_images(path) == (2, 3, 4, 1)


def test_a_label_count_that_does_not_match_is_found_before_a_run_starts(tmp_path: Path) -> None:
    files = idx_folder.find(write_folder(tmp_path / "d"))
    assert files.train_labels is not None
    files.train_labels.write_bytes(idx_bytes(np.zeros(7, np.uint8)))
    with pytest.raises(DataError, match="7 labels, but train-images-idx3-ubyte has 256 images"):
        idx_folder.peek(files)


def test_at_most_one_byte_more_than_declared_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(GOOD + bytes(50_000_000)))  # a decompression bomb: 50 MB in 50 kB
    sizes: list[int] = []
    real = gzip.GzipFile.read

    def read(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        data = real(self, size)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", read)
    with pytest.raises(DataError, match="more bytes than"):
        idx.read_images(path)
    assert sum(sizes) == len(GOOD) + 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("prefix", ["", "emnist-letters-"])
def test_a_folder_is_found_by_its_standard_names(tmp_path: Path, packed: bool, prefix: str) -> None:
    files = idx_folder.find(write_folder(tmp_path / "d", packed=packed, prefix=prefix))
    data = idx_folder.load(files, "d")
    assert data.train.shape == (256, 9, 7, 1)
    assert data.image_shape == idx_folder.peek(files) == (1, 9, 7)
    assert data.num_classes == 3
    assert data.test_labels is not None and len(data.test_labels) == len(data.test)


def test_emnist_test_images_have_another_name(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "d", prefix="emnist-digits-")
    for path in list(folder.glob("*t10k*")):
        path.rename(folder / path.name.replace("t10k", "test"))
    assert idx_folder.find(folder).prefix == "emnist-digits"


def test_labels_may_be_absent(tmp_path: Path) -> None:
    data = idx_folder.load(idx_folder.find(write_folder(tmp_path / "d", labels=False)), "d")
    assert data.train_labels is None
    assert data.num_classes == 0


def test_limits_take_the_first_images(tmp_path: Path) -> None:
    files = idx_folder.find(write_folder(tmp_path / "d"))
    whole, part = idx_folder.load(files, "d"), idx_folder.load(files, "d", limits=(10, 5))
    assert np.array_equal(part.train, whole.train[:10]) and np.array_equal(part.test, whole.test[:5])
    assert part.train_labels is not None and len(part.train_labels) == 10


def test_transposed_images(tmp_path: Path) -> None:
    files = idx_folder.find(write_folder(tmp_path / "d"))
    plain, transposed = idx_folder.load(files, "d"), idx_folder.load(files, "d", transpose=True)
    assert transposed.image_shape == idx_folder.peek(files, transpose=True) == (1, 7, 9)
    assert np.array_equal(transposed.train[3, ..., 0], plain.train[3, ..., 0].T)


def folder_fault(folder: Path, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        idx_folder.load(idx_folder.find(folder), "d")
    assert expected in caught.value.message
    assert str(folder) in caught.value.message
    assert caught.value.hint and "\n" not in str(caught.value)


def test_an_empty_folder(tmp_path: Path) -> None:
    folder_fault(tmp_path, "no IDX files")


def test_a_missing_folder(tmp_path: Path) -> None:
    folder_fault(tmp_path / "nowhere", "no such folder")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    folder_fault(tmp_path / "f", "not a folder")


def test_missing_test_images(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "d")
    (folder / "t10k-images-idx3-ubyte").unlink()
    folder_fault(folder, "the test images are missing")


def test_labels_that_do_not_match(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "d")
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(255, dtype=np.uint8)))
    folder_fault(folder, "255 labels, but train-images-idx3-ubyte has 256 images")


def test_images_of_two_sizes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "d")
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((60, 8, 8), dtype=np.uint8)))
    folder_fault(folder, "8×8×1 images, but the training images are 9×7×1")


def test_several_data_sets_in_one_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "d", prefix="emnist-digits-")
    folder = write_folder(tmp_path / "d", prefix="emnist-letters-")
    folder_fault(folder, "several data sets: emnist-digits, emnist-letters")
    assert idx_folder.find(folder, "emnist-letters").prefix == "emnist-letters"
    with pytest.raises(DataError, match="no data set 'emnist-mnist'"):
        idx_folder.find(folder, "emnist-mnist")
