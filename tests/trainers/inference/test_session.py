"""What an explorer asks of a snapshot."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import tiny
from trainers.errors import CheckpointError, ConfigError, UserError
from trainers.events import ImagesReady, SnapshotReady
from trainers.families.vae.model import Vae
from trainers.families.vae.spec import VaeOptions
from trainers.inference import loaded_model, session
from trainers.inference import params as inference_params
from trainers.inference.chunks import Progress, Result
from trainers.numerics import grids, rng
from trainers.storage import checkpoint
from trainers.training import loop

BINARY = {"data": {"binarization": "dynamic"}, "model": {"likelihood": "bernoulli"}}
Z = np.array([[0.0, 0.0], [1.0, -1.0]], dtype=np.float32)


@pytest.fixture(scope="module")
def events(folder: Path) -> list[Any]:
    return list(loop.train(tiny.config(folder, BINARY, steps=20)))


@pytest.fixture(scope="module")
def snapshot(events: list[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    last, place = tiny.of(events, SnapshotReady)[-1], tmp_path_factory.mktemp("snapshots") / "step-00000020"
    checkpoint.save_snapshot(place, last.arrays, last.card)
    return place


@pytest.fixture(scope="module")
def explorer(snapshot: Path, folder: Path) -> session.InferenceSession:
    return session.load(snapshot, tiny.config(folder, BINARY, steps=20))


def last_pictures(events: list[Any], kind: str) -> Any:
    return [event.images for event in tiny.of(events, ImagesReady) if event.kind == kind][-1]


def test_describe_gives_the_card(explorer: session.InferenceSession) -> None:
    _, meta = explorer.run("describe")
    assert meta["card"] == explorer.card.model_dump(mode="json")


def test_loading_a_snapshot_skips_weight_initialization(snapshot: Path, folder: Path) -> None:
    before = torch.get_rng_state()
    opened = session.load(snapshot, tiny.config(folder, BINARY, steps=20)).loaded.model.state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    saved, _ = checkpoint.load_snapshot(snapshot, max_weights_bytes=1 << 20)
    assert {name: weight.tolist() for name, weight in opened.items()} == {name: a.tolist() for name, a in saved.items()}
    with rng.SkipInit():
        own = torch.empty(3).normal_(generator=torch.Generator().manual_seed(0))
    assert torch.equal(own, torch.empty(3).normal_(generator=torch.Generator().manual_seed(0)))


def test_the_manifold_equals_the_image_of_the_training(explorer: session.InferenceSession, events: list[Any]) -> None:
    result, meta = explorer.run("manifold")
    assert result["images"].shape == (20, 20, 9, 7, 1) and meta["coords"] == "u"
    assert np.array_equal(result["images"].reshape(400, 9, 7, 1), last_pictures(events, "manifold"))


def test_the_grid_has_its_largest_y_on_top_and_spreads_by_the_prior() -> None:
    grid = grids.cell_centers(4, 3, (-3, 3, -2, 2), "z").reshape(4, 3, 2)
    assert grid[0, 0].tolist() == [-2, 1.5] and grid[-1, -1].tolist() == [2, -1.5]
    spread = grids.cell_centers(20, 20).reshape(20, 20, 2)
    assert torch.allclose(torch.special.ndtr(spread[0, :, 0]), (torch.arange(20) + 0.5) / 20, atol=1e-6)
    assert (spread[0, :, 1] > 0).all() and torch.equal(spread[:, :, 0], spread[:1, :, 0].expand(20, 20))
    assert grids.cell_centers(1, 1, (0, 0, 0, 0), "u").isfinite().all()


def test_decode_is_what_the_manifold_shows(explorer: session.InferenceSession) -> None:
    grid = grids.cell_centers(2, 2, (-1, 1, -1, 1), "z").numpy()
    decoded, _ = explorer.run("decode", arrays={"z": grid})
    shown, _ = explorer.run("manifold", {"rows": 2, "columns": 2, "bounds": [-1, 1, -1, 1], "coords": "z"})
    assert np.array_equal(decoded["images"], shown["images"].reshape(4, 9, 7, 1))


def test_samples_are_by_seed(explorer: session.InferenceSession) -> None:
    one, same, other = (explorer.run("sample", {"count": 5, "seed": seed})[0] for seed in (1, 1, 2))
    assert np.array_equal(one["images"], same["images"]) and not np.array_equal(one["z"], other["z"])
    cold, _ = explorer.run("sample", {"count": 5, "seed": 1, "temperature": 0.5})
    assert np.allclose(cold["z"], 0.5 * one["z"])
    assert np.array_equal(explorer.run("decode", arrays={"z": one["z"]})[0]["images"], one["images"])


def test_test_images_are_those_that_are_encoded(explorer: session.InferenceSession) -> None:
    shown, _ = explorer.run("test_images", {"indices": [3, 5]})
    encoded, _ = explorer.run("encode", {"indices": [3, 5]})
    assert np.array_equal(shown["x"], encoded["x"]) and np.array_equal(shown["labels"], encoded["labels"])
    whole, _ = explorer.run("test_images")
    assert list(whole) == ["labels"] and np.array_equal(whole["labels"][[3, 5]], shown["labels"])


def test_encode_returns_metrics_of_test_images(explorer: session.InferenceSession) -> None:
    result, _ = explorer.run("encode", arrays={"indices": np.array([3, 5])})
    assert result["x"].shape == result["recon"].shape == (2, 9, 7, 1)
    assert set(np.unique(result["x"])) <= {0, 255}
    assert result["kl_dims"].shape == (2, 2) and np.allclose(result["kl_dims"].sum(1), result["kl_nats"], rtol=1e-5)
    assert (result["recon_nats"] > 0).all() and result["labels"].dtype == np.int64
    assert np.array_equal(explorer.run("decode", arrays={"z": result["mu"]})[0]["images"], result["recon"])


def test_encode_takes_given_images(explorer: session.InferenceSession) -> None:
    seen, _ = explorer.run("encode", {"index": 4})
    given, _ = explorer.run("encode", arrays={"images": seen["x"]})
    assert np.allclose(given["mu"], seen["mu"]) and given["labels"].tolist() == [-1]


@pytest.mark.parametrize(("split", "length"), [("test", 60), ("train", 256)])
def test_encodings_of_a_split(explorer: session.InferenceSession, split: str, length: int) -> None:
    whole, _ = explorer.run("encodings", {"split": split})
    part, _ = explorer.run("encodings", {"split": split, "count": 10})
    assert whole["mu"].shape == whole["logvar"].shape == (length, 2)
    assert whole["labels"].shape == whole["indices"].shape == (length,)
    assert np.allclose(part["mu"], whole["mu"][:10], atol=1e-6)


def test_long_work_reports_progress(explorer: session.InferenceSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded_model, "CHUNK_IMAGES", 16)
    monkeypatch.setattr(explorer.loaded, "test_codes", None)
    *progress, last = explorer.answer("encodings", {"split": "test"})
    fractions = [chunk.fraction for chunk in progress if isinstance(chunk, Progress)]
    assert len(fractions) == 3 and fractions == sorted(fractions) and fractions[0] > 0 and fractions[-1] < 1
    assert isinstance(last, Result)


def test_an_abandoned_answer_leaves_no_inference_mode(explorer: session.InferenceSession) -> None:
    answer = explorer.answer("encodings", {"split": "train"})
    next(answer)
    assert not torch.is_inference_mode_enabled()


def test_the_posterior_is_centered_on_mu(explorer: session.InferenceSession) -> None:
    code, _ = explorer.run("encode", {"index": 2})
    sampled, _ = explorer.run("posterior", {"index": 2, "count": 4000})
    sigma = np.exp(0.5 * code["logvar"][0])
    assert np.allclose(sampled["z"].mean(0), code["mu"][0], atol=float(5 * sigma.max() / np.sqrt(4000)))
    assert np.allclose(sampled["z"].std(0), sigma, rtol=0.1)
    assert sampled["images"].shape == (4000, 9, 7, 1)


def test_nearest_finds_the_image_itself(explorer: session.InferenceSession) -> None:
    code, _ = explorer.run("encode", {"index": 7})
    arrays, _ = explorer.run("nearest", {"count": 3}, {"z": code["mu"]})
    assert arrays["indices"][0] == 7 and arrays["distances"][0] == pytest.approx(0, abs=1e-3)
    assert np.all(np.diff(arrays["distances"]) >= 0) and np.array_equal(arrays["images"][:1], code["x"])


def test_the_pipeline_adds_up(explorer: session.InferenceSession) -> None:
    result, meta = explorer.run("pipeline", {"index": 1, "seed": 3})
    assert all(array.shape[0] == 1 for array in result.values())
    assert {"x", "mu", "sigma", "z", "recon"} == set(result)
    metrics = meta["metrics"]
    assert metrics["elbo"] == pytest.approx(-metrics["recon"] - metrics["kl"])


WRONG: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "no such operation": ("paint", {}, {}),
    "no latents": ("decode", {}, {}),
    "latents of another size": ("decode", {}, {"z": np.zeros((1, 3), np.float32)}),
    "latents that are not finite": ("decode", {}, {"z": np.full((1, 2), np.nan, np.float32)}),
    "too many cells": ("manifold", {"rows": 1000, "columns": 1000}, {}),
    "bounds": ("manifold", {"bounds": [0, 1, 0]}, {}),
    "bounds beyond u": ("manifold", {"bounds": [0, 2, 0, 1]}, {}),
    "coordinates": ("manifold", {"coords": "w"}, {}),
    "count": ("sample", {"count": 0}, {}),
    "count that is no number": ("sample", {"count": "many"}, {}),
    "temperature": ("sample", {"temperature": float("nan")}, {}),
    "seed": ("sample", {"seed": -1}, {}),
    "index": ("encode", {"index": 60}, {}),
    "negative index": ("encode", {"indices": [-1]}, {}),
    "index that is no number": ("encode", {"index": "x"}, {}),
    "index that is not whole": ("encode", {"index": 1.5}, {}),
    "index that is a word": ("encode", {"indices": ["1"]}, {}),
    "indices of floats": ("encode", {}, {"indices": np.ones(2, np.float32)}),
    "indices in a ragged list": ("encode", {"indices": [[1], [1, 2]]}, {}),
    "count of a billion": ("sample", {"count": 10**9}, {}),
    "negative rows": ("manifold", {"rows": -1}, {}),
    "bounds that are not finite": ("manifold", {"coords": "z", "bounds": [0, float("nan"), 0, 1]}, {}),
    "images of another size": ("encode", {}, {"images": np.zeros((1, 28, 28, 1), np.uint8)}),
    "images of floats": ("encode", {}, {"images": np.zeros((1, 9, 7, 1), np.float32)}),
    "split": ("encodings", {"split": "valid"}, {}),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_queries_raise_one_line_errors(explorer: session.InferenceSession, case: str) -> None:
    tiny.assert_refused(explorer, *WRONG[case])


TOO_MUCH: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "decode": ({}, {"z": np.zeros((100, 2), np.float32)}),
    "manifold": ({"rows": 10, "columns": 10}, {}),
    "sample": ({"count": 100}, {}),
    "posterior": ({"count": 100}, {}),
    "encode": ({"indices": [0] * 100}, {}),
    "encodings": ({"split": "train"}, {}),
    "nearest": ({"count": 60}, {"z": np.zeros((1, 2), np.float32)}),
}


@pytest.mark.parametrize("op", TOO_MUCH)
def test_a_result_that_is_too_large_is_refused_before_it_is_computed(
    explorer: session.InferenceSession, monkeypatch: pytest.MonkeyPatch, op: str
) -> None:
    monkeypatch.setattr(inference_params, "MAX_RESULT_BYTES", 3000)
    for work in ("decode", "encode"):
        monkeypatch.setattr(type(explorer.loaded.model), work, lambda *_: pytest.fail("computed"))
    with pytest.raises(ConfigError, match="more than the 0 MB of a result: request at most"):
        explorer.run(op, *TOO_MUCH[op])


def test_weights_that_are_too_large_are_refused_before_they_are_read(snapshot: Path, folder: Path) -> None:
    place = snapshot.with_name("step-00000021")
    shutil.copytree(snapshot, place)
    size = 15 << 30
    with (place / checkpoint.WEIGHTS_FILE).open("r+b") as file:
        file.truncate(size)  # sparse: nothing on the disk
    manifest = json.loads((place / checkpoint.MANIFEST_FILE).read_bytes())
    manifest["files"][checkpoint.WEIGHTS_FILE]["bytes"] = size
    (place / checkpoint.MANIFEST_FILE).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="more than the"):
        session.load(place, tiny.config(folder, BINARY, steps=20))


@pytest.mark.parametrize("shape", [[1, 0, 7], [1, -9, -7], [1, 9, 10**12]])
def test_a_card_with_an_impossible_shape_is_refused(snapshot: Path, tmp_path: Path, shape: list[int]) -> None:
    meta = json.loads((snapshot / checkpoint.CARD_FILE).read_bytes())
    (tmp_path / checkpoint.CARD_FILE).write_text(json.dumps({**meta, "image_shape": shape}))
    with pytest.raises(CheckpointError, match="image_shape"):
        checkpoint.load_card(tmp_path)


def test_a_missing_capability_is_reported_with_its_reason(folder: Path, tmp_path: Path) -> None:
    config = tiny.config(folder, {"model": {"latent_dim": 3}}, steps=1)
    last = tiny.of(list(loop.train(config)), SnapshotReady)[-1]
    checkpoint.save_snapshot(tmp_path / "s", last.arrays, last.card)
    with pytest.raises(UserError, match="'manifold' is not available") as caught:
        session.load(tmp_path / "s", config).run("manifold")
    assert "2 latent dimensions" in caught.value.hint


def test_a_snapshot_of_another_model_is_refused(snapshot: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="do not match"):
        session.load(snapshot, tiny.config(folder, {"model": {"hidden": [4]}}))


@pytest.mark.parametrize("kind", ["linear", "conv"])
@pytest.mark.parametrize("likelihood", tiny.DATA_OF)
def test_every_kind_of_model_answers(folder: Path, tmp_path: Path, kind: str, likelihood: str) -> None:
    layer = {
        "model": {"likelihood": likelihood, **tiny.ARCHITECTURES[kind]},
        "data": {"binarization": tiny.DATA_OF[likelihood]},
    }
    config = tiny.config(folder, layer, steps=1)
    last = tiny.of(list(loop.train(config)), SnapshotReady)[-1]
    checkpoint.save_snapshot(tmp_path / "s", last.arrays, last.card)
    explorer = session.load(tmp_path / "s", config)
    for op in ("manifold", "sample", "encode", "encodings", "posterior", "pipeline"):
        arrays, _ = explorer.run(op)
        assert arrays and all(array.dtype.name in ("uint8", "float32", "int64") for array in arrays.values()), op


@pytest.mark.parametrize("size", [(28, 28), (9, 7)])
def test_a_model_in_channels_last_is_the_same_function(size: tuple[int, int]) -> None:
    given = {"latent_dim": 2, "architecture": "conv", "channels": [4, 8], "hidden": [16]}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Vae(VaeOptions.model_validate(given), (1, *size)).requires_grad_(False)
    z, x = torch.from_numpy(Z), torch.rand((5, 1, *size), generator=torch.Generator().manual_seed(0))
    images, codes = model.decode(z), model.encode(x)
    loaded_model.to_channels_last(model)
    assert torch.allclose(model.decode(z), images, atol=1e-5)
    assert all(torch.allclose(now, before, atol=1e-5) for now, before in zip(model.encode(x), codes, strict=True))
    latents = z.clone().requires_grad_()  # as in an inversion
    (slope,) = torch.autograd.grad(model.decode(latents).sum(), latents)
    assert slope.isfinite().all() and slope.any()


def test_a_preview_is_marked_and_close_to_the_exact_images(
    snapshot: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_model, "has_bfloat16", lambda device: True)
    fresh = session.load(snapshot, tiny.config(folder, BINARY, steps=20))
    exact, meta = fresh.run("manifold")
    assert "draft" not in meta
    few = grids.cell_centers(2, 2, (-1, 1, -1, 1), "z").numpy()
    first, meta = fresh.run("decode", {"draft": True}, {"z": few})  # the trial is made beside an exact answer
    assert "draft" not in meta and np.array_equal(first["images"], fresh.run("decode", {}, {"z": few})[0]["images"])
    draft, meta = fresh.run("manifold", {"draft": True})
    assert meta["draft"] is True
    off = np.abs(draft["images"].astype(int) - exact["images"].astype(int))
    assert 0 < off.max() <= loaded_model.MAX_ERROR_LEVELS and off.mean() <= loaded_model.MAX_MEAN_ERROR_LEVELS
    assert "draft" not in fresh.run("manifold")[1]


def test_a_model_with_visible_preview_errors_has_no_previews(
    snapshot: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaded_model, "has_bfloat16", lambda device: True)
    monkeypatch.setattr(loaded_model.LoadedModel, "_decode_bf16", lambda self, z: self.decode(z) + 0.01)
    fresh = session.load(snapshot, tiny.config(folder, BINARY, steps=20))
    assert all("draft" not in fresh.run("manifold", {"draft": True})[1] for _ in range(3))
