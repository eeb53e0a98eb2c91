"""Questions to a model and their answers: the shapes and the frames on the pipes.

A frame is a 4-byte little-endian length, a JSON header of that length, then the raw bytes of the arrays in the order in
which the header lists them. Only float32, uint8 and int64 travel, little-endian, C order.

Operations (`op`), their parameters, and the arrays of their answers; H, W, C are the image's, d is the latent size,
images are uint8 (…, H, W, C) as expected values under p(x|z):

`describe`    -> meta `card`: the card as JSON.
`test_images` indices -> x, labels (N,; -1 where unknown): test images as the model sees them, whatever it can do;
              without indices the labels alone, of the whole test set.
`decode`      z (N, d) -> images (N, H, W, C). With draft true, for pictures that follow the mouse and are asked for
              anew when it rests, they may come in bfloat16; meta `draft` is true where they did. As with `manifold`.
`manifold`    rows, columns, bounds [x0, x1, y0, y1], coords "z" or "u" -> images (rows, columns, H, W, C), decoded at
              the centers of the cells, row 0 on top (largest y). In coords "u" the bounds lie in [0, 1] and z = Φ⁻¹(u).
`sample`      count, seed, temperature -> images, z.
`encode`      indices of test images, or images (N, H, W, C) -> x, mu, logvar (N, d), recon, recon_nats, kl_nats (N,),
              kl_dims (N, d), labels (N,; -1 where unknown); meta `metric_labels`: name and unit of each metric.
`encodings`   count, split "test" or "train" -> mu, logvar (N, d), labels, indices (N,); Progress on the way.
`posterior`   index, count, seed, or images (1, H, W, C) -> z (count, d) drawn from q(z|x), images: their decodings.
`nearest`     z (1, d), count -> indices, labels, distances (count,), images: the test images whose mu is nearest.
`pipeline`    index, seed -> x, mu, sigma, z, recon, each with a first axis of 1; meta `metrics`: each term of the
              objective by quantity.
`interpolate` z (2, d): the ends; count, mode "spherical" or "linear" -> images (count, H, W, C), z (count, d),
              t (count,) from 0 to 1.
`invert`      indices of test images, or images (N, H, W, C); steps, restarts, seed, prior (weight of a pull towards
              z = 0; by default just enough to stay where the prior draws) -> x, z (N, d), recon, labels, error (N,):
              mean squared error of pixels in [0, 1], history (steps, N): that of the best so far; Progress on the way
              says the error.
`trace`       index or images (1, H, W, C): from x to z; or z (1, d), or seed and temperature alone: from z to x ->
              stages (K + 1, H, W, C) in the order it went, z (1, d), ladj (K,) in nats, mean, std (K + 1,) of the
              values themselves; meta labels (K + 1), direction "forward" or "inverse", error: max |x − f⁻¹(f(x))| of
              the data's end, label. Of N > 1 at once (or, for seed, count of them) stages (K + 1, N, …), ladj (K, N).
`axes`        count -> indices (k,), scores (k,): the latent axes that matter most, best first; meta how, measure and
              unit: "KL", "nats" or "effect", "gray levels per unit of z".
`plane`       kind "axes" with indices [i, j]; "principal"; "points" with z (3, d) -> origin, e1, e2 (d,); meta title
              and, for the principal one, explained (two shares of the variance), for points, `points` (three [a, b]).
              A point of the plane is origin + a e1 + b e2, and the data or the prior spread about 1 along a and b.
`project`     origin, e1, e2 (d,), count -> coords (N, 2), labels, indices (N,): the encodings of test images seen in a
              plane. `manifold` takes origin, e1, e2 as well, for coords "z": its bounds are then a and b.
`critic`      bounds, rows, columns; count, seed -> surface (rows, columns): the discriminator's logits, row 0 on top;
              points (count, 2): the generator's; arrows (count, 2): the way each would go to please the discriminator.
`density`     bounds, rows, columns; of "model" or "truth" -> log_prob (rows, columns) in nats, row 0 on top, −inf where
              nothing can be; meta how: "exact", "importance-weighted estimate, 64 samples".
`points`      count, split -> points (N, 2), labels (N,); meta bounds that hold them.

Meta `not_finite` is the share of values in pictures and points that are no finite numbers; it is missing where all are.
Such a pixel is black.

Where the data are points of the plane, (…, 2) float32 take the place of the (…, H, W, C) uint8 of `images`, `x`,
`recon` and `stages`, in questions as in answers, under the same names.

`abandon`     nothing is answered; takes the place of what was asked in its lane and topic.

`snapshot_step` None means the newest; a step that has been thinned out meanwhile is answered by the nearest one. The
newest request of a lane takes the place of an older one that has not begun,
and abandons, between chunks, one that has (but for the lane "drag": its work is short and is finished, so that a steady
drag never starves). The lane "drag" goes before "preview", "preview" before "job". Requests of one lane with different
topics do not replace each other; within a lane the oldest goes first.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainers.inference.chunks import Progress as Progress
from trainers.inference.chunks import Result as Result

ABANDON = "abandon"
Lane = Literal["drag", "preview", "job"]
LANES: tuple[Lane, ...] = ("drag", "preview", "job")  # the first goes first
Array = NDArray[np.generic]
T = TypeVar("T")

MAX_HEADER_BYTES = 1 << 20
MAX_FRAME_BYTES = 1 << 28  # of all arrays together
MAX_ARRAYS = 64
_MAX_DIMENSIONS = 8
_CHUNK_BYTES = 1 << 24  # what is read at once: memory grows with what came, not with what was announced
_DTYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "uint8": np.dtype("u1"), "int64": np.dtype("<i8")}


@dataclass(frozen=True)
class Request:
    """One question. `generation` grows with every request of a client, so that a late answer is known as such."""

    lane: Lane
    generation: int
    run: str  # the run folder's path
    snapshot_step: int | None
    op: str
    params: Mapping[str, object] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    topic: str = ""


@dataclass(frozen=True)
class Failure:
    """The work cannot be done: one line, and what to do."""

    message: str
    hint: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer; `snapshot_step` names the weights it came from, `seconds` the time the work took in the child."""

    lane: Lane
    generation: int
    op: str
    snapshot_step: int  # -1 where the work ended, or has not come so far, before a snapshot was chosen
    body: Progress | Result | Failure
    seconds: float = 0.0
    topic: str = ""


class ProtocolError(Exception):
    """The other end sent what is not a frame of this protocol."""


def portable(array: Any) -> Array:
    """Return a copy in one of the types that travel: float32, int64 or uint8.

    Raises:
        ProtocolError: if it is not an array of numbers.
    """
    given = np.asarray(array)
    if given.dtype == np.uint8:
        return given.copy()
    if given.dtype.kind == "f":
        return given.astype(np.float32)
    if given.dtype.kind in "iub":
        return given.astype(np.int64)
    raise ProtocolError(f"an array of {given.dtype.name} does not travel")


def write_frame(stream: BinaryIO, header: Mapping[str, object], arrays: Mapping[str, Array]) -> None:
    """Write one frame and flush it; nothing is written when the frame is refused.

    Raises:
        ProtocolError: if an array has another type than float32, uint8 or int64, if the header is not JSON, or if
            the frame is larger than a reader accepts.
    """
    listed = []
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise ProtocolError(f"array '{name}' is {array.dtype.name}")
        listed.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
    try:
        encoded = json.dumps({**header, "arrays": listed}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the header is not JSON: {error}") from None
    if len(encoded) > MAX_HEADER_BYTES or len(arrays) > MAX_ARRAYS:
        raise ProtocolError("the header is too long")
    if sum(array.nbytes for array in arrays.values()) > MAX_FRAME_BYTES:
        raise ProtocolError("the arrays are too large for one answer")
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
        header = json.loads(_exactly(stream, size))
        listed = header.pop("arrays")
        shapes = [(_text(a["name"]), _DTYPES[a["dtype"]], _shape(a["shape"])) for a in listed]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"the header is not understood: {error}") from None
    if len(shapes) > MAX_ARRAYS or len({name for name, _, _ in shapes}) < len(shapes):
        raise ProtocolError("the header lists too many arrays, or one twice")
    if sum(math.prod(shape) * dtype.itemsize for _, dtype, shape in shapes) > MAX_FRAME_BYTES:
        raise ProtocolError("the arrays are too large")
    return header, {
        name: np.frombuffer(_exactly(stream, math.prod(shape) * dtype.itemsize), dtype=dtype).reshape(shape)
        for name, dtype, shape in shapes
    }


def _shape(given: Any) -> tuple[int, ...]:
    if not isinstance(given, list) or len(given) > _MAX_DIMENSIONS:
        raise ValueError("a shape is a short list")
    if any(type(length) is not int or not 0 <= length <= MAX_FRAME_BYTES for length in given):
        raise ValueError("a shape has lengths that are not sizes")
    return tuple(given)


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("a name is not text")
    return given


def _exactly(stream: BinaryIO, size: int) -> bytes:
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
    header = {
        "lane": request.lane,
        "generation": request.generation,
        "run": request.run,
        "snapshot_step": request.snapshot_step,
        "op": request.op,
        "params": dict(request.params),
        "topic": request.topic,
    }
    write_frame(stream, header, request.arrays)


def write_answer(stream: BinaryIO, answer: Answer) -> None:
    """Write an answer as a frame."""
    header: dict[str, object] = {
        "lane": answer.lane,
        "generation": answer.generation,
        "op": answer.op,
        "snapshot_step": answer.snapshot_step,
        "seconds": answer.seconds,
        "topic": answer.topic,
        "body": type(answer.body).__name__.lower(),
    }
    arrays: Mapping[str, Array] = {}
    match answer.body:
        case Progress(fraction, message):
            header |= {"fraction": fraction, "message": message}
        case Result(arrays, meta):
            header |= {"meta": dict(meta)}
        case Failure(message, hint):
            header |= {"message": message, "hint": hint}
    write_frame(stream, header, arrays)


def read_request(stream: BinaryIO) -> Request | None:
    """Read a request; None at the end of the stream.

    Raises:
        ProtocolError: if it is not a request.
    """
    frame = read_frame(stream)
    if frame is None:
        return None
    header, arrays = frame
    step = header.get("snapshot_step")
    return Request(
        lane=_lane(header),
        generation=_take(header, "generation", int),
        run=_take(header, "run", str),
        snapshot_step=None if step is None else _take(header, "snapshot_step", int),
        op=_take(header, "op", str),
        params=_take(header, "params", dict),
        arrays=arrays,
        topic=_take(header, "topic", str),
    )


def read_answer(stream: BinaryIO) -> Answer | None:
    """Read an answer; None at the end of the stream.

    Raises:
        ProtocolError: if it is not an answer.
    """
    frame = read_frame(stream)
    if frame is None:
        return None
    header, arrays = frame
    return Answer(
        lane=_lane(header),
        generation=_take(header, "generation", int),
        op=_take(header, "op", str),
        snapshot_step=_take(header, "snapshot_step", int),
        body=_body(header, arrays),
        seconds=_number(header, "seconds"),
        topic=_take(header, "topic", str),
    )


def _body(header: Mapping[str, object], arrays: Mapping[str, Array]) -> Progress | Result | Failure:
    match header.get("body"):
        case "progress":
            return Progress(_number(header, "fraction"), _take(header, "message", str))
        case "result":
            return Result(arrays, _take(header, "meta", dict))
        case "failure":
            return Failure(_take(header, "message", str), _take(header, "hint", str))
        case other:
            raise ProtocolError(f"an answer's body is {str(other)[:40]!r}")


def _lane(header: Mapping[str, object]) -> Lane:
    lane = header.get("lane")
    for known in LANES:
        if lane == known:
            return known
    raise ProtocolError(f"there is no lane {str(lane)[:40]!r}")


def _take(header: Mapping[str, object], key: str, kind: type[T]) -> T:
    value = header.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ProtocolError(f"'{key}' is missing or of the wrong kind")
    return value


def _number(header: Mapping[str, object], key: str) -> float:
    value = header.get(key)
    return float(value) if type(value) is int and abs(value) < 1 << 53 else _take(header, key, float)
