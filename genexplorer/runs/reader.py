"""Reads one run in any state, active or imported, without ever blocking its writer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, TypeVar

from genexplorer.errors import CheckpointError, DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.database import read, sqlite
from genexplorer.runs.record import (
    AlertRow,
    AttemptRow,
    CommandRow,
    ImageRef,
    LogLine,
    MetricTable,
    MetricValue,
    NewRecords,
    ReadPosition,
    RunStatus,
    Series,
    State,
    XAxis,
)
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import HeartbeatTracker, SummaryCache, log_tail, read_config, read_status
from trainers.events import MetricSpec

if TYPE_CHECKING:  # pydantic is imported only for a configuration or a card
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

T = TypeVar("T")
_MAX_LOG_LINES = 2_000
_ROWS_PER_TABLE = 5_000  # read within the time limit of a query


class RunReader:
    """Reads one run folder. Each query opens the database for a moment; nothing stays open, so there is no `close`.

    Queries in a block of `open_database` share one connection, as opening takes as long as a query.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._heartbeats = HeartbeatTracker()
        self._summaries = SummaryCache()
        self._connection: Connection | None = None

    @contextmanager
    def open_database(self) -> Iterator[None]:
        """Answer the queries of a `with` block from one connection and one snapshot of the database; keep it short.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if self._connection is not None or not self._has_database():
            yield
            return
        with sqlite.open_for_reading(self.folder) as self._connection:
            try:
                yield
            finally:
                self._connection = None

    def _query(self) -> AbstractContextManager[Connection]:
        if self._connection is None:
            return sqlite.open_for_reading(self.folder)
        return sqlite.query(self.folder, self._connection)

    def _read(self, query: Callable[[Connection], T], missing: T) -> T:
        """Return the result of a query; before there is a database, the value for a missing one."""
        if not self._has_database():
            return missing
        with self._query() as connection:
            return query(connection)

    def _read_list(self, query: Callable[[Connection], Sequence[T]]) -> list[T]:
        none: Sequence[T] = ()
        return list(self._read(query, none))

    def status(self) -> RunStatus:
        """Return the status of the run; never raises for a damaged one."""
        return read_status(self.folder, self._heartbeats, self._summaries)

    def config(self) -> "RunConfig":
        """Return the configuration of the run.

        Raises:
            DamagedRunError: if it cannot be read.
        """
        return read_config(self.folder)

    def read_new(self, cursor: ReadPosition = ReadPosition()) -> NewRecords:  # noqa: B008 - frozen
        """Return the records since a cursor; a damaged database appears in the status, nothing is raised."""
        status = self.status()
        nothing = NewRecords(replace(cursor, attempt=status.attempt), status)
        try:
            delta = self._read(lambda connection: self._delta(connection, cursor, status), nothing)
        except DamagedRunError as error:
            delta = NewRecords(cursor, replace(status, state=State.DAMAGED, reason=one_line(error.message, 400)))
        return replace(delta, snapshots=tuple(self.snapshots()))

    def _delta(self, connection: Connection, cursor: ReadPosition, status: RunStatus) -> NewRecords:
        # Read what is new in each table, then advance the cursor to the newest rows.
        after = cursor.tick if cursor.tick else -1
        tick, latest = read.latest(connection, after)
        log = read.log(connection, _MAX_LOG_LINES, cursor.log)
        alerts = read.alerts(connection, cursor.alert)
        commands = read.command_history(connection, cursor.change)
        image, images = read.images(connection, self.folder, None, cursor.image)
        return NewRecords(
            cursor=ReadPosition(
                attempt=status.attempt,
                tick=tick,
                log=log[-1].id if log else cursor.log,
                alert=alerts[-1].id if alerts else cursor.alert,
                change=commands[-1].id if commands else cursor.change,
                image=image,
            ),
            status=status,
            new_points=tick > cursor.tick,
            latest=latest,
            metric_specs=read.metric_specs(connection, after),
            log=log,
            alerts=alerts,
            command_history=commands,
            images=images,
        )

    def series(
        self, metric: str, x_axis: XAxis = "step", max_points: int = 1000, bounds: tuple[float, float] | None = None
    ) -> Series:
        """Return a reduced curve; the cost does not grow with the length of the run.

        Args:
            metric: Its name; an unknown one gives an empty curve.
            x_axis: The quantity on the x axis, of which `Series.x` and `bounds` are values.
            max_points: The maximum number of buckets.
            bounds: The visible part of the axis, both ends included; buckets at its ends may reach beyond.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        empty = read.empty_series(metric, x_axis)
        return self._read(lambda connection: read.series(connection, metric, x_axis, max_points, bounds), empty)

    def rows(self, after: int = -1) -> Iterator[MetricTable]:
        """Yield every recorded value after a step, in tables of some thousand steps.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        while True:
            table = self._read(partial(read.rows_after, step=after, max_rows=_ROWS_PER_TABLE), None)
            if table is None or not len(table.step):
                return
            yield table
            after = int(table.step[-1])

    def metric_specs(self) -> dict[str, MetricSpec]:
        """Return the declared metrics in order.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read(read.metric_specs, {})

    def latest(self, at_step: int | None = None) -> dict[str, MetricValue]:
        """Return the last point of each metric, or the last one at or before a step.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if at_step is not None:
            return self._read(lambda connection: read.latest_at(connection, at_step), {})
        return self._read(lambda connection: read.latest(connection)[1], {})

    def elapsed_s(self, step: int) -> float:
        """Return the seconds of training up to a step.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read(lambda connection: read.elapsed_s(connection, step), 0.0)

    def card(self, step: int | None = None) -> "ModelCard":
        """Return the card of a snapshot, of the newest one if no step is given.

        Raises:
            CheckpointError: if there is no such snapshot, or its card is damaged.
        """
        from trainers.model_card import ModelCard
        from trainers.storage import checkpoint

        steps = self.snapshots()
        if not steps:
            raise CheckpointError(f"{self.folder.name} has no snapshot yet", "the first one is saved at step 0")
        folder = layout.step_folder(self.folder / layout.SNAPSHOTS, steps[-1] if step is None else step)
        return ModelCard.model_validate(_sanitize(checkpoint.load_card(folder).model_dump()))

    def snapshots(self) -> list[int]:
        """Return the steps that have a snapshot now, ascending."""
        return retention.steps(self.folder / layout.SNAPSHOTS, layout.CARD)

    def checkpoints(self) -> list[int]:
        """Return the steps that have a checkpoint now, ascending; loading verifies them."""
        return retention.steps(self.folder / layout.CHECKPOINTS)

    def images(self, image_kind: str | None = None) -> list[ImageRef]:
        """Return the recorded PNGs, ascending in step.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read_list(lambda connection: read.images(connection, self.folder, image_kind)[1])

    def log(self, limit: int = 200, after: int = 0) -> list[LogLine]:
        """Return the newest lines after an id, oldest first.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read_list(lambda connection: read.log(connection, limit, after))

    def alerts(self) -> list[AlertRow]:
        """Return the alerts that have not been superseded by a later attempt.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read_list(read.alerts)

    def attempts(self) -> list[AttemptRow]:
        """Return the attempts of this run.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read_list(read.attempts)

    def command_history(self) -> list[CommandRow]:
        """Return the commands that were applied or refused, oldest first.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        return self._read_list(read.command_history)

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of worker.log."""
        return log_tail(self.folder, lines)

    def _has_database(self) -> bool:
        return (self.folder / layout.DATABASE).is_file()


def _sanitize(value: object) -> object:
    """Return a card's values with all texts sanitized."""
    if isinstance(value, str):
        return one_line(value, 400)
    if isinstance(value, dict):
        return {one_line(key, 100): _sanitize(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_sanitize(item) for item in value]
    return value
