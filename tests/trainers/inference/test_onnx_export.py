"""ONNX files of parts of models, read by ONNX Runtime, with batches of other sizes than the traced one."""

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from numpy.typing import NDArray

from tests.trainers.inference.test_families import load
from trainers.errors import UserError
from trainers.families.interface import Discriminates, Encodes
from trainers.inference import onnx_export
from trainers.inference.session import InferenceSession

PARTS = [
    ("vae, 2 dimensions", "decoder"),
    ("vae, 2 dimensions", "encoder"),
    ("gan", "discriminator"),
    ("convolutional flow", "encoder"),
    ("flow of splines", "decoder"),
    ("flow of points", "decoder"),  # with a triangular solve, which ONNX lacks
]


def export(explorer: InferenceSession, part: str) -> tuple[onnxruntime.InferenceSession, dict[str, Any]]:
    arrays, meta = explorer.run("onnx", {"part": part})
    return onnxruntime.InferenceSession(arrays["file"].tobytes(), providers=["CPUExecutionProvider"]), meta


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_a_part_computes_what_the_model_does(name: str, part: str, tmp_path: Path) -> None:
    explorer = load(name, tmp_path)
    program, meta = export(explorer, part)
    assert meta["error"] < 1e-4 and meta["num_checked"] == 16
    model, shape = explorer.loaded.model, explorer.card.image_shape
    for count in (1, 5):
        inputs = torch.randn(count, explorer.loaded.latent_dim) if part == "decoder" else torch.rand(count, *shape)
        (given,) = program.get_inputs()
        assert given.name == ("z" if part == "decoder" else "x") and given.shape[0] == "batch"
        outputs: list[NDArray[Any]] = program.run(None, {given.name: inputs.numpy()})
        with torch.inference_mode():
            if part == "decoder":
                expected = [model.decode(inputs)]
            elif part == "encoder":
                assert isinstance(model, Encodes)
                expected = list(model.encode(inputs))[: len(outputs)]
            else:
                assert isinstance(model, Discriminates)
                expected = [model.discriminator_logits(inputs)]
        assert [output.name for output in program.get_outputs()] == meta["outputs"]
        for output, reference in zip(outputs, expected, strict=True):
            assert output == pytest.approx(reference.numpy(), abs=1e-4)
    properties = program.get_modelmeta().custom_metadata_map
    assert properties["genexplorer.part"] == part and properties["genexplorer.family"] == explorer.card.family


def test_a_part_that_the_model_lacks_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no encoder") as caught:
        load("gan", tmp_path).run("onnx", {"part": "encoder"})
    assert caught.value.hint == "it has: decoder, discriminator"


def test_a_file_that_computes_something_else_is_not_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = onnx_export._trace

    def trace_scaled(module: torch.nn.Module, *arguments: Any) -> Any:
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(1.1)
        return trace(module, *arguments)

    monkeypatch.setattr(onnx_export, "_trace", trace_scaled)
    with pytest.raises(UserError, match="differs from the model by"):
        load("vae, 2 dimensions", tmp_path).run("onnx", {"part": "decoder"})


def test_without_the_packages_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(UserError, match="onnxscript is not installed") as caught:
        load("gan", tmp_path).run("onnx", {"part": "decoder"})
    assert caught.value.hint == "pip install onnx onnxscript onnxruntime"
