"""A part of a model as an ONNX file: encoder, decoder or discriminator, with a dynamic batch, checked by ONNX Runtime.

Models trace as they are. A module whose operations ONNX lacks defines `to_onnx_module()`, which returns one that
computes the same by operations that it has, such as a product with an inverse matrix instead of a triangular solve.
"""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainers.errors import UserError
from trainers.families.interface import Discriminates, Encodes, Model
from trainers.inference import params
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.inference.loaded_model import LoadedModel
from trainers.inference.query import Query

if TYPE_CHECKING:
    import onnxruntime

PARTS = ("decoder", "encoder", "discriminator")
OPSET = 18
NUM_CHECKED = 16  # images or latents on which the file is compared with the model
TOLERANCE = 1e-3  # of the largest absolute output, above which no file is returned
_INSTALL_HINT = "pip install onnx onnxscript onnxruntime"


class _Decoder(nn.Module):
    """z → x̂."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor) -> Tensor:
        return self.model.decode(z)


class _Encoder(nn.Module):
    """x → mean and log-variance of q(z|x); of a flow, whose log-variance is −∞ everywhere, z alone."""

    def __init__(self, model: Model, *, is_exact: bool) -> None:
        super().__init__()
        self.model, self._is_exact = model, is_exact

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        assert isinstance(self.model, Encodes)
        mu, logvar = self.model.encode(x)
        return (mu,) if self._is_exact else (mu, logvar)


class _Discriminator(nn.Module):
    """x → logits."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.model, Discriminates)
        return self.model.discriminator_logits(x)


def parts_of(loaded: LoadedModel) -> tuple[str, ...]:
    """Return the parts that a model has."""
    has = {
        "decoder": loaded.card.capability("decode").available,
        "encoder": loaded.card.capability("encode").available and isinstance(loaded.model, Encodes),
        "discriminator": isinstance(loaded.model, Discriminates),
    }
    return tuple(part for part in PARTS if has[part])


def onnx(query: Query) -> Iterator[Chunk]:
    """Return a part of the model as an ONNX file, compared with the model on test images or latents.

    Raises:
        UserError: if the packages are missing, the model lacks the part, or the file does not compute what it does.
    """
    loaded = query.loaded
    part, available = params.choice(query.params, "part", PARTS), parts_of(loaded)
    if part not in available:
        raise UserError(f"this model has no {part}", f"it has: {', '.join(available)}")
    _require_packages()
    # Trace the part.
    yield Progress(0.1, "tracing")
    inputs = _inputs(query, part)
    module, names = _module(loaded, part)
    with torch.no_grad():
        expected = [output.numpy() for output in _as_tuple(module(inputs))]
    program = _trace(_with_onnx_modules(module), inputs, "z" if part == "decoder" else "x", names)
    # Describe it, and compare it with the model.
    yield Progress(0.8, "comparing with the model")
    model_proto = program.model_proto
    for key, value in _metadata(loaded, part).items():
        entry = model_proto.metadata_props.add()
        entry.key, entry.value = key, value
    content = model_proto.SerializeToString()
    error = _compare(content, inputs.numpy(), expected)
    if not error <= TOLERANCE:
        raise UserError(
            f"the ONNX file differs from the model by {error:.2g} of its largest output", "please report this"
        )
    graph = model_proto.graph
    meta = {"part": part, "error": error, "num_nodes": len(graph.node), "outputs": names, "num_checked": len(inputs)}
    yield Result({"file": np.frombuffer(content, np.uint8)}, meta)


def _require_packages() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        try:
            __import__(name)
        except ImportError:
            raise UserError(f"{name} is not installed, which ONNX files need", _INSTALL_HINT) from None


def _inputs(query: Query, part: str) -> Tensor:
    """Return latents of the prior for the decoder, test data for the others; samples where the data are not there."""
    loaded = query.loaded
    z = torch.randn((NUM_CHECKED, loaded.latent_dim), generator=query.generator("sample"))
    if part == "decoder":
        return z
    try:
        return loaded.test.take(torch.arange(min(NUM_CHECKED, len(loaded.test))))
    except UserError:
        return loaded.decode(z).clone()


def _module(loaded: LoadedModel, part: str) -> tuple[nn.Module, list[str]]:
    """Return the part as a module, and the names of its outputs."""
    if part == "decoder":
        return _Decoder(loaded.model), ["points" if loaded.is_point_data else "images"]
    if part == "discriminator":
        return _Discriminator(loaded.model), ["logits"]
    is_exact = loaded.card.capability("trace").available  # an invertible model: z is a function of x
    return _Encoder(loaded.model, is_exact=is_exact), ["z"] if is_exact else ["mu", "logvar"]


def _with_onnx_modules(module: nn.Module) -> nn.Module:
    """Return a copy whose modules with a `to_onnx_module` are replaced by what it returns."""
    replaced = deepcopy(module).eval()
    for parent in list(replaced.modules()):
        for name, child in list(parent.named_children()):
            make: Any = getattr(child, "to_onnx_module", None)
            if make is not None:
                setattr(parent, name, make().eval())
    return replaced.requires_grad_(False)


def _trace(module: nn.Module, inputs: Tensor, input_name: str, output_names: list[str]) -> Any:
    batch = torch.export.Dim("batch", min=1)
    with _quiet(), torch.no_grad():
        return torch.onnx.export(
            module,
            (inputs,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[input_name],
            output_names=output_names,
            dynamic_shapes=({0: batch},),
            external_data=False,
            verbose=False,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter, which writes to both streams; errors are raised."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _metadata(loaded: LoadedModel, part: str) -> dict[str, str]:
    card = loaded.card
    return {
        "genexplorer.family": card.family,
        "genexplorer.part": part,
        "genexplorer.step": str(card.step),
        "genexplorer.data": card.data.name,
        "genexplorer.latent_dim": str(loaded.latent_dim),
        "genexplorer.image_shape": json.dumps(list(card.image_shape)),
        "genexplorer.values": "points" if loaded.is_point_data else "images (B, C, H, W) in [0, 1]",
    }


def _compare(content: bytes, inputs: NDArray[Any], expected: list[NDArray[Any]]) -> float:
    """Return the largest difference of the file's outputs from the model's, over the largest absolute output.

    It runs with the whole batch, and with a batch of one.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    error = 0.0
    for count in (len(inputs), 1):
        for output, reference in zip(_run(session, inputs[:count]), expected, strict=True):
            reference = reference[:count]
            if output.shape != reference.shape or not np.isfinite(output).all():
                return float("inf")
            scale = max(float(np.abs(reference).max()), 1e-6)
            error = max(error, float(np.abs(output - reference).max()) / scale)
    return error


def _run(session: "onnxruntime.InferenceSession", inputs: NDArray[Any]) -> list[NDArray[Any]]:
    outputs: list[NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: inputs.astype(np.float32)})
    return outputs


def _as_tuple(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return outputs if isinstance(outputs, tuple) else (outputs,)
