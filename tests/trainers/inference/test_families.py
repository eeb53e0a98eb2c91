"""Every family, on images and on points of the plane, answers every question that its capabilities promise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainers import config, plan, registry
from trainers.config import RunConfig
from trainers.errors import UserError
from trainers.inference import session
from trainers.inference.loaded_model import LoadedModel
from trainers.model_card import DataCard, ModelCard

SIZE = (1, 9, 7)
MODELS: dict[str, dict[str, Any]] = {
    "vae, 2 dimensions": {"name": "vae", "latent_dim": 2, "hidden": [8]},
    "vae, 5 dimensions": {"name": "vae", "latent_dim": 5, "hidden": [8]},
    "gan": {"name": "gan", "latent_dim": 5, "hidden_g": [8, 8], "hidden_d": [8]},
    "flow": {"name": "flow", "couplings": 2, "hidden": [8]},
    "flow of splines": {"name": "flow", "couplings": 2, "hidden": [8], "coupling": "spline", "bound": 12.0},
    "convolutional flow": {"name": "flow", "architecture": "conv", "couplings": 2, "channels": [4], "blocks": 1},
    "flow of points": {"name": "flow", "couplings": 2, "hidden": [8], "dequantization": "none", "mixing": "lu"},
    "gan of points": {"name": "gan", "latent_dim": 2, "hidden_g": [8], "hidden_d": [8], "output": "linear"},
    "vae of points": {"name": "vae", "latent_dim": 2, "hidden": [8], "likelihood": "gaussian"},
}
NEEDS = {
    "sample": "sample",
    "encode": "encode",
    "encodings": "encode",
    "posterior": "encode",
    "nearest": "encode",
    "pipeline": "encode",
    "interpolate": "decode",
    "invert": "invert",
    "trace": "trace",
    "axes": "plane",
    "plane": "plane",
    "project": "plane",
    "manifold": "manifold",
    "density": "density",
    "points": "density",
    "critic": "critic",
}


def load(name: str, folder: Path) -> session.InferenceSession:
    """A model with weights as they are sampled, a little moved, so that nothing is the identity."""
    given, of_points = MODELS[name], "points" in name
    data = (
        {"name": "moons", "num_train": 300, "num_test": 60}
        if of_points
        else {"name": "idx", "path": str(folder), "binarization": "none" if "vae" not in name else "dynamic"}
    )
    run: RunConfig = config.parse({"data": data, "model": given, "schedule": {"steps": 1}})
    family, options, shape = registry.family(given["name"]), run.model_options(), (2, 1, 1) if of_points else SIZE
    kind = registry.dataset(run.data.name).kind
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = registry.import_object(family.build)(options, shape)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
    available = plan.capabilities(family, options, shape, kind)
    meta = DataCard(name="tiny", num_train=256, num_test=60, kind=kind)
    card = ModelCard(
        family=family.name,
        title=family.title,
        step=0,
        images_seen=0,
        data=meta,
        latent_shape=family.latent_shape(options, shape),
        image_shape=shape,
        capabilities=available,
        num_parameters=registry.parameter_count(family, options, shape),
    )
    return session.InferenceSession(LoadedModel(model.eval().requires_grad_(False), card, run))


def query(op: str, explorer: session.InferenceSession) -> tuple[dict[str, Any], dict[str, Any]]:
    z = np.random.default_rng(0).standard_normal((2, explorer.loaded.latent_dim)).astype(np.float32)
    match op:
        case "interpolate":
            return {"count": 4}, {"z": z}
        case "nearest":
            return {}, {"z": z[:1]}
        case "project":
            return {}, explorer.run("plane", {"kind": "axes", "indices": [0, 1]})[0]
        case "invert":
            return {"indices": [3, 4], "steps": 20}, {}
        case "density":
            known = explorer.card.capability("log_prob").available
            return {"rows": 6, "columns": 6, "of": "model" if known else "truth"}, {}
        case "manifold" | "critic":
            return {"rows": 6, "columns": 6}, {}
        case "plane":
            return {"kind": "principal"}, {}
    return {}, {}


@pytest.mark.parametrize("name", MODELS)
def test_every_declared_capability_is_available(name: str, folder: Path) -> None:
    explorer = load(name, folder)
    for op, needs in NEEDS.items():
        available = explorer.card.capability(needs).available and (
            op != "project" or explorer.card.capability("encode").available
        )
        available = available and (op != "critic" or "points" in name)
        if not available:
            if op != "pipeline":
                with pytest.raises(UserError):
                    explorer.run(op, *query(op, explorer) if op != "project" else ({}, {}))
            continue
        arrays, meta = explorer.run(op, *query(op, explorer))
        assert arrays and "not_finite" not in meta, op
        for key, array in arrays.items():
            assert array.dtype.name in ("uint8", "float32", "int64"), (op, key)
            exact = key == "logvar" and "flow" in name  # −∞: nothing is lost
            assert exact or array.dtype.kind != "f" or np.isfinite(array).all(), (op, key)


@pytest.mark.parametrize("name", [name for name in MODELS if "flow" in name])
def test_the_traces_of_a_flow_are_inverse(name: str, folder: Path) -> None:
    explorer = load(name, folder)
    arrays, meta = explorer.run("trace", {"indices": [5, 6]})
    back, inverse = explorer.run("trace", arrays={"z": arrays["z"]})
    assert meta["error"] < 1e-4 and inverse["error"] < 1e-4
    assert np.allclose(back["stages"][-1].astype(float), arrays["stages"][0], atol=1 if "points" not in name else 1e-4)
    assert len(meta["labels"]) == len(arrays["stages"]) == len(arrays["ladj"]) + 1
    code, _ = explorer.run("encode", {"indices": [5, 6]})
    assert np.allclose(code["mu"], arrays["z"], atol=1e-4)


def test_inversion_comes_nearer_than_any_start(folder: Path) -> None:
    explorer = load("gan", folder)
    sampled, _ = explorer.run("sample", {"count": 3, "seed": 9})
    arrays, _ = explorer.run("invert", {"steps": 150, "prior": 0}, {"images": sampled["images"]})
    levels = (1 / 255) ** 2 / 12  # the variance of rounding to gray levels
    assert (arrays["error"] < 2 * levels).all() and (arrays["error"] < arrays["history"][0]).all()
