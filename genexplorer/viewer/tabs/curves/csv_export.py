"""Curves as a table for other programs."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from trainers.storage.atomic_files import write_bytes

if TYPE_CHECKING:
    from genexplorer.session.run_poller import RunPoller

_MAX_POINTS = 100_000


def write_csv(path: Path, run: "RunPoller", metrics: list[str]) -> None:
    """Write metric, step, value, lowest and highest, one row a point.

    Raises:
        OSError: if the file cannot be written.
    """
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["metric", "unit", "step", "mean", "low", "high"])
    for metric in metrics:
        series = run.series(metric, "step", _MAX_POINTS)
        unit = run.specs[metric].unit
        for step, mean, low, high in zip(series.x, series.mean, series.low, series.high, strict=True):
            writer.writerow([metric, unit, f"{step:g}", repr(float(mean)), repr(float(low)), repr(float(high))])
    write_bytes(path, table.getvalue().encode())
