"""Writes metrics.sqlite: every statement that changes it, each batch in one transaction."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from genexplorer.runs.database import buckets
from genexplorer.runs.database.buckets import Tick as Tick
from genexplorer.runs.database.sqlite import insert_rows, sanitize_row, split_value
from trainers.events import CommandApplied, MetricSpec

Row = tuple[str, tuple[object, ...]]  # a statement and its values


def insert_row(table: str, row: Mapping[str, object]) -> Row:
    """Return the statement that inserts a row, given by its columns, or replaces the one with the same key."""
    names, places = ", ".join(row), ", ".join("?" * len(row))
    return f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({places})", sanitize_row(row, row.values())


def update_attempt_row(number: int, values: Mapping[str, object], *, unless_ended: bool = False) -> Row:
    """Return the statement that sets columns of an attempt, or leaves one that has ended as it is."""
    assignments = ", ".join(f"{name}=?" for name in values)
    condition = " AND ended IS NULL" if unless_ended else ""
    row = (*sanitize_row(values, values.values()), number)
    return f"UPDATE attempts SET {assignments} WHERE number=?{condition}", row


def change_rows(attempt: int, elapsed_s: float, event: CommandApplied) -> Iterator[Row]:
    """Yield the statements that insert a command that was applied or refused: one for each setting that it changes."""
    row = {"attempt": attempt, "step": event.step, "elapsed_s": elapsed_s, "command_id": event.command_id}
    row |= {"command": event.command, "error": event.error}
    for key, value in (event.values or {event.command: None}).items():
        plain = value if isinstance(value, str | int | float | bool | None) else str(value)
        path = "" if key == event.command else key
        yield insert_row("changes", {**row, "path": path, "value": json.dumps(plain)[:1000]})


def delete_picture_row(kind: str, step: int) -> Row:
    """Return the statement that deletes the row of a PNG that has been removed."""
    return "DELETE FROM pictures WHERE kind = ? AND step = ?", (kind, step)


def last_attempt(connection: sqlite3.Connection) -> int:
    """Return the number of the newest attempt, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM attempts").fetchone()[0])


def refresh_latest(connection: sqlite3.Connection, metrics: Iterable[int], revision: int) -> None:
    """Set the latest values of metrics, given by id, to their last points, after later ones were removed."""
    for metric in metrics:
        connection.execute(
            "UPDATE metrics SET revision = ?1, (last_step, last_value, last_special) ="
            " (SELECT step, value, special FROM scalars WHERE metric = ?2 ORDER BY step DESC LIMIT 1)"
            " WHERE id = ?2",
            (revision, metric),
        )


class DatabaseWriter:
    """Writes batches; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, attempt: int) -> None:
        self._connection = connection
        self._attempt = attempt
        self._ids: dict[str, int] = {}  # of metrics, by name
        self._last_step: dict[int, int] = {}  # by metric id
        self._revision = 0
        self.reload()

    def reload(self) -> None:
        """Read the stored state: at the start, and after a batch was rolled back."""
        rows = self._connection.execute("SELECT id, name, last_step, revision FROM metrics").fetchall()
        self._ids = {name: identity for identity, name, _, _ in rows}
        self._last_step = {identity: step for identity, _, step, _ in rows if step is not None}
        self._revision = max((revision for *_, revision in rows), default=0)

    def write(self, specs: Iterable[MetricSpec], ticks: list[Tick], rows: Iterable[Row]) -> None:
        """Write one batch: all of it, or nothing.

        Raises:
            sqlite3.Error: if it cannot be written; it may be retried.
        """
        with self._transaction():
            self._revision += 1
            for spec in specs:
                self._declare(spec)
            if ticks:
                times = [(m.step, self._attempt, m.images_seen, m.elapsed_s, recorded) for m, recorded in ticks]
                insert_rows(self._connection, "INSERT OR REPLACE INTO ticks", times)
            for block in buckets.blocks(ticks):
                self._write_block(block)
            for statement, values in rows:
                self._connection.execute(statement, values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit the writes of a block, or roll them back."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self.reload()
            raise

    def _declare(self, spec: MetricSpec) -> int:
        values = {**asdict(spec), "revision": self._revision}
        names, places = ", ".join(values), ", ".join("?" * len(values))
        updates = ", ".join(f"{name}=excluded.{name}" for name in values if name != "name")
        row = self._connection.execute(
            f"INSERT INTO metrics ({names}) VALUES ({places}) ON CONFLICT (name) DO UPDATE SET {updates} RETURNING id",
            sanitize_row(values, values.values()),
        ).fetchone()
        self._ids[spec.name] = row[0]
        return int(row[0])

    def _write_block(self, block: buckets.Block) -> None:
        """Write scalars, buckets and latest values; a step that is repeated has its buckets recomputed."""
        # A metric that was not declared is shown under its own name.
        ids = [
            self._ids.get(name)
            or self._declare(MetricSpec(name, name.partition("/")[2] or name, name, "", "neither", "other"))
            for name in block.names
        ]
        previous = [self._last_step.get(metric, -1) for metric in ids]
        insert_rows(self._connection, "INSERT OR REPLACE INTO scalars", buckets.scalar_rows(ids, block))
        if block.ascending and block.steps[0] > max(previous, default=-1):
            rows = buckets.bucket_rows(ids, block)
            insert_rows(self._connection, buckets.INSERT, rows, buckets.MERGE)
        else:
            for first in sorted({step - step % buckets.FACTOR for step in block.steps.tolist()}):
                for metric in ids:
                    buckets.rebuild(self._connection, metric, first)
        # Update the latest value of each metric.
        newest = len(block.steps) - 1 - int(block.steps[::-1].argmax())
        step, values = int(block.steps[newest]), block.values[newest].tolist()
        later = [(metric, value) for metric, value, last in zip(ids, values, previous, strict=True) if step >= last]
        self._last_step.update(dict.fromkeys((metric for metric, _ in later), step))
        self._connection.executemany(
            "UPDATE metrics SET revision=?, last_step=?, last_value=?, last_special=? WHERE id=?",
            [(self._revision, step, *split_value(value), metric) for metric, value in later],
        )

    def supersede(self, step: int) -> int:
        """Move the records of earlier attempts after `step` to separate tables; return how many alerts remain."""
        run = self._connection.execute
        with self._transaction():
            # Copy the points to the tables of superseded ones, then remove them.
            affected = [row[0] for row in run("SELECT id FROM metrics WHERE last_step > ?", (step,))]
            run(
                "INSERT INTO superseded_scalars SELECT t.attempt, s.metric, s.step, s.value, s.special"
                " FROM scalars s JOIN ticks t ON t.step = s.step WHERE s.step > ?",
                (step,),
            )
            run(
                "INSERT INTO superseded_ticks SELECT attempt, step, images_seen, elapsed_s, time"
                " FROM ticks WHERE step > ?",
                (step,),
            )
            for metric in affected:
                run("DELETE FROM scalars WHERE metric = ? AND step > ?", (metric, step))
            run("DELETE FROM ticks WHERE step > ?", (step,))
            for table in ("alerts", "changes"):
                run(f"UPDATE {table} SET superseded = 1 WHERE step > ?", (step,))
            run("DELETE FROM pictures WHERE step > ?", (step,))
            # Update the buckets and the latest values.
            buckets.cut(self._connection, affected, step)
            self._revision += 1
            refresh_latest(self._connection, affected, self._revision)
            num_alerts = int(run("SELECT count(*) FROM alerts WHERE superseded = 0").fetchone()[0])
        self.reload()
        return num_alerts
