"""A run recognizes its data: by number, content and labels, whatever their path."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainers import tiny
from trainers.data import arrays
from trainers.data.dataset import ImageData
from trainers.data.fingerprint import fingerprint
from trainers.errors import DataError
from trainers.events import CheckpointReady, ResumeState
from trainers.training.loop import train

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 2, (300, 4, 4, 1), dtype=np.uint8) * 255


def data(train: Any = IMAGES, labels: Any = None) -> ImageData:
    return ImageData("x", train, IMAGES[:40], labels)


def test_a_fingerprint_follows_the_content_and_not_the_storage(tmp_path: Path) -> None:
    original = fingerprint(data())
    assert fingerprint(data(np.asfortranarray(IMAGES))) == original
    np.save(tmp_path / "a.npy", IMAGES)
    assert fingerprint(data(np.load(tmp_path / "a.npy", mmap_mode="r"))) == original
    changed = IMAGES.copy()
    changed[-1] = 255 - changed[-1]
    assert fingerprint(data(changed)) != original
    assert fingerprint(data(IMAGES[:-1])) != original
    labels = np.arange(300) % 10
    assert fingerprint(data(labels=labels)) != original
    assert fingerprint(data(labels=labels.astype(np.uint8))) == fingerprint(data(labels=labels))


@pytest.mark.parametrize("count", [300, 260])
def test_a_resume_with_other_data_is_refused_and_names_then_and_now(tmp_path: Path, count: int) -> None:
    folder = arrays.save_images(tmp_path / "data", IMAGES[..., 0])
    config = tiny.config(folder, {"data": {"name": "idx", "path": str(folder), "binarization": "threshold"}}, steps=4)
    saved = tiny.of(list(train(config)), CheckpointReady)[-1]
    resume = ResumeState(saved.step, saved.arrays, saved.meta)
    # The same data at another path go on.
    moved = shutil.copytree(folder, tmp_path / "moved")
    longer = {"data": {"name": "idx", "path": str(moved), "binarization": "threshold"}}
    assert list(train(tiny.config(folder, longer, steps=6), resume=resume))
    # Others do not.
    arrays.save_images(folder, RNG.integers(0, 2, (count, 4, 4), dtype=np.uint8) * 255)
    with pytest.raises(DataError, match="not the data of the run: ") as caught:
        list(train(config, resume=resume))
    expected = "as many images as then, but others" if count == 300 else "then 270 + 30 images, now 234 + 26 images"
    assert expected in caught.value.message and str(folder) in caught.value.message


def test_checkpoints_of_earlier_versions_do_not_name_their_data(tmp_path: Path) -> None:
    folder = arrays.save_images(tmp_path / "data", IMAGES[..., 0])
    config = tiny.config(folder, {"data": {"name": "idx", "path": str(folder), "binarization": "threshold"}}, steps=4)
    saved = tiny.of(list(train(config)), CheckpointReady)[-1]
    meta = {key: value for key, value in saved.meta.items() if key != "data"}
    assert list(train(config, resume=ResumeState(saved.step, saved.arrays, meta)))
