"""Frames survive the journey; anything else is refused, bounded, with a ProtocolError alone."""

import io
import json
import random
import struct
from typing import Any

import numpy as np
import pytest

from genexplorer.explore.protocol import (
    LANES,
    MAX_ARRAYS,
    MAX_HEADER_BYTES,
    Array,
    Failure,
    Progress,
    ProtocolError,
    Request,
    Response,
    Result,
    read_frame,
    read_request,
    read_response,
    to_wire,
    write_frame,
    write_request,
    write_response,
)

DTYPES = ("float32", "uint8", "int64")


def random_arrays(rng: random.Random) -> dict[str, Array]:
    made: dict[str, Array] = {}
    for name in rng.sample(["images", "z", "mü", "", "labels"], rng.randint(0, 5)):
        shape = tuple(rng.randint(0, 5) for _ in range(rng.randint(0, 4)))
        seeded = np.random.default_rng(rng.randint(0, 10**9))
        made[name] = np.asarray(seeded.integers(0, 200, shape)).astype(rng.choice(DTYPES))
    return made


def same(one: Any, other: Any) -> bool:
    return list(one) == list(other) and all(
        one[k].dtype == other[k].dtype and one[k].shape == other[k].shape and np.array_equal(one[k], other[k])
        for k in one
    )


@pytest.mark.parametrize("seed", range(25))
def test_messages_survive_a_round_trip(seed: int) -> None:
    rng = random.Random(seed)
    stream = io.BytesIO()
    arrays = random_arrays(rng)
    step = rng.choice([None, 0, 12])
    request = Request(rng.choice(LANES), seed, "/runs/ä\n", step, "decode", {"n": [1, {"a": None}]}, arrays, "cursor")
    bodies: list[Progress | Result | Failure] = [
        Progress(0.25, "half"),
        Result(arrays, {"figures": {"kl": 6.1}}),
        Failure("no", "why"),
        Progress(1),
    ]
    body = rng.choice(bodies)
    response = Response(rng.choice(LANES), seed, "decode", -1, body, 0.125, "cursor")
    write_request(stream, request)
    write_response(stream, response)
    stream.seek(0)
    got = read_request(stream)
    assert got is not None
    assert same(got.arrays, request.arrays)
    assert (got.lane, got.run, got.snapshot_step, got.params, got.topic) == (
        request.lane, request.run, request.snapshot_step, request.params, request.topic,
    )  # fmt: skip
    back = read_response(stream)
    assert back is not None
    assert (back.lane, back.request_number, back.seconds, back.topic) == (response.lane, seed, 0.125, "cursor")
    if isinstance(body, Result):
        assert isinstance(back.body, Result)
        assert same(back.body.arrays, arrays)
    else:
        assert back.body == body
    assert read_response(stream) is None


def frame(header: object, data: bytes = b"") -> io.BytesIO:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return io.BytesIO(struct.pack("<I", len(encoded)) + encoded + data)


def listed(shape: object, dtype: object = "uint8", name: object = "a") -> dict[str, object]:
    return {"arrays": [{"name": name, "dtype": dtype, "shape": shape}]}


@pytest.mark.parametrize(
    "stream",
    [
        io.BytesIO(b"\x01"),
        io.BytesIO(struct.pack("<I", MAX_HEADER_BYTES + 1)),
        io.BytesIO(struct.pack("<I", 50) + b"{}"),
        frame(b"\xff\xfe"),
        frame(b"[" * 100_000),
        frame([]),
        frame({}),
        frame({"arrays": 3}),
        frame({"arrays": [3]}),
        frame(listed([2], "float64")),
        frame(listed([2], ["uint8"])),
        frame(listed([2], name=None), b"ab"),
        frame(listed([-1, -2]), b"ab"),
        frame(listed([2.0]), b"ab"),
        frame(listed([True]), b"a"),
        frame(listed("2"), b"ab"),
        frame(listed([1] * 9), b"a"),
        frame(listed([1 << 40])),
        frame(listed([1 << 20, 1 << 20, 1 << 20])),
        frame(listed([0, 1 << 60])),
        frame(listed([200_000_000])),  # announced but not sent
        frame({"arrays": [{"name": "a", "dtype": "uint8", "shape": [0]}] * 2}),
        frame({"arrays": [{"name": str(k), "dtype": "uint8", "shape": [0]} for k in range(MAX_ARRAYS + 1)]}),
        frame({"arrays": [{"name": str(k), "dtype": "uint8", "shape": [1 << 27]} for k in range(9)]}),
    ],
)
def test_invalid_frames_are_refused(stream: io.BytesIO) -> None:
    with pytest.raises(ProtocolError):
        read_frame(stream)


@pytest.mark.parametrize(
    "change",
    [
        {"lane": "express"},
        {"lane": ["drag"]},
        {"request_number": "1"},
        {"request_number": True},
        {"run": None},
        {"snapshot_step": 1.5},
        {"op": 3},
        {"params": []},
        {"topic": None},
    ],
)
def test_invalid_requests_are_refused(change: dict[str, object]) -> None:
    header: dict[str, object] = {
        "lane": "drag", "request_number": 1, "run": "r", "snapshot_step": None, "op": "decode", "params": {},
        "topic": "", "arrays": [],
    }  # fmt: skip
    assert read_request(frame(header)) is not None
    with pytest.raises(ProtocolError):
        read_request(frame(header | change))


@pytest.mark.parametrize(
    "change",
    [
        {"body": "gossip"},
        {"body": None},
        {"fraction": "1"},
        {"fraction": None},
        {"seconds": []},
        {"snapshot_step": None},
    ],
)
def test_invalid_responses_are_refused(change: dict[str, object]) -> None:
    header: dict[str, object] = {
        "lane": "drag", "request_number": 1, "op": "decode", "snapshot_step": 0, "seconds": 0, "topic": "",
        "body": "progress", "fraction": 1, "message": "", "arrays": [],
    }  # fmt: skip
    assert read_response(frame(header)) is not None
    with pytest.raises(ProtocolError):
        read_response(frame(header | change))


@pytest.mark.parametrize("seed", range(60))
def test_damaged_frames_raise_only_protocol_errors(seed: int) -> None:
    rng = random.Random(seed)
    stream = io.BytesIO()
    write_request(stream, Request("job", seed, "run", 3, "decode", {"a": 1}, random_arrays(rng)))
    for _ in range(20):
        data = bytearray(stream.getvalue())
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        data = data[: rng.randint(0, len(data))] if rng.random() < 0.5 else data
        for read in (read_request, read_response):
            try:
                read(io.BytesIO(bytes(data)))
            except ProtocolError:
                continue


def test_frames_that_cannot_be_read_are_not_written() -> None:
    stream = io.BytesIO()
    arrays: list[dict[str, Array]] = [
        {"a": np.zeros(2)},
        {str(k): np.zeros(1, np.uint8) for k in range(MAX_ARRAYS + 1)},
    ]
    for given in arrays:
        with pytest.raises(ProtocolError):
            write_frame(stream, {}, given)
    for header in ({"a": object()}, {"a": "x" * MAX_HEADER_BYTES}):
        with pytest.raises(ProtocolError):
            write_frame(stream, header, {})
    assert stream.getvalue() == b""


def test_arrays_are_copied_to_a_wire_type() -> None:
    mine = np.array([0.5, 1.0])
    sent = to_wire(mine)
    mine[0] = 9
    assert (sent.dtype.name, float(sent[0])) == ("float32", 0.5)
    assert [to_wire(given).dtype.name for given in ([1, 2], np.array([3], np.uint8), [True])] == [
        "int64",
        "uint8",
        "int64",
    ]
    with pytest.raises(ProtocolError, match="cannot be sent"):
        to_wire(["text"])
