"""Configurations: layers, defaults, and one line for what is wrong."""

from typing import Any

import pytest

from trainers import config, plan, presets, registry
from trainers.data.catalog import bundled_folder
from trainers.errors import ConfigError


@pytest.mark.parametrize("preset", registry.presets())
def test_every_preset_is_a_valid_run(preset: str) -> None:
    assembled = presets.assemble(preset)
    of_points = registry.dataset(assembled.data.name).kind == "points"
    assert plan.resolve(assembled).image_shape == ((2, 1, 1) if of_points else (1, 28, 28))
    assert config.parse(assembled.model_dump(mode="json")) == assembled


def test_later_layers_are_stronger() -> None:
    assembled = presets.assemble("vae", {"optim": {"lr": 0.1}, "seed": 1}, {"optim": {"lr": 0.2}})
    assert assembled.optim.lr == 0.2 and assembled.seed == 1


def test_a_length_replaces_another_kind_of_length() -> None:
    assembled = presets.assemble("vae", {"schedule": {"steps": 5}}, {"schedule": {"minutes": 2}})
    schedule = assembled.schedule
    assert (schedule.epochs, schedule.steps, schedule.minutes) == (None, None, 2)


def test_another_data_set_keeps_the_options_that_it_has_and_reports_the_others() -> None:
    folder = {"name": "idx", "path": str(bundled_folder("mnist"))}
    assembly = presets.assemble_for_data("vae", {"data": {"limit": 7, "binarization": "static"}}, {"data": folder})
    options = assembly.config.data_options()
    assert (options.limit, options.binarization, options.path) == (7, "static", folder["path"])
    assert not assembly.notes
    assembly = presets.assemble_for_data("vae", {"data": {**folder, "prefix": "x", "limit": 7}}, {"data": "moons"})
    assert assembly.config.data.options["num_train"] == 100_000
    assert assembly.notes[-1] == "data.limit=7 is ignored: data set 'moons' has no such option"
    assert presets.assemble("vae", {"data": "mnist"}).data_options().binarization == "dynamic"


def test_another_folder_takes_over_no_file_names() -> None:
    first, second = {"path": "/a", "prefix": "emnist-letters"}, {"path": "/b"}
    assert presets.merge({"data": {"name": "idx", "limit": 7, **first}}, {"data": {"name": "idx", **second}}) == {
        "data": {"name": "idx", "limit": 7, "path": "/b"}
    }
    assert presets.merge({"data": {"name": "idx", **first}}, {"data": {"limit": 3}})["data"]["prefix"]


def test_dotted_keys() -> None:
    assert presets.from_dotted({"model.beta": 4, "seed": 1}) == {"model": {"beta": 4}, "seed": 1}
    with pytest.raises(ConfigError, match="has a value already"):
        presets.from_dotted({"model": "vae", "model.beta": 4})
    assert {"model.beta", "optim.lr", "data.binarization"} <= set(presets.known_keys(presets.assemble("vae")))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"optim": {"lrr": 1}}, "optim.lrr: unknown key: did you mean 'lr'?"),
    "unknown option": ({"model": {"latent_dims": 1}}, "did you mean 'latent_dim'?"),
    "out of range": (
        {"model": {"latent_dim": 0}},
        "model.latent_dim: must be at least 1 (got 0)",
    ),
    "no number": ({"optim": {"lr": "fast"}}, "optim.lr"),
    "two lengths": ({"schedule": {"epochs": 1, "steps": 1}}, "exactly one of epochs, steps, minutes"),
    "width": ({"model": {"hidden": [0]}}, "model.hidden.0"),
    "no channels": ({"model": {"channels": []}}, "model.channels"),
    "unknown family": ({"model": {"name": "vea"}}, "did you mean 'vae'?"),
    "unknown data": ({"data": "mnits"}, "did you mean 'mnist'?"),
    "limit": ({"data": {"limit": 0}}, "data.limit"),
    "newer schema": ({"schema_version": 99}, "newer than 1"),
    "minutes are not deterministic": (
        {"schedule": {"minutes": 1}, "execution": {"deterministic": True}},
        "needs schedule.epochs or schedule.steps",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_are_one_line(case: str) -> None:
    layer, expected = WRONG[case]
    with pytest.raises(ConfigError) as caught:
        presets.assemble("vae", layer)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_presets() -> None:
    with pytest.raises(ConfigError, match="did you mean 'vae-2d'"):
        presets.assemble("vae2d")


@pytest.mark.parametrize(
    "layer", [{"optim": {"lr": 0.1}}, {"model": {"beta": 2}}, {"data": {"binarization": "dynamic"}}]
)
def test_settings_that_a_preset_fixes_stay(layer: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="fixes it at"):
        presets.assemble("uva2019-vae", layer)
    assert presets.assemble("uva2019-vae", {"seed": 3, "data": {"limit": 100}}).seed == 3


def test_a_model_too_large_is_refused_before_it_is_allocated() -> None:
    with pytest.raises(ConfigError, match="3,600,000,000 parameters or more, at most 500,000,000 are allowed"):
        plan.resolve(presets.assemble("vae", {"model": {"hidden": [60_000, 60_000]}}))
    deep = plan.resolve(presets.assemble("vae", {"model": {"hidden": [20_000, 20_000]}}))
    with pytest.raises(ConfigError, match="at most 500,000,000"):
        deep.num_parameters()


def test_more_latents_than_pixels_are_refused() -> None:
    with pytest.raises(ConfigError, match="exceeds the 784 values"):
        plan.resolve(presets.assemble("vae", {"model": {"latent_dim": 785}}))
