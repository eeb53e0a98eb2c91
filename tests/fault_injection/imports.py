"""Runs from other people: zips and folders to import, folders opened in place, folders of earlier schemas."""

import io
import math
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import warnings
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from genexplorer.errors import UserError
from genexplorer.runs import layout, notes
from genexplorer.runs.import_run import import_run
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.status import heartbeat
from genexplorer.runs.store import RunStore
from genexplorer.session import actions
from genexplorer.session.run_poller import RunPoller
from tests.fault_injection.case import FaultCase, Tally, at_most
from tests.fixtures.fake_run import write_run
from trainers.storage import checkpoint

SLOWEST_S = 2.0
FIXTURES = Path(__file__).parents[1] / "fixtures"


def hostile_zips(count: int, folder: Path) -> Tally:
    """Import zips with changed bytes, or with members that lead outside or have false sizes: intact, or one line."""
    tally, rng, num_imported, slowest = Tally(), random.Random(29), 0, 0.0
    original = _zip_of(write_run(folder / "elsewhere", steps=60))
    (folder / "secret").write_text("mine")
    for number in range(count):
        attack = _ATTACKS[number % len(_ATTACKS)] if number < 5 * len(_ATTACKS) else None
        with tally.attempt(attack.__name__ if attack else f"mutation {number}"), at_most(10 * SLOWEST_S):
            path, store = folder / "sent.zip", RunStore(folder / "mine")
            path.write_bytes(_with_attack(original, attack) if attack else _mutate(original, rng))
            began = time.monotonic()
            is_imported = try_import(path, store)
            slowest = max(slowest, time.monotonic() - began)
            num_imported += is_imported
            assert attack is None or not is_imported, "it was imported"
            _check_nothing_changed_outside(folder)
    tally.notes += [f"{num_imported} of the mutated were imported, all of them readable", f"slowest {slowest:.1f} s"]
    return tally


def try_import(source: Path, store: RunStore) -> bool:
    """Import a run, read all of it and delete it; return False if it was refused, which must leave nothing behind."""
    try:
        run = import_run(source, store).folder
    except UserError as error:
        assert "\n" not in str(error), "more than one line"
        assert not store.runs_dir.exists() or not any(store.runs_dir.iterdir()), "something was left behind"
        return False
    assert run.parent == store.runs_dir and [status.folder for status in store.list()] == [run]
    with closing(sqlite3.connect(run / layout.DATABASE)) as database:
        assert {kind for (kind,) in database.execute("SELECT type FROM sqlite_schema")} <= {"table", "index"}
    read_all(run)
    shutil.rmtree(run)
    return True


def _check_nothing_changed_outside(folder: Path) -> None:
    assert not list(folder.rglob("escaped*")) and (folder / "secret").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} <= {"elsewhere", "mine", "sent.zip", "secret", "state"}


def _zip_of(run: Path) -> bytes:
    path = run.parent / "whole.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(run.rglob("*")):
            if file.is_file():
                archive.write(file, "fox/" + file.relative_to(run).as_posix())
    return path.read_bytes()


def _with_attack(original: bytes, attack: Callable[[zipfile.ZipFile], None]) -> bytes:
    buffer = io.BytesIO(original)
    with zipfile.ZipFile(buffer, "a") as archive:
        attack(archive)
    return buffer.getvalue()


def _parent_folder(archive: zipfile.ZipFile) -> None:
    archive.writestr("fox/../../escaped", "x")


def _absolute_path(archive: zipfile.ZipFile) -> None:
    archive.writestr("/tmp/escaped", "x")


def _backslashes(archive: zipfile.ZipFile) -> None:
    archive.writestr("fox\\..\\..\\escaped", "x")


def _symbolic_link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("fox/snapshots/step-00000007/card.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "../../../secret")


def _duplicate_member(archive: zipfile.ZipFile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(f"fox/{layout.CONFIG}", "{}")


def _false_size(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"fox/{layout.LOG}", b"x" * 100)
    archive.infolist()[-1].file_size = 1 << 50


def _zip_bomb(archive: zipfile.ZipFile) -> None:
    for number in range(70):
        archive.writestr(f"fox/snapshots/step-{1000 + number:08}/card.json", b"x")
        archive.infolist()[-1].file_size = archive.infolist()[-1].compress_size = 1 << 30


def _too_many_members(archive: zipfile.ZipFile) -> None:
    for number in range(20_001):
        archive.writestr(f"fox/more/{number}", b"")


_ATTACKS: tuple[Callable[[zipfile.ZipFile], None], ...] = (
    *(_parent_folder, _absolute_path, _backslashes, _symbolic_link, _duplicate_member, _false_size),
    *(_zip_bomb, _too_many_members),
)


def _mutate(original: bytes, rng: random.Random) -> bytes:
    """Change random bytes, half of them in the central directory, which has names, sizes and flags."""
    data = bytearray(original)
    directory = original.index(b"PK\1\2")
    for _ in range(rng.choice((1, 3, 20))):
        data[rng.randrange(directory if rng.random() < 0.5 else 0, len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


def read_all(run: Path) -> None:
    """Make every query of a front end. Refusals must have one line."""
    reader = RunReader(run)
    status = reader.status()
    assert math.isfinite(status.created) and status.progress >= 0
    for query in (reader.config, reader.read_new, reader.log, reader.alerts, reader.attempts, reader.images):
        _call_or_refuse(query)
    for step in reader.snapshots():
        _call_or_refuse(lambda step=step: reader.card(step))  # type: ignore[misc]
    for step in reader.checkpoints():
        saved = layout.step_folder(run / layout.CHECKPOINTS, step)
        _call_or_refuse(lambda saved=saved: checkpoint.verify(saved))  # type: ignore[misc]
    reader.log_tail()
    RunPoller(run, watching=True).poll()


def _call_or_refuse(query: Callable[[], object]) -> None:
    try:
        query()
    except UserError as error:
        assert "\n" not in str(error), "more than one line"


def changes_to_outside_runs(count: int, folder: Path) -> Tally:
    """Try each key and command that changes a run on one outside the runs folder: refused, and nothing is written."""
    tally = Tally()
    home = folder / "mine"
    store = RunStore(home)
    user_actions = (actions.pause, actions.resume, actions.stop, actions.delete)
    changes: tuple[Callable[[Path], actions.ActionResult | None], ...] = (
        *(lambda run, action=action: action(run, home) for action in user_actions),
        lambda run: actions.pause_or_resume(run, home),
        lambda run: store.rename(run, "other"),
        lambda run: store.set_tags(run, ["mine"]),
        lambda run: store.set_note(run, "mine"),
        lambda run: _resume_with_cli(run, home),
    )
    for number in range(count):
        with tally.attempt(f"change {number % len(changes)}"):
            states = ("stopped", "failed", "lost", "running")
            sent = write_run(folder / "sent", steps=20, state=states[number % 4], pictures=False)  # type: ignore[arg-type]
            if number % 4 == 3:
                _pretend_to_be_running(sent)
            before = _content(sent)
            try:
                outcome = changes[number % len(changes)](sent)
                message = str(outcome)
                assert outcome is not None and not outcome.ok
            except UserError as error:
                message = str(error)
            assert str(home) in message and "\n" not in message, message
            RunPoller(sent, watching=True).poll()
            assert _content(sent) == before, "something was written"
            shutil.rmtree(sent)
    return tally


def _pretend_to_be_running(run: Path) -> None:
    """Write a heartbeat of a worker on another machine."""
    file = heartbeat.Heartbeat(run / layout.LIVE)
    file.record = replace(file.record, state="running", host="elsewhere", boot_id="x", attempt=1)
    file.write()
    file.close()


def _resume_with_cli(run: Path, home: Path) -> actions.ActionResult:
    command = [sys.executable, "-m", "genexplorer.cli", "runs", "resume", str(run), "--runs-dir", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "1000"})
    assert "Traceback" not in done.stderr, done.stderr
    return actions.ActionResult(done.returncode == 0, done.stderr.strip().replace("\n", " "))


def _content(run: Path) -> dict[str, bytes]:
    """Return all files except SQLite's index of the write-ahead log, which a reader of a killed run may renew."""
    files = [path for path in run.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def old_formats(count: int, folder: Path) -> Tally:
    """Open run folders of earlier schemas: everything is readable, and reading changes nothing."""
    tally, contents = Tally(), []
    folders = sorted(path for path in FIXTURES.glob("schema*_run") if path.is_dir())
    assert folders, "no run folder of an earlier schema"
    for number in range(count):
        old = folders[number % len(folders)]
        with tally.attempt(old.name):
            run = Path(shutil.copytree(old, folder / str(number) / "run"))
            before = _content(run)
            contents.append(f"{old.name}: {_read_everything(run)}")
            assert _content(run) == before, "reading changed it"
            assert import_run(run, RunStore(folder / str(number) / "mine")).num_skipped <= 4
    tally.notes += sorted(set(contents))
    return tally


def _read_everything(run: Path) -> str:
    """Read everything in a run; return the counts."""
    reader = RunReader(run)
    status, config, delta = reader.status(), reader.config(), reader.read_new()
    assert status.state not in (State.DAMAGED, State.LOST) and notes.read(run).name == status.name
    points = sum(len(reader.series(name, max_points=100_000).x) for name in delta.metric_specs)
    assert points and all(name in delta.latest for name in delta.metric_specs) and config.model_options()
    for step in reader.snapshots():
        reader.card(step)
        checkpoint.load_snapshot(layout.step_folder(run / layout.SNAPSHOTS, step))
    for step in reader.checkpoints():
        checkpoint.load(layout.step_folder(run / layout.CHECKPOINTS, step))
    assert all(picture.path.is_file() for picture in delta.images)
    return (
        f"{points} points of {len(delta.metric_specs)} metrics, {len(reader.snapshots())} snapshots,"
        f" {len(reader.checkpoints())} checkpoints, {len(delta.images)} pictures, {len(delta.log)} log lines"
    )


CASES = (
    FaultCase(
        name="zips",
        fault="`runs import` of mutated zip files, and of members that lead outside, have false sizes or repeat",
        guarantee="imported and readable, or refused with one line and nothing left behind; no file outside changes",
        full=340,
        short=8,
        run=hostile_zips,
    ),
    FaultCase(
        name="outsiders",
        fault="each key and command that changes a run, on one that was not imported",
        guarantee="refused with the command that imports it; not a byte of the recorded data changes",
        full=72,
        short=8,
        run=changes_to_outside_runs,
    ),
    FaultCase(
        name="old-formats",
        fault="run folders of every earlier schema, stored unchanged",
        guarantee="they open and can be imported",
        full=1,
        short=1,
        run=old_formats,
    ),
)
