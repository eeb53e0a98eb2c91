"""Requests to a model process and its responses: messages, operations, and the frames on the pipes.

A frame is a 4-byte little-endian length, a JSON header of that length, then the raw bytes of the arrays in the order in
which the header lists them. Arrays are float32, uint8 or int64, little-endian, C order.

Operations (`op`), their parameters, and the arrays of their responses; H, W, C are the image's, d is the latent size,
images are uint8 (…, H, W, C) as expected values under p(x|z):

`describe`    -> meta `card`: the card as JSON.
`test_images` indices -> x, labels (N,; -1 where unknown): preprocessed test images, for every model; without
              indices only the labels of the whole test set.
`decode`      z (N, d) -> images (N, H, W, C). With draft true, for images that follow the mouse and are requested
              again when it rests, decoding may use bfloat16; meta `draft` is whether it did. Also for `manifold`.
`manifold`    rows, columns, bounds [x0, x1, y0, y1], coords "z" or "u" -> images (rows, columns, H, W, C), decoded at
              the centers of the cells, row 0 on top (largest y). In coords "u" the bounds are in [0, 1] and z = Φ⁻¹(u).
`sample`      count, seed, temperature -> images, z: points drawn from p(x|z); images decoded, for a VAE to the mean of
              p(x|z); meta how: "z from N(0, I), then x from p(x|z)". The temperature scales z alone.
`encode`      indices of test images, or images (N, H, W, C) -> x, mu, logvar (N, d), recon, recon_nats, kl_nats (N,),
              kl_dims (N, d), labels (N,; -1 where unknown); meta `metric_labels`: name and unit of each metric.
`encodings`   count, split "test" or "train" -> mu, logvar (N, d), labels, indices (N,); with Progress.
`posterior`   index, count, seed, or images (1, H, W, C) -> z (count, d) drawn from q(z|x), images: their decodings.
`nearest`     z (1, d), count -> indices, labels, distances (count,), images: the test images whose mu is nearest.
`pipeline`    index, seed -> x, mu, sigma, z, recon, each with a first axis of 1; meta `metrics`: each term of the
              objective by quantity.
`interpolate` z (2, d): the endpoints; count, mode "spherical" or "linear" -> images (count, H, W, C), z (count, d),
              t (count,) from 0 to 1.
`invert`      indices of test images, or images (N, H, W, C); steps, restarts, seed, prior (weight of the penalty
              on ‖z‖²; by default just enough to stay near the prior) -> x, z (N, d), recon, labels, error (N,):
              mean squared error of pixels in [0, 1], history (steps, N): that of the best so far; Progress
              reports the error.
`trace`       index or images (1, H, W, C): from x to z; or z (1, d), or seed and temperature alone: from z to x ->
              stages (K + 1, H, W, C) in order, z (1, d), ladj (K,) in nats, mean, std (K + 1,) of the
              values; meta labels (K + 1), direction "forward" or "inverse", error: max |x − f⁻¹(f(x))| at
              the data, label. For N > 1 (or, for seed, count) stages (K + 1, N, …), ladj (K, N).
`axes`        count -> indices (k,), scores (k,): the most influential latent axes first; meta how, measure and
              unit: "KL", "nats" or "effect", "gray levels per unit of z".
`plane`       kind "axes" with indices [i, j]; "principal"; "points" with z (3, d) -> origin, e1, e2 (d,); meta title;
              for points, `points` (three [a, b]); for the principal one, explained: two fractions of the variance of
              the encodings or, without an encoder, of the trace of E[JᵀJ] (the most influential directions).
              A point of the plane is origin + a e1 + b e2, and the data or the prior spread about 1 along a and b.
`project`     origin, e1, e2 (d,), count -> coords (N, 2), labels, indices (N,): encodings of test images projected onto
              a plane. `manifold` takes origin, e1, e2 as well, for coords "z": its bounds are then a and b.
`critic`      bounds, rows, columns; count, seed -> surface (rows, columns): the discriminator's logits, row 0 on top;
              points (count, 2): the generator's; arrows (count, 2): the direction that increases the logit.
`density`     bounds, rows, columns; of "model" or "truth" -> log_prob (rows, columns) in nats, row 0 on top, −inf
              outside of the support; meta how: "exact", "importance-weighted estimate, 64 samples".
`onnx`        part "decoder", "encoder" or "discriminator" -> file (bytes,) uint8: an ONNX file; meta part, outputs:
              their names, error: the largest difference from the model over its largest output, num_checked, num_nodes.
`points`      count, split -> points (N, 2), labels (N,); meta bounds that contain them.

Meta `not_finite` is the fraction of values in images and points that are not finite; it is missing if all are finite.
Such pixels are black.

For 2-D data, `images`, `x`, `recon` and `stages` are (…, 2) float32 instead of (…, H, W, C) uint8, in requests and
responses, under the same names.

`abandon`     has no response; cancels the request of its lane and topic.

`snapshot_step` None means the newest; a step that has been removed meanwhile is replaced by the nearest one. The newest
request of a lane replaces an older one that has not started, and cancels, between chunks, one that has (except in lane
"drag": its short work is finished, so that a steady drag never starves). Lane "drag" goes before "preview", "preview"
before "job". Requests of one lane with different topics do not replace each other; within a lane the oldest goes first.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from trainers.inference.chunks import Progress as Progress
from trainers.inference.chunks import Result as Result

ABANDON = "abandon"
Lane = Literal["drag", "preview", "job"]
LANES: tuple[Lane, ...] = ("drag", "preview", "job")  # by priority
Array = NDArray[np.generic]

MAX_HEADER_BYTES = 1 << 20
MAX_FRAME_BYTES = 1 << 28  # the maximum size of all arrays of a frame together
MAX_ARRAYS = 64
_MAX_DIMENSIONS = 8
_CHUNK_BYTES = 1 << 24  # read at once: memory grows with what arrives, not with what the header declares
_DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1"), "int64": np.dtype("<i8")}


@dataclass(frozen=True)
class Request:
    """A request. `request_number` counts the requests of a client, so that late responses can be recognized."""

    lane: Lane
    request_number: int
    run: str  # the run folder's path
    snapshot_step: int | None
    op: str
    params: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    topic: str = ""


@dataclass(frozen=True)
class Failure:
    """The request failed: the reason in one line, the remedy, and the exit code of a command with this error."""

    message: str
    hint: str = ""
    exit_code: int = 1


@dataclass(frozen=True)
class Response:
    """A response; `snapshot_step` is the step of the weights used, `seconds` how long the model process computed."""

    lane: Lane
    request_number: int
    op: str
    snapshot_step: int  # -1 if no snapshot has been chosen
    body: Progress | Result | Failure
    seconds: float = 0.0
    topic: str = ""


_BODY_TYPES: dict[str, type[Progress | Result | Failure]] = {"progress": Progress, "result": Result, "failure": Failure}
_NOT_IN_HEADER = ("arrays", "body")
_FIELD_TYPES: dict[str, type] = {
    **dict.fromkeys(("lane", "run", "op", "topic", "message", "hint"), str),
    **dict.fromkeys(("request_number", "snapshot_step", "exit_code"), int),
    **dict.fromkeys(("seconds", "fraction"), float),
    **dict.fromkeys(("params", "meta"), dict),
}


class ProtocolError(Exception):
    """The other end sent an invalid frame."""


def to_wire(array: Any) -> Array:
    """Return a copy as float32, int64 or uint8, the types that frames can hold.

    Raises:
        ProtocolError: if it is not an array of numbers.
    """
    values = np.asarray(array)
    if values.dtype == np.uint8:
        return values.copy()
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    raise ProtocolError(f"arrays of {values.dtype.name} cannot be sent")


def write_frame(stream: BinaryIO, header: Mapping[str, object], arrays: Mapping[str, Array]) -> None:
    """Write one frame and flush it; nothing is written if it is invalid.

    Raises:
        ProtocolError: if an array has another type than float32, uint8 or int64, if the header is not JSON, or if
            the frame is larger than a reader accepts.
    """
    descriptors = []
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise ProtocolError(f"array '{name}' is {array.dtype.name}")
        descriptors.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
    try:
        encoded = json.dumps({**header, "arrays": descriptors}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from None
    if len(encoded) > MAX_HEADER_BYTES or len(arrays) > MAX_ARRAYS:
        raise ProtocolError("the header is too long")
    if sum(array.nbytes for array in arrays.values()) > MAX_FRAME_BYTES:
        raise ProtocolError("the arrays are too large for one response")
    stream.write(struct.pack("<I", len(encoded)))
    stream.write(encoded)
    for array in arrays.values():
        stream.write(np.ascontiguousarray(array, dtype=_DTYPES[array.dtype.name]).tobytes())
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[dict[str, object], dict[str, Array]] | None:
    """Read one frame; None at the end of the stream.

    Raises:
        ProtocolError: if the bytes are not a frame, or it is larger than allowed.
    """
    prefix = stream.read(4)
    if not prefix:
        return None
    size = struct.unpack("<I", prefix)[0] if len(prefix) == 4 else MAX_HEADER_BYTES + 1
    if size > MAX_HEADER_BYTES:
        raise ProtocolError("the header is too long")
    try:
        header = json.loads(_read_exactly(stream, size))
        descriptors = header.pop("arrays")
        shapes = [(_text(a["name"]), _DTYPES[a["dtype"]], _shape(a["shape"])) for a in descriptors]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"invalid header: {error}") from None
    if len(shapes) > MAX_ARRAYS or len({name for name, _, _ in shapes}) < len(shapes):
        raise ProtocolError("too many arrays in the header, or a duplicate")
    if sum(math.prod(shape) * dtype.itemsize for _, dtype, shape in shapes) > MAX_FRAME_BYTES:
        raise ProtocolError("the arrays are too large")
    return header, {
        name: np.frombuffer(_read_exactly(stream, math.prod(shape) * dtype.itemsize), dtype=dtype).reshape(shape)
        for name, dtype, shape in shapes
    }


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > _MAX_DIMENSIONS:
        raise ValueError("a shape must be a short list")
    if any(type(length) is not int or not 0 <= length <= MAX_FRAME_BYTES for length in value):
        raise ValueError("a shape must have valid lengths")
    return tuple(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name must be a string")
    return value


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    parts = []
    while size > 0:
        part = stream.read(min(size, _CHUNK_BYTES))
        if not part:
            raise ProtocolError("the stream ended inside a frame")
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_request(stream: BinaryIO, request: Request) -> None:
    """Write a request as a frame."""
    write_frame(stream, _header(request), request.arrays)


def write_response(stream: BinaryIO, response: Response) -> None:
    """Write a response as a frame."""
    body = response.body
    header = {**_header(response), **_header(body), "body": type(body).__name__.lower()}
    write_frame(stream, header, body.arrays if isinstance(body, Result) else {})


def read_request(stream: BinaryIO) -> Request | None:
    """Read a request; None at the end of the stream.

    Raises:
        ProtocolError: if it is not a request.
    """
    frame = read_frame(stream)
    return None if frame is None else Request(**_fields(Request, frame[0]), arrays=frame[1])


def read_response(stream: BinaryIO) -> Response | None:
    """Read a response; None at the end of the stream.

    Raises:
        ProtocolError: if it is not a response.
    """
    frame = read_frame(stream)
    if frame is None:
        return None
    header, arrays = frame
    name = header.get("body")
    body_type = _BODY_TYPES.get(name) if isinstance(name, str) else None
    if body_type is None:
        raise ProtocolError(f"unknown body {str(name)[:40]!r}")
    values = _fields(body_type, header) | ({"arrays": arrays} if body_type is Result else {})
    return Response(**_fields(Response, header), body=body_type(**values))


def _header(message: Request | Response | Progress | Result | Failure) -> dict[str, object]:
    return {f.name: getattr(message, f.name) for f in fields(message) if f.name not in _NOT_IN_HEADER}


def _fields(message_type: type[Any], header: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of a message from a header; all must be present and of the right type."""
    values: dict[str, Any] = {}
    for name in (f.name for f in fields(message_type) if f.name not in _NOT_IN_HEADER):
        value = header.get(name)
        if name == "snapshot_step" and message_type is Request and value is None:
            values[name] = value
            continue
        if _FIELD_TYPES[name] is float and type(value) is int and abs(value) < 1 << 53:
            value = float(value)
        if not isinstance(value, _FIELD_TYPES[name]) or isinstance(value, bool):
            raise ProtocolError(f"'{name}' is missing or has the wrong type")
        if name == "lane" and value not in LANES:
            raise ProtocolError(f"unknown lane {str(value)[:40]!r}")
        values[name] = value
    return values
