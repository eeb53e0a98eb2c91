"""Imported runs: what is accepted and what is refused."""

import os
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from genexplorer.errors import DamagedRunError, NoSuchRunError, RunStateError, UserError
from genexplorer.runs import layout
from genexplorer.runs.import_run import import_run, import_runs
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from tests.fixtures.fake_run import write_run


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    return write_run(tmp_path / "elsewhere", steps=60)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "mine")


def zipped(run: Path, *, inside: str = "") -> Path:
    path = run.parent / "sent.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(run.rglob("*")):
            if file.is_file():
                archive.write(file, inside + file.relative_to(run).as_posix())
    return path


@pytest.mark.parametrize("inside", ["", "brave-fox/", None])
def test_all_of_a_run_comes_in(sent: Path, store: RunStore, inside: str | None) -> None:
    taken = import_run(sent if inside is None else zipped(sent, inside=inside), store)
    assert taken.folder.parent == store.runs_dir and [run.folder for run in store.list()] == [taken.folder]
    before = RunReader(sent)
    after = RunReader(taken.folder)
    assert after.status().state is before.status().state is State.SUCCEEDED
    assert after.status().name == before.status().name
    assert after.series("train/elbo").mean.tolist() == before.series("train/elbo").mean.tolist()
    assert [line.message for line in after.log()] == [line.message for line in before.log()]
    assert after.snapshots() == before.snapshots() and after.checkpoints() == before.checkpoints()
    assert [ref.path.read_bytes() for ref in after.images()] == [ref.path.read_bytes() for ref in before.images()]


def test_a_run_that_was_training_there_is_lost_here(tmp_path: Path, store: RunStore) -> None:
    sent = write_run(tmp_path / "elsewhere", steps=60, state="running")
    reader = RunReader(import_run(sent, store).folder)
    assert reader.status().state is State.LOST


def test_triggers_and_views_stay_behind(sent: Path, store: RunStore) -> None:
    with closing(sqlite3.connect(sent / layout.DATABASE)) as database:
        database.executescript(
            "CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM ticks; END; CREATE VIEW v AS SELECT 1;"
        )
    folder = import_run(sent, store).folder
    with closing(sqlite3.connect(folder / layout.DATABASE)) as database:
        kinds = {kind for (kind,) in database.execute("SELECT type FROM sqlite_schema")}
    assert kinds == {"table", "index"}


def outside(archive: zipfile.ZipFile) -> None:
    archive.writestr("../../escaped.txt", "x")


def absolute(archive: zipfile.ZipFile) -> None:
    archive.writestr("/tmp/escaped.txt", "x")


def backslash(archive: zipfile.ZipFile) -> None:
    archive.writestr("..\\..\\escaped.txt", "x")


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("snapshots")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "/etc")


def bomb(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("worker.log")
    archive.writestr(info, b"x")
    archive.infolist()[-1].file_size = 1 << 50  # what the central directory will announce


@pytest.mark.parametrize("harm", [outside, absolute, backslash, link, bomb])
def test_what_may_not_come_in_is_refused_and_leaves_nothing(
    sent: Path, store: RunStore, tmp_path: Path, harm: Callable[[zipfile.ZipFile], None]
) -> None:
    path = zipped(sent)
    with zipfile.ZipFile(path, "a") as archive:
        harm(archive)
    with pytest.raises(DamagedRunError) as refusal:
        import_run(path, store)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.rglob("escaped*"))
    assert store.list() == [] and not any(store.runs_dir.iterdir() if store.runs_dir.exists() else ())


def test_links_and_strange_files_in_a_folder_are_left_out(sent: Path, store: RunStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    (sent / "worker.log").unlink(missing_ok=True)
    (sent / "worker.log").symlink_to(secret)
    (sent / "pictures" / "more").symlink_to(tmp_path)
    (sent / "run.sh").write_text("rm -rf /")
    os.mkfifo(sent / "pipe")
    folder = import_run(sent, store).folder
    names = {path.name for path in folder.rglob("*")}
    assert not names & {"worker.log", "more", "run.sh", "pipe", "secret"}


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_sources_that_are_not_runs_are_refused(store: RunStore, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sent.zip"
    path.write_bytes(content)
    with pytest.raises(UserError):
        import_run(path, store)
    with pytest.raises(NoSuchRunError):
        import_run(tmp_path, store)


def test_a_damaged_database_is_refused(sent: Path, store: RunStore) -> None:
    (sent / layout.DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(DamagedRunError):
        import_run(sent, store)
    assert store.list() == []


def test_what_came_in_can_be_written_to(sent: Path, store: RunStore) -> None:
    folder = import_run(sent, store).folder
    reader = RunReader(folder)
    config, attempt = reader.config(), reader.status().attempt
    writer = RunWriter(folder, config)
    assert writer.attempt == attempt + 1
    writer.close("stopped", "")


def test_a_run_elsewhere_is_only_read(sent: Path, store: RunStore) -> None:
    with pytest.raises(RunStateError, match="runs import"):
        store.rename(sent, "other")
    with pytest.raises(RunStateError, match="read-only"):
        store.require_own(sent)
    store.require_own(import_run(sent, store).folder)


def zip_of_runs(path: Path, runs: dict[str, Path]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for prefix, run in runs.items():
            for file in sorted(run.rglob("*")):
                if file.is_file():
                    archive.write(file, f"{prefix}/{file.relative_to(run).as_posix()}")
    return path


@pytest.mark.parametrize("parent", ["", "runs/", "home/me/runs/"])
def test_all_runs_of_a_zip_file_are_imported(tmp_path: Path, store: RunStore, parent: str) -> None:
    runs = {f"{parent}{name}": write_run(tmp_path / name, steps=20, name=name) for name in ("fox", "owl")}
    results = import_runs(zip_of_runs(tmp_path / "two.zip", runs), store)
    assert {run.name for run in store.list()} == {"fox", "owl"} and len(results) == 2
    assert all(RunReader(result.folder).snapshots() for result in results)


def test_all_runs_of_a_folder_are_imported(tmp_path: Path, store: RunStore) -> None:
    for name in ("fox", "owl"):
        write_run(tmp_path / "theirs", steps=20, name=name, pictures=False)
    (tmp_path / "theirs" / "papers").mkdir()
    assert len(import_runs(tmp_path / "theirs", store)) == 2
    assert {run.name for run in store.list()} == {"fox", "owl"}


def test_of_several_runs_all_or_none_is_imported(tmp_path: Path, store: RunStore) -> None:
    runs = {name: write_run(tmp_path / name, steps=20, name=name) for name in ("fox", "owl")}
    (runs["owl"] / layout.DATABASE).write_bytes(b"not a database at all" * 100)
    with pytest.raises(DamagedRunError, match=r"owl: .*; nothing is imported"):
        import_runs(zip_of_runs(tmp_path / "two.zip", runs), store)
    assert not any(store.runs_dir.iterdir())
    with pytest.raises(NoSuchRunError, match="contains 2 runs, such as fox, owl"):
        import_run(tmp_path / "two.zip", store)


def test_links_that_are_left_out_are_named(sent: Path, store: RunStore, tmp_path: Path) -> None:
    (sent / layout.SNAPSHOTS).rename(tmp_path / "other disk")
    (sent / layout.SNAPSHOTS).symlink_to(tmp_path / "other disk")
    result = import_run(sent, store)
    assert result.links == (layout.SNAPSHOTS,) and not RunReader(result.folder).snapshots()
    (sent / layout.CONFIG).rename(tmp_path / "config")
    (sent / layout.CONFIG).symlink_to(tmp_path / "config")
    with pytest.raises(NoSuchRunError, match="its configuration is a link"):
        import_run(sent, store)


def test_a_colon_in_a_name_is_harmless_and_a_backslash_is_named(sent: Path, store: RunStore) -> None:
    assert import_run(zipped(sent, inside="run 10:30/"), store).folder.is_dir()
    path = zipped(sent, inside="runs\\fox\\")
    with pytest.raises(DamagedRunError, match="has a backslash in its path"):
        import_run(path, store)


def test_an_import_reports_its_progress_and_a_cancelled_one_leaves_nothing_behind(tmp_path: Path) -> None:
    source, store = write_run(tmp_path, steps=3000, pictures=False), RunStore(tmp_path / "imported")
    reports: list[tuple[float, str]] = []
    import_runs(source, store, on_progress=lambda fraction, message: reports.append((fraction, message)))
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions) and 0 < fractions[0] < 0.5 and fractions[-1] == 1
    assert {"copies metrics.sqlite", "rebuilds the metrics"} <= {message for _, message in reports}
    before = sorted(store.runs_dir.iterdir())
    for message in ("copies metrics.sqlite", "rebuilds the metrics"):

        def cancel(_: float, current: str, message: str = message) -> None:
            if current == message:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            import_runs(source, store, on_progress=cancel)
        assert sorted(store.runs_dir.iterdir()) == before
