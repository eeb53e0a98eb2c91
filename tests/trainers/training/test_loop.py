"""The loop, event by event."""

import itertools
import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import idx_files, tiny
from trainers import registry
from trainers.errors import ConfigError
from trainers.events import (
    Alert,
    CheckpointReady,
    CommandApplied,
    Finished,
    ImagesReady,
    Metrics,
    Phase,
    SnapshotReady,
    Started,
    Stop,
    train_metric,
)
from trainers.families.interface import Objective
from trainers.families.vae.model import Vae
from trainers.plan import resolve
from trainers.training import loop, timing
from trainers.training.session import TrainingSession

KINDS: list[dict[str, Any]] = [
    {"model": {"likelihood": likelihood, **architecture}, "data": {"binarization": binarization}}
    for architecture in tiny.ARCHITECTURES.values()
    for likelihood, binarization in tiny.DATA_OF.items()
]


@pytest.fixture(scope="module")
def events(folder: Path) -> list[Any]:
    return list(loop.train(tiny.config(folder, {"execution": {"eval_every": 5}})))


def test_a_training_begins_with_started_and_ends_with_finished(events: list[Any]) -> None:
    assert isinstance(events[0], Phase) and events[0].name == "loading"
    assert isinstance(events[1], Started)
    assert events[-1] == Finished(12, "succeeded")
    assert events[1].total_steps == 12 and events[1].threads == 1 and events[1].device == "cpu"


def test_every_step_has_metrics(events: list[Any]) -> None:
    steps = [event for event in tiny.of(events, Metrics) if "train/loss" in event.values]
    assert [event.step for event in steps] == list(range(1, 13))
    assert [event.images_seen for event in steps] == [32 * step for step in range(1, 13)]
    assert steps[-1].progress == 1 and steps[0].progress == pytest.approx(1 / 12)
    for event in steps:
        values = event.values
        assert values["train/elbo"] == pytest.approx(-values["train/recon"] - values["train/kl"], rel=1e-5)
        assert values["train/grad_norm"] > 0 and values["speed/images_per_s"] > 0


def test_the_learning_rate_follows_the_schedule(events: list[Any]) -> None:
    rates = [event.values["train/lr"] for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert rates == pytest.approx([1e-3 * 0.5 * (1 + math.cos(math.pi * step / 12)) for step in range(12)])


def test_every_recorded_metric_is_declared_with_its_setup(events: list[Any]) -> None:
    declared = {spec.name: spec for spec in tiny.of(events, Started)[0].metrics}
    recorded = {name for event in tiny.of(events, Metrics) for name in event.values}
    assert recorded == set(declared)
    assert "dynamic binarization (test images drawn once" in declared["test/elbo_ema"].setup
    assert "dynamic binarization," in declared["train/elbo"].setup
    assert {spec.panel for spec in declared.values()} == {"objective", "latent", "optimization", "speed"}


def test_evaluations_are_on_schedule_and_at_the_end(events: list[Any]) -> None:
    evaluations = [event for event in tiny.of(events, Metrics) if "test/elbo_ema" in event.values]
    assert [event.step for event in evaluations] == [5, 10, 12]
    last = evaluations[-1].values
    assert last["test/elbo_ema"] == pytest.approx(-last["test/recon_ema"] - last["test/kl_ema"])
    assert last["test/kl_dim_0_ema"] + last["test/kl_dim_1_ema"] == pytest.approx(last["test/kl_ema"])
    assert last["test/elbo_raw"] != last["test/elbo_ema"]


def test_snapshots_come_with_images(events: list[Any]) -> None:
    assert [event.step for event in tiny.of(events, SnapshotReady)] == [0, 1, 2, 5, 10, 12]
    at_end = {event.kind: event for event in tiny.of(events, ImagesReady) if event.step == 12}
    assert at_end["samples"].images.shape == (64, 9, 7, 1) and at_end["samples"].columns == 8
    assert at_end["reconstructions"].images.shape == (20, 9, 7, 1) and at_end["reconstructions"].columns == 10
    assert at_end["manifold"].images.shape == (400, 9, 7, 1) and at_end["manifold"].columns == 20
    assert all(event.images.dtype == np.uint8 for event in at_end.values())


def test_the_card_lists_what_the_model_can_do(events: list[Any]) -> None:
    card = tiny.of(events, SnapshotReady)[-1].card
    assert card.family == "vae" and card.step == 12 and card.images_seen == 384 and card.weights == "ema"
    assert card.latent_shape == (2,) and card.image_shape == (1, 9, 7)
    assert card.data.name == "blobs" and card.data.num_train == 256 and card.data.setup == "dynamic binarization"
    assert card.capability("manifold").available and not card.capability("trace").available
    assert card.num_parameters == tiny.of(events, Started)[0].num_parameters
    assert card.metrics["test/elbo_ema"] < 0


def test_snapshots_are_copies(events: list[Any]) -> None:
    first, *_, last = tiny.of(events, SnapshotReady)
    assert all(not np.array_equal(first.arrays[name], last.arrays[name]) for name in first.arrays)


def test_the_last_event_but_one_is_a_checkpoint(events: list[Any]) -> None:
    (state,) = tiny.of(events, CheckpointReady)
    assert (state.step, state.reason) == (12, "end")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(str(v) for v in kind["model"].values()))
def test_every_kind_of_model_learns(folder: Path, kind: dict[str, Any]) -> None:
    config = tiny.config(folder, kind, {"optim": {"lr": 1e-2}, "schedule": {"steps": 60, "lr": "constant"}})
    losses = [e.values["train/loss"] for e in loop.train(config) if isinstance(e, Metrics) and "train/loss" in e.values]
    assert np.mean(losses[-10:]) < 0.9 * losses[0] if losses[0] > 0 else np.mean(losses[-10:]) < losses[0]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_every_optimizer(folder: Path, name: str) -> None:
    config = tiny.config(folder, {"optim": {"name": name, "lr": 1e-3, "weight_decay": 1e-4}})
    assert list(loop.train(config))[-1] == Finished(12, "succeeded")


def test_color_images(tmp_path: Path) -> None:
    color = idx_files.write_folder(tmp_path / "c", size=(3, 6, 5), labels=False)
    events = list(loop.train(tiny.config(color, steps=3)))
    assert tiny.of(events, ImagesReady)[-1].images.shape == (400, 6, 5, 3)
    assert tiny.of(events, SnapshotReady)[-1].card.data.num_classes == 0


def test_more_latent_dimensions_have_no_manifold(folder: Path) -> None:
    events = list(loop.train(tiny.config(folder, {"model": {"latent_dim": 3}}, steps=2)))
    assert {event.kind for event in tiny.of(events, ImagesReady)} == {"samples", "reconstructions"}
    assert "2 latent dimensions" in tiny.of(events, SnapshotReady)[-1].card.capability("manifold").reason


def test_without_an_ema_metrics_are_of_the_raw_weights(folder: Path) -> None:
    events = list(loop.train(tiny.config(folder, {"optim": {"ema_decay": 0}}, steps=3)))
    last = [event for event in tiny.of(events, Metrics) if "test/elbo_raw" in event.values][-1].values
    assert last["test/elbo_ema"] == last["test/elbo_raw"]
    assert tiny.of(events, SnapshotReady)[-1].card.weights == "raw"


def test_the_same_seed_gives_the_same_training(folder: Path) -> None:
    def losses(seed: int) -> list[float]:
        run = loop.train(tiny.config(folder, {"seed": seed}, steps=5))
        return [e.values["train/loss"] for e in run if isinstance(e, Metrics) and "train/loss" in e.values]

    assert losses(1) == losses(1) != losses(2)


def test_evaluations_and_viewers_do_not_change_the_training(folder: Path) -> None:
    def weights(every: int, watched: bool) -> Any:
        config = tiny.config(folder, {"execution": {"eval_every": every, "watched_every_s": 1e-9}})
        return tiny.of(list(loop.train(config, control=tiny.Script({}, watched=watched))), CheckpointReady)[-1].arrays

    seldom, often = weights(1000, False), weights(1, True)
    assert all(np.array_equal(seldom[name], often[name]) for name in seldom)


def test_slow_images_come_with_heartbeats(folder: Path) -> None:
    now = iter(range(10**6))  # each look at the clock takes a second
    events = list(loop.train(tiny.config(folder, steps=2), clock=lambda: float(next(now))))
    for place, event in enumerate(events):
        if isinstance(event, ImagesReady) and event.kind in ("samples", "manifold"):
            assert events[place - 1] == Phase(event.step, "evaluating", "sample images")
            assert next(e.name for e in events[place:] if isinstance(e, Phase) and e.detail == "") != "evaluating"


def test_viewers_get_more_snapshots(folder: Path) -> None:
    config = tiny.config(folder, {"execution": {"watched_every_s": 1e-9}})
    events = list(loop.train(config, control=tiny.Script({}, watched=True)))
    assert [event.step for event in tiny.of(events, SnapshotReady)] == list(range(13))


def test_slow_images_do_not_delay_snapshots(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "sample_image_interval_s", lambda configured_s, duration_s: 1e9)
    config = tiny.config(folder, {"execution": {"watched_every_s": 1e-9}})
    events = list(loop.train(config, control=tiny.Script({}, watched=True)))
    assert [event.step for event in tiny.of(events, SnapshotReady)] == list(range(13))
    assert sorted({event.step for event in tiny.of(events, ImagesReady)}) == [0, 1, 2, 5, 10, 12]


def test_scheduled_checkpoints(folder: Path) -> None:
    config = tiny.config(folder, {"execution": {"checkpoint_every_s": 1e-9}}, steps=4)
    states = tiny.of(list(loop.train(config)), CheckpointReady)
    assert [(state.step, state.reason) for state in states] == [
        (0, "schedule"), (1, "schedule"), (2, "schedule"), (3, "schedule"), (4, "end"),
    ]  # fmt: skip


def test_a_length_in_minutes_is_by_training_time(folder: Path) -> None:
    now = iter(range(10**6))
    config = tiny.config(folder, {"schedule": {"minutes": 5, "lr": "linear"}, "execution": {"compile": "off"}})
    events = list(loop.train(config, clock=lambda: float(next(now))))
    steps = [event for event in tiny.of(events, Metrics) if "train/lr" in event.values]
    assert tiny.of(events, Started)[0].total_steps is None
    assert steps[-1].elapsed_s >= 280 and steps[-1].progress > 0.9
    rates = [event.values["train/lr"] for event in steps]
    assert rates == sorted(rates, reverse=True) and rates[-1] < 0.2 * rates[0]
    assert all(e.seconds_left == pytest.approx(300 - e.elapsed_s) or e.elapsed_s > 300 for e in steps)


class NonFiniteVae(Vae):
    """A VAE whose loss, or whose gradient alone, is not finite from a step on."""

    bad_step, bad_gradient = 3, False

    def training_step(self, batch: torch.Tensor, context: Any) -> Any:
        for objective in super().training_step(batch, context):
            if context.step < self.bad_step:
                yield objective
            elif self.bad_gradient:
                zero = (next(self.parameters()).sum() * 0).square()
                yield Objective(objective.optimizer, objective.loss + torch.sqrt(zero), objective.values)
            else:
                yield Objective(objective.optimizer, objective.loss * math.nan, objective.values)


@pytest.mark.parametrize("bad_gradient", [False, True])
def test_a_step_that_is_not_finite_never_reaches_the_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sessions: list[TrainingSession], bad_gradient: bool
) -> None:
    monkeypatch.setattr(NonFiniteVae, "bad_gradient", bad_gradient)
    monkeypatch.setattr("trainers.families.vae.model.Vae", NonFiniteVae)
    events = list(loop.train(tiny.config(folder)))
    quantity = "gradient norm" if bad_gradient else "loss"
    assert isinstance(events[-1], Finished) and events[-1].outcome == "failed"
    assert f"at step 4 the {quantity} is nan" in events[-1].reason
    assert [alert.code for alert in tiny.of(events, Alert)] == ["loss_not_finite"]
    assert tiny.of(events, Metrics)[-1].step == 3
    assert all(parameter.isfinite().all() for parameter in sessions[0].model.parameters())


def test_the_gradient_is_clipped_at_every_step(folder: Path) -> None:
    """One of the traps: gradients clipped once, before the training."""
    given = {"optim": {"name": "sgd", "beta1": 0, "lr": 1.0, "grad_clip": 0.01, "ema_decay": 0}}
    config = tiny.config(folder, given, {"schedule": {"steps": 4, "lr": "constant"}})
    snapshots = tiny.of(list(loop.train(config, control=tiny.Script({}, watched=True))), SnapshotReady)
    flat = [np.concatenate([array.ravel() for array in snapshot.arrays.values()]) for snapshot in snapshots]
    moved = [
        float(np.linalg.norm(after - before)) / (late.step - early.step)
        for before, after, early, late in zip(flat, flat[1:], snapshots, snapshots[1:], strict=False)
    ]
    assert all(0 < norm <= 0.0101 for norm in moved)
    assert moved[0] == pytest.approx(0.01, rel=1e-2)


class Two(Vae):
    """A model with two optimizers that take turns, as a GAN's do."""

    def optimizer_groups(self) -> dict[str, list[Any]]:
        return {"encoder": list(self.encoder.parameters()), "decoder": list(self.decoder.parameters())}

    def training_step(self, batch: torch.Tensor, context: Any) -> Any:
        before = [parameter.detach().clone() for parameter in self.encoder.parameters()]
        (first,) = super().training_step(batch, context)
        yield Objective("encoder", first.loss, {"loss_e": first.loss.detach()})
        assert any(not torch.equal(a, b) for a, b in zip(before, self.encoder.parameters(), strict=True))
        (second,) = super().training_step(batch, context)
        yield Objective("decoder", second.loss, {"loss_d": second.loss.detach()})

    def metrics(self) -> Any:
        return [*super().metrics(), *(train_metric(name, name, "", "lower") for name in ("loss_e", "loss_d"))]


def test_a_step_may_have_several_objectives_with_an_optimizer_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainers.families.vae.model.Vae", Two)
    events = list(loop.train(tiny.config(folder, steps=3)))
    assert events[-1] == Finished(3, "succeeded")
    values = next(event.values for event in tiny.of(events, Metrics) if event.step == 1)
    assert {"train/loss_e", "train/loss_d", "train/grad_norm_encoder", "train/grad_norm_decoder"} <= set(values)


def test_closing_the_generator_restores_the_settings_of_torch(folder: Path) -> None:
    before = torch.get_num_threads()
    run = loop.train(tiny.config(folder, {"execution": {"threads": 2, "deterministic": True}}))
    started = next(event for event in run if isinstance(event, Started))
    assert started.threads == torch.get_num_threads() == 2 and torch.are_deterministic_algorithms_enabled()
    run.close()  # type: ignore[attr-defined]
    assert torch.get_num_threads() == before and not torch.are_deterministic_algorithms_enabled()


def test_a_missing_device_is_refused(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfigError, match="'cuda' is not available"):
        list(loop.train(tiny.config(folder, {"execution": {"device": "cuda"}})))


def test_presets_state_their_result() -> None:
    for preset in registry.presets().values():
        assert preset.expected and preset.minutes > 0 and preset.summary


def test_decoding_of_images_is_reported(folder: Path) -> None:
    done, dataset = threading.Event(), registry.dataset("idx")

    def prepare(options: Any, on_progress: Any) -> str:
        on_progress(3, 12)
        assert done.wait(60)
        return "1 of 12 files are skipped: x.png: not an image"

    plan = replace(resolve(tiny.config(folder, steps=1)), dataset=replace(dataset, prepare=prepare))
    training = loop.train(plan)
    assert next(training) == Phase(0, "loading", "idx")
    event = next(event for event in training if isinstance(event, Phase) and event.name != "loading")
    assert event.name == "decoding" and event.detail.startswith("images 3 of 12")
    done.set()
    rest = list(training)
    assert Phase(0, "loading", "idx") in rest and isinstance(rest[-1], Finished)
    assert Alert(0, "warning", "images_skipped", "1 of 12 files are skipped: x.png: not an image") in rest


def test_an_abandoned_training_decodes_no_further(folder: Path) -> None:
    files: list[int] = []
    wanted = threading.Event()

    def prepare(options: Any, on_progress: Any) -> str:
        for number in itertools.count(1):
            files.append(number)
            on_progress(number, 10**9)
            assert wanted.wait(60)
        return ""

    plan = replace(resolve(tiny.config(folder)), dataset=replace(registry.dataset("idx"), prepare=prepare))
    training = loop.train(plan)
    while next(training).name != "decoding":  # type: ignore[union-attr]
        pass
    threading.Timer(0, wanted.set).start()
    training.close()  # type: ignore[attr-defined]
    assert wanted.is_set() and not [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor")]


def test_a_stop_while_images_are_decoded_does_not_wait(folder: Path) -> None:
    def prepare(options: Any, on_progress: Any) -> str:
        while True:  # until it is canceled
            on_progress(3, 10**9)

    plan = replace(resolve(tiny.config(folder)), dataset=replace(registry.dataset("idx"), prepare=prepare))
    events = list(loop.train(plan, control=tiny.Script({0: [Stop("s")]})))
    assert events[-2:] == [
        CommandApplied(0, "s", "stop"),
        Finished(0, "stopped", "stopped while its data were loaded"),
    ]
