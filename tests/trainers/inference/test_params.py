"""What explorers ask beyond one latent: ways between two, inversion, traces, planes, axes; of models that are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.trainers import fake_models, tiny
from trainers.config import RunConfig
from trainers.data import preprocess
from trainers.errors import ConfigError, UserError
from trainers.inference import interpolation, planes, sensitivity, session
from trainers.inference import params as inference_params
from trainers.inference.chunks import Progress
from trainers.inference.inversion import PRIOR_PENALTY
from trainers.inference.loaded_model import LoadedModel

SHAPE = (1, 9, 7)


@pytest.fixture(scope="module")
def config(folder: Path) -> RunConfig:
    return tiny.config(folder, {"data": {"binarization": "none"}})


@pytest.fixture(scope="module")
def generator(config: RunConfig) -> session.InferenceSession:
    return fake_models.explorer(fake_models.Generator(SHAPE, 6), config)


@pytest.fixture(scope="module")
def scale(config: RunConfig) -> session.InferenceSession:
    return fake_models.explorer(fake_models.Level(SHAPE), config)


def random(*shape: int, seed: int = 0) -> "np.ndarray[Any, np.dtype[np.float32]]":
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_interpolation_includes_both_ends(generator: session.InferenceSession) -> None:
    ends = random(2, 6)
    for mode in ("spherical", "linear"):
        arrays, _ = generator.run("interpolate", {"count": 5, "mode": mode}, {"z": ends})
        assert np.allclose(arrays["z"][[0, -1]], ends, atol=1e-6) and arrays["t"].tolist() == [0, 0.25, 0.5, 0.75, 1]
        assert np.array_equal(arrays["images"], generator.run("decode", arrays={"z": arrays["z"]})[0]["images"])
    assert np.allclose(arrays["z"][2], ends.mean(0), atol=1e-6), "the middle of a straight line"
    assert generator.run("interpolate", arrays={"z": ends})[0]["z"].shape == (9, 6)


def test_spherical_interpolation_has_constant_radius_and_speed() -> None:
    start, end = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 2.0])
    path = interpolation.interpolate_latents(start, end, torch.linspace(0, 1, 10))
    assert torch.allclose(path.norm(dim=1), torch.full((10,), 2.0))
    pace = path.diff(dim=0).norm(dim=1)
    assert torch.allclose(pace, pace[:1].expand(9), atol=1e-6) and (path[:, 1] == 0).all()


def test_lengths_are_interpolated_even_between_nearly_opposite_latents() -> None:
    start, end, t = torch.tensor([1.5, 0.0]), torch.tensor([-2.0, 0.1]), torch.linspace(0, 1, 9)
    lengths = interpolation.interpolate_latents(start, end, t).norm(dim=1)
    assert torch.allclose(lengths, (1 - t) * 1.5 + t * end.norm(), atol=1e-5)


@pytest.mark.parametrize("factor", [3.0, -1.0, 0.0])
def test_parallel_opposite_or_zero_ends_are_interpolated_linearly(factor: float) -> None:
    start, t = torch.tensor([1.0, -2.0]), torch.linspace(0, 1, 7)
    assert torch.allclose(
        interpolation.interpolate_latents(start, factor * start, t),
        interpolation.interpolate_latents(start, factor * start, t, "linear"),
    )


def test_inversion_recovers_latents(generator: session.InferenceSession) -> None:
    z = random(3, 6) * 0.8
    images, _ = generator.run("decode", arrays={"z": z})
    arrays, _ = generator.run("invert", {"steps": 200, "restarts": 2, "prior": 0}, {"images": images["images"]})
    assert np.allclose(arrays["z"], z, atol=0.1) and arrays["error"].max() < 1e-5
    assert np.abs(arrays["recon"].astype(int) - arrays["x"]).max() <= 2 and np.array_equal(
        arrays["x"], images["images"]
    )
    assert arrays["history"].shape == (200, 3) and np.all(np.diff(arrays["history"], axis=0) <= 0)
    assert np.allclose(arrays["history"][-1], arrays["error"]) and arrays["labels"].tolist() == [-1] * 3


def test_inversion_of_test_images_reaches_the_least_squares_solution(generator: session.InferenceSession) -> None:
    arrays, _ = generator.run("invert", {"indices": [4, 7], "steps": 400, "restarts": 2, "prior": 0})
    model = generator.loaded.model
    assert isinstance(model, fake_models.Generator)
    x = torch.from_numpy(arrays["x"]).flatten(1) / 255 - 0.5
    best = (x - x @ torch.linalg.pinv(model.weight).T @ model.weight.T).square().mean(1)
    assert np.allclose(arrays["error"], best.numpy(), rtol=0.01)
    assert arrays["labels"].tolist() == generator.run("test_images", {"indices": [4, 7]})[0]["labels"].tolist()
    pulled, _ = generator.run("invert", {"indices": [4, 7], "steps": 100, "restarts": 2, "prior": 1.0})
    assert np.linalg.norm(pulled["z"], axis=1).max() < 0.5 * np.linalg.norm(arrays["z"], axis=1).min()
    usual, meta = generator.run("invert", {"indices": [4, 7], "steps": 400, "restarts": 2})
    assert meta["prior"] == PRIOR_PENALTY and (usual["error"] > arrays["error"]).all()
    assert (np.linalg.norm(usual["z"], axis=1) < np.linalg.norm(arrays["z"], axis=1)).all()


def test_inversion_reports_its_error_and_can_be_abandoned(generator: session.InferenceSession) -> None:
    answer = generator.answer("invert", {"index": 0, "steps": 50})
    progress = [chunk for chunk in answer if isinstance(chunk, Progress)]
    fractions = [chunk.fraction for chunk in progress]
    assert fractions == sorted(fractions) and "error 0." in progress[-1].message
    half = generator.answer("invert", {"index": 0, "steps": 10_000})
    for _ in range(4):
        next(half)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    half.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("params", [{"index": 3}, {"seed": 2, "temperature": 0.5}, {"seed": 2, "count": 5}])
def test_a_trace_has_each_stage_and_its_log_determinant(
    scale: session.InferenceSession, params: dict[str, Any]
) -> None:
    arrays, meta = scale.run("trace", params)
    forward, count = "index" in params, params.get("count", 1)
    several = (count,) if count > 1 else ()
    assert arrays["stages"].shape == (5, *several, 9, 7, 1) and arrays["z"].shape == (count, 63)
    assert arrays["ladj"].shape == (4, *several) and arrays["mean"].shape == arrays["std"].shape == (5,)
    assert np.allclose(arrays["ladj"].sum(0), (-63 if forward else 63) * np.log(2))
    assert meta["labels"] == ["x" if forward else "z", "scale 1", "scale 2", "scale 3", "scale 4"]
    assert meta["direction"] == ("forward" if forward else "inverse") and meta["error"] < 1e-5
    assert arrays["std"][-1] == pytest.approx(arrays["std"][0] * (0.5 if forward else 2), rel=1e-4)
    if forward:
        assert np.array_equal(arrays["stages"][0], scale.run("encode", {"index": 3})[0]["x"][0])
    elif count == 1:
        sampled, _ = scale.run("sample", {"count": 1, **params})
        assert np.array_equal(arrays["stages"][-1], sampled["images"][0]) and np.array_equal(arrays["z"], sampled["z"])


def test_an_inverse_trace_returns_to_the_start(scale: session.InferenceSession) -> None:
    there, _ = scale.run("trace", {"index": 5})
    back, meta = scale.run("trace", arrays={"z": there["z"]})
    assert np.array_equal(back["stages"][::-1], there["stages"]) and meta["label"] == -1


def test_the_axes_of_a_generator_are_ranked_by_effect(
    generator: session.InferenceSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, meta = generator.run("axes", {"count": 4})
    weight = next(generator.loaded.model.parameters()).abs().mean(0) * 255
    assert set(arrays["indices"].tolist()) == set(weight.topk(4).indices.tolist()) and meta["measure"] == "effect"
    assert np.allclose(arrays["scores"], weight[arrays["indices"]], rtol=1e-3)
    monkeypatch.setattr(sensitivity, "MAX_MEASURED_AXES", 4)  # as if six were too many to measure each
    monkeypatch.setattr(generator.loaded, "sensitivity", None)
    probed, meta = generator.run("axes", {"count": 2})
    assert np.array_equal(probed["indices"], arrays["indices"][:2]) and "random gradients" in meta["how"]
    plane, _ = generator.run("plane", {"kind": "principal"})
    assert plane["e1"].argmax() == 5 and plane["e2"].argmax() == 4
    generator.loaded.sensitivity = None


def test_the_axes_of_a_posterior_are_ranked_by_their_kl(folder: Path) -> None:
    config = tiny.config(folder, {"model": {"latent_dim": 3}})
    vae = tiny.vae(tiny.options(latent_dim=3), SHAPE)
    fake = fake_models.explorer(fake_models.Level(SHAPE), config)
    explorer = session.InferenceSession(LoadedModel(vae.eval().requires_grad_(False), fake.card, config))
    arrays, meta = explorer.run("axes", {"count": 2})
    mean = explorer.run("encode", {"indices": list(range(60))})[0]["kl_dims"].mean(0)
    assert meta["measure"] == "KL" and meta["unit"] == "nats"
    assert np.allclose(arrays["scores"], np.sort(mean)[::-1][:2], rtol=1e-4)
    assert arrays["indices"].tolist() == np.argsort(mean)[::-1][:2].tolist()


def test_the_principal_plane_of_the_encodings(scale: session.InferenceSession, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, meta = scale.run("plane", {"kind": "principal"})
    mu = scale.run("encodings")[0]["mu"].astype(np.float64)
    _, values, directions = np.linalg.svd(mu - mu.mean(0), full_matrices=False)
    assert np.allclose(meta["explained"], (values**2 / (values**2).sum())[:2], rtol=1e-4)
    for name, direction, value in zip(("e1", "e2"), directions, values, strict=False):
        assert abs(arrays[name] @ direction) == pytest.approx(value / np.sqrt(len(mu) - 1), rel=1e-4)
    seen, _ = scale.run("project", arrays=arrays)
    assert np.allclose(seen["coords"].std(0, ddof=1), 1, rtol=1e-4) and np.allclose(
        seen["coords"].mean(0), 0, atol=1e-5
    )
    assert seen["labels"].shape == seen["indices"].shape == (60,)
    monkeypatch.setattr(planes, "_MAX_COVARIANCE_SIZE", 10)
    again, other = scale.run("plane", {"kind": "principal"})
    assert np.allclose(again["e1"], arrays["e1"], atol=1e-4) and np.allclose(
        other["explained"], meta["explained"], rtol=0.01
    )


def test_the_plane_of_a_generator_follows_what_changes_most(generator: session.InferenceSession) -> None:
    arrays, meta = generator.run("plane", {"kind": "principal"})
    assert np.allclose(arrays["e1"], np.eye(6)[5], atol=1e-3) and np.allclose(arrays["e2"], np.eye(6)[4], atol=1e-3)
    assert meta["explained"] == pytest.approx([36 / 91, 25 / 91], rel=1e-2)
    with pytest.raises(UserError, match="'project' is not available"):
        generator.run("project", arrays=arrays)


def test_a_plane_through_three_latents_holds_them(generator: session.InferenceSession) -> None:
    z = random(3, 6)
    arrays, meta = generator.run("plane", {"kind": "points"}, {"z": z})
    e1, e2 = arrays["e1"], arrays["e2"]
    assert np.allclose([e1 @ e1, e2 @ e2, e1 @ e2], [1, 1, 0], atol=1e-6)
    for place, point in zip(meta["points"], z, strict=True):
        assert np.allclose(arrays["origin"] + place[0] * e1 + place[1] * e2, point, atol=1e-5)


def test_the_manifold_of_a_plane_decodes_its_points(generator: session.InferenceSession) -> None:
    plane, meta = generator.run("plane", {"kind": "axes", "indices": [4, 1]})
    assert plane["e1"].argmax() == 4 and plane["e2"].argmax() == 1 and meta["title"] == "z₅ and z₂, all others 0"
    sampled, _ = generator.run("manifold", {"rows": 2, "columns": 2, "bounds": [-2, 2, -2, 2]}, plane)
    z = np.zeros((4, 6), np.float32)
    z[:, 4], z[:, 1] = [-1, 1, -1, 1], [1, 1, -1, -1]
    assert np.array_equal(sampled["images"].reshape(4, 9, 7, 1), generator.run("decode", arrays={"z": z})[0]["images"])


WRONG: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "one end": ("interpolate", {}, {"z": random(1, 6)}),
    "one image between": ("interpolate", {"count": 1}, {"z": random(2, 6)}),
    "way": ("interpolate", {"mode": "round"}, {"z": random(2, 6)}),
    "steps": ("invert", {"steps": 0}, {}),
    "restarts": ("invert", {"restarts": 1000}, {}),
    "test image": ("invert", {"index": 60}, {}),
    "axes of a plane": ("plane", {"indices": [1]}, {}),
    "the same axis twice": ("plane", {"indices": [1, 1]}, {}),
    "an axis beyond": ("plane", {"indices": [1, 6]}, {}),
    "kind of plane": ("plane", {"kind": "curved"}, {}),
    "two points": ("plane", {"kind": "points"}, {"z": random(2, 6)}),
    "points on a line": ("plane", {"kind": "points"}, {"z": np.outer([1, 2, 3], random(6)).astype(np.float32)}),
    "no directions": ("manifold", {}, {"origin": random(6)}),
    "parallel directions": ("manifold", {}, {"origin": random(6), "e1": random(6), "e2": 2 * random(6)}),
    "direction of another size": ("manifold", {}, {"origin": random(6), "e1": random(5), "e2": random(6)}),
    "coordinates of a plane": ("manifold", {"coords": "u"}, dict.fromkeys(("origin", "e1", "e2"), random(6))),
    "axes": ("axes", {"count": 0}, {}),
}


@pytest.mark.parametrize("case", WRONG)
def test_invalid_queries_raise_one_line_errors(generator: session.InferenceSession, case: str) -> None:
    tiny.assert_refused(generator, *WRONG[case])


@pytest.mark.parametrize("op", ["trace", "critic", "density", "points", "encode", "manifold", "pipeline"])
def test_missing_capabilities_are_reported(generator: session.InferenceSession, op: str) -> None:
    with pytest.raises(UserError, match=f"'{op}' is not available") as caught:
        generator.run(op)
    assert caught.value.hint


def test_a_critic_of_images_has_no_map(scale: session.InferenceSession) -> None:
    with pytest.raises(UserError, match="too many dimensions"):
        scale.run("critic")


@pytest.mark.parametrize(("op", "params"), [("trace", {"seed": 0}), ("invert", {}), ("interpolate", {"count": 100})])
def test_too_much_is_refused(
    generator: session.InferenceSession,
    scale: session.InferenceSession,
    monkeypatch: pytest.MonkeyPatch,
    op: str,
    params: dict[str, Any],
) -> None:
    monkeypatch.setattr(inference_params, "MAX_RESULT_BYTES", 300)
    explorer = scale if op == "trace" else generator
    with pytest.raises(ConfigError, match="request at most"):
        explorer.run(op, params, {"z": random(2, 6)} if op == "interpolate" else {})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_black_and_reported(config: RunConfig, value: float) -> None:
    explorer = fake_models.explorer(fake_models.Level(SHAPE, value), config)
    for op, params in (("sample", {"count": 2}), ("trace", {"seed": 0}), ("encode", {}), ("axes", {})):
        _, meta = explorer.run(op, params)
        assert op == "axes" or 0 < meta["not_finite"] <= 1
    if np.isnan(value):
        assert not explorer.run("sample", {"count": 2})[0]["images"].any()
        with pytest.raises(UserError, match="span no plane"):
            explorer.run("plane", {"kind": "principal"})


def test_nan_pixels_are_black() -> None:
    images = torch.tensor([float("nan"), float("-inf"), float("inf"), 0.5]).view(1, 1, 2, 2)
    assert preprocess.to_uint8(images).flatten().tolist() == [0, 0, 255, 128]
