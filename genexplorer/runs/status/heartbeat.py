"""live.bin: what a run is doing right now, in 4 KiB that are there from the beginning.

Two slots of 2 KiB are written in turn, in place: a full disk can still say so, a reader that catches one half written
takes the other, and 10,000 runs list without opening 10,000 databases. A slot is the fixed layout of `LiveRecord`
behind a magic word, followed by a CRC-32 of all before it.
"""

import contextlib
import os
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.process_id import ProcessId
from trainers.events import Metrics

SIZE = 4096
_SLOT = SIZE // 2
_MAGIC = b"GXLIVE01"
_NONE = -1  # of a count that is not known

# The order is the layout of schema 1: append only, and only while a slot has room.
_LAYOUT: dict[str, str] = {
    "heartbeat": "Q",
    "token": "Q",
    "attempt": "q",
    "pid": "q",
    "start": "q",
    "step": "q",
    "total_steps": "q",
    "images_seen": "q",
    "recorded_step": "q",
    "snapshot_step": "q",
    "checkpoint_step": "q",
    "threads": "q",
    "num_alerts": "q",
    "created": "d",
    "started": "d",
    "updated": "d",
    "ended": "d",
    "elapsed_s": "d",
    "progress": "d",
    "images_per_s": "d",
    "seconds_left": "d",
    "headline": "d",
    "host": "64s",
    "boot_id": "40s",
    "state": "16s",
    "phase": "16s",
    "device": "32s",
    "headline_name": "96s",
    "phase_detail": "200s",
    "reason": "400s",
    "problem": "240s",
}
_REACHED = (
    *("heartbeat", "step", "total_steps", "images_seen", "recorded_step", "snapshot_step", "checkpoint_step"),
    *("num_alerts", "headline", "headline_name", "elapsed_s", "progress", "created"),
)  # what a new attempt takes over
_STRUCT = struct.Struct("<" + "".join(_LAYOUT.values()))
_TEXT_BYTES = {name: int(code[:-1]) for name, code in _LAYOUT.items() if code.endswith("s")}


@dataclass
class LiveRecord:
    """The worker's word on itself. NaN and -1 stand for what is not known."""

    heartbeat: int = 0  # grows at each write; judged by the reader's own clock
    token: int = 0  # which launch this worker came from
    attempt: int = 0  # 0: no worker has run yet
    pid: int = 0
    start: int = 0
    step: int = 0
    total_steps: int = _NONE
    images_seen: int = 0
    recorded_step: int = _NONE  # the newest step whose figures are committed
    snapshot_step: int = _NONE
    checkpoint_step: int = _NONE  # the newest step from which an attempt can resume
    threads: int = 0
    num_alerts: int = 0
    created: float = 0.0  # Unix times
    started: float = 0.0
    updated: float = 0.0
    ended: float = float("nan")
    elapsed_s: float = 0.0
    progress: float = 0.0
    images_per_s: float = float("nan")
    seconds_left: float = float("nan")
    headline: float = float("nan")
    host: str = ""
    boot_id: str = ""
    state: str = ""  # "running", "paused", "stopping", "succeeded", "stopped", "failed"
    phase: str = ""
    device: str = ""
    headline_name: str = ""
    phase_detail: str = ""
    reason: str = ""
    problem: str = ""  # what keeps the worker from recording: "disk full: …"

    @property
    def identity(self) -> ProcessId:
        """The process that wrote this."""
        return ProcessId(self.host, self.boot_id, self.pid, self.start)

    def reach(self, metrics: Metrics) -> None:
        """Take over how far the training is."""
        self.step = max(self.step, metrics.step)
        self.images_seen, self.elapsed_s, self.progress = metrics.images_seen, metrics.elapsed_s, metrics.progress
        self.seconds_left = float("nan") if metrics.seconds_left is None else metrics.seconds_left
        self.images_per_s = metrics.values.get("speed/images_per_s", self.images_per_s)


def next_life(
    before: LiveRecord, me: ProcessId, attempt: int, *, token: int, threads: int, started: float
) -> LiveRecord:
    """Return the first record of a new attempt: who and when is new, what the run has reached stays.

    Args:
        before: The last word of the attempt before.
        me: The process that begins.
        attempt: Its number.
        token: The launch that it came from.
        threads: Threads that it starts with.
        started: Unix time.
    """
    who: dict[str, Any] = {"pid": me.pid, "start": me.start, "host": me.host, "boot_id": me.boot_id}
    kept: dict[str, Any] = {name: getattr(before, name) for name in _REACHED}
    return LiveRecord(attempt=attempt, token=token, threads=threads, started=started, phase="loading", **who, **kept)


class LiveFile:
    """The writer's end: the file stays open, so that a full or failing disk cannot keep it from saying so."""

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size != SIZE:
            create(path, LiveRecord(created=time.time()))
        self._handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        newest = _newest(os.pread(self._handle, SIZE, 0))
        self._turn = newest[0] if newest else 0
        self.record = newest[1] if newest else LiveRecord()

    def write(self, *, sync: bool = False) -> None:
        """Write the record with the next heartbeat; `sync` forces it to the disk.

        Raises:
            OSError: if the disk fails. A full one does not: the space is reserved.
        """
        self.record.heartbeat += 1
        self.record.updated = time.time()
        self._turn = 1 - self._turn
        os.pwrite(self._handle, _encode(self.record), self._turn * _SLOT)
        if sync:
            os.fsync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def create(path: Path, record: LiveRecord) -> None:
    """Make the file with its space reserved.

    Raises:
        OSError: if the disk is full.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        os.pwrite(handle, bytes(SIZE), 0)  # written, not only reserved: some file systems would not keep the promise
        os.pwrite(handle, _encode(record), 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> LiveRecord | None:
    """Return the newest whole record; None if the file is missing, or has no whole record after a few looks."""
    for attempt in range(4):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            newest = _newest(os.pread(handle, SIZE, 0))
        except OSError:
            newest = None
        finally:
            os.close(handle)
        if newest:
            return newest[1]
        time.sleep(0.001 * attempt)
    return None


def _newest(data: bytes) -> tuple[int, LiveRecord] | None:
    newest = max(_whole_slots(data), key=lambda found: found[1]["heartbeat"], default=None)
    return None if newest is None else (newest[0], _as_record(newest[1]))


def _whole_slots(data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for slot in (0, 1):
        with contextlib.suppress(ValueError, struct.error):
            yield slot, _decode(data[slot * _SLOT : (slot + 1) * _SLOT])


def _encode(record: LiveRecord) -> bytes:
    values = [_packable(name, getattr(record, name)) for name in _LAYOUT]
    body = (_MAGIC + _STRUCT.pack(*values)).ljust(_SLOT - 4, b"\0")
    return body + struct.pack("<I", zlib.crc32(body))


def _packable(name: str, value: object) -> object:
    if isinstance(value, int):  # a heartbeat must not fail for a count that is absurd
        return min(max(value, 0 if _LAYOUT[name] == "Q" else -(2**63)), 2**63 - 1)
    if name not in _TEXT_BYTES:
        return value
    return str(value).encode("utf-8", "replace")[: _TEXT_BYTES[name]]


def _decode(slot: bytes) -> dict[str, Any]:
    body, checksum = slot[:-4], slot[-4:]
    if len(slot) != _SLOT or not body.startswith(_MAGIC) or struct.unpack("<I", checksum)[0] != zlib.crc32(body):
        raise ValueError("not a whole slot")
    return dict(zip(_LAYOUT, _STRUCT.unpack_from(body, len(_MAGIC)), strict=True))


def _as_record(values: dict[str, Any]) -> LiveRecord:
    for name, size in _TEXT_BYTES.items():
        values[name] = one_line(values[name].rstrip(b"\0").decode("utf-8", "ignore"), size)
    return LiveRecord(**values)


assert list(_LAYOUT) == [field.name for field in fields(LiveRecord)]
assert len(_MAGIC) + _STRUCT.size <= _SLOT - 4
