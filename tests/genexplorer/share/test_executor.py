"""The page's executor in V8, without a browser: it decodes as the models do."""

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from py_mini_racer import MiniRacer

from genexplorer.share import graph
from tests.trainers.inference.test_families import load
from trainers import config, registry
from trainers.families.interface import Model, build
from trainers.inference import onnx_export

CONVOLUTIONAL = {
    "vae": {"name": "vae", "latent_dim": 3, "architecture": "conv", "channels": [4, 6], "hidden": [16]},
    "gan": {"name": "gan", "latent_dim": 4, "architecture": "conv", "channels": [8, 4]},
}


def run_in_v8(page_graph: graph.PageGraph, z: torch.Tensor) -> NDArray[np.float32]:
    """Return what the executor computes for a batch, flat."""
    engine = MiniRacer()
    engine.eval(graph.asset("executor.js"))
    engine.eval(f"var bytes = Uint8Array.from({json.dumps(list(page_graph.weights))})")
    engine.eval(f"var model = new Executor.Graph({json.dumps(page_graph.graph)}, bytes)")
    latents = json.dumps(z.flatten().tolist())
    values = engine.eval(f"JSON.stringify(Array.from(model.run(Float32Array.from({latents}), {len(z)}).data))")
    return np.array(json.loads(str(values)), np.float32)


@pytest.mark.parametrize("name", ["vae, 2 dimensions", "flow of splines", "convolutional flow", "flow of points"])
def test_it_decodes_as_the_model_does(name: str, tmp_path: Path) -> None:
    explorer = load(name, tmp_path)
    arrays, _ = explorer.run("onnx", {"part": "decoder"})
    page_graph = graph.convert(onnx.load_model_from_string(arrays["file"].tobytes()))
    assert page_graph.missing == ()
    z = torch.randn((3, explorer.loaded.latent_dim), generator=torch.Generator().manual_seed(0))
    expected = explorer.loaded.decode(z).flatten().numpy()
    assert run_in_v8(page_graph, z) == pytest.approx(expected, abs=1 / 255)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_it_decodes_convolutional_models(name: str) -> None:
    run = config.parse({"data": {"name": "mnist"}, "model": CONVOLUTIONAL[name], "schedule": {"steps": 1}})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model: Model = build(registry.family(name), run.model_options(), (1, 28, 28)).eval().requires_grad_(False)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
        z = torch.randn(2, prod(model.latent_shape))
        program = onnx_export._trace(onnx_export._Decoder(model), z, "z", ["images"])
    page_graph = graph.convert(program.model_proto)
    assert page_graph.missing == ()
    with torch.inference_mode():
        expected = model.decode(z).flatten().numpy()
    assert run_in_v8(page_graph, z) == pytest.approx(expected, abs=1 / 255)


def test_an_operator_that_it_lacks_is_named() -> None:
    node = onnx.helper.make_node("Einsum", ["z"], ["x"], equation="ij->ji")
    kind = onnx.TensorProto.FLOAT
    values = [onnx.helper.make_tensor_value_info(name, kind, ["batch", 2]) for name in ("z", "x")]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", values[:1], values[1:]))
    assert graph.convert(model).missing == ("Einsum",)
    assert "Gemm" in graph.operators() and "Einsum" not in graph.operators()


def test_weights_keep_their_values_in_half_precision() -> None:
    rng = np.random.default_rng(0)
    large: NDArray[Any] = rng.standard_normal((80, 64)).astype(np.float32)
    small: NDArray[Any] = rng.standard_normal(64).astype(np.float32)
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in (("w", large), ("b", small))]
    nodes = [onnx.helper.make_node("Gemm", ["z", "w", "b"], ["x"])]
    kind = onnx.TensorProto.FLOAT
    values = [onnx.helper.make_tensor_value_info(name, kind, ["batch", size]) for name, size in (("z", 80), ("x", 64))]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", values[:1], values[1:], tensors))
    page_graph = graph.convert(model)
    assert {spec["type"] for spec in page_graph.graph["tensors"].values()} == {"f16", "f32"}
    z = torch.from_numpy(rng.standard_normal((2, 80)).astype(np.float32))
    expected = z.numpy() @ large.astype(np.float16).astype(np.float32) + small
    assert run_in_v8(page_graph, z) == pytest.approx(expected.ravel(), abs=1e-4)
