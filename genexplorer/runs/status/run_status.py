"""The status of a run from config.json, notes.json and live.bin; listing 10,000 runs opens no database.

Whether a worker is alive follows from three facts: its kernel lock, its process identity and its heartbeat. On the
machine (or, in a container, the kernel) where the worker runs, the lock decides: the kernel drops it when the process
ends, however it ends. On another machine only the heartbeat is visible, measured by the reader's own monotonic clock,
so that no wall clock can make a run Lost. If the heartbeat stops while the lock is held, the worker is not responding:
suspended, or waiting for a slow disk.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer import kernel_lock
from genexplorer.errors import DamagedRunError
from genexplorer.runs import data_location, layout, notes, parent
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.sanitize import one_line, plain, unix_time
from genexplorer.runs.status import heartbeat
from genexplorer.runs.status.heartbeat import LiveRecord
from genexplorer.runs.status.process_id import boot_id, host_name, is_suspended
from genexplorer.runs.untrusted_files import open_file, read_json
from trainers import registry
from trainers.errors import ConfigError

if TYPE_CHECKING:  # only the displayed run's configuration is parsed, not those of all that are listed
    from trainers.config import RunConfig

QUIET_AFTER_S = 3.0  # without a heartbeat, which is due every 0.5 s, a worker is not responding
LOST_AFTER_S = 4.5  # without a heartbeat, a worker on another machine is Lost
STALE_AFTER_S = 60.0  # by the wall clock, for the first read from another machine only
_SETTLE_MARGIN_S, _SETTLE_POLL_S = 0.5, 0.1
MAX_CONFIG_BYTES = 1 << 20
LOG_HEADER = "worker of attempt "  # the first line of each attempt in worker.log
_NO_ESTIMATE = ("loading", "decoding", "compiling")  # phases in which the time left is unknown
_LOG_TAIL_BYTES = 32 * 1024
_ACTIVE_STATES = {"running": State.RUNNING, "paused": State.PAUSED, "stopping": State.STOPPING}
_ENDED_STATES = {"succeeded": State.SUCCEEDED, "stopped": State.STOPPED, "failed": State.FAILED}


class WorkerHealth(Enum):
    """Health of a worker."""

    ALIVE = "alive"
    QUIET = "not responding"
    DEAD = "dead"


@dataclass
class HeartbeatTracker:
    """When each run's heartbeat last changed, by this process's monotonic clock."""

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    _last: dict[Path, tuple[tuple[int, int], float, bool]] = field(default_factory=dict)  # beat, time, has changed

    def quiet_for(self, folder: Path, record: LiveRecord) -> tuple[float, bool]:
        """Return the seconds since the heartbeat last changed, and whether it ever did."""
        beat, now = (record.attempt, record.heartbeat), self.clock()
        last = self._last.get(folder)
        if last is None or last[0] != beat:
            self._last[folder] = (beat, now, last is not None)
            return 0.0, last is not None
        return now - last[1], last[2]

    def forget(self, folder: Path) -> None:
        """Forget a run that has ended."""
        self._last.pop(folder, None)


HEARTBEATS = HeartbeatTracker()


def worker_health(folder: Path, record: LiveRecord, heartbeats: HeartbeatTracker = HEARTBEATS) -> WorkerHealth:
    """Return the health of a worker whose record has no outcome yet."""
    quiet_s, has_changed = heartbeats.quiet_for(folder, record)
    if kernel_lock.is_held(folder / layout.LOCK):
        same_kernel = record.boot_id == boot_id()
        is_quiet = quiet_s > QUIET_AFTER_S or (same_kernel and is_suspended(record.pid))
        return WorkerHealth.QUIET if is_quiet else WorkerHealth.ALIVE
    if record.boot_id == boot_id() or record.host == host_name():
        return WorkerHealth.DEAD
    if quiet_s > LOST_AFTER_S:
        return WorkerHealth.DEAD
    stale = not has_changed and heartbeats.wall_clock() - record.updated > STALE_AFTER_S
    return WorkerHealth.QUIET if stale or quiet_s > QUIET_AFTER_S else WorkerHealth.ALIVE


class SummaryCache:
    """A cache of the parts of many statuses that come from config.json and notes.json."""

    def __init__(self) -> None:
        self._cache: dict[Path, tuple[object, RunStatus]] = {}

    def of(self, folder: Path) -> RunStatus:
        """Return the status of a run before its first attempt; the files are read again only when one changed."""
        stamp = (_stamp(folder / layout.CONFIG), _stamp(folder / layout.NOTES))
        cached = self._cache.get(folder)
        if cached is None or cached[0] != stamp:
            cached = (stamp, _summarize(folder))
            self._cache[folder] = cached
        return cached[1]


SUMMARY_CACHE = SummaryCache()


def is_run_folder(folder: Path) -> bool:
    """Return whether a folder is a run, intact or damaged."""
    return any((folder / name).is_file() for name in (layout.CONFIG, layout.LIVE, layout.DATABASE))


def read_status(
    folder: Path, heartbeats: HeartbeatTracker = HEARTBEATS, summaries: SummaryCache = SUMMARY_CACHE
) -> RunStatus:
    """Return the status of a run; damage appears in `state` and `reason`, nothing is raised."""
    status = summaries.of(folder)
    record = heartbeat.read(folder / layout.LIVE)
    if status.state is State.DAMAGED:
        return status
    if record is None:
        path = folder / layout.LIVE
        if not path.exists():
            return status
        readable = os.access(path, os.R_OK)
        reason = "live.bin is damaged" if readable else f"no permission to read {one_line(path, 200)}"
        return replace(status, state=State.DAMAGED, reason=reason)
    return _with_record(status, record, heartbeats)


def read_settled_status(
    folder: Path, heartbeats: HeartbeatTracker = HEARTBEATS, summaries: SummaryCache = SUMMARY_CACHE
) -> RunStatus:
    """Return the status of a run for a command that reads it once.

    Whether a worker on another machine lives shows only after a while, so it is observed until its next heartbeat, or
    until `LOST_AFTER_S` have passed without one.
    """
    status = read_status(folder, heartbeats, summaries)
    first, deadline = heartbeat.read(folder / layout.LIVE), time.monotonic() + LOST_AFTER_S + _SETTLE_MARGIN_S
    while is_elsewhere(status) and not is_locked(folder) and time.monotonic() < deadline:
        newest = heartbeat.read(folder / layout.LIVE)
        if first is None or newest is None or newest.heartbeat != first.heartbeat:
            break
        time.sleep(_SETTLE_POLL_S)
        status = read_status(folder, heartbeats, summaries)
    return status


def is_elsewhere(status: RunStatus) -> bool:
    """Return whether a run is active on another machine, as far as its last heartbeat tells."""
    return status.state.active and status.host not in ("", host_name())


def _with_record(status: RunStatus, record: LiveRecord, heartbeats: HeartbeatTracker) -> RunStatus:
    """Return a status completed with the worker's record."""
    state, is_responding, record = _state_of(status.folder, record, heartbeats)
    # Find the reason; that of a lost worker is the last line that it printed.
    reason = record.problem or record.reason
    if state is State.LOST:
        last_line = log_tail(status.folder, 1)
        if last_line.startswith(LOG_HEADER):
            last_line = ""
        if record.host == host_name() or record.boot_id == boot_id():
            reason = last_line or "the worker exited without an error message: killed, or the machine went down"
        else:
            end = f"; its log ends: {last_line}" if last_line else ""
            reason = f"its worker on {record.host or 'another machine'} sends no heartbeat any more{end}"
    # Values from the file are brought into range, as it may come from anyone.
    return replace(
        status,
        state=state,
        is_responding=is_responding,
        reason=one_line(reason, 400),
        phase=record.phase if state.active else "",
        phase_detail=record.phase_detail if state.active else "",
        attempt=max(record.attempt, 0),
        pid=record.pid or None,
        host=record.host,
        step=max(record.step, 0),
        total_steps=record.total_steps if record.total_steps > 0 else None,
        images_seen=max(record.images_seen, 0),
        progress=min(max(_finite(record.progress) or 0.0, 0.0), 1.0),
        images_per_s=_finite(record.images_per_s),
        # An estimate from before a compilation, or from an earlier attempt, says nothing.
        seconds_left=_finite(record.seconds_left) if state.active and record.phase not in _NO_ESTIMATE else None,
        elapsed_s=_finite(record.elapsed_s) or 0.0,
        created=status.created or unix_time(record.created),
        ended=unix_time(record.ended) or None if not state.active else None,
        threads=max(record.threads, 0),
        device=record.device,
        num_alerts=max(record.num_alerts, 0),
        snapshot_step=record.snapshot_step if record.snapshot_step >= 0 else None,
        primary_value=record.primary_value if record.primary_metric else None,
        primary_metric=record.primary_metric,
    )


def _state_of(folder: Path, record: LiveRecord, heartbeats: HeartbeatTracker) -> tuple[State, bool, LiveRecord]:
    """Derive the state; start over if the record changed while the lock was queried."""
    for _ in range(3):
        if record.attempt <= 0:
            return State.QUEUED, True, record
        if record.state in _ENDED_STATES:
            heartbeats.forget(folder)
            return _ENDED_STATES[record.state], True, record
        state = _ACTIVE_STATES.get(record.state, State.RUNNING)
        health = worker_health(folder, record, heartbeats)
        if health is not WorkerHealth.DEAD:
            return state, health is WorkerHealth.ALIVE, record
        newer = heartbeat.read(folder / layout.LIVE)
        if newer is None or newer.heartbeat == record.heartbeat:
            break
        record = newer  # it ended, or restarted, between the two reads
    return State.LOST, True, record


def is_locked(folder: Path) -> bool:
    """Return whether a process of this machine holds the run's lock."""
    return kernel_lock.is_held(folder / layout.LOCK)


def read_config(folder: Path) -> "RunConfig":
    """Return a run's stored configuration, with the place where its data are now; its family need not be installed.

    Raises:
        DamagedRunError: if it cannot be read or is of a newer schema.
    """
    from trainers.config import Ref, RunConfig, parse_section

    try:
        config: RunConfig = parse_section(RunConfig, _config_values(folder), "")
    except ConfigError as error:
        raise DamagedRunError(f"{layout.CONFIG}: {one_line(error.message)}", error.hint) from None
    if "path" in config.data.options and (place := data_location.read_location(folder)) is not None:
        data = Ref(name=config.data.name, options={**config.data.options, "path": place})
        config = config.model_copy(update={"data": data})
    return config


def log_tail(folder: Path, lines: int = 20) -> str:
    """Return the last lines of the worker's log, sanitized; empty if there is none."""
    try:
        with open_file(folder / layout.LOG) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _LOG_TAIL_BYTES, 0))
            text = file.read(_LOG_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    log = [line.rstrip() for line in plain(text).splitlines() if line.strip()]
    return "\n".join(line[:400] for line in log[-lines:])


def _summarize(folder: Path) -> RunStatus:
    """Return the status of a run from config.json and notes.json: queued, or damaged."""
    run_notes = notes.read(folder)
    name = run_notes.name or one_line(folder.name, 64)
    status = RunStatus(folder.name, folder, name, State.QUEUED, preset="", family="", dataset="")
    status = replace(status, tags=run_notes.tags, note=run_notes.note, created=run_notes.created)
    status = replace(status, parent=parent.read(folder))
    try:
        values = _config_values(folder)
        family, data = _name_of(values.get("model")), _name_of(values.get("data"))
        if not family:
            raise DamagedRunError(f"{layout.CONFIG} has no model")
    except DamagedRunError as error:
        return replace(status, state=State.DAMAGED, reason=one_line(error.message))
    data_kind = "images"  # also for a data set whose package is not installed
    with contextlib.suppress(ConfigError):
        data_kind = registry.data_kind(data)
    # Data at a path are known by its last part.
    section = values.get("data")
    place = section.get("path") if isinstance(section, Mapping) else None
    dataset = one_line(Path(place).name, 64) if isinstance(place, str) and place else data
    return replace(
        status, preset=one_line(values.get("preset", ""), 64), family=family, dataset=dataset, data_kind=data_kind
    )


def _config_values(folder: Path) -> Mapping[str, object]:
    """Return the contents of config.json, of a schema that this version reads."""
    try:
        values = read_json(folder / layout.CONFIG, MAX_CONFIG_BYTES)
    except FileNotFoundError:
        raise DamagedRunError(f"{layout.CONFIG} is missing") from None
    except PermissionError:
        raise DamagedRunError(f"no permission to read {one_line(folder / layout.CONFIG, 200)}") from None
    except (OSError, ValueError) as error:
        raise DamagedRunError(f"{layout.CONFIG} cannot be read: {one_line(error, 120)}") from None
    version = values.get("schema_version", registry.SCHEMA_VERSION)
    if not isinstance(version, int) or version > registry.SCHEMA_VERSION:
        raise DamagedRunError(
            f"{layout.CONFIG} has schema {one_line(version, 20)}, newer than {registry.SCHEMA_VERSION}",
            "update genexplorer",
        )
    return values


def _name_of(section: object) -> str:
    return one_line(section.get("name", "") if isinstance(section, dict) else section or "", 64)


def stamp(folder: Path) -> object:
    """Return a value that changes when any of the small files of a run does."""
    return tuple(_stamp(folder / name) for name in (layout.CONFIG, layout.NOTES, layout.LIVE))


def _stamp(path: Path) -> object:
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_ino, info.st_size, info.st_mtime_ns


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
