"""What a model of a new family may get wrong: each is refused in one line that names the class and method."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.trainers import tiny
from tests.trainers.families.minimal_family import AUTOENCODER, Autoencoder
from trainers import plan, presets, registry
from trainers.errors import ConfigError
from trainers.events import Alert, Event, Metrics, Started
from trainers.families.interface import Evaluator, MeanEvaluator, Objective, StepContext, build
from trainers.model_card import Capability
from trainers.registry import Family
from trainers.theory import Term, Theory
from trainers.training import loop

SHAPE = (1, 4, 4)


def refusal(model: type[nn.Module], **changes: Any) -> str:
    """Build a family with that model and return the error."""
    family = replace(AUTOENCODER, build=model, **changes)
    with pytest.raises(ConfigError) as caught:
        build(family, family.options(), SHAPE)
    return str(caught.value)


def train(folder: Path, model: type[Autoencoder] = Autoencoder, **changes: Any) -> list[Any]:
    """Train a few steps and return the events."""
    return list(training(folder, model, **changes))


def training(folder: Path, model: type[Autoencoder] = Autoencoder, **changes: Any) -> Iterator[Event]:
    """Return the events of a training of a few steps, which starts with the first."""
    layers = {"data": {"name": "idx", "path": str(folder)}, "schedule": {"steps": 2}, "execution": {"threads": 1}}
    family: Family = replace(AUTOENCODER, build=model, **changes)
    config = presets.assemble("vae-2d", {**layers, "model": {}})
    config = config.model_copy(update={"model": config.model.model_copy(update={"name": "autoencoder", "options": {}})})
    return loop.train(plan.resolve(config, family=family))


class NoShape(Autoencoder):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        del self.image_shape


class OtherLatent(Autoencoder):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.latent_shape = (3,)


class Forgetful(Autoencoder):
    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"model": list(self.encoder.parameters())}


class Twice(Autoencoder):
    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"model": list(self.parameters()), "decoder": list(self.decoder.parameters())}


class Empty(Autoencoder):
    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"model": list(self.parameters()), "critic": []}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Identity, "family 'autoencoder' builds a Identity: return a subclass of Model"),
        (NoShape, "NoShape does not set image_shape: set self.image_shape = (1, 4, 4) in its constructor"),
        (OtherLatent, "OtherLatent.latent_shape is (3,), but family 'autoencoder' declares (8,)"),
        (Forgetful, "Forgetful.optimizer_groups: decoder.weight and 1 more in no group"),
        (Twice, "Twice.optimizer_groups: decoder.weight is in 'model' and 'decoder': list it once"),
        (Empty, "Empty.optimizer_groups: group 'critic' is empty"),
    ],
)
def test_a_model_that_contradicts_its_family_is_refused(model: type[nn.Module], message: str) -> None:
    assert message in refusal(model)


def test_an_unknown_capability_is_refused() -> None:
    def declared(options: Any) -> dict[str, Capability]:
        return {"encoder": Capability(available=True)}

    message = refusal(Autoencoder, capabilities=declared)
    assert "declares an unknown capability 'encoder': did you mean 'encode'?" in message


def test_all_trainable_parameters_are_one_optimizer_group_by_default() -> None:
    model = Autoencoder(AUTOENCODER.options(), SHAPE)  # type: ignore[arg-type]
    model.decoder.requires_grad_(False)
    groups = model.optimizer_groups()
    assert list(groups) == ["model"] and len(groups["model"]) == 2


class Returns(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Any:
        return Objective("model", self.squared_error(batch).mean())


class YieldsTensor(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Any]:
        yield self.squared_error(batch).mean()


class YieldsNothing(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        yield from ()


class OtherOptimizer(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        yield Objective("autoencoder", self.squared_error(batch).mean())


class NotReduced(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        yield Objective("model", self.squared_error(batch))


class Undeclared(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        yield Objective("model", self.squared_error(batch).mean(), {"mse": 1.0})


class UndeclaredTest(Autoencoder):
    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        return MeanEvaluator(lambda x: {"mse": self.squared_error(x)})


class FlatImages(Autoencoder):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z).flatten(1)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Returns, "Returns.training_step returned Objective: yield an Objective for each loss"),
        (YieldsTensor, "YieldsTensor.training_step yielded Tensor: yield an Objective for each loss"),
        (YieldsNothing, "YieldsNothing.training_step yielded nothing"),
        (OtherOptimizer, "OtherOptimizer.training_step yielded a loss for the unknown optimizer 'autoencoder'"),
        (NotReduced, "NotReduced.training_step yielded 'loss' of shape (128,): reduce it to a scalar"),
        (Undeclared, "Undeclared records 'train/mse', which it does not declare: add it to Undeclared.metrics()"),
        (UndeclaredTest, "UndeclaredTest records 'test/mse_ema', which it does not declare"),
        (FlatImages, "FlatImages.decode returned shape (64, "),
    ],
)
def test_a_wrong_step_metric_or_image_is_refused_in_training(
    folder: Path, model: type[Autoencoder], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        train(folder, model)
    assert message in str(caught.value)


def test_an_undeclared_metric_of_the_test_set_is_named_before_the_first_step(folder: Path) -> None:
    events: list[Event] = []
    with pytest.raises(ConfigError, match=r"UndeclaredTest records 'test/mse_ema'.* add it to UndeclaredTest\.metrics"):
        events.extend(training(folder, UndeclaredTest))
    assert not [event for event in events if isinstance(event, Started | Metrics)]


class NeedsManyImages(Autoencoder):
    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        assert num_images > 8, "too few"
        return MeanEvaluator(lambda x: {"error": self.squared_error(x)})


def test_an_evaluator_that_needs_many_images_gets_them(folder: Path) -> None:
    assert any("test/error_ema" in event.values for event in tiny.of(train(folder, NeedsManyImages), Metrics))


def test_a_wrong_number_of_parameters_is_refused_at_set_up(folder: Path) -> None:
    actual = 2 * 63 * 8 + 8 + 63
    with pytest.raises(ConfigError) as caught:
        train(folder, parameter_count=lambda options, shape: actual - 1)
    expected = f"family 'autoencoder' has {actual:,} parameters, its parameter_count returns {actual - 1:,}: correct"
    assert expected in str(caught.value)
    with pytest.raises(ConfigError, match=r"parameter_count of family 'autoencoder' returns 1\.5: return a number"):
        train(folder, parameter_count=lambda options, shape: 1.5)

    class Larger(Autoencoder):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            if self.encoder.weight.device.type != "meta":
                self.encoder = nn.Linear(63, 8, bias=False)

    with pytest.raises(ConfigError, match=r"on torch's meta device it has .*: build the same model on every device"):
        train(folder, Larger)


def test_a_theory_that_names_no_metric_is_named_once_at_the_start(folder: Path) -> None:
    alerts = tiny.of(
        train(folder, theory=Theory(objective_quantity="eror", terms=(Term("x", "kl", 1, "KL", ""),))), Alert
    )
    assert [(alert.step, alert.code) for alert in alerts] == [(0, "theory_without_metric")]
    assert "the theory of family 'autoencoder' names 'eror', 'kl', which no metric has" in alerts[0].message
    assert not tiny.of(train(folder), Alert)


@pytest.mark.parametrize("preset", registry.presets())
def test_the_theory_of_a_preset_names_metrics_only(preset: str) -> None:
    resolved = plan.resolve(presets.assemble(preset))
    with torch.device("meta"):
        model = build(resolved.family, resolved.model_options, resolved.image_shape)
    recorded = {spec.quantity for spec in model.metrics()} | {"loss"}
    theory = resolved.theory()
    assert {theory.objective_quantity, *(term.quantity for term in (*theory.terms, *theory.other_metrics))} <= recorded


@pytest.mark.parametrize("unit", ["", "dB"])
def test_the_loss_has_the_unit_of_the_theory(folder: Path, unit: str) -> None:
    (started,) = tiny.of(train(folder, theory=Theory(objective_quantity="error", unit=unit)), Started)
    assert {spec.name: spec.unit for spec in started.metrics}["train/loss"] == unit


class PlainNumbers(Autoencoder):
    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        yield Objective("model", self.squared_error(batch).mean(), {"error": 2.5})


def test_values_may_be_plain_numbers(folder: Path) -> None:
    events = train(folder, PlainNumbers)
    assert [event.values["train/error"] for event in tiny.of(events, Metrics) if "train/lr" in event.values] == [
        2.5
    ] * 2
    assert torch.stack(Objective("model", torch.zeros(()), {"a": 1, "b": torch.ones(())}).tensors()).sum() == 2
