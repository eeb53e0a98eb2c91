"""Runs exported as zip files: complete and light ones, also while they train, and imported again."""

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from genexplorer.errors import RunStateError
from genexplorer.runs import export_run as module
from genexplorer.runs import layout
from genexplorer.runs.export_run import export_run, safe_name
from genexplorer.runs.import_run import import_run
from genexplorer.runs.reader import RunReader
from genexplorer.runs.store import RunStore
from genexplorer.session import steering
from genexplorer.workers import launcher
from tests.fixtures.fake_run import running_run, write_run


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", name="Löwe & Maus/2", steps=1300)
    result = export_run(folder, tmp_path / "run.zip")
    with zipfile.ZipFile(result.path) as archive:
        assert {Path(name).parts[0] for name in archive.namelist()} == {"L-we-Maus-2"}
    assert result.left_out == () and result.num_bytes == result.path.stat().st_size
    copy = import_run(result.path, RunStore(tmp_path / "other"))
    assert copy.num_skipped == 0 and copy.num_files == result.num_files
    before, after = RunReader(folder), RunReader(copy.folder)
    assert after.status().name == "Löwe & Maus/2" and after.snapshots() == before.snapshots()
    assert after.checkpoints() == before.checkpoints() and len(after.images()) == len(before.images())
    for name in before.metric_specs():
        assert (after.series(name).mean == before.series(name).mean).all()


def test_a_light_copy_is_small_and_cannot_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "runs", steps=4000)
    monkeypatch.setattr(module, "_MAX_LIGHT_SNAPSHOTS", 3)
    result = export_run(folder, tmp_path / "light.zip", light=True)
    assert any(line.endswith("it cannot be resumed or trained longer") for line in result.left_out)
    assert any(line.endswith("the time slider has 3 steps") for line in result.left_out)
    copy = import_run(result.path, RunStore(tmp_path / "other")).folder
    steps = RunReader(copy).snapshots()
    assert len(steps) == 3 and steps[-1] == RunReader(folder).snapshots()[-1]
    with pytest.raises(RunStateError, match="light copy without checkpoints"):
        launcher.resume(copy)
    refused = steering.extend(copy, tmp_path / "other", 10, "steps")
    assert not refused.ok and "light copy" in refused.message
    assert not (copy / layout.CHANGES).exists(), "nothing is stored for a next start that cannot be"


def test_a_run_is_exported_while_it_trains(tmp_path: Path) -> None:
    with running_run(tmp_path / "runs", steps=700) as run:
        (run.folder / layout.LOG).write_text("line\n")
        lost = layout.step_folder(run.folder / layout.SNAPSHOTS, 0)

        def remove_snapshot(_fraction: float, message: str) -> None:
            if message == "metrics" and lost.exists():
                for path in lost.iterdir():
                    path.unlink()
                lost.rmdir()
            run.advance(1)

        result = export_run(run.folder, tmp_path / "run.zip", on_progress=remove_snapshot)
        assert result.left_out == ("1 of the snapshots, checkpoints and images: the training removed them meanwhile",)
        copy = import_run(result.path, RunStore(tmp_path / "other")).folder
    with closing(sqlite3.connect(copy / layout.DATABASE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 0 not in RunReader(copy).snapshots()


@pytest.mark.parametrize("moment", [0.0, 0.3])  # while the database is copied, and later
def test_a_canceled_export_leaves_nothing_and_an_earlier_file_stays(tmp_path: Path, moment: float) -> None:
    folder = write_run(tmp_path / "runs", steps=300)
    out = tmp_path / "out" / "run.zip"
    out.parent.mkdir()
    out.write_bytes(b"earlier")

    def cancel(fraction: float, _message: str) -> None:
        if fraction >= moment:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_run(folder, out, on_progress=cancel)
    assert [path.name for path in out.parent.iterdir()] == ["run.zip"] and out.read_bytes() == b"earlier"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("brave-fox", "brave-fox"),
        ("../../etc/passwd", "etc-passwd"),
        ("日本", "run"),
        ("CON.txt", "run-CON.txt"),
        ("a" * 100, "a" * 48),
        ("...", "run"),
    ],
)
def test_names_of_files_are_safe(name: str, expected: str) -> None:
    assert safe_name(name) == expected
