"""Files of arrays as people have them: NumPy's, Keras', MedMNIST's, Kaggle's; wrong ones are named in one line."""

import os
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from trainers import presets, registry
from trainers.data import array_containers, array_files, loading
from trainers.data.dataset import ImageData, PointData
from trainers.data.fingerprint import fingerprint
from trainers.errors import DataError, UserError
from trainers.storage import cache

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (30, 8, 6), dtype=np.uint8)
COLOR = RNG.integers(0, 256, (30, 8, 6, 3), dtype=np.uint8)
LABELS = np.arange(30) % 5


def load(path: Path, **options: Any) -> ImageData | PointData:
    layer = presets.data_settings(path)
    spec = registry.dataset(layer.pop("name"))
    return loading.load(spec, spec.options(**layer, **options))


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (IMAGES, (1, 8, 6)),
        (COLOR, (3, 8, 6)),
        (COLOR.transpose(0, 3, 1, 2), (3, 8, 6)),
        (IMAGES[..., None], (1, 8, 6)),
        (IMAGES / 255, (1, 8, 6)),
        (IMAGES > 99, (1, 8, 6)),
        (IMAGES.astype(np.int64), (1, 8, 6)),
        (RNG.integers(0, 256, (30, 49), dtype=np.uint8), (1, 7, 7)),
        (np.asfortranarray(COLOR), (3, 8, 6)),
    ],
)
def test_an_array_of_images(tmp_path: Path, array: Any, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", array)
    data = load(tmp_path / "a.npy")
    assert isinstance(data, ImageData) and data.image_shape == shape
    assert (len(data.train), len(data.test)) == (27, 3)
    assert data.train.max() > 200, "gray levels from 0 to 255"


def test_pixels_are_those_of_the_file(tmp_path: Path) -> None:
    for array in (COLOR, COLOR.transpose(0, 3, 1, 2)):
        np.savez(tmp_path / "a.npz", x_train=array, x_test=array[:4])
        data = load(tmp_path / "a.npz")
        assert np.array_equal(data.train, COLOR) and np.array_equal(data.test, COLOR[:4])


def test_layouts_of_keras_and_medmnist(tmp_path: Path) -> None:
    keras = saved(tmp_path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:7], y_test=LABELS[:7])
    data = load(keras)
    assert (len(data.train), len(data.test), data.num_classes) == (30, 7, 5)
    assert data.test_labels is not None and data.test_labels.tolist() == LABELS[:7].tolist()
    names = {f"{split}_{kind}": value for split in ("train", "val", "test") for kind, value in
             (("images", COLOR), ("labels", LABELS[:, None]))}  # fmt: skip
    data = load(saved(tmp_path, **names))
    assert isinstance(data, ImageData) and data.image_shape == (3, 8, 6) and data.num_classes == 5
    one_hot = load(saved(tmp_path, images=IMAGES, labels=np.eye(5)[LABELS]))
    assert one_hot.num_classes == 5


def test_arrays_can_be_named(tmp_path: Path) -> None:
    path = saved(tmp_path, first=IMAGES, second=IMAGES[:20], classes=LABELS)
    with pytest.raises(DataError, match="unclear") as caught:
        load(path)
    assert "data.images" in caught.value.hint and "second" in caught.value.hint
    data = load(path, images="first", labels="classes")
    assert len(data.train) == 27 and data.num_classes == 5
    with pytest.raises(DataError, match="has no array 'third'"):
        load(path, images="third")


def test_floats_of_another_range_need_it_stated(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES / 127.5 - 1)
    with pytest.raises(DataError, match="floats must be in") as caught:
        load(tmp_path / "a.npy")
    assert "--set data.value_range=" in caught.value.hint
    data = load(tmp_path / "a.npy", value_range=(-1, 1), test_fraction=0.01)
    assert sorted(data.train.ravel())[0] == IMAGES.min()


def test_csv_of_kaggle_with_and_without_header(tmp_path: Path) -> None:
    table = np.column_stack((LABELS, RNG.integers(0, 256, (30, 16))))
    for header in ("label," + ",".join(f"pixel{i}" for i in range(16)), ""):
        np.savetxt(tmp_path / "a.csv", table, fmt="%d", delimiter=",", header=header, comments="")
        data = load(tmp_path / "a.csv")
        assert isinstance(data, ImageData) and data.image_shape == (1, 4, 4) and data.num_classes == 5
        assert data.train.max() > 200
    np.savetxt(tmp_path / "a.csv", table[:, 1:], fmt="%d", delimiter=",")
    assert load(tmp_path / "a.csv").train_labels is None


@pytest.mark.parametrize("header", ["x,y", "", "x,y,class", "latitude,longitude"])
def test_two_columns_are_points(tmp_path: Path, header: str) -> None:
    columns = [RNG.normal(size=40), RNG.normal(size=40)] + ([np.arange(40) % 3] if "class" in header else [])
    np.savetxt(tmp_path / "a.csv", np.column_stack(columns), delimiter=",", header=header, comments="")
    data = load(tmp_path / "a.csv")
    assert isinstance(data, PointData) and len(data.train) == 36 and data.num_classes == (3 if "class" in header else 0)
    everything = np.concatenate((data.train, data.test))
    assert np.allclose(np.sort(everything[:, 1]), np.sort(columns[1]), atol=1e-5)


def test_arrays_of_points(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", RNG.normal(size=(40, 2)))
    assert isinstance(load(tmp_path / "a.npy"), PointData)
    data = load(saved(tmp_path, points=RNG.normal(size=(40, 2)), labels=np.arange(40) % 2))
    assert isinstance(data, PointData) and data.num_classes == 2


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="Python objects, which are never loaded"):
        load(tmp_path / "a.npy")
    with pytest.raises(DataError, match="never loaded"):
        load(saved(tmp_path, images=np.array([IMAGES, 1], dtype=object)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b""),
        ("a.npy", b"\x93NUMPY\x01\x00\xff\xff"),
        ("a.npz", b"PK\x05\x06"),
        ("a.npz", b"not a zip"),
        ("a.csv", b""),
        ("a.csv", b"x,y\n"),
        ("a.csv", b"1,2\n3,b\n"),
        ("a.csv", b"\xff\xfe\x00\x01"),
        ("a.csv", b"1,2,3,4,5,6\n1,2,3,4,5,6\n"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(tmp_path / name)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES, "labels": LABELS[:9]}, "labels of shape"),
        ({"images": IMAGES, "labels": LABELS + 0.5}, "integers from 0"),
        ({"images": IMAGES, "labels": LABELS - 1}, "integers from 0"),
        ({"images": RNG.integers(0, 255, (30, 4, 16, 16), dtype=np.uint8)}, "number of channels, must be 1 or 3"),
        ({"images": np.zeros((0, 16, 16), np.uint8)}, "has no images"),
        ({"images": np.full((30, 8, 8), np.nan)}, "NaN or infinite"),
        ({"images": IMAGES, "labels": np.array(["cat"] * len(IMAGES))}, "labels of type <U3, not integers"),
        ({"images": RNG.random((30, 8, 6, 5))}, "is not one of images"),
        ({"images": RNG.integers(-9, 999, (30, 8, 6))}, "expected 0 to 255"),
        ({"images": IMAGES[:1]}, "at least 2"),
        ({"x_train": IMAGES, "x_test": IMAGES[:, :4]}, "training shape"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(saved(tmp_path, **arrays))


def test_the_number_of_examples_is_known_from_headers(tmp_path: Path) -> None:
    path = saved(tmp_path, images=IMAGES)
    options = array_files.ImageFileOptions(path=str(path))
    assert array_files.count(options) == len(array_files.load_images(options).train)


def hdf5(path: Path, **arrays: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def test_hdf5_has_arrays_by_the_usual_names_also_in_groups(tmp_path: Path) -> None:
    data = load(hdf5(tmp_path / "a.h5", train__images=COLOR, train__labels=LABELS, test__images=COLOR[:4]))
    assert isinstance(data, ImageData) and np.array_equal(data.train, COLOR) and np.array_equal(data.test, COLOR[:4])
    assert data.train_labels is not None and data.train_labels.tolist() == LABELS.tolist()
    data = load(hdf5(tmp_path / "b.hdf5", x=IMAGES / 255, other=IMAGES), images="other")
    assert isinstance(data, ImageData) and data.image_shape == (1, 8, 6)
    data = load(hdf5(tmp_path / "c.h5", points=RNG.normal(size=(50, 2))))
    assert isinstance(data, PointData) and len(data.train) == 45


def test_hdf5_does_not_lead_to_other_files(tmp_path: Path) -> None:
    other = hdf5(tmp_path / "other.h5", images=IMAGES)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["linked"] = h5py.ExternalLink(str(other), "/images")
        file["soft"] = h5py.SoftLink("/linked")
        layout = h5py.VirtualLayout(IMAGES.shape, IMAGES.dtype)
        layout[:] = h5py.VirtualSource(str(other), "images", IMAGES.shape)
        file.create_virtual_dataset("virtual", layout)
        file["names"] = np.array([b"a", b"b"], dtype=object)
    with pytest.raises(DataError, match="has no arrays"):
        load(tmp_path / "a.h5")


def test_wrong_hdf5_files_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 100)
    with pytest.raises(DataError, match="not a file of arrays"):
        load(tmp_path / "a.h5")
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("images", (10**6, 1000, 1000), np.uint8, chunks=(1, 100, 100))
    with pytest.raises(DataError, match="needs more than 8 GiB"):
        load(tmp_path / "large.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"pip install h5py"):
        load(tmp_path / "large.h5")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".h5"])
def test_the_second_start_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"

    def write(images: Any) -> None:
        if suffix == ".npz":
            np.savez(path, images=images, labels=LABELS)
        elif suffix == ".h5":
            hdf5(path, images=images, labels=LABELS)
        else:
            table = np.column_stack([LABELS, images.reshape(30, -1)])
            np.savetxt(path, table, "%d", ",", header="label," + ",".join(map(str, range(49))), comments="")

    square = RNG.integers(0, 256, (30, 7, 7), dtype=np.uint8)
    write(square)
    first = load(path)
    monkeypatch.setattr(array_files, "_read", None)
    second = load(path)
    assert isinstance(first, ImageData) and isinstance(second, ImageData)
    assert fingerprint(first) == fingerprint(second) and np.array_equal(first.train, second.train)
    assert len(load(path, limit=5, limit_test=2).train) == 5
    # Another content, or other options, are decoded anew.
    with pytest.raises(TypeError):
        load(path, test_fraction=0.5)
    monkeypatch.undo()
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    write(255 - square)
    os.utime(path, ns=(1, 1))
    third = load(path)
    assert isinstance(third, ImageData) and np.array_equal(third.train, 255 - first.train)


def test_without_a_cache_arrays_are_decoded_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, images=IMAGES)

    def full_disk(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full_disk)
    assert isinstance(load(path), ImageData)


def test_only_the_first_images_are_unpacked_for_the_traits(tmp_path: Path) -> None:
    many = RNG.integers(0, 256, (1000, 4, 4), dtype=np.uint8)
    for name, array in (("c", many), ("f", np.asfortranarray(many))):
        path = tmp_path / f"{name}.npz"
        np.savez(path, images=array)
        assert np.array_equal(array_containers.read(path, ["images"], 10)["images"][:10], many[:10])
    assert len(array_containers.read(tmp_path / "c.npz", ["images"], 10)["images"]) == 10
