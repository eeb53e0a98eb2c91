"""The public API: loading and using a trained model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import trainers
from tests.trainers import tiny
from tests.trainers.own_models import IMAGES, POINTS, TINY, last_snapshot
from trainers.storage import checkpoint


@pytest.fixture(scope="module")
def vae() -> trainers.TrainedModel:
    plan = trainers.make_plan("vae-2d", data=IMAGES, steps=12, settings=TINY)
    return trainers.load(last_snapshot(list(trainers.train(plan))), plan=plan)


@pytest.fixture(scope="module")
def flow() -> trainers.TrainedModel:
    settings = {"model.hidden": [8], "model.couplings": 2, "optim.batch_size": 16, "execution.threads": 1}
    plan = trainers.make_plan("flow-toy", data=torch.from_numpy(POINTS), steps=12, settings=settings)
    return trainers.load(last_snapshot(list(trainers.train(plan))), plan=plan)


def test_arrays_in_arrays_out_and_tensors_in_tensors_out(vae: trainers.TrainedModel) -> None:
    x: Any
    for x in (IMAGES[:5], torch.from_numpy(IMAGES[:5])):
        z = vae.encode(x)
        mu, logvar = vae.posterior(x)
        images = vae.decode(z)
        assert {type(value) for value in (z, mu, logvar, images, vae.log_prob(x))} == {type(x)}
        assert tuple(z.shape) == tuple(logvar.shape) == (5, 2) and tuple(images.shape) == (5, 1, 8, 6)
        assert (mu == z).all() and tuple(vae.log_prob(x).shape) == (5,)
        assert 0 <= images.min() <= images.max() <= 1


def test_loading_and_sampling_leave_the_global_random_state_alone() -> None:
    plan = trainers.make_plan("vae-2d", data=IMAGES, steps=1, settings=TINY)
    snapshot = last_snapshot(list(trainers.train(plan)))
    state = torch.random.get_rng_state()
    trainers.load(snapshot, plan=plan).sample(2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_samples_depend_on_the_seed_alone(vae: trainers.TrainedModel) -> None:
    assert np.array_equal(vae.sample(4, seed=1), vae.sample(4, seed=1))
    assert not np.array_equal(vae.sample(4, seed=1), vae.sample(4, seed=2))


def test_bytes_are_preprocessed_and_floats_used_as_they_are(vae: trainers.TrainedModel) -> None:
    black_and_white = (IMAGES[:4] > 127) * np.uint8(255)
    assert np.array_equal(vae.encode(black_and_white), vae.encode(black_and_white[:, None] / 255))


def test_a_flow_inverts_and_its_density_matches_the_change_of_variables(flow: trainers.TrainedModel) -> None:
    x = flow.sample(20)
    z = flow.encode(x)
    assert x.shape == (20, 2) and flow.decode(z) == pytest.approx(x, abs=1e-4)
    assert np.isneginf(flow.posterior(x)[1]).all() and np.isfinite(flow.log_prob(x)).all()


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:

    folder = tmp_path_factory.mktemp("runs") / "vae"
    plan = trainers.make_plan(
        "vae-2d", data="mnist", steps=12, settings={**TINY, "data.limit": 64, "data.limit_test": 20}
    )
    (folder / "snapshots").mkdir(parents=True)
    (folder / "config.json").write_text(plan.config.model_dump_json())
    for event in tiny.of(list(trainers.train(plan)), trainers.SnapshotReady):
        checkpoint.save_snapshot(folder / "snapshots" / f"step-{event.step:08d}", event.arrays, event.card)
    return folder


def test_a_run_folder_a_step_and_a_snapshot_load(run_folder: Path) -> None:
    newest = trainers.load(run_folder)
    assert newest.step == 12 and trainers.load(str(run_folder), step=0).step == 0
    assert np.array_equal(trainers.load(run_folder / "snapshots" / "step-00000012").sample(3), newest.sample(3))
    with pytest.raises(trainers.CheckpointError, match="no snapshot at step 7"):
        trainers.load(run_folder, step=7)
    with pytest.raises(trainers.CheckpointError, match="neither a run folder nor a snapshot"):
        trainers.load(run_folder.parent / "nowhere")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.encode(IMAGES[:2, :4]), r"x: shape \(2, 1, 4, 6\); expected \(N, 1, 8, 6\)"),
        (lambda m: m.encode(IMAGES[:2] * 1.0), r"x: values from .* expected floats in \[0, 1\] or uint8"),
        (lambda m: m.encode(IMAGES[:2].astype(int)), "x: dtype int64; expected floats"),
        (lambda m: m.decode(np.zeros((3, 5))), r"z: shape \(3, 5\); expected \(N, 2\)"),
        (lambda m: m.decode(np.full((3, 2), np.nan)), "z: contains NaN"),
        (lambda m: m.decode(torch.zeros(3, 2, dtype=torch.int32)), "z: dtype int32; expected floats"),
        (lambda m: m.sample(0), "n: expected 1 to"),
        (lambda m: m.sample("a"), "n: expected 1 to 1,000,000 samples, got 'a'"),
        (lambda m: m.sample(1.5), "n: expected 1 to"),
        (lambda m: m.sample(True), "n: expected 1 to"),
        *((lambda m, seed=seed: m.sample(2, seed=seed), "seed: expected 0 to") for seed in (-1, 1.5, "x", 2**70, None)),
        (lambda m: m.encode(None), "x: expected an array of numbers, got NoneType"),
        (lambda m: m.encode("abc"), "x: expected an array of numbers"),
        (lambda m: m.encode(torch.zeros(2, 8, 6, dtype=torch.complex64)), "x: expected an array of numbers"),
        (lambda m: m.encode(torch.zeros(2, 8, 6).to_sparse()), "x: expected an array of numbers, got Tensor"),
        (lambda m: m.encode(torch.zeros(2, 8, 6, device="meta")), "x: expected an array of numbers"),
        (lambda m: m.log_prob(np.full((2, 8, 6), np.nan)), "x: contains NaN"),
        (lambda m: m.decode(np.full((2, 2), 1e300)), "z: contains .* values beyond the range of float32"),
        (lambda m: m.reconstruct(3), r"x: shape \(\); expected"),
    ],
)
def test_unfit_arguments_of_a_model_are_rejected_by_name(vae: trainers.TrainedModel, call: Any, message: str) -> None:
    with pytest.raises(trainers.DataError, match=message):
        call(vae)


def test_empty_batches_give_empty_results(vae: trainers.TrainedModel, flow: trainers.TrainedModel) -> None:
    assert vae.encode(IMAGES[:0]).shape == (0, 2) and vae.log_prob(IMAGES[:0]).shape == (0,)
    assert vae.decode(np.zeros((0, 2))).shape == (0, 1, 8, 6)
    assert flow.encode(POINTS[:0]).shape == flow.decode(np.zeros((0, 2))).shape == (0, 2)
    assert flow.log_prob(POINTS[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": 3}, "source: expected a run folder, .* got 3"),
        ({"source": None}, "source: expected a run folder"),
        ({"source": ".", "step": "x"}, "step: expected 0 to .* got 'x'"),
        ({"source": ".", "plan": 3}, "plan: expected a Plan or a RunConfig, got 3"),
    ],
)
def test_unfit_arguments_of_load_are_rejected_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(trainers.ConfigError, match=message):
        trainers.load(**arguments)


def test_an_event_needs_its_plan(vae: trainers.TrainedModel) -> None:
    with pytest.raises(trainers.ConfigError, match="needs the plan"):
        trainers.load(trainers.SnapshotReady(0, {}, vae.card))
