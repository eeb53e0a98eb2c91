"""Queries on models of 2-D points."""

from typing import Any

import numpy as np
import pytest

from tests.trainers import fake_models, tiny
from trainers import config as run_config
from trainers.errors import UserError
from trainers.families.vae.spec import VaeOptions
from trainers.inference import loaded_model, session
from trainers.inference.chunks import Progress, Result
from trainers.inference.loaded_model import LoadedModel
from trainers.inference.trained_model import TrainedModel

SHAPE = (2, 1, 1)


@pytest.fixture(scope="module")
def explorer() -> session.InferenceSession:
    data = {"name": "eight-gaussians", "num_train": 300, "num_test": 200}
    return fake_models.explorer(
        fake_models.Level(SHAPE),
        run_config.parse({"data": data, "model": {"name": "flow"}, "schedule": {"steps": 1}}),
        "points",
    )


def test_points_take_the_place_of_images(explorer: session.InferenceSession) -> None:
    sampled, _ = explorer.run("sample", {"count": 5})
    assert sampled["images"].dtype == np.float32 and np.allclose(sampled["images"], 2 * sampled["z"])
    code, _ = explorer.run("encode", {"indices": [1, 2]})
    assert code["x"].shape == code["recon"].shape == (2, 2) and np.allclose(code["mu"], code["x"] / 2)
    own, _ = explorer.run("encode", arrays={"images": code["x"]})
    assert np.allclose(own["mu"], code["mu"]) and own["labels"].tolist() == [-1, -1]
    near, _ = explorer.run("nearest", {"count": 2}, {"z": code["mu"][:1]})
    assert near["indices"][0] == 1 and np.array_equal(near["images"][0], code["x"][0])
    path, _ = explorer.run("interpolate", {"count": 3}, {"z": code["mu"]})
    assert np.allclose(path["images"][[0, 2]], code["x"], atol=1e-6)
    assert explorer.run("posterior", {"count": 3})[0]["images"].shape == (3, 2)
    assert explorer.run("encodings")[0]["mu"].shape == (200, 2)


def test_samples_of_a_vae_are_of_its_likelihood_in_every_query(explorer: session.InferenceSession) -> None:
    options = {"name": "vae", "likelihood": "normal", "latent_dim": 2, "hidden": [8]}
    config = run_config.parse({"data": {"name": "moons"}, "model": options, "schedule": {"steps": 1}})
    vae = tiny.vae(VaeOptions(likelihood="normal", latent_dim=2, hidden=(8,)), SHAPE)
    loaded = LoadedModel(vae.eval(), explorer.card.model_copy(update={"family": "vae"}), config)
    model = session.InferenceSession(loaded)
    sampled, meta = model.run("sample", {"count": 3000, "seed": 4})
    mean, _ = model.run("decode", arrays={"z": sampled["z"]})
    noise = sampled["images"] - mean["images"]
    assert noise.std() == pytest.approx(1.0, abs=0.05) and abs(noise.mean()) < 0.05  # the scale at initialization
    assert meta["how"] == "z from N(0, I), then x from p(x|z)"
    # By the seed alone, as in a script; the latents are those of the same seed.
    again, _ = model.run("sample", {"count": 3000, "seed": 4})
    assert np.array_equal(sampled["images"], again["images"])
    other, _ = model.run("sample", {"count": 3000, "seed": 5})
    assert not np.array_equal(sampled["images"], other["images"])
    assert np.allclose(TrainedModel(vae, loaded.card, "none").sample(3000, seed=4), sampled["images"], atol=1e-6)


@pytest.mark.parametrize("params", [{"index": 3}, {"indices": list(range(4))}, {"seed": 1, "count": 4}])
def test_many_points_are_traced_like_one(explorer: session.InferenceSession, params: dict[str, Any]) -> None:
    arrays, meta = explorer.run("trace", params)
    several = () if "index" in params else (4,)
    assert arrays["stages"].shape == (5, *several, 2) and arrays["stages"].dtype == np.float32
    assert arrays["ladj"].shape == (4, *several) and meta["error"] < 1e-5
    ends = [arrays["stages"][0], arrays["stages"][-1]]
    assert np.allclose(ends[1], ends[0] * (2 if "seed" in params else 0.5))


def test_many_points_are_traced_in_chunks(explorer: session.InferenceSession, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, meta = explorer.run("trace", {"seed": 1, "count": 50})
    monkeypatch.setattr(loaded_model, "CHUNK_POINTS", 16)
    *progress, last = explorer.answer("trace", {"seed": 1, "count": 50})
    assert isinstance(last, Result)
    parts, same = last.arrays, last.meta
    assert [chunk.fraction for chunk in progress if isinstance(chunk, Progress)] == pytest.approx(
        [0, 16 / 50, 32 / 50, 48 / 50]
    )
    assert same["labels"] == meta["labels"]
    for name, array in whole.items():
        assert np.allclose(parts[name], array, atol=1e-6), name
    assert np.allclose(whole["std"][-1], whole["stages"][-1].std(), rtol=1e-5)


def test_points_and_their_bounds(explorer: session.InferenceSession) -> None:
    arrays, meta = explorer.run("points", {"count": 50})
    x0, x1, y0, y1 = meta["bounds"]
    assert arrays["points"].shape == (50, 2) and arrays["labels"].shape == (50,) and arrays["labels"].max() <= 7
    inside = (arrays["points"] > [x0, y0]) & (arrays["points"] < [x1, y1])
    assert inside.mean() > 0.95
    assert np.array_equal(arrays["points"][3], explorer.run("encode", {"index": 3})[0]["x"][0])
    assert len(explorer.run("points", {"split": "train"})[0]["points"]) == 300


def test_a_density_has_its_largest_y_on_top_and_integrates_to_one(explorer: session.InferenceSession) -> None:
    sides = {"rows": 60, "columns": 80, "bounds": [-12, 12, -12, 12]}
    for of in ("model", "truth"):
        arrays, meta = explorer.run("density", {"of": of, **sides})
        assert arrays["log_prob"].shape == (60, 80) and meta["how"] == "exact"
        assert np.exp(arrays["log_prob"]).sum() * (24 / 60) * (24 / 80) == pytest.approx(1, abs=0.02)
    narrow, _ = explorer.run("density", {"rows": 3, "columns": 2, "bounds": [-1, 1, 0, 6]})
    assert narrow["log_prob"][0, 0] < narrow["log_prob"][1, 0] < narrow["log_prob"][2, 0]
    assert explorer.run("density")[1]["bounds"] == explorer.run("points")[1]["bounds"]


def test_a_large_map_reports_progress(explorer: session.InferenceSession) -> None:
    *progress, last = explorer.answer("density", {"rows": 100, "columns": 100})
    assert len(progress) == 2 and isinstance(last, Result)


def test_the_critics_arrows_point_uphill(explorer: session.InferenceSession) -> None:
    arrays, meta = explorer.run("critic", {"rows": 9, "columns": 9, "count": 20, "bounds": [-3, 3, -3, 3]})
    assert arrays["surface"].shape == (9, 9) and arrays["surface"].argmax() == 40 and meta["bounds"] == [-3, 3, -3, 3]
    assert arrays["points"].shape == (20, 2) and np.allclose(arrays["arrows"], -arrays["points"])


WRONG: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "points of three": ("encode", {}, {"images": np.zeros((2, 3), np.float32)}),
    "images": ("encode", {}, {"images": np.zeros((1, 1, 1, 2), np.uint8)}),
    "points that are not finite": ("trace", {}, {"images": np.full((1, 2), np.nan, np.float32)}),
    "which density": ("density", {"of": "both"}, {}),
    "a map too fine": ("density", {"rows": 1000, "columns": 1000}, {}),
    "split": ("points", {"split": "valid"}, {}),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_queries_raise_one_line_errors(explorer: session.InferenceSession, case: str) -> None:
    tiny.assert_refused(explorer, *WRONG[case])


def test_planes_and_manifolds_are_for_images(explorer: session.InferenceSession) -> None:
    for op in ("plane", "axes", "manifold"):
        with pytest.raises(UserError, match="see Density"):
            explorer.run(op)
