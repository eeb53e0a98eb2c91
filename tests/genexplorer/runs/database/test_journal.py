"""The journal of a database on file systems that lack shared memory, locks or fsync."""

import errno
import shutil
import sqlite3
from pathlib import Path

import pytest

from genexplorer.runs import layout
from genexplorer.runs.database import journal
from genexplorer.runs.database import sqlite as run_sqlite
from genexplorer.runs.import_run import import_run
from genexplorer.runs.reader import RunReader
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import config, running_run, write_run
from tests.fixtures.preload import compile_library, run_script

RECORD_AND_READ = """
import sys
from pathlib import Path
from genexplorer.runs import layout
from genexplorer.runs.reader import RunReader
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import running_run
from tests.fixtures.waiting import wait_until

def metrics(folder):
    return max(value.step for value in RunReader(folder).latest().values())

with running_run(Path(sys.argv[1])) as run:
    first = metrics(run.folder)
    run.advance(50)
    wait_until(lambda: metrics(run.folder) > first)
    print(run.folder, *sorted(p.name for p in run.folder.glob("metrics.sqlite*")))
"""
KILLED_IN_A_COMMIT = """
import os, sys
from pathlib import Path
from genexplorer.runs.database import sqlite
connection = sqlite.open_for_writing(Path(sys.argv[1]))
connection.execute("PRAGMA cache_size=1")  # pages are written before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute("DELETE FROM ticks")
connection.execute("DELETE FROM scalars")
os._exit(0)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_library("file_system", tmp_path_factory.mktemp("preload"))


@pytest.mark.parametrize(
    "lacks",
    [
        {"NO_SHARED_MEMORY": 1},
        {"NO_SHARED_MEMORY": 1, "SYNC_ERROR": errno.EINVAL},
        {"SYNC_ERROR": errno.ENOSYS},
    ],
    ids=lambda variables: "+".join(variables),
)
def test_a_run_is_written_and_read_at_once(tmp_path: Path, library: Path, lacks: dict[str, int]) -> None:
    folder, *files = run_script(RECORD_AND_READ, tmp_path, library=library, **lacks).split()
    expected = {"metrics.sqlite-journal"} if "NO_SHARED_MEMORY" in lacks else {"metrics.sqlite-wal"}
    assert expected < set(files)
    assert RunReader(Path(folder)).latest()  # where nothing is lacking


def test_what_a_killed_worker_left_is_read_and_continued_without_shared_memory(tmp_path: Path, library: Path) -> None:
    with running_run(tmp_path) as run:
        run.advance(100)
    assert (run.folder / "metrics.sqlite-wal").stat().st_size
    before = RunReader(run.folder).latest()
    script = """
import sys
from pathlib import Path
from genexplorer.runs.database import sqlite
from genexplorer.runs.reader import RunReader
folder = Path(sys.argv[1])
read = [value.step for value in RunReader(folder).latest().values()]
connection = sqlite.open_for_writing(folder)
print(sqlite.journal_mode(connection), read == [value.step for value in RunReader(folder).latest().values()])
connection.close()
"""
    assert run_script(script, run.folder, library=library, NO_SHARED_MEMORY=1).split() == ["truncate", "True"]
    assert RunReader(run.folder).latest() == before and not list(run.folder.glob("metrics.sqlite-[ws]*"))


@pytest.fixture
def interrupted(tmp_path: Path, library: Path) -> tuple[Path, int]:
    """A run whose worker was killed in a commit, and the step of its newest point before it."""
    folder = write_run(tmp_path, steps=3000, pictures=False)
    step = max(value.step for value in RunReader(folder).latest().values())
    run_script(KILLED_IN_A_COMMIT, folder, library=library, NO_SHARED_MEMORY=1)
    assert (folder / "metrics.sqlite-journal").stat().st_size
    return folder, step


def test_a_commit_that_was_interrupted_is_rolled_back(interrupted: tuple[Path, int], tmp_path: Path) -> None:
    folder, step = interrupted
    before = (folder / layout.DATABASE).read_bytes()
    assert len(RunReader(folder).series("train/elbo").x) and (folder / layout.DATABASE).read_bytes() == before
    imported = import_run(folder, RunStore(tmp_path / "imported")).folder
    assert len(RunReader(imported).series("train/elbo").x) and not list(imported.glob("*journal"))
    run_sqlite.open_for_writing(folder).close()
    assert RunReader(folder).latest(step)["train/elbo"].step == step


def test_a_journal_of_others_deletes_no_file(interrupted: tuple[Path, int], tmp_path: Path) -> None:
    folder, _ = interrupted
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    name = str(victim).encode()
    record = b"\0\0\0\0" + name + len(name).to_bytes(4) + sum(name).to_bytes(4) + bytes.fromhex("d9d505f920a163d7")
    with (folder / "metrics.sqlite-journal").open("ab") as file:
        file.write(record)
    # SQLite itself deletes it.
    shutil.copytree(folder, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy" / layout.DATABASE) as connection:
        connection.execute("SELECT count(*) FROM ticks")
    assert not victim.exists()
    victim.write_bytes(b"precious")
    assert RunReader(folder).latest()
    assert import_run(folder, RunStore(tmp_path / "imported")).folder.is_dir() and victim.exists()


def test_a_file_system_without_locks_is_named(tmp_path: Path, library: Path) -> None:
    folder = RunStore(tmp_path).create(config(steps=10), name="test")
    script = """
import sys
from pathlib import Path
from genexplorer.errors import WorkerError
from genexplorer.runs.status.run_status import read_status
from genexplorer.workers import launcher
folder = Path(sys.argv[1])
try:
    launcher.start(folder)
except WorkerError as error:
    print(error)
status = read_status(folder)
print(status.state.value, status.reason)
"""
    error, outcome = run_script(script, folder, library=library, NO_LOCKS=tmp_path).splitlines()
    for line in error, outcome:
        assert "worker.lock: files cannot be locked there" in line and "--runs-dir" in line
    assert outcome.startswith("failed ")


@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("host:/x /home nfs4 rw 0 0\n", "nfs4"),
        ("host:/x /home nfs4 rw 0 0\n/dev/sda /home/a\\040b ext4 rw 0 0\n", ""),
        ("/dev/sda / ext4 rw 0 0\nx /home/a\\040b fuse.sshfs rw 0 0\n", "fuse.sshfs"),
        ("x / fuse.fuse-overlayfs rw 0 0\nhost:/x /home/a nfs rw 0 0\n", ""),
    ],
)
def test_file_systems_that_machines_share_are_known(tmp_path: Path, mounts: str, kind: str) -> None:
    (tmp_path / "mounts").write_text(mounts)
    assert journal.shared_file_system(Path("/home/a b/runs/r/metrics.sqlite"), tmp_path / "mounts") == kind
    assert not journal.shared_file_system(Path("/home/a b/metrics.sqlite"), tmp_path / "missing")


def test_a_shared_file_system_gets_a_rollback_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "shared_file_system", lambda path: "nfs4")
    folder = write_run(tmp_path, steps=100, pictures=False)
    connection = run_sqlite.open_for_writing(folder)
    assert run_sqlite.journal_mode(connection) == "truncate" and RunReader(folder).latest()
    connection.close()
