"""An ONNX graph in the form that the page's executor reads: nodes as JSON, weights as bytes in half precision."""

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

_MIN_HALF_PRECISION_VALUES = 4096  # smaller arrays, such as biases, stay in single precision
_INT32_MAX = np.iinfo(np.int32).max


@dataclass(frozen=True)
class PageGraph:
    """A graph for the page.

    Args:
        graph: "input" and "output", names; "nodes", each with op, inputs, outputs, attributes; "tensors", by name, each
            with dims, type "f16", "f32" or "i32", and offset in bytes.
        weights: The values of the tensors, little-endian, each aligned to 4 bytes.
        missing: The operators that the executor lacks; such a graph cannot be run.
    """

    graph: dict[str, Any]
    weights: bytes
    missing: tuple[str, ...]


def convert(model: "onnx.ModelProto") -> PageGraph:
    """Convert an ONNX model with one input and one output."""
    from onnx import numpy_helper

    buffer = bytearray()

    def store(array: NDArray[Any]) -> dict[str, Any]:
        offset = len(buffer)
        if array.dtype.kind == "f":
            is_half = array.size >= _MIN_HALF_PRECISION_VALUES and float(np.abs(array).max()) < np.finfo(np.float16).max
            kind, data = ("f16", array.astype("<f2")) if is_half else ("f32", array.astype("<f4"))
        else:
            kind, data = "i32", np.clip(array.astype(np.int64), -_INT32_MAX, _INT32_MAX).astype("<i4")
        buffer.extend(data.tobytes())
        buffer.extend(b"\0" * (-len(buffer) % 4))
        return {"dims": list(array.shape), "type": kind, "offset": offset}

    tensors = {tensor.name: store(numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}
    nodes: list[dict[str, Any]] = []
    for node in model.graph.node:
        if node.op_type == "Constant":
            tensors[node.output[0]] = store(_constant(node))
            continue
        attributes = {attribute.name: _attribute(attribute, store) for attribute in node.attribute}
        nodes.append(
            {"op": node.op_type, "inputs": list(node.input), "outputs": list(node.output), "attributes": attributes}
        )
    graph = {
        "input": model.graph.input[0].name,
        "output": model.graph.output[0].name,
        "nodes": nodes,
        "tensors": tensors,
    }
    missing = sorted({node["op"] for node in nodes} - operators())
    return PageGraph(graph, bytes(buffer), tuple(missing))


def operators() -> frozenset[str]:
    """Return the operators that the executor has."""
    source = asset("executor.js")
    table = source[source.index("const OPERATORS = {") : source.index("// IEEE 754")]
    return frozenset(re.findall(r"\b([A-Z]\w+):", table))


def asset(name: str) -> str:
    """Return the text of a file of the page."""
    return (resources.files("genexplorer.share") / "assets" / name).read_text(encoding="utf-8")


def _constant(node: "onnx.NodeProto") -> NDArray[Any]:
    from onnx import helper, numpy_helper

    (attribute,) = node.attribute
    value = helper.get_attribute_value(attribute)
    array: NDArray[Any] = numpy_helper.to_array(value) if attribute.name == "value" else np.asarray(value)
    return array


def _attribute(attribute: "onnx.AttributeProto", store: Any) -> Any:
    from onnx import AttributeProto, helper, numpy_helper

    value = helper.get_attribute_value(attribute)
    if attribute.type == AttributeProto.TENSOR:
        return store(numpy_helper.to_array(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return list(value) if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS) else value
