"""Questions to a model and their answers: the shapes and the frames on the pipes.

A frame is a 4-byte little-endian length, a JSON header of that length, then the raw bytes of the arrays in the order in
which the header lists them. Only float32, uint8 and int64 travel, little-endian, C order.

Operations (`op`), their parameters, and the arrays of their answers; H, W, C are the image's, d is the latent size,
images are uint8 (…, H, W, C) as expected values under p(x|z):

`describe`    -> meta `card`: the card as JSON.
`decode`      z (N, d) -> images (N, H, W, C).
`manifold`    rows, columns, bounds [x0, x1, y0, y1], coords "z" or "u" -> images (rows, columns, H, W, C), decoded at
              the centres of the cells, row 0 on top (largest y). In coords "u" the bounds lie in [0, 1] and z = Φ⁻¹(u).
`sample`      count, seed, temperature -> images, z.
`encode`      indices of test images, or images (N, H, W, C) -> x, mu, logvar (N, d), recon, recon_nats, kl_nats (N,),
              kl_dims (N, d), labels (N,; -1 where unknown).
`encodings`   count, split "test" or "train" -> mu, logvar (N, d), labels, indices (N,); Progress on the way.
`posterior`   index, count, seed, or images (1, H, W, C) -> z (count, d) drawn from q(z|x), images: their decodings.
`nearest`     z (1, d), count -> indices, labels, distances (count,), images: the test images whose mu is nearest.
`pipeline`    index, seed -> x, mu, sigma, z, recon, each with a first axis of 1; meta `figures`: each term of the
              objective by quantity, in nats.

`snapshot_step` None means the newest. The newest request of a lane replaces an older one that has not begun and
abandons, between chunks, one that has; the lane "drag" goes before "preview", "preview" before "job".
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

Lane = Literal["drag", "preview", "job"]
LANES: tuple[Lane, ...] = ("drag", "preview", "job")  # the first goes first
Array = NDArray[np.generic]

MAX_HEADER_BYTES = 1 << 20
MAX_FRAME_BYTES = 1 << 30
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


@dataclass(frozen=True)
class Progress:
    """Long work is under way."""

    fraction: float  # in [0, 1]
    message: str = ""


@dataclass(frozen=True)
class Result:
    """The work is done."""

    arrays: Mapping[str, Array] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)


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
    snapshot_step: int
    body: Progress | Result | Failure
    seconds: float = 0.0


class ProtocolError(Exception):
    """The other end sent what is not a frame of this protocol."""


def write_frame(stream: BinaryIO, header: Mapping[str, object], arrays: Mapping[str, Array]) -> None:
    """Write one frame and flush it.

    Raises:
        ProtocolError: if an array has another type than float32, uint8 or int64.
    """
    listed = []
    for name, array in arrays.items():
        if array.dtype.name not in _DTYPES:
            raise ProtocolError(f"array '{name}' is {array.dtype.name}")
        listed.append({"name": name, "dtype": array.dtype.name, "shape": list(array.shape)})
    encoded = json.dumps({**header, "arrays": listed}).encode()
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
        shapes = [(str(a["name"]), _DTYPES[a["dtype"]], tuple(int(n) for n in a["shape"])) for a in listed]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"the header is not understood: {error}") from None
    arrays: dict[str, Array] = {}
    for name, dtype, shape in shapes:
        count = 1
        for length in shape:
            count *= length
        if count < 0 or count * dtype.itemsize > MAX_FRAME_BYTES:
            raise ProtocolError(f"array '{name}' is too large")
        arrays[name] = np.frombuffer(_exactly(stream, count * dtype.itemsize), dtype=dtype).reshape(shape)
    return header, arrays


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ProtocolError("the stream ended inside a frame")
    return data


def write_request(stream: BinaryIO, request: Request) -> None:
    """Write a request as a frame."""
    header = {
        "lane": request.lane,
        "generation": request.generation,
        "run": request.run,
        "snapshot_step": request.snapshot_step,
        "op": request.op,
        "params": dict(request.params),
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
