"""Runs opened in place, with pipes, links and absurd numbers instead of their small files."""

import json
import math
import os
import random
import shutil
import time
from dataclasses import fields
from pathlib import Path

from genexplorer.cli.runs.show import list_columns
from genexplorer.runs import layout
from genexplorer.runs.status import heartbeat
from genexplorer.runs.store import RunStore
from tests.fault_injection.case import FaultCase, Tally, at_most
from tests.fault_injection.imports import read_all, try_import
from tests.fixtures.fake_run import write_run

SLOWEST_S = 2.0
_SMALL_FILES = (layout.CONFIG, layout.NOTES, layout.LIVE, layout.LOG, layout.DATABASE, layout.LOCK)


def hostile_folders(count: int, folder: Path) -> Tally:
    """Put pipes, links and absurd numbers in place of the small files of runs, open the runs, then import them."""
    tally, rng, slowest, num_imported = Tally(), random.Random(31), 0.0, 0
    store = RunStore(folder / "runs")
    good = write_run(store, steps=10, name="good", pictures=False)
    template = write_run(folder / "template", steps=10, pictures=False)
    (folder / "secret").write_text('{"name": "mine"}')
    for number in range(count):
        corrupt, name = _CORRUPTIONS[number % len(_CORRUPTIONS)], _SMALL_FILES[number % len(_SMALL_FILES)]
        with tally.attempt(f"{corrupt.__name__} {name}"), at_most(5 * SLOWEST_S):
            run = Path(shutil.copytree(template, store.runs_dir / "bad"))
            try:
                corrupt(run, name, rng)
                began = time.monotonic()
                _check_list(store, good)
                read_all(run)
                slowest = max(slowest, time.monotonic() - began)
                assert slowest < SLOWEST_S, f"{slowest:.1f} s"
                if corrupt is not _huge:  # a file of 16 GB would be copied
                    num_imported += try_import(run, RunStore(folder / "mine"))
            finally:
                shutil.rmtree(run)
            assert (folder / "secret").read_text() == '{"name": "mine"}'
    tally.notes.append(f"slowest {slowest:.2f} s; {num_imported} could be imported, the others were refused")
    return tally


def _check_list(store: RunStore, good: Path) -> None:
    """Check that the intact run is listed and that no cell is too wide."""
    listed = RunStore(store.runs_dir).list()
    assert good in [status.folder for status in listed]
    assert all(status.name != "mine" for status in listed), "a link was followed"
    texts = [text for column in list_columns(listed).values() for text in column]
    assert max(map(len, texts)) <= 40, "a cell is too wide"


def _pipe(run: Path, name: str, _: random.Random) -> None:
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)


def _link(run: Path, name: str, _: random.Random) -> None:
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(run.parent.parent / "secret")


def _folder(run: Path, name: str, _: random.Random) -> None:
    (run / name).unlink(missing_ok=True)
    (run / name).mkdir()


def _huge(run: Path, name: str, _: random.Random) -> None:
    with (run / name).open("r+b" if (run / name).exists() else "wb") as file:
        file.truncate(1 << 34)  # sparse: needs no space


def _absurd_notes(run: Path, name: str, rng: random.Random) -> None:
    number = rng.choice(["1e999", "-1e999", "NaN", "1" + "0" * 400, "-1e300", '"soon"', "[]", "1e17"])
    (run / layout.NOTES).write_text(f'{{"name": "x", "tags": 7, "created": {number}}}')


def _absurd_record(run: Path, name: str, rng: random.Random) -> None:
    file = heartbeat.Heartbeat(run / layout.LIVE)
    values = {
        field.name: rng.choice(_ABSURD[type(getattr(file.record, field.name))])
        for field in fields(heartbeat.LiveRecord)
    }
    for key, value in values.items():
        if rng.random() < 0.5:
            setattr(file.record, key, value)
    file.write()
    file.close()


def _absurd_config(run: Path, name: str, rng: random.Random) -> None:
    values = json.loads((run / layout.CONFIG).read_text())
    values[rng.choice(list(values))] = rng.choice([None, [], {}, -1, "x" * 10_000, {"name": {"name": []}}])
    (run / layout.CONFIG).write_text(json.dumps(values))


_ABSURD: dict[type, tuple[object, ...]] = {
    int: (0, -1, 2**63 - 1, 1, 10**15),
    float: (math.nan, math.inf, -math.inf, 1e300, -1.0, 0.0, 1e17),
    str: ("", "running", "x" * 64, "\x1b[31m", "succeeded"),
}
_CORRUPTIONS = (_pipe, _link, _folder, _huge, _absurd_notes, _absurd_record, _absurd_config)


CASES = (
    FaultCase(
        name="folders",
        fault="pipes, links, folders, sparse files of 16 GB or absurd numbers in place of a run's small files",
        guarantee="shown as damaged or without them, within 2 s; the other runs are still listed; no link is followed",
        full=420,
        short=14,
        run=hostile_folders,
    ),
)
