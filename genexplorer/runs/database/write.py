"""Writes metrics.sqlite: every statement that changes it, each batch in one transaction."""

import json
import sqlite3
from collections.abc import Iterable

from genexplorer.runs.database import buckets
from genexplorer.runs.database.buckets import Tick as Tick
from genexplorer.runs.database.sqlite import insert_rows, split_value
from genexplorer.runs.sanitize import one_line
from trainers.events import CommandApplied, MetricSpec

Row = tuple[str, tuple[object, ...]]  # a statement and its values


def attempt_row(number: int, started: float, host: str, pid: int, threads: int) -> Row:
    """Insert an attempt; its first step, device and size follow with `Started`."""
    return (
        "INSERT OR REPLACE INTO attempts VALUES (?, ?, -1, ?, ?, '', ?, 0, NULL, NULL, '', '')",
        (number, started, host, pid, threads),
    )


def started_row(number: int, step: int, device: str, threads: int, num_parameters: int, total: int | None) -> Row:
    """Complete an attempt with the values of `Started`."""
    return (
        "UPDATE attempts SET first_step=?, device=?, threads=?, num_parameters=?, total_steps=? WHERE number=?",
        (step, one_line(device, 32), threads, num_parameters, total, number),
    )


def ended_row(number: int, ended: float, outcome: str, reason: str) -> Row:
    """Record the end of an attempt."""
    statement = "UPDATE attempts SET ended=?, outcome=?, reason=? WHERE number=?"
    return statement, (ended, outcome, one_line(reason, 400), number)


def unended_attempt_row(number: int, ended: float, outcome: str, reason: str) -> Row:
    """Record the end of an earlier attempt whose worker did not."""
    statement = "UPDATE attempts SET ended=?, outcome=?, reason=? WHERE number=? AND ended IS NULL"
    return statement, (ended, outcome, one_line(reason, 400), number)


def transition_row(attempt: int, time: float, step: int, state: str, reason: str) -> Row:
    """Insert a change of state."""
    statement = "INSERT INTO transitions (attempt, time, step, state, reason) VALUES (?, ?, ?, ?, ?)"
    return statement, (attempt, time, step, state, one_line(reason, 400))


def log_row(attempt: int, time: float, step: int, severity: str, message: str) -> Row:
    """Insert a log line."""
    statement = "INSERT INTO log (attempt, time, step, severity, message) VALUES (?, ?, ?, ?, ?)"
    return statement, (attempt, time, step, severity, one_line(message, 400))


def alert_row(attempt: int, time: float, step: int, severity: str, code: str, message: str) -> Row:
    """Insert an alert."""
    statement = "INSERT INTO alerts (attempt, time, step, severity, code, message) VALUES (?, ?, ?, ?, ?, ?)"
    return statement, (attempt, time, step, severity, one_line(code, 64), one_line(message, 400))


def change_row(attempt: int, elapsed_s: float, event: CommandApplied) -> Row:
    """Insert a command that was applied or refused."""
    value = event.value if isinstance(event.value, str | int | float | bool | None) else str(event.value)
    command = (event.command_id, event.command, one_line(event.path, 100), json.dumps(value)[:1000])
    return (
        "INSERT INTO changes (attempt, step, elapsed_s, command_id, command, path, value, error)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (attempt, event.step, elapsed_s, *command, one_line(event.error, 400)),
    )


def picture_row(attempt: int, kind: str, step: int, grid: tuple[int, int], tile_px: tuple[int, int]) -> Row:
    """Insert a PNG that has been written; `grid` is its columns and rows."""
    return (
        "INSERT OR REPLACE INTO pictures (attempt, kind, step, columns, rows, tile_height, tile_width)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (attempt, kind, step, *grid, *tile_px),
    )


def delete_picture_row(kind: str, step: int) -> Row:
    """Delete the row of a PNG that has been removed."""
    return "DELETE FROM pictures WHERE kind = ? AND step = ?", (kind, step)


def last_attempt(connection: sqlite3.Connection) -> int:
    """Return the number of the newest attempt, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(number), 0) FROM attempts").fetchone()[0])


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
        """Read what is stored: at the start, and after a batch was rolled back."""
        rows = self._connection.execute("SELECT id, name, last_step, revision FROM metrics").fetchall()
        self._ids = {name: identity for identity, name, _, _ in rows}
        self._last_step = {identity: step for identity, _, step, _ in rows if step is not None}
        self._revision = max((revision for *_, revision in rows), default=0)

    def write(self, specs: Iterable[MetricSpec], ticks: list[Tick], rows: Iterable[Row]) -> None:
        """Write one batch: all of it, or nothing.

        Raises:
            sqlite3.Error: if it cannot be written; it may be retried.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
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
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self.reload()
            raise

    def _declare(self, spec: MetricSpec) -> int:
        texts = (spec.quantity, one_line(spec.title, 100), one_line(spec.unit, 32), spec.better, spec.panel)
        shared = (one_line(spec.chart, 64), one_line(spec.label, 32))
        row = self._connection.execute(
            "INSERT INTO metrics (name, quantity, title, unit, better, panel, setup, chart, label, revision)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET quantity=excluded.quantity,"
            " title=excluded.title, unit=excluded.unit, better=excluded.better, panel=excluded.panel,"
            " setup=excluded.setup, chart=excluded.chart, label=excluded.label, revision=excluded.revision"
            " RETURNING id",
            (one_line(spec.name, 100), *texts, one_line(spec.setup, 200), *shared, self._revision),
        ).fetchone()
        self._ids[spec.name] = row[0]
        return int(row[0])

    def _write_block(self, block: buckets.Block) -> None:
        """Write scalars, buckets and latest values; a step that is repeated has its buckets recomputed."""
        ids = [self._metric_id(name) for name in block.names]
        last = max(map(self._last, ids), default=-1)
        insert_rows(self._connection, "INSERT OR REPLACE INTO scalars", buckets.scalar_rows(ids, block))
        if block.ascending and block.steps[0] > last:
            rows = buckets.bucket_rows(ids, block)
            insert_rows(self._connection, buckets.INSERT, rows, buckets.MERGE)
        else:
            for first in sorted({step - step % buckets.FACTOR for step in block.steps.tolist()}):
                for metric in ids:
                    buckets.rebuild(self._connection, metric, first)
        # Update the latest value of each metric.
        newest = len(block.steps) - 1 - int(block.steps[::-1].argmax())
        step, values = int(block.steps[newest]), block.values[newest].tolist()
        later = [(metric, value) for metric, value in zip(ids, values, strict=True) if step >= self._last(metric)]
        self._last_step.update(dict.fromkeys((metric for metric, _ in later), step))
        self._connection.executemany(
            "UPDATE metrics SET revision=?, last_step=?, last_value=?, last_special=? WHERE id=?",
            [(self._revision, step, *split_value(value), metric) for metric, value in later],
        )

    def _last(self, metric: int) -> int:
        return self._last_step.get(metric, -1)

    def _metric_id(self, name: str) -> int:
        metric = self._ids.get(name)
        if metric is None:  # not declared: shown under its own name
            metric = self._declare(MetricSpec(name, name.partition("/")[2] or name, name, "", "neither", "other"))
        return metric

    def supersede(self, step: int) -> int:
        """Move what earlier attempts recorded after `step` to tables of its own; return how many alerts remain."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            num_alerts = self._supersede(step)
            self._connection.execute("COMMIT")
            return num_alerts
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self.reload()

    def _supersede(self, step: int) -> int:
        # Copy the points to the tables of superseded ones, then remove them.
        run = self._connection.execute
        affected = [row[0] for row in run("SELECT id FROM metrics WHERE last_step > ?", (step,))]
        run(
            "INSERT INTO superseded_scalars SELECT t.attempt, s.metric, s.step, s.value, s.special"
            " FROM scalars s JOIN ticks t ON t.step = s.step WHERE s.step > ?",
            (step,),
        )
        run(
            "INSERT INTO superseded_ticks SELECT attempt, step, images_seen, elapsed_s, time FROM ticks WHERE step > ?",
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
        for metric in affected:
            run(
                "UPDATE metrics SET revision=?, (last_step, last_value, last_special) ="
                " (SELECT step, value, special FROM scalars WHERE metric = ? ORDER BY step DESC LIMIT 1) WHERE id=?",
                (self._revision, metric, metric),
            )
        return int(run("SELECT count(*) FROM alerts WHERE superseded = 0").fetchone()[0])
