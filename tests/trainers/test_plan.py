"""Plans, and families and data sets that are registered by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainers import tiny
from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.errors import ConfigError
from trainers.events import Metrics
from trainers.model_card import unavailable
from trainers.training.loop import train


@pytest.fixture
def registered() -> Iterator[None]:
    """Forget at the end what a test registers."""
    yield
    registry._registered_families.clear()
    registry._registered_datasets.clear()
    for cached in (registry.families, registry.datasets, registry.presets):
        cached.cache_clear()


def test_a_family_can_say_that_its_latents_are_no_space_to_explore() -> None:
    gan = registry.family("gan")
    options = gan.options()
    assert plan.capabilities(gan, options, (1, 28, 28), "images")["plane"].available
    reason = unavailable("z starts a sampler")
    own = replace(gan, capabilities=lambda options: {**gan.capabilities(options), "plane": reason, "manifold": reason})
    assert plan.capabilities(own, options, (1, 28, 28), "images")["plane"] == reason


def test_a_plan_fills_in_every_option() -> None:
    config = presets.assemble("vae-2d")
    bare = config.model_copy(update={"model": config.model.model_copy(update={"options": {"latent_dim": 3}})})
    resolved = plan.resolve(bare)
    assert resolved.config.model.options["hidden"] == [512, 256] and resolved.model_options.latent_dim == 3
    assert resolved.image_shape == (1, 28, 28) and resolved.binarization == "dynamic"
    assert resolved.num_parameters() > 0 and not resolved.capabilities()["manifold"].available


def test_old_names_of_options_are_read(folder: Path) -> None:
    stored = tiny.config(folder).model_dump(mode="json")
    stored["data"]["binarisation"] = stored["data"].pop("binarization")
    assert plan.resolve(RunConfig.model_validate(stored)).config == plan.resolve(tiny.config(folder)).config


def test_a_setting_gives_another_plan(folder: Path) -> None:
    before = plan.resolve(tiny.config(folder))
    after = before.with_settings({"model.beta": 4})
    assert (before.model_options.beta, after.model_options.beta, after.config.model.options["beta"]) == (1, 4, 4)
    with pytest.raises(ConfigError, match=r"optim\.lr: must be greater than 0"):
        before.with_settings({"optim.lr": -1})


def test_a_plan_trains_as_its_configuration_does(folder: Path) -> None:
    config = tiny.config(folder, steps=3)
    from_config, from_plan = (
        [event.values for event in tiny.of(list(train(given)), Metrics)] for given in (config, plan.resolve(config))
    )
    losses = [[values["train/loss"] for values in each if "train/loss" in values] for each in (from_config, from_plan)]
    assert losses[0] == losses[1] and len(losses[0]) == 3


def test_parameters_are_counted_without_arithmetic() -> None:
    family = replace(registry.family("vae"), parameter_count=None)
    options = family.options.model_validate({"latent_dim": 2, "hidden": [16]})
    assert registry.parameter_count(family, options, (1, 8, 8)) == (64 * 16 + 16) + (16 * 4 + 4) + (2 * 16 + 16) + (
        16 * 64 + 64
    )
    huge = family.options.model_validate({"hidden": [60_000, 60_000]})
    resolved = replace(plan.resolve(presets.assemble("vae")), family=family, model_options=huge)
    with pytest.raises(ConfigError, match="at most 500,000,000"):
        resolved.num_parameters()


@pytest.mark.usefixtures("registered")
def test_a_registered_family_and_data_set_train(folder: Path) -> None:
    vae, idx = registry.family("vae"), registry.dataset("idx")
    preset = replace(vae.presets[0], name="mine-2d", family="mine")
    registry.register_family(replace(vae, name="mine", presets=(preset,), build=registry.import_object(vae.build)))
    registry.register_dataset(replace(idx, name="my-images", load=registry.import_object(idx.load), aliases=()))
    layer = {"data": {"name": "my-images", "path": str(folder)}}
    config = tiny.config(folder, layer, steps=2, preset="mine-2d")
    assert (config.model.name, config.data.name) == ("mine", "my-images")
    assert list(train(config))[-1].step == 2


@pytest.mark.usefixtures("registered")
def test_names_that_are_taken_are_refused() -> None:
    vae, moons = registry.family("vae"), registry.dataset("moons")
    with pytest.raises(ConfigError, match="already a family 'vae'"):
        registry.register_family(vae, replace=True)
    with pytest.raises(ConfigError, match="preset 'vae-2d' is already one of the family 'vae'"):
        registry.register_family(replace(vae, name="mine"))
    with pytest.raises(ConfigError, match="already a data set 'moons'"):
        registry.register_dataset(moons)
    mine = replace(moons, name="mine")
    registry.register_dataset(mine)
    with pytest.raises(ConfigError, match="pass replace=True"):
        registry.register_dataset(mine)
    registry.register_dataset(replace(mine, title="again"), replace=True)
    assert registry.datasets()["mine"].title == "again"
