"""Untrusted files: changed bytes, false sizes, pickles. Each is refused with one line or read as what it is."""

import gzip
import json
import pickle
import random
import resource
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from genexplorer.errors import UserError
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.store import RunStore
from tests.fault_injection.case import FaultCase, Tally
from tests.fixtures.fake_run import card, write_run
from trainers.data import idx
from trainers.errors import CheckpointError, DataError
from trainers.storage import checkpoint

SLOWEST_S = 2.0
MOST_MEMORY_BYTES = 300 << 20  # above what the process had
_ARRAYS = {"weight": np.arange(64, dtype=np.float32).reshape(8, 8), "bias": np.ones(8, np.float32)}


class Canary:
    """Exits the process when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return _exit, ("a pickle was loaded",)


def _exit(message: str) -> None:
    raise SystemExit(message)  # not caught by `except Exception`


def flipped_tensors(count: int, folder: Path) -> Tally:
    """Change every header byte once, then random bytes: nothing is loaded that differs from what was saved."""
    tally, rng = Tally(), random.Random(7)
    saved = folder / "saved"
    checkpoint.save_snapshot(saved, _ARRAYS, card(1))
    path = saved / checkpoint.WEIGHTS_FILE
    original = path.read_bytes()
    header_size = 8 + struct.unpack("<Q", original[:8])[0]
    offsets = [*range(min(header_size, count)), *(rng.randrange(len(original)) for _ in range(count))]
    for offset in offsets:
        with tally.attempt(f"byte {offset}"):
            changed = bytearray(original)
            changed[offset] ^= rng.randrange(1, 256)
            path.write_bytes(changed)
            _check_refused(lambda: checkpoint.load_snapshot(saved))
            _parse_or_refuse(path)
    return tally


def _parse_or_refuse(path: Path) -> None:
    """Parse the arrays without checking the hash: they are parsed or refused with one line."""
    try:
        checkpoint.parse_safetensors(path.read_bytes(), path)
    except CheckpointError as error:
        assert "\n" not in str(error)


def wrong_offsets(count: int, folder: Path) -> Tally:
    """Parse headers that declare false sizes: refused in bounded time and memory."""
    tally, before = Tally(), _memory()
    headers: tuple[bytes, ...] = (
        struct.pack("<Q", 1 << 62),
        _header({"w": {"dtype": "F32", "shape": [1 << 40, 1 << 20], "data_offsets": [0, 4]}}),
        _header({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}),
        _header({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1 << 60]}}),
        _header({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}),
        _header({"w": {"dtype": "X99", "shape": [1], "data_offsets": [0, 4]}}),
        _header({f"w{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(20_000)}),
        struct.pack("<Q", 30_000_000) + b"[" * 30_000_000,
    )
    for number in range(count):
        with tally.attempt(f"header {number % len(headers)}"):
            path, began = folder / f"{number}.safetensors", time.monotonic()
            path.write_bytes(headers[number % len(headers)] + b"\0\0\0\0")
            _parse_or_refuse(path)
            assert time.monotonic() - began < SLOWEST_S, "parsing took too long"
    assert _memory() - before < MOST_MEMORY_BYTES
    return tally


def pickles(count: int, folder: Path) -> Tally:
    """Put a pickle with a canary under every file name that a loader opens."""
    tally, payload = Tally(), pickle.dumps(Canary())
    run = write_run(folder, steps=20, pictures=False)
    snapshot = folder / "snapshot"
    checkpoint.save_snapshot(snapshot, _ARRAYS, card(1))
    loaders: dict[Path, Callable[[], object]] = {
        snapshot / checkpoint.WEIGHTS_FILE: lambda: checkpoint.load_snapshot(snapshot),
        snapshot / checkpoint.CARD_FILE: lambda: checkpoint.load_card(snapshot),
        snapshot / checkpoint.MANIFEST_FILE: lambda: checkpoint.verify(snapshot),
        run / layout.CONFIG: lambda: read_config(run),
        run / layout.DATABASE: lambda: RunReader(run).log(),
        folder / "train-images-idx3-ubyte": lambda: idx.read_images(folder / "train-images-idx3-ubyte"),
        folder / "train-images-idx3-ubyte.gz": lambda: idx.read_images(folder / "train-images-idx3-ubyte.gz"),
    }
    for number in range(count):
        path, load = list(loaders.items())[number % len(loaders)]
        with tally.attempt(path.name):
            before = path.read_bytes() if path.is_file() else b""
            path.write_bytes(gzip.compress(payload) if path.suffix == ".gz" else payload)
            _check_refused(load)
            path.write_bytes(before) if before else path.unlink()
    tally.notes.append("the code never ran")
    return tally


def flipped_databases(count: int, folder: Path) -> Tally:
    """Change random bytes of a run's database: it is damaged or read correctly, others are listed, nothing hangs."""
    tally, rng, slowest, damaged = Tally(), random.Random(11), 0.0, 0
    run = write_run(folder, steps=200, pictures=False)
    write_run(folder, steps=20, pictures=False)
    path = run / layout.DATABASE
    original, store = path.read_bytes(), RunStore(folder)
    for number in range(count):
        with tally.attempt(f"flip {number}"):
            data = bytearray(original)
            for _ in range(rng.choice((1, 4, 40, 400))):
                data[rng.randrange(len(data))] = rng.randrange(256)
            path.write_bytes(bytes(data))
            began = time.monotonic()
            damaged += _query_everything(run)
            assert len(store.list()) == 2
            slowest = max(slowest, time.monotonic() - began)
            assert slowest < SLOWEST_S, f"{slowest:.1f} s"
    tally.notes += [f"slowest {slowest:.2f} s", f"{damaged} shown as damaged"]
    return tally


def _query_everything(run: Path) -> bool:
    """Make every query of a front end; return whether one was refused. Refusals must have one line."""
    refused = False
    reader = RunReader(run)
    queries: tuple[Callable[[], object], ...] = (
        *(reader.read_new, reader.log, reader.alerts, reader.attempts, reader.images),
        *(lambda: reader.latest(10), lambda: reader.series("train/elbo"), lambda: reader.series("test/elbo_ema")),
    )
    for query in queries:
        try:
            query()
        except UserError as error:
            assert "\n" not in str(error)
            refused = True
    return refused or reader.read_new().status.state is State.DAMAGED


def hostile_schemas(count: int, folder: Path) -> Tally:
    """Put views, triggers and endless generated columns into a database: refused or ignored, within the time limit."""
    scripts = (
        "ALTER TABLE scalars RENAME TO hidden; CREATE VIEW scalars AS SELECT * FROM hidden;",
        "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM ticks; END;",
        "DROP TABLE log; CREATE VIEW log AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS id, 1 AS attempt, 1 AS time, 1 AS step, 'info' AS severity, 'x' AS message FROM n;",
        "DROP TABLE log; CREATE TABLE log (id INTEGER PRIMARY KEY, attempt, time, step, severity, message AS"
        " (length(hex(zeroblob(5000000))))); INSERT INTO log VALUES (1, 1, 1, 1, 'info');",
        "DROP TABLE attempts;",
        "PRAGMA user_version = 99;",
    )
    tally, slowest = Tally(), 0.0
    for number in range(count):
        with tally.attempt(f"schema {number % len(scripts)}"):
            run = write_run(folder / str(number), steps=20, pictures=False)
            with closing(sqlite3.connect(run / layout.DATABASE)) as database:
                database.executescript(scripts[number % len(scripts)])
            began = time.monotonic()
            _query_everything(run)
            slowest = max(slowest, time.monotonic() - began)
            assert slowest < SLOWEST_S, f"{slowest:.1f} s"
    tally.notes.append(f"slowest {slowest:.2f} s")
    return tally


def hostile_configs(count: int, folder: Path) -> Tally:
    """Open configurations with impossible values: refused before anything is allocated."""
    tally, before = Tally(), _memory()
    run = write_run(folder, steps=20, pictures=False)
    path = run / layout.CONFIG
    original = json.loads(path.read_text())
    changes: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda c: c["model"].update(hidden=[1_000_000_000]),
        lambda c: c["model"].update(hidden=[65_536] * 32),
        lambda c: c["model"].update(latent_dim=-1),
        lambda c: c["model"].update(unknown=1),
        lambda c: c["optim"].update(lr=float("1e400")),
        lambda c: c["optim"].update(batch_size=10**12),
        lambda c: c.update(schema_version=99),
        lambda c: c["data"].update(name="../../etc/passwd"),
        lambda c: c.update(schedule={"epochs": "many"}),
    )
    for number in range(count):
        with tally.attempt(f"change {number % len(changes)}"):
            config = json.loads(json.dumps(original))
            changes[number % len(changes)](config)
            path.write_text(json.dumps(config))
            began = time.monotonic()
            _check_refused(lambda: _resolve_plan(run))
            assert time.monotonic() - began < SLOWEST_S
    assert _memory() - before < MOST_MEMORY_BYTES
    return tally


def _resolve_plan(run: Path) -> None:
    from trainers import plan

    plan.resolve(read_config(run))


def mutated_idx(count: int, folder: Path) -> Tally:
    """Read IDX files, compressed and plain, truncated and mutated: images of bounded size, or one line."""
    tally, rng, before = Tally(), random.Random(13), _memory()
    images = np.arange(20 * 8 * 8, dtype=np.uint8).reshape(20, 8, 8)
    plain = struct.pack(">BBBB3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
    for number in range(count):
        compressed = number % 2 == 0
        with tally.attempt(f"mutation {number}"):
            data = bytearray(gzip.compress(plain) if compressed else plain)
            if rng.random() < 0.3:
                data = data[: rng.randrange(len(data))]
            for _ in range(rng.choice((0, 1, 3, 20))):
                data[rng.randrange(len(data)) if len(data) > 1 else 0 :][:1] = b""
                if data:
                    data[rng.randrange(len(data))] = rng.randrange(256)
            path = folder / ("images.gz" if compressed else "images")
            path.write_bytes(bytes(data))
            try:
                assert idx.read_images(path).nbytes <= 16 << 20
            except DataError as error:
                assert "\n" not in str(error)
    assert _memory() - before < MOST_MEMORY_BYTES
    return tally


def _header(entries: object) -> bytes:
    encoded = json.dumps(entries).encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _check_refused(load: Callable[[], object]) -> None:
    try:
        load()
    except UserError as error:
        assert "\n" not in str(error), "more than one line"
        return
    raise AssertionError("it was loaded")


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


CASES = (
    FaultCase(
        name="tensors",
        fault="each header byte and random other bytes of a snapshot are changed",
        guarantee="detected by the hash; without a hash, loaded or refused with one line",
        full=10_000,
        short=100,
        run=flipped_tensors,
    ),
    FaultCase(
        name="bombs",
        fault="tensor headers that declare false sizes",
        guarantee="refused with one line, in bounded time and memory",
        full=80,
        short=8,
        run=wrong_offsets,
    ),
    FaultCase(
        name="pickles",
        fault="a pickle with code inside, under the name of each file that is opened",
        guarantee="refused; the code never runs",
        full=70,
        short=7,
        run=pickles,
    ),
    FaultCase(
        name="databases",
        fault="random bytes of a run's database are changed",
        guarantee="shown as damaged, or read correctly; the other runs are still listed; no query exceeds 2 s",
        full=1_000,
        short=20,
        run=flipped_databases,
    ),
    FaultCase(
        name="schemas",
        fault="views, triggers and endless columns in a run's database",
        guarantee="refused or ignored, within 2 s",
        full=60,
        short=6,
        run=hostile_schemas,
    ),
    FaultCase(
        name="configs",
        fault="configurations with impossible values",
        guarantee="refused before anything is allocated",
        full=90,
        short=9,
        run=hostile_configs,
    ),
    FaultCase(
        name="idx",
        fault="IDX files truncated and mutated, compressed and plain",
        guarantee="read, or refused with one line, in bounded memory",
        full=1_000,
        short=50,
        run=mutated_idx,
    ),
)
