"""The bundled MNIST, and the preprocessing of stored pixels."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trainers import plan, presets
from trainers.data import catalog, preprocess
from trainers.errors import ConfigError, DataError

PIXELS = np.array([0, 1, 127, 128, 254, 255], dtype=np.uint8).reshape(1, 2, 3, 1)


def test_the_bundled_mnist_is_the_canonical_one() -> None:
    data = catalog.load(catalog.MnistOptions())
    assert data.train.shape == (60_000, 28, 28, 1) and data.test.shape == (10_000, 28, 28, 1)
    assert data.num_classes == 10
    header = bytes.fromhex("00000803000027100000001c0000001c")
    digest = hashlib.md5(header + data.test.tobytes(), usedforsecurity=False).hexdigest()
    assert digest == "2646ac647ad5339dbf082846283269ea"
    assert catalog.peek(catalog.MnistOptions()) == data.image_shape


def test_paths_become_absolute_and_a_tilde_is_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalog.IdxFolderOptions(path="~/d").path == str(tmp_path / "d")
    monkeypatch.chdir(tmp_path)
    assert catalog.IdxFolderOptions(path="d").path == str(tmp_path / "d")


def test_a_missing_folder_is_reported_before_anything_is_allocated(tmp_path: Path) -> None:
    layer = {"data": {"name": "idx", "path": str(tmp_path / "nowhere")}}
    with pytest.raises(DataError, match="no such folder"):
        presets.assemble("vae", layer)
    with pytest.raises(DataError, match="no such folder"):
        plan.resolve(presets.configure(presets.assemble("vae"), layer))


def test_threshold_is_above_one_half() -> None:
    images = preprocess.TestImages(PIXELS, "threshold").take(slice(None))
    assert images.flatten().tolist() == [0, 0, 0, 1, 1, 1]


def test_no_binarization_keeps_the_gray_levels() -> None:
    images = preprocess.TestImages(PIXELS, "none").take(slice(None))
    assert torch.allclose(images.flatten(), torch.tensor([0, 1, 127, 128, 254, 255]) / 255)


def train_batches(binarization: str, images: Any, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    source = preprocess.TrainImages(images, binarization)
    return torch.stack([source.take(torch.arange(len(images)), generator) for _ in range(2)])


def test_static_binarization_does_not_depend_on_the_seed() -> None:
    images = np.full((4, 5, 5, 1), 128, dtype=np.uint8)
    first, again = train_batches("static", images, 1)
    assert torch.equal(first, again)
    assert torch.equal(first, train_batches("static", images, 2)[0])
    assert 0 < first.mean() < 1 and set(first.unique().tolist()) == {0.0, 1.0}


def test_dynamic_binarization_differs_between_batches_and_follows_the_seed() -> None:
    images = np.full((4, 5, 5, 1), 128, dtype=np.uint8)
    first, again = train_batches("dynamic", images, 1)
    assert not torch.equal(first, again)
    assert torch.equal(first, train_batches("dynamic", images, 1)[0])


def test_a_pixel_is_one_with_probability_gray_level_over_255() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    uniform = torch.arange(255, dtype=torch.uint8)  # every value that `random_(0, 255)` can take, once
    assert torch.equal((uniform < levels[:, None]).sum(1), torch.arange(256))
    generator = torch.Generator().manual_seed(0)
    means = preprocess.sample_bernoulli(levels.repeat(4000, 1), generator).float().mean(0)
    expected = levels.float() / 255
    assert ((means - expected).abs() <= 5 * (expected * (1 - expected) / 4000).sqrt()).all()


@pytest.mark.parametrize("binarization", ["threshold", "none"])
def test_test_images_are_preprocessed_like_training_images(binarization: str) -> None:
    """A known trap: a test loader that returns [0, 1] while the training uses 0 to 255."""
    train = train_batches(binarization, PIXELS, 0)[0]
    assert torch.equal(train, preprocess.TestImages(PIXELS, binarization).take(slice(None)))


def test_test_images_are_the_same_for_every_evaluation() -> None:
    images = np.full((9, 5, 5, 1), 100, dtype=np.uint8)
    first, second = (preprocess.TestImages(images, "dynamic").take(slice(None)) for _ in range(2))
    assert torch.equal(first, second)


AUGMENTATIONS = [
    preprocess.Augmentation(flip=True),
    preprocess.Augmentation(crop=2),
    preprocess.Augmentation(flip=True, crop=1),
]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_augmentation_moves_whole_images_and_follows_the_seed(augmentation: preprocess.Augmentation) -> None:
    """Each result is the image mirrored or not, padded with its edge, and cropped at one place."""
    image = torch.arange(2 * 4 * 5, dtype=torch.uint8).view(1, 2, 4, 5)
    drawn = augmentation.apply(image.expand(400, -1, -1, -1), torch.Generator().manual_seed(0))
    assert drawn.shape == (400, 2, 4, 5) and drawn.dtype == torch.uint8
    crop, possible = augmentation.crop, set()
    for source in (image, image.flip(3)) if augmentation.flip else (image,):
        padded = F.pad(source.float(), (crop,) * 4, mode="replicate") if crop else source.float()
        for row, column in itertools.product(range(2 * crop + 1), repeat=2):
            possible.add(tuple(padded[0, :, row : row + 4, column : column + 5].flatten().tolist()))
    assert {tuple(result.flatten().tolist()) for result in drawn.float()} == possible
    again = augmentation.apply(image.expand(400, -1, -1, -1), torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)


def test_training_images_alone_are_augmented() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
    images = preprocess.TrainImages(np.repeat(pixels, 64, 0), "none", augmentation=preprocess.Augmentation(flip=True))
    batch = images.take(torch.arange(64), torch.Generator().manual_seed(0))
    mirrored = (batch == preprocess.to_float(torch.from_numpy(pixels)).permute(0, 3, 1, 2).flip(3)).flatten(1).all(1)
    assert 16 < int(mirrored.sum()) < 48


@pytest.mark.parametrize(
    ("likelihood", "binarization"),
    [("bernoulli", "none"), ("gaussian", "dynamic"), ("discretized-logistic", "static"), ("gaussian", "threshold")],
)
def test_a_likelihood_that_does_not_fit_the_data_is_rejected(likelihood: str, binarization: str) -> None:
    run_config = presets.assemble("vae", {"model": {"likelihood": likelihood}, "data": {"binarization": binarization}})
    with pytest.raises(ConfigError, match=r"model\.likelihood") as caught:
        plan.resolve(run_config)
    assert "data.binarization" in str(caught.value) and caught.value.hint
