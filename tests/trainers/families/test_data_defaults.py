"""What families choose for other data than a preset's own, and what somebody sets stays."""

from pathlib import Path

import numpy as np
import pytest

from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.data import arrays
from trainers.errors import ConfigError
from trainers.families.data_defaults import batch_size_for_size, network_for_size

CHANGEABLE = [name for name, preset in registry.presets().items() if not preset.frozen]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of images: binary, gray, in color, large."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("data")
    images = {
        "binary": rng.integers(0, 2, (40, 12, 12), dtype=np.uint8) * 255,
        "gray": rng.integers(0, 256, (40, 12, 12), dtype=np.uint8),
        "color": rng.integers(0, 256, (40, 3, 12, 12), dtype=np.uint8),
        "large": rng.integers(0, 256, (4, 3, 160, 200), dtype=np.uint8),
    }
    return {name: arrays.save_images(root / name, array) for name, array in images.items()}


def assemble(preset: str, data: Path | str, **settings: object) -> RunConfig:
    return presets.configure(preset, presets.changes(data=data, settings=settings))


@pytest.mark.parametrize("name", ["binary", "gray", "color", "large"])
@pytest.mark.parametrize("preset", CHANGEABLE)
def test_every_preset_takes_every_image_data_set(folders: dict[str, Path], preset: str, name: str) -> None:
    resolved = plan.resolve(assemble(preset, folders[name]))
    assert resolved.num_parameters() > 0


@pytest.mark.parametrize("preset", CHANGEABLE)
def test_every_preset_takes_points(preset: str) -> None:
    assert plan.resolve(assemble(preset, "moons")).num_parameters() > 0


@pytest.mark.parametrize(
    ("name", "binarization", "likelihood"),
    [
        ("binary", "dynamic", "bernoulli"),
        ("gray", "none", "discretized-logistic"),
        ("color", "none", "discretized-logistic"),
    ],
)
def test_the_pixels_decide_on_the_likelihood(
    folders: dict[str, Path], name: str, binarization: str, likelihood: str
) -> None:
    config = assemble("vae", folders[name])
    assert config.data.options["binarization"] == binarization
    assert config.model.options["likelihood"] == likelihood


def test_what_somebody_sets_stays_and_decides_on_the_rest(folders: dict[str, Path]) -> None:
    config = assemble("vae", folders["gray"], **{"data.binarization": "threshold"})
    assert (config.data.options["binarization"], config.model.options["likelihood"]) == ("threshold", "bernoulli")
    config = assemble("vae", folders["binary"], **{"model.likelihood": "gaussian"})
    assert (config.data.options["binarization"], config.model.options["likelihood"]) == ("none", "gaussian")
    both = {"data.binarization": "dynamic", "model.likelihood": "gaussian"}
    with pytest.raises(ConfigError, match="'gaussian' needs gray levels"):
        plan.resolve(assemble("vae", folders["binary"], **both))


def test_the_preset_is_unchanged_on_its_own_data() -> None:
    for preset in registry.presets():
        assert not presets.assemble_for_data(preset).notes


def test_each_choice_is_explained(folders: dict[str, Path]) -> None:
    layer = presets.changes(data=folders["large"])
    notes = presets.assemble_for_data("vae", layer).notes
    assert "data.binarization=none: the images have colors" in notes
    assert any(note.startswith("model.architecture=conv: images of 160×200 are large") for note in notes)
    assert any(note.startswith("optim.batch_size=8: ") for note in notes)


def test_networks_grow_with_the_image() -> None:
    mlp, conv = {"model.architecture": "mlp"}, {"model.architecture": "conv"}
    assert network_for_size((1, 28, 28), mlp, frozenset()) == {}
    assert network_for_size((1, 1, 5000), mlp, frozenset()) == {}, "too flat to be halved"
    assert network_for_size((3, 128, 128), mlp, frozenset({"model.architecture"})) == {}, "chosen by a person"
    for side, layers in ((28, 2), (64, 3), (128, 4), (512, 6)):
        assert len(network_for_size((3, side, side), conv, frozenset())["model.channels"].value) == layers
    assert batch_size_for_size((1, 28, 28), 128) == {}
    assert batch_size_for_size((3, 128, 128), 128)["optim.batch_size"].value == 16
