"""Trainings on points of the plane, by every family that can."""

from typing import Any

import numpy as np
import pytest

from tests.trainers import tiny
from trainers import plan, presets, registry
from trainers.config import RunConfig
from trainers.errors import ConfigError
from trainers.events import CheckpointReady, Finished, ImagesReady, Metrics, ResumeState, SnapshotReady, Started
from trainers.training import loop

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {  # a preset, and what makes it small
    "vae": ("vae-toy", {"hidden": [16, 16]}),
    "gan": ("gan-toy", {"hidden_g": [16], "hidden_d": [16]}),
    "flow": ("flow-toy", {"couplings": 2, "hidden": [16], "bins": 4}),
}
TOYS = [name for name, spec in registry.datasets().items() if spec.kind == "points" and not spec.reads_path]


def small(family: str, *layers: Any, data: str = "eight-gaussians", steps: int = 6) -> RunConfig:
    preset, smaller = FAMILIES[family]
    base = {
        "data": {"name": data, "num_train": 512, "num_test": 200},
        "model": smaller,
        "optim": {"batch_size": 64, "lr": 1e-3},
        "schedule": {"steps": steps, "warmup_steps": 0},
        "execution": {"threads": 1, "eval_every": 3},
    }
    return presets.assemble(preset, base, *layers)


@pytest.fixture(scope="module", params=FAMILIES)
def events(request: pytest.FixtureRequest) -> list[Any]:
    return list(loop.train(small(request.param)))


def test_a_training_on_points_finishes_with_metrics(events: list[Any]) -> None:
    assert events[-1] == Finished(6, "succeeded")
    declared = {spec.name: spec for spec in tiny.of(events, Started)[0].metrics}
    recorded = {name for event in tiny.of(events, Metrics) for name in event.values}
    assert recorded == set(declared)
    last = [event.values for event in tiny.of(events, Metrics) if "test/modes_covered_ema" in event.values][-1]
    assert last["test/energy_distance_ema"] > 0.1 and 0 <= last["test/high_quality_ema"] <= 1
    assert "noise 0.2" in declared["test/energy_distance_ema"].setup
    assert declared["test/modes_covered_ema"].panel == "samples"


def test_models_with_a_density_report_the_gap(events: list[Any]) -> None:
    card = tiny.of(events, SnapshotReady)[-1].card
    known = card.capability("log_prob")
    gaps = [spec for spec in tiny.of(events, Started)[0].metrics if spec.quantity == "gap"]
    assert bool(gaps) == known.available == ("test/gap_ema" in card.metrics)
    assert all(f"({known.how}" in spec.setup and spec.unit == "nats" for spec in gaps)
    errors = [spec for spec in tiny.of(events, Started)[0].metrics if spec.quantity == "gap_standard_error"]
    assert bool(errors) == known.available == (card.metrics.get("test/gap_standard_error_ema", 0) > 0)


def test_images_show_the_plane(events: list[Any]) -> None:
    card = tiny.of(events, SnapshotReady)[-1].card
    last = {event.kind: event for event in tiny.of(events, ImagesReady) if event.step == 6}
    assert set(last) == {"samples"} | ({"density"} if card.capability("log_prob").available else set())
    assert all(event.images.shape == (1, 256, 256, 3) and event.columns == 1 for event in last.values())
    assert card.data.kind == "points" and card.image_shape == (2, 1, 1)


@pytest.mark.parametrize("data", TOYS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_toy_preset_fits_every_toy(family: str, data: str) -> None:
    assert plan.resolve(presets.assemble(FAMILIES[family][0], {"data": {"name": data}})).image_shape == (2, 1, 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_resume_on_points_is_exact(family: str) -> None:
    exact = {"execution": {"deterministic": True, "checkpoint_every_s": 1e-9}}
    states = tiny.of(list(loop.train(small(family, exact))), CheckpointReady)
    middle, end = states[3], states[-1]
    assert (middle.step, end.step) == (3, 6)
    resumed = list(loop.train(small(family, exact), resume=ResumeState(middle.step, middle.arrays, middle.meta)))
    again = tiny.of(resumed, CheckpointReady)[-1]
    assert again.arrays.keys() == end.arrays.keys()
    assert all(np.array_equal(again.arrays[name], end.arrays[name]) for name in end.arrays)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"likelihood": "bernoulli"}}, r"model\.likelihood: 'bernoulli' is for pixels"),
        ({"model": {"architecture": "conv"}}, r"model\.architecture: 'conv' is for images"),
        ({"model": {"latent_dim": 3}}, r"model\.latent_dim"),
        (
            {"data": {"name": "mnist"}, "model": {"likelihood": "normal"}},
            r"model\.likelihood: 'normal' is for 2-D points",
        ),
    ],
)
def test_a_vae_that_does_not_fit_points_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        plan.resolve(small("vae", changes))
    assert caught.value.hint


def test_the_theory_of_a_vae_fits_its_data() -> None:
    of_points, of_images = small("vae").theory(), presets.assemble("vae-2d").theory()
    assert (of_points.stages[0].name, of_images.stages[0].name) == ("point", "image")
    assert not any("image" in term.explanation for term in of_points.terms)
    assert set(of_images.notes) < set(of_points.notes)


def test_presets_that_fail_on_purpose_explain_why() -> None:
    collapse = registry.preset("vae-collapse")
    assert "model.beta" in collapse.expected_failure and presets.assemble("vae-collapse").model_options().beta > 1
