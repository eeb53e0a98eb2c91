"""The write side of metrics.sqlite: every statement that changes it, each batch in one transaction."""

import json
import sqlite3
from collections.abc import Iterable

from genexplorer.runs.database import batches, buckets, rows
from genexplorer.runs.database.batches import Tick as Tick
from genexplorer.runs.database.sqlite import split_value
from genexplorer.runs.sanitize import one_line
from trainers.events import MetricSpec

Row = tuple[str, tuple[object, ...]]  # a statement and its values


def attempt_row(number: int, started: float, host: str, pid: int, threads: int) -> Row:
    """Begin an attempt; its first step, device and size are told by `Started`."""
    return (
        "INSERT OR REPLACE INTO attempts VALUES (?, ?, -1, ?, ?, '', ?, 0, NULL, NULL, '', '')",
        (number, started, host, pid, threads),
    )


def started_row(number: int, step: int, device: str, threads: int, num_parameters: int, total: int | None) -> Row:
    """Complete an attempt with what `Started` says."""
    return (
        "UPDATE attempts SET first_step=?, device=?, threads=?, num_parameters=?, total_steps=? WHERE number=?",
        (step, one_line(device, 32), threads, num_parameters, total, number),
    )


def ended_row(number: int, ended: float, outcome: str, reason: str) -> Row:
    """End an attempt."""
    statement = "UPDATE attempts SET ended=?, outcome=?, reason=? WHERE number=?"
    return statement, (ended, outcome, one_line(reason, 400), number)


def forgotten_row(number: int, ended: float, outcome: str, reason: str) -> Row:
    """End an earlier attempt that nobody ended."""
    statement = "UPDATE attempts SET ended=?, outcome=?, reason=? WHERE number=? AND ended IS NULL"
    return statement, (ended, outcome, one_line(reason, 400), number)


def transition_row(attempt: int, time: float, step: int, state: str, reason: str) -> Row:
    """Note a change of state."""
    statement = "INSERT INTO transitions (attempt, time, step, state, reason) VALUES (?, ?, ?, ?, ?)"
    return statement, (attempt, time, step, state, one_line(reason, 400))


def log_row(attempt: int, time: float, step: int, severity: str, message: str) -> Row:
    """Add a line to the log."""
    statement = "INSERT INTO log (attempt, time, step, severity, message) VALUES (?, ?, ?, ?, ?)"
    return statement, (attempt, time, step, severity, one_line(message, 400))


def alert_row(attempt: int, time: float, step: int, severity: str, code: str, message: str) -> Row:
    """Add an alert."""
    statement = "INSERT INTO alerts (attempt, time, step, severity, code, message) VALUES (?, ?, ?, ?, ?, ?)"
    return statement, (attempt, time, step, severity, one_line(code, 64), one_line(message, 400))


def change_row(
    attempt: int, step: int, elapsed_s: float, command: tuple[str, str, str, object], error: str = ""
) -> Row:
    """Add a change: `command` is its id, its name, its path and its value."""
    identity, name, path, value = command
    encoded = json.dumps(value if isinstance(value, str | int | float | bool | None) else str(value))
    return (
        "INSERT INTO changes (attempt, step, elapsed_s, command_id, command, path, value, error)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (attempt, step, elapsed_s, identity, name, one_line(path, 100), encoded[:1000], one_line(error, 400)),
    )


def picture_row(attempt: int, kind: str, step: int, grid: tuple[int, int], tile_px: tuple[int, int]) -> Row:
    """Note a PNG that is there: `grid` is its columns and rows."""
    return (
        "INSERT OR REPLACE INTO pictures (attempt, kind, step, columns, rows, tile_height, tile_width)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (attempt, kind, step, *grid, *tile_px),
    )


def picture_gone_row(kind: str, step: int) -> Row:
    """Forget a PNG that was thinned out."""
    return "DELETE FROM pictures WHERE kind = ? AND step = ?", (kind, step)


class DatabaseWriter:
    """Writes batches; the writer's thread alone uses it."""

    def __init__(self, connection: sqlite3.Connection, attempt: int) -> None:
        self._connection = connection
        self._attempt = attempt
        self._ids: dict[str, int] = {}
        self._last_step: dict[int, int] = {}
        self._revision = 0
        self.reload()

    def reload(self) -> None:
        """Take up what is stored: at the start, and after a batch that failed half-way."""
        rows = self._connection.execute("SELECT id, name, last_step, revision FROM metrics").fetchall()
        self._ids = {name: identity for identity, name, _, _ in rows}
        self._last_step = {identity: step for identity, _, step, _ in rows if step is not None}
        self._revision = max((revision for *_, revision in rows), default=0)

    def write(self, specs: Iterable[MetricSpec], ticks: list[Tick], others: Iterable[Row]) -> None:
        """Write one batch: all of it, or nothing.

        Raises:
            sqlite3.Error: if it could not be written; it may be tried again.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._revision += 1
            for spec in specs:
                self._declare(spec)
            self._write_ticks(ticks)
            for statement, values in others:
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

    def _write_ticks(self, ticks: list[Tick]) -> None:
        if not ticks:
            return
        of_tick = [(t.metrics.step, self._attempt, t.metrics.images_seen, t.metrics.elapsed_s, t.time) for t in ticks]
        rows.insert(self._connection, "INSERT OR REPLACE INTO ticks", of_tick)
        for block in batches.blocks(ticks):
            self._write_block(block)

    def _write_block(self, block: batches.Block) -> None:
        """Write scalars, buckets and the newest values; a step that comes again has its buckets computed anew."""
        ids = [self._numbered(name) for name in block.names]
        newest = max(map(self._last, ids), default=-1)
        rows.insert(self._connection, "INSERT OR REPLACE INTO scalars", batches.scalar_rows(ids, block))
        if block.ascending and block.steps[0] > newest:
            fresh = batches.bucket_rows(ids, block, buckets.FACTOR, buckets.LEVELS)
            rows.insert(self._connection, buckets.INSERT, fresh, buckets.MERGE)
        else:
            for first in sorted({step - step % buckets.FACTOR for step in block.steps.tolist()}):
                for metric in ids:
                    buckets.rebuild(self._connection, metric, first)
        self._note_newest(ids, block)

    def _note_newest(self, ids: list[int], block: batches.Block) -> None:
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

    def _numbered(self, name: str) -> int:
        metric = self._ids.get(name)
        if metric is None:  # not declared: drawn under its own name
            metric = self._declare(MetricSpec(name, name.partition("/")[2] or name, name, "", "neither", "other"))
        return metric

    def supersede(self, step: int) -> None:
        """Set aside what an earlier attempt recorded after `step`: a new attempt goes on from there.

        The rows are kept, in tables of their own.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._set_aside(step)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        finally:
            self.reload()

    def _set_aside(self, step: int) -> None:
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
        buckets.cut(self._connection, affected, step)
        self._revision += 1
        for metric in affected:
            run(
                "UPDATE metrics SET revision=?, (last_step, last_value, last_special) ="
                " (SELECT step, value, special FROM scalars WHERE metric = ? ORDER BY step DESC LIMIT 1) WHERE id=?",
                (self._revision, metric, metric),
            )
