"""A run as TensorBoard event files: scalars and recorded images, also while it trains."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genexplorer.errors import ConfigError, DamagedRunError, UserError
from genexplorer.runs.artifacts.images import read_file_bytes
from genexplorer.runs.reader import RunReader

if TYPE_CHECKING:
    from genexplorer.runs.record import ImageRef, MetricTable

_SUFFIX = ".genexplorer"  # of event files, so that only own ones are replaced
_OWN_FILES = re.compile(rf"events\.out\.tfevents\..*{re.escape(_SUFFIX)}")
_POLL_INTERVAL_S = 1.0


@dataclass
class EventCounts:
    """What was written."""

    scalars: int = 0
    images: int = 0


class EventWriter:
    """Writes the records of a run that are new since the last call as events.

    Args:
        folder: The run folder.
        log_dir: The folder for the event file, which TensorBoard opens; earlier event files of this class in it are
            replaced.

    Raises:
        UserError: if tensorboard is not installed, or the folder contains other files.
        DamagedRunError: if the run cannot be read.
        OSError: if the disk refuses.
    """

    def __init__(self, folder: Path, log_dir: Path) -> None:
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            raise UserError("tensorboard is not installed, which its files need", "pip install tensorboard") from None
        self._reader = RunReader(folder)
        self._reader.metric_specs()  # an error leaves the former files
        _clear(log_dir)
        self._event_type, self._summary_type, self._session_type = (
            event_pb2.Event,
            summary_pb2.Summary,
            event_pb2.SessionLog,
        )
        self._writer: Any = EventFileWriter(str(log_dir), filename_suffix=_SUFFIX)
        self._last_step, self._attempt = -1, 0
        self._image_paths: set[Path] = set()
        self.counts = EventCounts()

    def update(self) -> bool:
        """Write what is new; return whether the run is still active.

        Raises:
            DamagedRunError: if the run cannot be read.
        """
        status = self._reader.status()  # first: what is recorded until its end is read below
        self._restart_after_resume(status.attempt)
        for table in self._reader.rows(after=self._last_step):
            self._write_scalars(table)
            self._last_step = int(table.step[-1])
        for image in self._reader.images():
            if image.path not in self._image_paths:
                self._write_image(image)
        self._writer.flush()
        return status.state.active

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _restart_after_resume(self, attempt: int) -> None:
        """Let TensorBoard drop values beyond the checkpoint from which a new attempt goes on."""
        if self._attempt and attempt > self._attempt:
            first_step = min((row.first_step for row in self._reader.attempts() if row.number == attempt), default=0)
            start = self._session_type(status=self._session_type.START)
            self._writer.add_event(self._event_type(wall_time=time.time(), step=first_step + 1, session_log=start))
            self._last_step = min(self._last_step, first_step)
        self._attempt = attempt

    def _write_scalars(self, table: "MetricTable") -> None:
        columns = [(name, values, table.is_recorded[name]) for name, values in table.values.items()]
        for row, (step, wall_time) in enumerate(zip(table.step.tolist(), table.time.tolist(), strict=True)):
            summary = self._summary_type()
            for name, values, is_recorded in columns:
                if is_recorded[row]:
                    summary.value.add(tag=name, simple_value=values[row])
                    self.counts.scalars += 1
            self._writer.add_event(self._event_type(wall_time=wall_time, step=step, summary=summary))

    def _write_image(self, image: "ImageRef") -> None:
        self._image_paths.add(image.path)
        try:
            data, wall_time = read_file_bytes(image.path), image.path.stat().st_mtime
        except (DamagedRunError, FileNotFoundError):
            return  # removed meanwhile
        height, width = image.rows * image.tile_px[0], image.columns * image.tile_px[1]
        summary = self._summary_type()
        picture = self._summary_type.Image(height=height, width=width, colorspace=3, encoded_image_string=data)
        summary.value.add(tag=f"images/{image.kind}", image=picture)
        self._writer.add_event(self._event_type(wall_time=wall_time, step=image.step, summary=summary))
        self.counts.images += 1


def write_events(
    folder: Path, log_dir: Path, *, follow: bool = False, check: Callable[[], None] = lambda: None
) -> EventCounts:
    """Write a run as TensorBoard event files.

    Args:
        folder: The run folder.
        log_dir: As of `EventWriter`.
        follow: Whether to go on until the run has ended; a KeyboardInterrupt ends it sooner, with a complete file.
        check: Called between the parts; an exception of it ends the export.

    Returns:
        The numbers of scalars and images.

    Raises:
        UserError: as of `EventWriter`.
        DamagedRunError: if the run cannot be read.
    """
    writer = EventWriter(folder, log_dir)
    try:
        is_active = writer.update()
        check()
        while follow and is_active:
            time.sleep(_POLL_INTERVAL_S)
            is_active = writer.update()
            check()
    except KeyboardInterrupt:
        if not follow:
            raise
    finally:
        writer.close()
    return writer.counts


def _clear(log_dir: Path) -> None:
    """Create the folder, or remove the earlier event files in it."""
    if log_dir.exists() and not log_dir.is_dir():
        raise ConfigError(f"{log_dir}: is a file", "TensorBoard reads a folder; name one")
    existing = list(log_dir.iterdir()) if log_dir.is_dir() else []
    others = [path.name for path in existing if not _OWN_FILES.fullmatch(path.name)]
    if others:
        raise ConfigError(f"{log_dir} contains other files, such as {others[0][:60]}", "name a new or empty folder")
    for path in existing:
        path.unlink()
    log_dir.mkdir(parents=True, exist_ok=True)
