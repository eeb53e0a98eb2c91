"""Data of a plug-in that do not fit: refused with the reason, instead of trained on or drawn wrongly."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from trainers import plan, presets, registry
from trainers.config import Section
from trainers.data import loading
from trainers.data.dataset import ImageData, PointData
from trainers.errors import ConfigError, DataError
from trainers.registry import DataSet

IMAGES = np.zeros((20, 6, 6, 1), np.uint8)
POINTS = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
BOUNDS = (-3.0, 3.0, -3.0, 3.0)


def images(train: Any = IMAGES, test: Any = IMAGES, **changes: Any) -> ImageData:
    return ImageData("mine", train, test, **changes)


def points(train: Any = POINTS, test: Any = POINTS, bounds: Any = BOUNDS, **changes: Any) -> PointData:
    return PointData("mine", train, test, bounds, **changes)


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "floats": (lambda: images(IMAGES / 255), "training images of dtype float64; expected uint8, 0 to 255: convert"),
    "integers": (lambda: images(test=IMAGES.astype(np.int64)), "test images of dtype int64"),
    "no channels": (lambda: images(IMAGES[..., 0], IMAGES[..., 0]), "training images of shape (20, 6, 6); expected"),
    "channels first": (lambda: images(np.zeros((20, 3, 8, 8), np.uint8)), "channels come last"),
    "empty": (lambda: images(IMAGES[:0]), "shape (0, 6, 6, 1)"),
    "two sizes": (lambda: images(test=IMAGES[:, :5]), "training shape (6, 6, 1), but test shape (5, 6, 1)"),
    "labels": (lambda: images(train_labels=np.zeros(3, np.uint8)), "training labels of shape (3,)"),
    "three dimensions": (lambda: points(np.zeros((20, 3))), "training points of shape (20, 3); expected (N, 2): only"),
    "nan": (lambda: points(test=POINTS * np.nan), "not all finite numbers"),
    "bounds": (lambda: points(bounds=(0, 0, 0, 1)), "bounds (0, 0, 0, 1) are empty"),
    "labels of points": (lambda: points(test_labels=np.zeros(20)), "test labels of shape (20,) and dtype float64"),
}


@pytest.mark.parametrize("case", WRONG)
def test_data_of_another_shape_or_dtype_are_refused(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value).startswith("data set 'mine': ") and message in str(caught.value)


def spec(load: Callable[[], object], peek: tuple[int, ...], kind: Any = "images") -> DataSet:
    return DataSet("mine", "mine", Section, load=lambda _: load(), peek=lambda _: peek, kind=kind)  # type: ignore


def test_data_are_compared_with_their_description() -> None:
    assert len(loading.load(spec(images, (1, 6, 6)), Section()).train) == 20
    assert len(loading.load(spec(points, (2, 1, 1), "points"), Section()).train) == 20
    with pytest.raises(DataError, match=r"its peek returns \(1, 6, 7\), but its data have \(1, 6, 6\)"):
        loading.load(spec(images, (1, 6, 7)), Section())
    with pytest.raises(DataError, match="is of the kind 'images', but its load returns PointData: return ImageData"):
        loading.load(spec(points, (2, 1, 1)), Section())
    with pytest.raises(DataError, match="its load returns ndarray: return PointData"):
        loading.load(spec(lambda: POINTS, (2, 1, 1), "points"), Section())


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((3, 1, 1), "points", "has points of shape (3, 1, 1): only points in two dimensions"),
        ((3,), "points", "has points of shape (3,): only points in two dimensions"),
        ((28, 28), "images", "has images of shape (28, 28): its peek returns (C, H, W)"),
        ((28, 28, 1), "images", "has images of shape (28, 28, 1): its peek returns (C, H, W)"),
    ],
)
def test_a_described_shape_is_checked_before_anything_starts(shape: tuple[int, ...], kind: Any, message: str) -> None:
    preset = "vae-2d" if kind == "images" else "vae-toy"
    config = presets.assemble(preset)
    config = config.model_copy(update={"data": config.data.model_copy(update={"name": "mine", "options": {}})})
    with pytest.raises(ConfigError) as caught:
        plan.resolve(config, family=registry.family("vae"), dataset=spec(images, shape, kind))
    assert f"data.name: data set 'mine' {message}" in str(caught.value)
