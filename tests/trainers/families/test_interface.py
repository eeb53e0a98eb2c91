"""The interface of a model: what a subclass must define, and what it may."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.trainers import tiny
from tests.trainers.families import minimal_family
from trainers import plan, presets, registry
from trainers.config import Section
from trainers.errors import ConfigError, UserError
from trainers.events import Metrics, MetricSpec, SnapshotReady
from trainers.families.interface import (
    Discriminates,
    Encodes,
    Evaluator,
    HasLogProb,
    HasPipeline,
    Model,
    Objective,
    StepContext,
    Traces,
    WarningContext,
    build,
)
from trainers.inference import session
from trainers.model_card import unavailable
from trainers.registry import Family
from trainers.storage import checkpoint
from trainers.training import loop


class Constant(Model):
    """The core and nothing else."""

    latent_shape = (1,)

    def __init__(self, options: object, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.value = nn.Parameter(torch.tensor(0.5))

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"all": [self.value]}

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        yield Objective("all", (batch - self.value).square().mean())

    def metrics(self) -> Sequence[MetricSpec]:
        return ()

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        raise AssertionError("not evaluated here")

    def decode(self, z: Tensor) -> Tensor:
        return self.value.expand(len(z), *self.image_shape)


def test_a_model_without_a_required_method_is_refused_when_its_class_is_defined() -> None:
    with pytest.raises(TypeError, match=r"Half must define training_step, decode: every Model has these methods"):

        class Half(Model):
            optimizer_groups, metrics, evaluator = Constant.optimizer_groups, Constant.metrics, Constant.evaluator


def test_the_core_alone_is_a_model_without_capabilities() -> None:
    options = Section()
    model = Constant(options, (1, 2, 2))
    assert model.lr_scale("all", options) == 1 and model.scalars(options, 0) == {} and model.graph_key(options, 0) == ()
    assert list(model.warnings({"loss": 3.0}, WarningContext())) == []
    assert not isinstance(model, Encodes | HasLogProb | Traces | Discriminates | HasPipeline)


@pytest.mark.parametrize(
    ("family", "protocols"),
    [
        ("vae", (Encodes, HasLogProb, HasPipeline)),
        ("gan", (Discriminates, HasPipeline)),
        ("flow", (Encodes, HasLogProb, Traces, HasPipeline)),
    ],
)
def test_families_implement_the_protocols_of_their_capabilities(family: str, protocols: tuple[type, ...]) -> None:
    given = registry.family(family).options()
    model = tiny.built(family, given, (1, 4, 4))
    implemented = [p for p in (Encodes, HasLogProb, Traces, Discriminates, HasPipeline) if isinstance(model, p)]
    assert set(implemented) == set(protocols)


def test_a_family_whose_model_lacks_a_declared_capability_is_refused() -> None:
    family = replace(registry.family("vae"), build=f"{__name__}:Constant")
    with pytest.raises(ConfigError, match="declares the capability 'encode', but its model lacks it") as caught:
        build(family, family.options(), (1, 2, 2))
    assert caught.value.hint == "implement the protocol Encodes in Constant"


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (RuntimeError("can't allocate memory: 4 TB\nmore"), "not enough memory to build it .*4 TB", "make it smaller"),
        (MemoryError(), r"not enough memory to build it \(MemoryError\)", "make it smaller"),
        (
            RuntimeError("mat1 and mat2 do not fit"),
            r"cannot build it \(RuntimeError: mat1 and mat2",
            "correct the family",
        ),
        (RuntimeError(), r"cannot build it \(RuntimeError: RuntimeError\)", "correct the family"),
    ],
)
def test_only_a_lack_of_memory_asks_for_a_smaller_model(error: Exception, message: str, hint: str) -> None:
    def fail(*_: object) -> Constant:
        raise error

    with pytest.raises(ConfigError, match=message) as caught:
        build(replace(registry.family("vae"), build=fail), None, (1, 2, 2))
    assert hint in caught.value.hint and "\n" not in str(caught.value)


def test_a_family_may_decline_planes() -> None:
    family, shape = minimal_family.AUTOENCODER, (1, 4, 4)
    options = family.options()
    assert plan.capabilities(family, options, shape, "images")["plane"].available
    declined = {**family.capabilities(options), "plane": unavailable("each image takes a chain of 100 steps")}
    slow = replace(family, capabilities=lambda options: declined)
    assert plan.capabilities(slow, options, shape, "images")["plane"] == declined["plane"]
    assert plan.capabilities(slow, options, (2, 1, 1), "points")["plane"].reason.startswith("the data are 2-D points")
    assert build(slow, options, shape)  # it may name a capability that is otherwise derived


def test_name_options_and_build_are_enough_for_a_family() -> None:
    family = Family("constant", minimal_family.AutoencoderOptions, Constant)
    options = family.options()
    assert (family.title, family.presets, family.latent_shape(options, (1, 2, 2))) == ("constant", (), (8,))
    assert {name for name, each in family.capabilities(options).items() if each.available} == {"sample", "decode"}
    family.check(options, None, (1, 2, 2), "images")
    assert family.theory_for(options, "images").objective_quantity == "loss"
    assert registry.parameter_count(family, options, (1, 2, 2)) == 1


def test_a_family_of_one_short_file_trains_and_answers(folder: Path, tmp_path: Path) -> None:
    assert len(Path(minimal_family.__file__).read_text().splitlines()) < 100
    try:
        registry.register_family(minimal_family.AUTOENCODER)
        layers = {"data": {"name": "idx", "path": str(folder)}, "schedule": {"steps": 4}, "execution": {"threads": 1}}
        config = presets.assemble("autoencoder", layers)
        events = list(loop.train(config))
        evaluated = [event.values for event in tiny.of(events, Metrics) if "test/error_ema" in event.values]
        assert evaluated[-1]["test/error_ema"] > 0 and evaluated[-1].keys() == {"test/error_ema", "test/error_raw"}

        last = tiny.of(events, SnapshotReady)[-1]
        checkpoint.save_snapshot(tmp_path / "step-00000004", last.arrays, last.card)
        loaded = session.load(tmp_path / "step-00000004", config)
        arrays, meta = loaded.run("encode", {"indices": [0, 1]})
        assert arrays["mu"].shape == (2, 8) and meta["metric_labels"] == {"error": ["squared error", ""]}
        assert loaded.run("sample", {"count": 3})[0]["images"].shape[0] == 3
        with pytest.raises(UserError, match="'trace' is not available"):
            loaded.run("trace")
    finally:
        registry._registered_families.clear()
        registry.families.cache_clear()
        registry.presets.cache_clear()
