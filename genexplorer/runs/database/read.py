"""Reads metrics.sqlite: queries to its tables, with all text sanitized."""

import json
import sqlite3
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from genexplorer.runs import layout
from genexplorer.runs.artifacts.images import image_path
from genexplorer.runs.database import buckets
from genexplorer.runs.database.buckets import FACTOR, LEVELS, Columns
from genexplorer.runs.database.sqlite import has_column, join_value, sanitize_row
from genexplorer.runs.record import (
    AlertRow,
    AttemptRow,
    CommandRow,
    ImageRef,
    LogLine,
    MetricTable,
    MetricValue,
    Series,
    XAxis,
)
from genexplorer.runs.sanitize import one_line, slug
from trainers.events import MetricSpec

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from numpy.typing import NDArray

T = TypeVar("T", bound="DataclassInstance")
MAX_ROWS = 20_000  # of log lines, alerts, commands or images in one result
MAX_METRICS = 2_000
MAX_SPECIAL = 1_000
_AXES = {"images": ("t.images_seen", "images"), "time": ("t.elapsed_s", "elapsed")}
_NOT_SUPERSEDED = "WHERE id > ? AND superseded = 0 ORDER BY id LIMIT ?"
_RENAMED_PANELS = {"optimisation": "optimization"}  # as declared by earlier versions


def _select(connection: sqlite3.Connection, kind: type[T], table: str, clauses: str, *values: object) -> tuple[T, ...]:
    """Return rows as values of a dataclass, whose fields are columns of the table; texts are sanitized."""
    columns = [column.name for column in fields(kind)]
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table} {clauses}", values).fetchall()
    return tuple(kind(*sanitize_row(columns, row)) for row in rows)


def metric_specs(connection: sqlite3.Connection, after: int = -1) -> dict[str, MetricSpec]:
    """Return the metrics that changed after a revision, in order of declaration."""
    table = "metrics" if has_column(connection, "metrics", "label") else "(SELECT *, '' chart, '' label FROM metrics)"
    declared = {}
    for spec in _select(connection, MetricSpec, table, "WHERE revision > ? ORDER BY id LIMIT ?", after, MAX_METRICS):
        better = spec.better if spec.better in ("higher", "lower", "neither") else "neither"
        panel = _RENAMED_PANELS.get(spec.panel, spec.panel)
        declared[spec.name] = replace(spec, better=better, panel=panel)
    return declared


def latest(connection: sqlite3.Connection, after: int = -1) -> tuple[int, dict[str, MetricValue]]:
    """Return the newest revision, and the last point of each metric that changed after one."""
    rows = connection.execute(
        "SELECT name, revision, last_step, last_value, last_special FROM metrics WHERE revision > ?"
        " ORDER BY id LIMIT ?",
        (after, MAX_METRICS),
    ).fetchall()
    points = {
        one_line(name, 100): MetricValue(step, join_value(value, special))
        for name, _, step, value, special in rows
        if step is not None
    }
    return max([row[1] for row in rows], default=max(after, 0)), points


def latest_at(connection: sqlite3.Connection, step: int) -> dict[str, MetricValue]:
    """Return the last point of each metric at or before a step."""
    points = {}
    for identity, name in connection.execute("SELECT id, name FROM metrics ORDER BY id LIMIT ?", (MAX_METRICS,)):
        row = connection.execute(
            "SELECT step, value, special FROM scalars WHERE metric = ? AND step <= ? ORDER BY step DESC LIMIT 1",
            (identity, step),
        ).fetchone()
        if row:
            points[one_line(name, 100)] = MetricValue(row[0], join_value(row[1], row[2]))
    return points


def elapsed_s(connection: sqlite3.Connection, step: int) -> float:
    """Return the seconds of training up to a step; 0 if nothing is recorded until then."""
    query = "SELECT elapsed_s FROM ticks WHERE step <= ? ORDER BY step DESC LIMIT 1"
    row = connection.execute(query, (step,)).fetchone()
    return float(row[0]) if row else 0.0


def rows_after(connection: sqlite3.Connection, step: int, max_rows: int) -> MetricTable:
    """Return every recorded value after a step, of the next `max_rows` steps."""
    ticks = connection.execute(
        "SELECT step, images_seen, elapsed_s, time FROM ticks WHERE step > ? ORDER BY step LIMIT ?", (step, max_rows)
    ).fetchall()
    steps = np.array([row[0] for row in ticks], np.int64)
    last = int(steps[-1]) if len(steps) else step
    columns: dict[str, NDArray[np.float64]] = {}
    is_recorded: dict[str, NDArray[np.bool_]] = {}
    for identity, name in connection.execute(
        "SELECT id, name FROM metrics ORDER BY id LIMIT ?", (MAX_METRICS,)
    ).fetchall():
        rows = connection.execute(
            "SELECT step, value, special FROM scalars WHERE metric = ? AND step > ? AND step <= ? ORDER BY step",
            (identity, step, last),
        ).fetchall()
        # Each value has a tick, unless the database was changed by somebody else.
        positions = np.searchsorted(steps, np.array([row[0] for row in rows], np.int64))
        column, present = np.full(len(steps), np.nan), np.zeros(len(steps), bool)
        for position, (at, value, special) in zip(positions.tolist(), rows, strict=True):
            if position < len(steps) and steps[position] == at:
                column[position], present[position] = join_value(value, special), True
        columns[one_line(name, 100)], is_recorded[one_line(name, 100)] = column, present
    images, elapsed, time = (np.array([row[index] for row in ticks], np.float64) for index in (1, 2, 3))
    return MetricTable(steps, images.astype(np.int64), elapsed, time, columns, is_recorded)


def empty_series(metric: str, x_axis: XAxis) -> Series:
    """Return a curve without points."""
    empty = np.empty(0)
    return Series(metric, x_axis, empty, empty, empty, empty)


def series(
    connection: sqlite3.Connection, metric: str, x_axis: XAxis, max_points: int, bounds: tuple[float, float] | None
) -> Series:
    """Return a curve reduced to at most `max_points` buckets; the cost does not grow with the run."""
    row = connection.execute("SELECT id FROM metrics WHERE name = ?", (metric,)).fetchone()
    if row is None:
        return empty_series(metric, x_axis)
    low, high = _step_bounds(connection, row[0], x_axis, bounds)
    columns = _read(connection, row[0], x_axis, (low, high), max_points)
    axis, join = ("s.step", "") if x_axis == "step" else (_AXES[x_axis][0], "JOIN ticks t ON t.step = s.step")
    special = connection.execute(
        f"SELECT s.step, {axis} FROM scalars s INDEXED BY specials {join}"
        " WHERE s.metric = ? AND s.step BETWEEN ? AND ? AND s.special IS NOT NULL ORDER BY s.step LIMIT ?",
        (row[0], low, high, MAX_SPECIAL),
    ).fetchall()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(columns.finite > 0, columns.total / columns.finite, np.nan)
        position = columns.x / columns.count
    num_values = int(columns.count.sum())
    return Series(metric, x_axis, position, mean, columns.low, columns.high, *_transposed(special), num_values)


def _transposed(rows: list[tuple[int, float]]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return tuple(step for step, _ in rows), tuple(float(x) for _, x in rows)


def _step_bounds(
    connection: sqlite3.Connection, metric: int, x_axis: XAxis, bounds: tuple[float, float] | None
) -> tuple[int, int]:
    first, last = connection.execute(
        "SELECT (SELECT step FROM scalars WHERE metric = ?1 ORDER BY step LIMIT 1), last_step"
        " FROM metrics WHERE id = ?1",
        (metric,),
    ).fetchone()
    if first is None or last is None:
        return 0, -1
    if bounds is None:
        return int(first), int(last)
    if x_axis == "step":
        low, high = np.ceil(bounds[0]), np.floor(bounds[1])
    else:
        low = _first_step_from(connection, x_axis, bounds[0], last)
        high = _first_step_from(connection, x_axis, np.nextafter(bounds[1], np.inf), last) - 1
    return max(int(np.clip(low, 0, last + 1)), first), min(int(np.clip(high, -1, last)), last)


def _first_step_from(connection: sqlite3.Connection, x_axis: XAxis, value: float, last: int) -> int:
    """Bisect for the first step at which an axis reaches a value; all axes are monotonic in the step."""
    column = _AXES[x_axis][0].removeprefix("t.")
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            f"SELECT step, {column} FROM ticks WHERE step >= ? ORDER BY step LIMIT 1", (middle,)
        ).fetchone()
        if row is None or row[1] >= value:
            high = middle
        else:
            low = row[0] + 1
    return low


def _read(
    connection: sqlite3.Connection, metric: int, x_axis: XAxis, steps: tuple[int, int], max_points: int
) -> Columns:
    """Read the finest level that is affordable, then merge neighboring buckets."""
    span, affordable, level = steps[1] - steps[0] + 1, FACTOR * max(max_points, 1), 0
    while span / FACTOR**level > affordable and level < LEVELS:
        level += 1
    if level:
        axis, width = "steps" if x_axis == "step" else _AXES[x_axis][1], FACTOR**level
        rows = connection.execute(
            f"SELECT bucket, count, finite, total, low, high, {axis} FROM buckets"
            " WHERE metric = ? AND level = ? AND bucket BETWEEN ? AND ? ORDER BY bucket",
            (metric, level, steps[0] // width, steps[1] // width),
        ).fetchall()
        table = np.array(rows, dtype=np.float64).reshape(-1, 7)
        columns = Columns(table[:, 0] * width, *(table[:, column].copy() for column in range(1, 7)))
        if columns.count.sum() > affordable:
            return buckets.fold(columns, max(max_points, 1), level)
    # So few points are read one by one.
    axis, join = ("s.step", "") if x_axis == "step" else (_AXES[x_axis][0], "JOIN ticks t ON t.step = s.step")
    rows = connection.execute(
        f"SELECT s.step, s.value, {axis} FROM scalars s {join} WHERE s.metric = ? AND s.step BETWEEN ? AND ?"
        " ORDER BY s.step",
        (metric, *steps),
    ).fetchall()
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    value, finite = table[:, 1], np.isfinite(table[:, 1]).astype(np.float64)
    ones, total = np.ones(len(table)), np.nan_to_num(value)
    return buckets.fold(
        Columns(table[:, 0], ones, finite, total, value, value.copy(), table[:, 2]), max(max_points, 1), 0
    )


def log(connection: sqlite3.Connection, limit: int, after: int = 0) -> tuple[LogLine, ...]:
    """Return the newest lines after an id, oldest first."""
    clauses = "WHERE id > ? ORDER BY id DESC LIMIT ?"
    return _select(connection, LogLine, "log", clauses, after, min(limit, MAX_ROWS))[::-1]


def alerts(connection: sqlite3.Connection, after: int = 0) -> tuple[AlertRow, ...]:
    """Return the alerts that have not been superseded, oldest first."""
    return _select(connection, AlertRow, "alerts", _NOT_SUPERSEDED, after, MAX_ROWS)


def command_history(connection: sqlite3.Connection, after: int = 0) -> tuple[CommandRow, ...]:
    """Return the commands that were applied or refused, oldest first."""
    rows = _select(connection, CommandRow, "changes", _NOT_SUPERSEDED, after, MAX_ROWS)
    return tuple(replace(row, value=_decode(str(row.value))) for row in rows)


def images(
    connection: sqlite3.Connection, folder: Path, image_kind: str | None = None, after: int = 0
) -> tuple[int, tuple[ImageRef, ...]]:
    """Return the newest id and the recorded PNGs, ascending in step. Their paths never leave the run folder."""
    rows = connection.execute(
        "SELECT id, kind, step, columns, rows, tile_height, tile_width FROM pictures"
        " WHERE id > ? AND (?2 IS NULL OR kind = ?2) ORDER BY step, kind LIMIT ?",
        (after, image_kind, MAX_ROWS),
    ).fetchall()
    refs = tuple(
        ImageRef(name, step, image_path(folder / layout.PICTURES, name, step), columns, count, (height, width))
        for _, name, step, columns, count, height, width in rows
        if name and name == slug(name) and step >= 0
    )
    return max([row[0] for row in rows], default=after), refs


def attempts(connection: sqlite3.Connection) -> tuple[AttemptRow, ...]:
    """Return the attempts, first to last."""
    rows = _select(connection, AttemptRow, "attempts", "ORDER BY number LIMIT ?", MAX_ROWS)
    return tuple(replace(row, first_step=max(row.first_step, 0)) for row in rows)


def _decode(encoded: str) -> object:
    """Return a value from JSON; None if it is neither a text, a number nor a boolean."""
    try:
        value = json.loads(encoded[:1000])
    except (ValueError, RecursionError):
        return None
    if isinstance(value, str):
        return one_line(value, 100)
    return value if isinstance(value, int | float | bool | None) else None
