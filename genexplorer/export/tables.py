"""The metrics of a run as a table: CSV, or Parquet with what each metric means."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genexplorer.runs.reader import RunReader
from trainers.storage import atomic_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from genexplorer.runs.record import MetricTable

_BASE_COLUMNS = ("step", "images_seen", "elapsed_s", "time")


def write_csv(folder: Path, out: Path) -> int:
    """Write the metrics of a run as CSV: one row for each recorded step, one column for each metric.

    A cell is empty where a metric has no value at that step, as test metrics at most steps. Values are written with all
    their digits; those that are not finite are "nan", "inf" and "-inf".

    Args:
        folder: The run folder.
        out: The file; an existing one is replaced.

    Returns:
        The number of rows.

    Raises:
        DamagedRunError: if the run cannot be read.
        OSError: if the disk refuses.
    """
    reader, num_rows = RunReader(folder), 0
    names = list(reader.metric_specs())
    with atomic_files.replacing(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_BASE_COLUMNS, *names])
        for table in reader.rows():
            columns = [column.tolist() for column in (table.step, table.images_seen, table.elapsed_s, table.time)]
            for name in names:
                values, is_recorded = _metric(table, name)
                columns.append([value if there else "" for value, there in zip(values, is_recorded, strict=True)])
            writer.writerows(zip(*columns, strict=True))
            num_rows += len(table.step)
    return num_rows


def write_parquet(folder: Path, out: Path) -> int:
    """Write the metrics of a run as Parquet, with the columns of `write_csv`; `time` is a timestamp in UTC.

    Each metric's column carries its title, unit, and the setup of its values as metadata of the field.

    Args:
        folder: The run folder.
        out: The file; an existing one is replaced.

    Returns:
        The number of rows.

    Raises:
        ImportError: if pyarrow is not installed.
        DamagedRunError: if the run cannot be read.
        OSError: if the disk refuses.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    reader, num_rows = RunReader(folder), 0
    specs, status = reader.metric_specs(), reader.status()
    base = [("step", pa.int64()), ("images_seen", pa.int64()), ("elapsed_s", pa.float64())]
    fields = [pa.field(name, kind) for name, kind in (*base, ("time", pa.timestamp("us", tz="UTC")))]
    for name, spec in specs.items():
        meaning = {"title": spec.title, "unit": spec.unit, "setup": spec.setup}
        fields.append(pa.field(name, pa.float64(), metadata=meaning))
    schema = pa.schema(fields, metadata={"run": status.id, "name": status.name, "preset": status.preset})
    with atomic_files.replacing(out) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for table in reader.rows():
            times = pa.array((table.time * 1e6).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))
            arrays = [pa.array(table.step), pa.array(table.images_seen), pa.array(table.elapsed_s), times]
            for name in specs:
                values, is_recorded = _metric(table, name)
                arrays.append(pa.array(values, mask=~is_recorded))
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            num_rows += len(table.step)
    return num_rows


def _metric(table: "MetricTable", name: str) -> "tuple[NDArray[np.float64], NDArray[np.bool_]]":
    """Return a metric's values, and where there is one; a metric may have been declared after the table was read."""
    none = np.zeros(len(table.step), bool)
    return table.values.get(name, np.zeros(len(table.step))), table.is_recorded.get(name, none)
