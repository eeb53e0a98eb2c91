"""Runs that somebody sent: zips and folders to be imported, folders that are opened where they lie, and old ones."""

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
OLD = Path(__file__).parents[1] / "fixtures"
_SMALL_FILES = (layout.CONFIG, layout.NOTES, layout.LIVE, layout.LOG, layout.DATABASE, layout.LOCK)


def hostile_zips(count: int, folder: Path) -> Tally:
    """Zips with members that lead elsewhere, lie about their size, or have bytes changed: let in whole, or one line."""
    tally, rng, taken, slowest = Tally(), random.Random(29), 0, 0.0
    sent = write_run(folder / "elsewhere", steps=60)
    whole = _zipped(sent)
    (folder / "secret").write_text("mine")
    for number in range(count):
        harm = _HARMS[number % len(_HARMS)] if number < 5 * len(_HARMS) else None
        with tally.attempt(harm.__name__ if harm else f"mutation {number}"), at_most(10 * SLOWEST_S):
            path, store = folder / "sent.zip", RunStore(folder / "mine")
            path.write_bytes(_harmed(whole, harm) if harm else _mutated(whole, rng))
            began = time.monotonic()
            came_in = imported(path, store)
            slowest = max(slowest, time.monotonic() - began)
            taken += came_in
            assert harm is None or not came_in, "it was let in"
            _nothing_outside(folder)
    tally.notes += [f"{taken} of the mutated were imported, all of them readable", f"slowest {slowest:.1f} s"]
    return tally


def imported(source: Path, store: RunStore) -> bool:
    """Import, and read all of what came in; a refusal leaves nothing behind."""
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


def _nothing_outside(folder: Path) -> None:
    assert not list(folder.rglob("escaped*")) and (folder / "secret").read_text() == "mine"
    assert {path.name for path in folder.iterdir()} <= {"elsewhere", "mine", "sent.zip", "secret", "state"}


def _zipped(run: Path) -> bytes:
    path = run.parent / "whole.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(run.rglob("*")):
            if file.is_file():
                archive.write(file, "fox/" + file.relative_to(run).as_posix())
    return path.read_bytes()


def _harmed(whole: bytes, harm: Callable[[zipfile.ZipFile], None]) -> bytes:
    buffer = io.BytesIO(whole)
    with zipfile.ZipFile(buffer, "a") as archive:
        harm(archive)
    return buffer.getvalue()


def _leads_out(archive: zipfile.ZipFile) -> None:
    archive.writestr("fox/../../escaped", "x")


def _is_absolute(archive: zipfile.ZipFile) -> None:
    archive.writestr("/tmp/escaped", "x")


def _has_backslashes(archive: zipfile.ZipFile) -> None:
    archive.writestr("fox\\..\\..\\escaped", "x")


def _is_a_link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("fox/snapshots/step-00000007/card.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "../../../secret")


def _is_there_twice(archive: zipfile.ZipFile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(f"fox/{layout.CONFIG}", "{}")


def _declares_a_wrong_size(archive: zipfile.ZipFile) -> None:
    archive.writestr(f"fox/{layout.LOG}", b"x" * 100)
    archive.infolist()[-1].file_size = 1 << 50


def _is_a_bomb(archive: zipfile.ZipFile) -> None:
    for number in range(70):
        archive.writestr(f"fox/snapshots/step-{1000 + number:08}/card.json", b"x")
        archive.infolist()[-1].file_size = archive.infolist()[-1].compress_size = 1 << 30


def _is_a_crowd(archive: zipfile.ZipFile) -> None:
    for number in range(20_001):
        archive.writestr(f"fox/more/{number}", b"")


_HARMS: tuple[Callable[[zipfile.ZipFile], None], ...] = (
    *(_leads_out, _is_absolute, _has_backslashes, _is_a_link, _is_there_twice, _declares_a_wrong_size),
    *(_is_a_bomb, _is_a_crowd),
)


def _mutated(whole: bytes, rng: random.Random) -> bytes:
    """Change bytes: half of the time in the directory at the end, where names, sizes and flags are."""
    data = bytearray(whole)
    directory = whole.index(b"PK\1\2")
    for _ in range(rng.choice((1, 3, 20))):
        data[rng.randrange(directory if rng.random() < 0.5 else 0, len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


def read_all(run: Path) -> None:
    """Read what a face reads; only one-line refusals pass, and none of the text is unsafe."""
    with RunReader(run) as reader:
        status = reader.status()
        assert math.isfinite(status.created) and status.progress >= 0
        for question in (reader.config, reader.changes, reader.log, reader.alerts, reader.attempts, reader.pictures):
            _refused_or_answered(question)
        for step in reader.snapshots():
            _refused_or_answered(lambda step=step: reader.card(step))  # type: ignore[misc]
        for step in reader.checkpoints():
            place = layout.step_folder(run / layout.CHECKPOINTS, step)
            _refused_or_answered(lambda place=place: checkpoint.verify(place))  # type: ignore[misc]
        reader.log_tail()
    RunPoller(run, watching=True).poll()


def _refused_or_answered(question: Callable[[], object]) -> None:
    try:
        question()
    except UserError as error:
        assert "\n" not in str(error), "more than one line"


def steered_from_outside(count: int, folder: Path) -> Tally:
    """Each key and command that would change a run, on one that lies elsewhere: refused, and nothing is written."""
    tally = Tally()
    home = folder / "mine"
    store = RunStore(home)
    acts: tuple[Callable[[Path], actions.ActionResult | None], ...] = (
        *(lambda run, act=act: act(run, home) for act in (actions.pause, actions.resume, actions.stop, actions.delete)),
        lambda run: actions.pause_or_resume(run, home),
        lambda run: store.rename(run, "other"),
        lambda run: store.set_tags(run, ["mine"]),
        lambda run: store.set_note(run, "mine"),
        lambda run: _by_command_line(run, home),
    )
    for number in range(count):
        with tally.attempt(f"act {number % len(acts)}"):
            states = ("stopped", "failed", "lost", "running")
            sent = write_run(folder / "sent", steps=20, state=states[number % 4], pictures=False)  # type: ignore[arg-type]
            _claims_to_be_alive(sent) if number % 4 == 3 else None
            before = _content(sent)
            try:
                outcome = acts[number % len(acts)](sent)
                said = str(outcome)
                assert outcome is not None and not outcome.ok
            except UserError as error:
                said = str(error)
            assert str(home) in said and "\n" not in said, said
            RunPoller(sent, watching=True).poll()
            assert _content(sent) == before, "something was written"
            shutil.rmtree(sent)
    return tally


def _claims_to_be_alive(run: Path) -> None:
    """Let a run claim that a worker of another machine is at work on it."""
    file = heartbeat.Heartbeat(run / layout.LIVE)
    file.record = replace(file.record, state="running", host="elsewhere", boot_id="x", attempt=1)
    file.write()
    file.close()


def _by_command_line(run: Path, home: Path) -> actions.ActionResult:
    command = [sys.executable, "-m", "genexplorer.cli", "runs", "resume", str(run), "--runs-dir", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "1000"})
    assert "Traceback" not in done.stderr, done.stderr
    return actions.ActionResult(done.returncode == 0, done.stderr.strip().replace("\n", " "))


def _content(run: Path) -> dict[str, bytes]:
    """Return all files but SQLite's index of the write-ahead log, which every reader of a killed run makes anew."""
    files = [path for path in run.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def old_formats(count: int, folder: Path) -> Tally:
    """Each run folder of an earlier schema that is kept: it opens, all of it, and reading leaves it as it was."""
    tally, read = Tally(), []
    kept = sorted(path for path in OLD.glob("schema*_run") if path.is_dir())
    assert kept, "no old run is kept"
    for number in range(count):
        old = kept[number % len(kept)]
        with tally.attempt(old.name):
            run = Path(shutil.copytree(old, folder / str(number) / "run"))
            before = _content(run)
            read.append(f"{old.name}: {_opened(run)}")
            assert _content(run) == before, "reading changed it"
            assert import_run(run, RunStore(folder / str(number) / "mine")).num_skipped <= 4
    tally.notes += sorted(set(read))
    return tally


def _opened(run: Path) -> str:
    """Read everything that a run holds; return how much that was."""
    with RunReader(run) as reader:
        status, config, delta = reader.status(), reader.config(), reader.changes()
        assert status.state not in (State.DAMAGED, State.LOST) and notes.read(run).name == status.name
        points = sum(len(reader.series(name, max_points=100_000).x) for name in delta.specs)
        assert points and all(name in delta.latest for name in delta.specs) and config.model_options()
        for step in reader.snapshots():
            reader.card(step)
            checkpoint.load_snapshot(layout.step_folder(run / layout.SNAPSHOTS, step))
        for step in reader.checkpoints():
            checkpoint.load(layout.step_folder(run / layout.CHECKPOINTS, step))
        assert all(picture.path.is_file() for picture in delta.pictures)
        return (
            f"{points} points of {len(delta.specs)} metrics, {len(reader.snapshots())} snapshots,"
            f" {len(reader.checkpoints())} checkpoints, {len(delta.pictures)} pictures, {len(delta.log)} log lines"
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
        run=steered_from_outside,
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
