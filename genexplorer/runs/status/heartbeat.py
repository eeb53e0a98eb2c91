"""live.bin: the current state of a run in 4 KiB that are reserved when the run is created.

Two slots of 2 KiB are written in turn, in place: a full disk can still be reported, a reader that finds one half
written uses the other, and 10,000 runs are listed without opening 10,000 databases. A slot is a magic number, the
fixed layout of `LiveRecord`, and a CRC-32 of both.
"""

import contextlib
import os
import struct
import threading
import time
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.process_id import ProcessId
from genexplorer.runs.untrusted_files import READ_FLAGS
from trainers.events import Metrics
from trainers.storage import atomic_files

FILE_BYTES = 4096
_SLOT_BYTES = FILE_BYTES // 2
_MAGIC = b"GXLIVE01"
_UNKNOWN = -1  # stands for a count that is not known

# A new attempt starts with the values that the one before had.
_INHERITED_FIELDS = (
    *("heartbeat", "step", "total_steps", "images_seen", "recorded_step", "snapshot_step", "checkpoint_step"),
    *("num_alerts", "primary_value", "primary_metric", "elapsed_s", "progress", "created"),
)
_TEXT_BYTES = {"host": 64, "boot_id": 40, "state": 16, "phase": 16, "device": 32, "primary_metric": 96}
_TEXT_BYTES |= {"phase_detail": 200, "reason": 400, "problem": 240}
_UNSIGNED_FIELDS = ("heartbeat", "token")


@dataclass
class LiveRecord:
    """Worker status as written to live.bin. NaN and -1 stand for unknown values.

    The order of the fields is the layout of schema 1: append only, and only while a slot has room.
    """

    heartbeat: int = 0  # incremented by each write; readers compare it by their own clock
    token: int = 0  # identifies the launch of this worker
    attempt: int = 0  # 0: no worker has run yet
    pid: int = 0
    start: int = 0
    step: int = 0
    total_steps: int = _UNKNOWN
    images_seen: int = 0
    recorded_step: int = _UNKNOWN  # the newest step whose metrics are committed
    snapshot_step: int = _UNKNOWN
    checkpoint_step: int = _UNKNOWN  # the newest step from which an attempt can resume
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
    primary_value: float = float("nan")
    host: str = ""
    boot_id: str = ""
    state: str = ""  # "running", "paused", "stopping", "succeeded", "stopped", "failed"
    phase: str = ""
    device: str = ""
    primary_metric: str = ""
    phase_detail: str = ""
    reason: str = ""
    problem: str = ""  # what keeps the worker from recording: "disk full: …"
    first_step: int = _UNKNOWN  # from which the attempt continues; known when its data are loaded

    @property
    def identity(self) -> ProcessId:
        """The process that wrote the record."""
        return ProcessId(self.host, self.boot_id, self.pid, self.start)


# The code of each field in the format of `struct`.
_STRUCT_CODES = {field.name: "q" if field.type is int else "d" for field in fields(LiveRecord)}
_STRUCT_CODES |= {name: f"{size}s" for name, size in _TEXT_BYTES.items()} | dict.fromkeys(_UNSIGNED_FIELDS, "Q")
_STRUCT = struct.Struct("<" + "".join(_STRUCT_CODES.values()))
assert len(_MAGIC) + _STRUCT.size <= _SLOT_BYTES - 4


class Heartbeat:
    """The writer's side of live.bin: any thread may change the record and write it.

    The file stays open, so that a full or failing disk cannot keep the worker from reporting just that.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size != FILE_BYTES:
            create(path, LiveRecord(created=time.time()))
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        newest = _newest(os.pread(self._fd, FILE_BYTES, 0))
        self._slot, self._record = newest or (0, LiveRecord())
        self._lock = threading.Lock()
        self.newest_metrics: Metrics | None = None  # set at each step; the record catches up when it is read

    @property
    def fd(self) -> int:
        """The descriptor of the open file."""
        return self._fd

    @property
    def record(self) -> LiveRecord:
        """The record as the next write has it."""
        metrics, record = self.newest_metrics, self._record
        if metrics is not None:
            record.step, record.images_seen = max(record.step, metrics.step), metrics.images_seen
            record.elapsed_s, record.progress = metrics.elapsed_s, metrics.progress
            record.seconds_left = float("nan") if metrics.seconds_left is None else metrics.seconds_left
            record.images_per_s = metrics.values.get("speed/images_per_s", record.images_per_s)
        return record

    @record.setter
    def record(self, record: LiveRecord) -> None:
        self._record = record

    def begin(self, process: ProcessId, attempt: int, *, token: int, threads: int, started: float) -> None:
        """Replace the record by that of a new attempt, which inherits how far the run has come.

        Args:
            process: The worker.
            attempt: The number of the attempt.
            token: The number that identifies the launch.
            threads: The number of threads that it starts with.
            started: The Unix time of its start.
        """
        inherited = {name: getattr(self._record, name) for name in _INHERITED_FIELDS}
        new: dict[str, Any] = {"attempt": attempt, "token": token, "threads": threads, "started": started}
        self._record = LiveRecord(phase="loading", **asdict(process), **new, **inherited)

    def beat(self, problem: str) -> None:
        """Write the record with the next heartbeat; a failing disk is ignored.

        Args:
            problem: What keeps the run from being recorded, if anything does.
        """
        with self._lock, contextlib.suppress(OSError):
            self._record.problem = problem
            self.write()

    def finish(self, outcome: str, reason: str, ended: float) -> None:
        """Write the last record durably and close the file."""
        record = self.record
        record.state, record.reason, record.ended = outcome, reason, ended
        record.phase, record.phase_detail, record.problem, record.seconds_left = "", "", "", float("nan")
        if outcome == "succeeded":
            record.progress = 1.0
        self.newest_metrics = None
        with self._lock, contextlib.suppress(OSError):
            self.write(sync=True)
        self.close()

    def write(self, *, sync: bool = False) -> None:
        """Write the record with the next heartbeat; `sync` forces it to the disk.

        Raises:
            OSError: if the disk fails. A full one does not: the space is reserved.
        """
        record = self.record
        record.heartbeat += 1
        record.updated = time.time()
        self._slot = 1 - self._slot
        os.pwrite(self._fd, _encode(record), self._slot * _SLOT_BYTES)
        if sync:
            atomic_files.sync(self._fd, self._path)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


def create(path: Path, record: LiveRecord) -> None:
    """Make the file with its space reserved.

    Raises:
        OSError: if the disk is full.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        os.pwrite(fd, bytes(FILE_BYTES), 0)  # written, not only reserved, which some file systems do not honor
        os.pwrite(fd, _encode(record), 0)
        atomic_files.sync(fd, path)
    finally:
        os.close(fd)


def read(path: Path) -> LiveRecord | None:
    """Return the newest whole record; None if the file is missing, or has no valid record after a few reads."""
    for attempt in range(4):
        try:
            fd = os.open(path, READ_FLAGS)
        except OSError:
            return None
        try:
            newest = _newest(os.pread(fd, FILE_BYTES, 0))
        except OSError:
            newest = None
        finally:
            os.close(fd)
        if newest:
            return newest[1]
        time.sleep(0.001 * attempt)
    return None


def _newest(data: bytes) -> tuple[int, LiveRecord] | None:
    """Return the number and record of the valid slot that was written last."""
    valid: list[tuple[int, dict[str, Any]]] = []
    for number in (0, 1):
        slot = data[number * _SLOT_BYTES : (number + 1) * _SLOT_BYTES]
        body, checksum = slot[:-4], slot[-4:]
        if (
            len(slot) != _SLOT_BYTES
            or not body.startswith(_MAGIC)
            or struct.unpack("<I", checksum)[0] != zlib.crc32(body)
        ):
            continue
        valid.append((number, dict(zip(_STRUCT_CODES, _STRUCT.unpack_from(body, len(_MAGIC)), strict=True))))
    if not valid:
        return None
    number, values = max(valid, key=lambda slot: slot[1]["heartbeat"])
    for name, size in _TEXT_BYTES.items():
        values[name] = one_line(values[name].rstrip(b"\0").decode("utf-8", "ignore"), size)
    return number, LiveRecord(**values)


def _encode(record: LiveRecord) -> bytes:
    values: list[object] = []
    for name in _STRUCT_CODES:
        value = getattr(record, name)
        if name in _TEXT_BYTES:
            value = str(value).encode("utf-8", "replace")[: _TEXT_BYTES[name]]
        elif isinstance(value, int):  # clamp: an absurd count must not stop the heartbeat
            value = min(max(value, 0 if name in _UNSIGNED_FIELDS else -(2**63)), 2**63 - 1)
        values.append(value)
    body = (_MAGIC + _STRUCT.pack(*values)).ljust(_SLOT_BYTES - 4, b"\0")
    return body + struct.pack("<I", zlib.crc32(body))
