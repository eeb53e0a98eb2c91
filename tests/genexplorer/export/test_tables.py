"""Metrics as CSV and Parquet, read back by the csv module and by pyarrow."""

import csv
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from genexplorer.export import tables
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import write_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which one training value is NaN and one infinite."""
    folder = write_run(tmp_path_factory.mktemp("runs"), steps=300, pictures=False)
    with closing(sqlite3.connect(folder / layout.DATABASE)) as database:
        (metric,) = database.execute("SELECT id FROM metrics WHERE name = 'train/kl'").fetchone()
        for step, special in ((10, 1), (20, 2)):
            database.execute(
                "UPDATE scalars SET value = NULL, special = ? WHERE metric = ? AND step = ?", (special, metric, step)
            )
        database.commit()
    return folder


def test_csv_has_every_value(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genexplorer.runs.reader._ROWS_PER_TABLE", 7)  # several tables
    num_rows = tables.write_csv(folder, tmp_path / "run.csv")
    with (tmp_path / "run.csv").open(newline="") as file:
        rows = {int(row["step"]): row for row in csv.DictReader(file)}
    reader = RunReader(folder)
    assert len(rows) == num_rows and list(rows) == sorted(rows)
    assert list(next(iter(rows.values())))[:4] == ["step", "images_seen", "elapsed_s", "time"]
    for name in reader.metric_specs():
        recorded = {step: float(row[name]) for step, row in rows.items() if row[name]}
        series = reader.series(name, max_points=10_000)
        finite = {step: value for step, value in recorded.items() if math.isfinite(value)}
        assert list(finite) == [int(x) for x, value in zip(series.x, series.mean, strict=True) if value == value]
        assert list(finite.values()) == pytest.approx([value for value in series.mean if value == value])
    assert (rows[10]["train/kl"], rows[20]["train/kl"]) == ("nan", "inf")
    assert not rows[10]["test/elbo_ema"], "no value is an empty cell"


def test_parquet_tells_absent_values_from_those_that_are_not_numbers(folder: Path, tmp_path: Path) -> None:
    num_rows = tables.write_parquet(folder, tmp_path / "run.parquet")
    table = pq.read_table(tmp_path / "run.parquet")
    assert table.num_rows == num_rows
    kl = dict(zip(table["step"].to_pylist(), table["train/kl"].to_pylist(), strict=True))
    assert math.isnan(kl[10]) and kl[20] == math.inf
    assert kl[0] is None and table["test/elbo_ema"].null_count > 200
    assert table.schema.field("test/elbo_ema").metadata[b"unit"] == b"nats"
    assert table.schema.metadata[b"name"] == b"brave-fox"
    assert table["time"][0].as_py().tzinfo is not None
