"""Folders of image files: every format, size and color that people have; splits, classes, damaged files, the cache."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainers.data.image_files import folder as images
from trainers.data.image_files import prepare as preparing
from trainers.data.image_files.decode import DecodeError, ImageFormat, decode, read_header
from trainers.data.image_files.scan import scan
from trainers.data.image_files.spec import ImageFolderOptions
from trainers.data.preprocess import to_tensor
from trainers.errors import DataError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def noise(seed: int = 0, size: tuple[int, int] = (20, 20), mode: str = "RGB") -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    return Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)


def put(folder: Path, *names: str, size: tuple[int, int] = (20, 20), mode: str = "RGB") -> Path:
    """Write different images."""
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise(seed, size, mode).save(folder / name)
    return folder


def options(folder: Path, **values: Any) -> ImageFolderOptions:
    return ImageFolderOptions(path=str(folder), **values)


@pytest.mark.parametrize("extension", ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "PNG", "JPG"])
def test_every_format_is_read(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"a.{extension}"
    Image.new("RGB", (20, 20), (200, 100, 50)).save(path)
    pixels = decode(path, ImageFormat(20, 20, 3))
    assert pixels.shape == (20, 20, 3) and np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 4


@pytest.mark.parametrize(
    ("mode", "color", "gray"),
    [
        ("1", 1, 255),
        ("L", 77, 77),
        ("P", 1, None),
        ("LA", (77, 255), 77),
        ("RGBA", (77, 77, 77, 255), 77),
        ("I;16", 77 * 257, 77),
        ("I", 77 * 257, 77),
        ("F", 77.0, 77),
        ("CMYK", (0, 0, 0, 178), 77),
        ("YCbCr", (77, 128, 128), 77),
        ("HSV", (0, 0, 77), 77),
    ],
)
def test_every_mode_becomes_eight_bits(tmp_path: Path, mode: str, color: Any, gray: int | None) -> None:
    path = tmp_path / ("a.tif" if mode not in ("P", "RGBA", "HSV") else "a.png")
    image = Image.new(mode, (6, 6), color)
    (image.convert("RGB") if mode == "HSV" else image).save(path)
    for channels in (1, 3):
        pixels = decode(path, ImageFormat(6, 6, channels))
        assert pixels.dtype == np.uint8 and pixels.shape == (6, 6, channels)
        if gray is not None:
            assert np.abs(pixels.astype(int) - gray).max() <= 2, mode


def test_transparent_pixels_show_the_background(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (decode(tmp_path / "a.png", ImageFormat(4, 4, 3)) == 255).all()
    assert (decode(tmp_path / "a.png", ImageFormat(4, 4, 3, background=BLUE)) == BLUE).all()
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([9, 9, 9, 8, 8, 8])
    palette.save(tmp_path / "b.png", transparency=0)
    assert (decode(tmp_path / "b.png", ImageFormat(4, 4, 3, background=GREEN)) == GREEN).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = Image.new("RGB", (8, 4), RED)
    upright.paste(BLUE, (0, 0, 4, 4))  # left half
    undo = {
        1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4,
    }[orientation]  # fmt: skip
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    header = read_header(tmp_path / "a.png")
    assert (header.height, header.width) == (4, 8)
    assert np.array_equal(decode(tmp_path / "a.png", ImageFormat(4, 8, 3)), np.asarray(upright))


def test_another_aspect_ratio_is_cropped_padded_or_stretched(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 10), GREEN)
    image.paste(RED, (0, 0, 10, 10))
    image.paste(BLUE, (20, 0, 30, 10))
    image.save(tmp_path / "a.png")
    cropped = decode(tmp_path / "a.png", ImageFormat(10, 10, 3, "crop"))
    assert (cropped == GREEN).all()
    padded = decode(tmp_path / "a.png", ImageFormat(30, 30, 3, "pad", BLUE))
    assert (padded[:9] == BLUE).all() and (padded[15, 0] == RED).all()
    stretched = decode(tmp_path / "a.png", ImageFormat(10, 10, 3, "stretch"))
    assert stretched[5, 0, 0] > 200 and stretched[5, 9, 2] > 200


def test_reduction_is_anti_aliased(tmp_path: Path) -> None:
    checkerboard = (np.indices((256, 256)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checkerboard).save(tmp_path / "a.png")
    pixels = decode(tmp_path / "a.png", ImageFormat(32, 32, 1))
    assert np.abs(pixels.astype(int) - 127).max() <= 3, "a fine pattern becomes its mean, not a coarser pattern"


def test_an_animation_is_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 6), color) for color in (RED, GREEN)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (decode(tmp_path / "a.gif", ImageFormat(6, 6, 3)) == RED).all()


def test_subfolders_are_classes_in_natural_order(tmp_path: Path) -> None:
    put(tmp_path, "class 10/a.png", "class 2/b.png", "class 2/deeper/c.png", "class 1/10.png", "class 1/9.png")
    folder = scan(tmp_path)
    assert folder.class_names == ("class 1", "class 2", "class 10")
    assert [file.path for file in folder.files][:2] == ["class 1/9.png", "class 1/10.png"]
    data = images.load(options(tmp_path, test_fraction=0.4))
    assert data.class_names == folder.class_names and data.train_labels is not None and data.num_classes <= 3


def test_images_beside_subfolders_or_in_a_single_one_have_no_classes(tmp_path: Path) -> None:
    assert not scan(put(tmp_path / "one", "all/a.png", "all/b.png")).class_names
    assert not scan(put(tmp_path / "mixed", "a.png", "x/b.png", "y/c.png")).class_names


def test_train_and_test_folders_are_the_splits(tmp_path: Path) -> None:
    put(tmp_path, *(f"{split}/{name}/{i}.png" for split in ("Train", "val") for name in ("a", "b") for i in range(3)))
    data = images.load(options(tmp_path))
    assert len(data.train) == len(data.test) == 6 and data.class_names == ("a", "b")
    put(tmp_path / "three", "train/a.png", "test/b.png", "other/c.png")
    assert not scan(tmp_path / "three").files[0].split, "a third folder: these are classes"


def test_a_split_follows_the_seed(tmp_path: Path) -> None:
    put(tmp_path, *(f"{i}.png" for i in range(40)))
    first, again, other = (images.load(options(tmp_path, split_seed=seed)).test for seed in (1, 1, 2))
    assert len(first) == 4 and np.array_equal(first, again) and not np.array_equal(first, other)


def test_ignored_files_links_and_loops(tmp_path: Path) -> None:
    put(tmp_path / "set", "a.png", "b.png")
    for name in ("._a.png", ".DS_Store", "Thumbs.db", "__MACOSX/c.png", ".hidden/d.png", "notes.txt", "README"):
        path = tmp_path / "set" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    put(tmp_path / "elsewhere", "e.png")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "broken.png").symlink_to(tmp_path / "nothing.png")
    folder = scan(tmp_path / "set")
    assert sorted(file.path for file in folder.files) == ["a.png", "b.png", "linked/e.png"]
    assert dict(folder.other_files) == {".txt": 1, "no extension": 1}


def test_images_of_one_size_stay_as_they_are_and_others_are_resized(tmp_path: Path) -> None:
    assert images.peek(options(put(tmp_path / "equal", "a.png", "b.png", size=(30, 20)))) == (3, 20, 30)
    assert images.peek(options(put(tmp_path / "gray", "a.png", "b.png", mode="L"))) == (1, 20, 20)
    put(tmp_path / "sizes", "a.png")
    noise(1, (31, 20)).save(tmp_path / "sizes" / "b.png")
    assert images.peek(options(tmp_path / "sizes")) == (3, 64, 64)
    assert images.peek(options(tmp_path / "sizes", size=16, channels=1)) == (1, 16, 16)
    assert images.load(options(tmp_path / "sizes", size=16, channels=1)).image_shape == (1, 16, 16)


def test_unreadable_files_are_skipped_counted_and_named(tmp_path: Path) -> None:
    put(tmp_path, *(f"{i}.png" for i in range(8)))
    (tmp_path / "bad.png").write_bytes(b"no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "0.png").read_bytes()[:200])
    calls: list[tuple[int, int]] = []
    line = images.prepare(options(tmp_path), lambda done, total: calls.append((done, total)))
    assert line.startswith("2 of 10 files are skipped: ") and "bad.png: not an image" in line and "cut.png: " in line
    assert calls[-1] == (10, 10)
    data = images.load(options(tmp_path))
    assert len(data.train) + len(data.test) == 8


def test_too_few_or_equal_images_get_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images in this folder; it is empty"):
        images.peek(options(tmp_path / "empty"))
    (tmp_path / "empty" / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"it has 1 \.txt files"):
        images.peek(options(tmp_path / "empty"))
    with pytest.raises(DataError, match="1 image can be decoded: at least 2 are needed"):
        images.load(options(put(tmp_path / "one", "a.png")))
    for name in ("a", "b", "c"):
        put(tmp_path / "equal" / name, "a.png")
    with pytest.raises(DataError, match="all images are identical"):
        images.load(options(tmp_path / "equal"))
    with pytest.raises(DataError, match="cannot be listed"):
        images.peek(options(tmp_path / "missing"))


def test_the_second_start_decodes_nothing_and_a_change_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, *(f"{i}.png" for i in range(6)))
    first = images.load(options(tmp_path))
    counts: list[int] = []
    images.prepare(options(tmp_path), lambda done, total: counts.append(done))
    assert not counts
    assert isinstance(images.load(options(tmp_path)).train, np.memmap)
    noise(99).save(tmp_path / "0.png")
    images.prepare(options(tmp_path), lambda done, total: counts.append(done))
    assert counts[-1] == 6
    assert len(images.load(options(tmp_path)).train) == len(first.train)


def test_training_uses_the_mapped_file_without_a_copy(tmp_path: Path) -> None:
    data = images.load(options(put(tmp_path / "data", *(f"{i}.png" for i in range(8)))))
    tensor = to_tensor(data.train)
    assert np.shares_memory(tensor.numpy(), data.train)
    assert np.array_equal(tensor.permute(0, 2, 3, 1).numpy(), data.train)


def test_a_moved_folder_needs_no_decoding(tmp_path: Path) -> None:
    put(tmp_path / "before", "a.png", "b.png")
    images.load(options(tmp_path / "before"))
    (tmp_path / "before").rename(tmp_path / "after")
    counts: list[int] = []
    images.prepare(options(tmp_path / "after"), lambda done, total: counts.append(done))
    assert not counts


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png", "b.png")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparing, "cached_folder", full)
    with pytest.raises(DataError, match="No space left on device"):
        images.load(options(tmp_path))


def test_a_folder_with_very_many_files_is_taken_for_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainers.data.image_files.scan.MAX_FILES", 3)
    with pytest.raises(DataError, match="more than 3 files"):
        images.peek(options(put(tmp_path, "a.png", "b.png", "c.png", "d.png")))


def test_a_damaged_cache_names_the_folder_to_delete(tmp_path: Path, own_cache: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    images.load(options(tmp_path))
    for stored in own_cache.glob("*/images.npy"):
        stored.write_bytes(b"x")
    with pytest.raises(DataError, match="cannot be stored or read") as caught:
        images.load(options(tmp_path))
    assert str(own_cache) in caught.value.hint


def test_mutated_files_are_decoded_or_refused_in_one_line(tmp_path: Path) -> None:
    rng, path = random.Random(0), tmp_path / "mutated"
    for extension in ("png", "jpg", "webp", "gif", "bmp", "tif"):
        original = tmp_path / f"a.{extension}"
        noise(3, (16, 12)).save(original)
        content = original.read_bytes()
        for _ in range(170):
            changed = bytearray(content)
            for _ in range(rng.randint(1, 6)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            if rng.random() < 0.3:
                del changed[rng.randrange(len(changed)) :]
            path.write_bytes(bytes(changed))
            try:
                read_header(path)
                pixels = decode(path, ImageFormat(8, 8, 3))
            except DecodeError as error:
                assert str(error) and "\n" not in str(error)
            else:
                assert pixels.shape == (8, 8, 3)
