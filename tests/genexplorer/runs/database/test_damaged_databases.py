import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from genexplorer.errors import DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.database import sqlite
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path, steps=300, pictures=False)


def edit(folder: Path, script: str) -> None:
    with sqlite3.connect(folder / layout.DATABASE) as connection:
        connection.executescript(script)


def garbage(folder: Path) -> None:
    (folder / layout.DATABASE).write_bytes(b"not a database at all" * 100)


def empty(folder: Path) -> None:
    (folder / layout.DATABASE).write_bytes(b"")


def view(folder: Path) -> None:
    edit(folder, "ALTER TABLE scalars RENAME TO hidden; CREATE VIEW scalars AS SELECT * FROM hidden;")


def virtual(folder: Path) -> None:
    edit(folder, "DROP TABLE log; CREATE VIRTUAL TABLE log USING fts5(message);")


def newer(folder: Path) -> None:
    edit(folder, "PRAGMA user_version = 99;")


def link(folder: Path) -> None:
    (folder / layout.DATABASE).rename(folder / "moved")
    (folder / layout.DATABASE).symlink_to(folder / "moved")


def bomb(folder: Path) -> None:
    edit(
        folder,
        "DROP TABLE log; CREATE TABLE log (id INTEGER PRIMARY KEY, attempt, time, step, severity, message AS"
        " (length(hex(zeroblob(5000000))))); INSERT INTO log VALUES (1, 1, 1, 1, 'info');",
    )


@pytest.mark.parametrize("harm", [garbage, empty, view, virtual, newer, link, bomb])
def test_a_database_that_is_not_ours_is_refused_in_one_line(folder: Path, harm: Callable[[Path], None]) -> None:
    harm(folder)
    reader = RunReader(folder)
    delta = reader.read_new()
    assert delta.status.state is State.DAMAGED and delta.status.reason and "\n" not in delta.status.reason
    with pytest.raises(DamagedRunError):
        reader.log()
    assert reader.status().state is State.SUCCEEDED  # the list needs no database


def test_triggers_and_other_views_are_never_used(folder: Path) -> None:
    edit(
        folder,
        "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM ticks; END;"
        "CREATE VIEW aaa AS SELECT load_extension('x'); CREATE TEMP VIEW log AS SELECT 1;",
    )
    before = (folder / layout.DATABASE).read_bytes()
    reader = RunReader(folder)
    assert reader.read_new().status.state is State.SUCCEEDED and reader.log()
    assert (folder / layout.DATABASE).read_bytes() == before


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_are_reported_or_harmless(folder: Path, seed: int) -> None:
    path = folder / layout.DATABASE
    random, data = np.random.default_rng(seed), bytearray(path.read_bytes())
    for position in random.integers(0, len(data), 40):
        data[position] ^= int(random.integers(1, 256))
    path.write_bytes(bytes(data))
    reader = RunReader(folder)
    delta = reader.read_new()
    assert delta.status.state in (State.SUCCEEDED, State.DAMAGED)
    for question in (lambda: reader.series("train/elbo"), reader.log, lambda: reader.latest(10), reader.attempts):
        try:
            question()
        except DamagedRunError as error:
            assert "\n" not in str(error)


def test_hostile_values_do_not_leave_the_folder_nor_reach_the_terminal(folder: Path) -> None:
    edit(
        folder,
        "INSERT INTO pictures (attempt, kind, step, columns, rows, tile_height, tile_width) VALUES"
        " (1, '../../../etc', 1, 1, 1, 1, 1), (1, 'samples', -5, 1, 1, 1, 1), (1, 'samples', 7, 1, 1, 1, 1);"
        "UPDATE log SET message = 'a' || char(27) || '[31mb';"
        "UPDATE metrics SET title = char(8238) || 'x', better = '!';"
        "UPDATE changes SET value = '[[[[', path = char(10);",
    )
    reader = RunReader(folder)
    delta = reader.read_new()
    assert [picture.path for picture in delta.images] == [folder / "pictures" / "samples" / "step-00000007.png"]
    assert {line.message for line in delta.log} == {"ab"}
    assert {(spec.title, spec.better) for spec in delta.metric_specs.values()} == {("x", "neither")}


def test_a_killed_run_on_read_only_media_is_read_from_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path, steps=300, state="lost", pictures=False)
    (folder / "metrics.sqlite-shm").unlink(missing_ok=True)
    assert (folder / "metrics.sqlite-wal").stat().st_size > 0
    before = sorted(path.name for path in folder.iterdir())
    checked = sqlite._connect

    def refused(uri: str) -> sqlite3.Connection:
        if "mode=ro" in uri:
            raise sqlite3.OperationalError("unable to open database file")
        return checked(uri)

    monkeypatch.setattr(sqlite, "_connect", refused)
    reader = RunReader(folder)
    assert reader.latest()["train/elbo"].step == 300  # these rows are in the write-ahead log alone
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_folder_with_a_hostile_path_opens(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "a?mode=memory#x%20 [b] 'q'")
    reader = RunReader(write_run(store, steps=10, pictures=False))
    assert reader.latest()["train/elbo"].step == 10
