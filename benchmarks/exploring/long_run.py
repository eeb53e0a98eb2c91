"""A run of ten million steps with a few curves, filled by SQL within minutes and kept between measurements."""

import sqlite3
from contextlib import closing
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.database import buckets, sqlite, write
from genexplorer.runs.store import RunStore
from trainers import config
from trainers.events import MetricSpec

_FILLED = "filled"  # a file beside the database of a run that is complete
_CONFIG = {"model": {"name": "vae", "latent_dim": 2}, "data": {"name": "mnist"}}
# For each metric: name, quantity, title, unit, panel, the interval of its steps, and its value in SQL.
_METRICS = (
    ("train/loss", "loss", "loss", "nats", "optimization", 1, "100.0 + i * 7919 % 1009 + 4e6 / (i + 1000)"),
    ("train/grad_norm", "grad_norm", "gradient norm", "", "optimization", 10, "1.0 + i * 7907 % 101"),
    ("test/loss_ema", "loss", "loss", "nats", "optimization", 1000, "90.0 + i * 7901 % 97 + 4e6 / (i + 1000)"),
)


def long_run(runs: Path, points: int) -> Path:
    """Return a run whose longest curve has `points` points; an existing one if it is complete."""
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        if (folder / _FILLED).is_file() and (folder / _FILLED).read_text() == str(points):
            return folder
    run = RunStore(runs).create(config.parse({**_CONFIG, "schedule": {"steps": 2 * points}}), name="long")
    with closing(sqlite.open_for_writing(run)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        specs = [MetricSpec(*spec[:4], "lower", spec[4]) for spec in _METRICS]
        write.DatabaseWriter(connection, 1).write(specs, [], [])
        _fill(connection, points)
    (run / _FILLED).write_text(str(points))
    assert (run / layout.DATABASE).is_file()
    return run


def _fill(connection: sqlite3.Connection, points: int) -> None:
    numbers = "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + ?1 FROM n WHERE i + ?1 <= ?2)"
    connection.execute("BEGIN")
    connection.execute(f"{numbers} INSERT INTO ticks SELECT i, 1, 128 * i, 0.01 * i, 1e9 + i FROM n", (1, points))
    # Write the values of each metric, then the pyramid of buckets over them, level by level.
    for name, *_, every, value in _METRICS:
        metric = connection.execute("SELECT id FROM metrics WHERE name = ?", (name,)).fetchone()[0]
        connection.execute(f"{numbers} INSERT INTO scalars SELECT {metric}, i, {value}, NULL FROM n", (every, points))
        last = points // every * every
        connection.execute(
            "UPDATE metrics SET last_step = ?, last_value = 100.0, revision = 2 WHERE id = ?", (last, metric)
        )
    connection.execute(
        "INSERT INTO buckets SELECT metric, 1, step / 8, count(*), count(*), sum(value), min(value), max(value),"
        " sum(0.0 + step), sum(128.0 * step), sum(0.01 * step) FROM scalars GROUP BY metric, step / 8"
    )
    for level in range(2, buckets.LEVELS + 1):
        connection.execute(
            "INSERT INTO buckets SELECT metric, ?, bucket / 8, sum(count), sum(finite), sum(total), min(low),"
            " max(high), sum(steps), sum(images), sum(elapsed) FROM buckets WHERE level = ?"
            " GROUP BY metric, bucket / 8",
            (level, level - 1),
        )
    connection.execute("COMMIT")
