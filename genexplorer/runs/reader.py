"""What a face or a command reads of one run: live, finished, lost, queued, mailed; never in the way of its writer."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING

from genexplorer.errors import CheckpointError, DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.database import read, sqlite
from genexplorer.runs.record import (
    AlertRow,
    AttemptRow,
    Change,
    Cursor,
    Delta,
    LogLine,
    PictureRef,
    Point,
    RunStatus,
    Series,
    State,
    XAxis,
)
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.liveness import HeartbeatMemory
from genexplorer.runs.status.run_status import Summaries, last_words, read_config, read_status
from trainers.events import MetricSpec

if TYPE_CHECKING:  # pydantic waits until a configuration or a card is asked for
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard

_FIRST_LOG_LINES = 2_000


class RunReader:
    """Reads one run folder. Each question opens the database for a moment, so that nothing is held between them.

    Questions that are asked together, in a block of `together`, share one opening, which takes as long as an answer.

    Args:
        folder: The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._memory = HeartbeatMemory()
        self._summaries = Summaries()
        self._open: Connection | None = None

    def __enter__(self) -> "RunReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End reading. Nothing is held open between questions."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """Answer the questions of a block from one opening of the database, as of one moment; they are to be short.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if self._open is not None or not self._has_database():
            yield
            return
        with sqlite.reading(self.folder) as self._open:
            try:
                yield
            finally:
                self._open = None

    def _reading(self) -> AbstractContextManager[Connection]:
        return sqlite.reading(self.folder) if self._open is None else sqlite.another_question(self.folder, self._open)

    def status(self) -> RunStatus:
        """Return the run at a glance; never raises for a damaged one."""
        return read_status(self.folder, self._memory, self._summaries)

    def config(self) -> "RunConfig":
        """Return what was asked for.

        Raises:
            DamagedRunError: if it cannot be read.
        """
        return read_config(self.folder)

    def changes(self, cursor: Cursor = Cursor()) -> Delta:  # noqa: B008 - frozen
        """Return what is new since a cursor; a damaged database shows in the status, nothing is raised."""
        status = self.status()
        snapshots = tuple(self.snapshots())
        if not self._has_database():
            return Delta(replace(cursor, attempt=status.attempt), status, snapshots=snapshots)
        try:
            with self._reading() as connection:
                delta = self._delta(connection, cursor, status)
        except DamagedRunError as error:
            damaged = replace(status, state=State.DAMAGED, reason=one_line(error.message, 400))
            return Delta(cursor, damaged, snapshots=snapshots)
        return replace(delta, snapshots=snapshots)

    def _delta(self, connection: Connection, cursor: Cursor, status: RunStatus) -> Delta:
        after = cursor.tick if cursor.tick else -1
        tick, latest = read.latest(connection, after)
        log = read.log(connection, _FIRST_LOG_LINES, cursor.log)
        alerts = read.alerts(connection, cursor.alert)
        change, changes = read.changes(connection, cursor.change)
        picture, pictures = read.pictures(connection, self.folder, None, cursor.picture)
        return Delta(
            cursor=Cursor(
                attempt=status.attempt,
                tick=tick,
                log=log[-1].id if log else cursor.log,
                alert=alerts[-1].id if alerts else cursor.alert,
                change=change,
                picture=picture,
            ),
            status=status,
            new_points=tick > cursor.tick,
            latest=latest,
            specs=read.specs(connection, after),
            log=log,
            alerts=alerts,
            changes=changes,
            pictures=pictures,
        )

    def series(
        self, metric: str, x: XAxis = "step", max_points: int = 1000, bounds: tuple[float, float] | None = None
    ) -> Series:
        """Return a curve, reduced; the cost does not grow with the length of the run.

        Args:
            metric: Its name; one that is not there gives an empty curve.
            x: The axis of `Series.x`, and of `bounds`.
            max_points: The most buckets to return.
            bounds: The part of the axis that is looked at, both ends included; buckets at its ends may reach beyond.
        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return read.empty_series(metric, x)
        with self._reading() as connection:
            return read.series(connection, metric, x, max_points, bounds)

    def specs(self) -> dict[str, MetricSpec]:
        """Return the declared metrics in order.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return {}
        with self._reading() as connection:
            return read.specs(connection)

    def latest(self, at_step: int | None = None) -> dict[str, Point]:
        """Return the last point of each metric, or the last one at or before a step.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return {}
        with self._reading() as connection:
            return read.latest(connection)[1] if at_step is None else read.latest_at(connection, at_step)

    def card(self, step: int | None = None) -> "ModelCard":
        """Return the card of a snapshot, of the newest one if no step is given.

        Raises:
            CheckpointError: if there is no such snapshot, or its card is damaged.
        """
        from trainers.model_card import ModelCard
        from trainers.storage import checkpoint

        steps = self.snapshots()
        if not steps:
            raise CheckpointError(f"{self.folder.name} has no snapshot yet", "the first one comes with step 0")
        place = layout.step_folder(self.folder / layout.SNAPSHOTS, steps[-1] if step is None else step)
        return ModelCard.model_validate(_shown(checkpoint.load_card(place).model_dump()))

    def snapshots(self) -> list[int]:
        """Return the steps that have a snapshot now, ascending."""
        return retention.steps(self.folder / layout.SNAPSHOTS, layout.CARD)

    def checkpoints(self) -> list[int]:
        """Return the steps that have a checkpoint now, ascending; whether they are whole is seen when they load."""
        return retention.steps(self.folder / layout.CHECKPOINTS)

    def pictures(self, kind: str | None = None) -> list[PictureRef]:
        """Return the recorded PNGs, ascending in step.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return []
        with self._reading() as connection:
            return list(read.pictures(connection, self.folder, kind)[1])

    def log(self, limit: int = 200, after: int = 0) -> list[LogLine]:
        """Return the newest lines after an id, oldest first.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return []
        with self._reading() as connection:
            return list(read.log(connection, limit, after))

    def alerts(self) -> list[AlertRow]:
        """Return the alerts that hold for the steps as they are now.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return []
        with self._reading() as connection:
            return list(read.alerts(connection))

    def attempts(self) -> list[AttemptRow]:
        """Return the lives of workers on this run.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return []
        with self._reading() as connection:
            return list(read.attempts(connection))

    def changes_made(self) -> list[Change]:
        """Return the commands that took effect, or were refused, oldest first.

        Raises:
            DamagedRunError: if the database cannot be read.
        """
        if not self._has_database():
            return []
        with self._reading() as connection:
            return list(read.changes(connection)[1])

    def last_words(self, lines: int = 20) -> str:
        """Return the last lines of the worker's own log."""
        return last_words(self.folder, lines)

    def _has_database(self) -> bool:
        return (self.folder / layout.DATABASE).is_file()


def _shown(value: object) -> object:
    """Return a card's values with every text in them made safe to show."""
    if isinstance(value, str):
        return one_line(value, 400)
    if isinstance(value, dict):
        return {one_line(key, 100): _shown(item) for key, item in value.items()}
    return value
