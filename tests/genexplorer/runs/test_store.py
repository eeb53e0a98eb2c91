import contextlib
import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from genexplorer.errors import ConfigError, DamagedRunError, NoSuchRunError, RunStateError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs import layout, notes
from genexplorer.runs.commands import control
from genexplorer.runs.commands.inbox import Inbox
from genexplorer.runs.record import State
from genexplorer.runs.status import heartbeat
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import config, running_run, write_run
from trainers.events import Pause


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_a_new_run_is_queued_and_listed_newest_first(store: RunStore) -> None:
    assert store.list() == []
    first = store.create(config(), name="first", tags=["a", "b", "a"])
    second = store.create(config(), name="second")
    runs = store.list()
    assert [run.folder for run in runs] == [second, first]
    assert runs[1].state is State.QUEUED and runs[1].tags == ("a", "b") and runs[1].family == "vae"
    assert (first / layout.LIVE).stat().st_size == heartbeat.FILE_BYTES


def test_a_name_is_made_up_and_not_twice(store: RunStore) -> None:
    store.create(config())
    store.create(config())
    names = [run.name for run in store.list()]
    assert len(set(names)) == 2 and all("-" in name for name in names)


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/passwd", "..", ".trash-x", "a\0b", "\x1b[31mred", "[bold]", "\u202eevil", "x" * 64, "-rf"],
)
def test_hostile_names_stay_inside_and_are_shown_safely(store: RunStore, name: str) -> None:
    folder = store.create(config(), name=name)
    assert folder.parent == store.runs_dir and not folder.name.startswith(".")
    run = store.list()[0]
    assert run.folder == folder
    assert not set(run.name) & set("\x1b\0\u202e") and 0 < len(run.name) <= 64
    assert sorted(path.name for path in store.runs_dir.iterdir()) == [folder.name]
    assert store.find(run.id) == folder


def test_a_name_without_anything_to_show_is_refused(store: RunStore) -> None:
    with pytest.raises(ConfigError, match="empty"):
        store.create(config(), name="\x1b[0m \u202e")
    assert store.list() == []


def test_a_name_that_would_be_cut_or_selects_another_run_is_refused(store: RunStore) -> None:
    fox = store.create(config(), name="brave-fox")
    for name, reason in (
        ("x" * 65, "more than 64 characters"),
        ("x" * 5000, "more than 64 characters"),
        ("latest", "selects the newest run"),
        (" latest\n", "selects the newest run"),
        (fox.name, "is the id of another run"),
    ):
        with pytest.raises(ConfigError, match=reason):
            store.create(config(), name=name)
    owl = store.create(config(), name="owl")
    for name in ("latest", "x" * 65, fox.name):
        with pytest.raises(ConfigError):
            store.rename(owl, name)
    assert [run.name for run in store.list()] == ["owl", "brave-fox"]


@pytest.mark.parametrize(
    "name", ["vae/beta=4", "a\0b", "two  words", "生成模型实验", "..", "~", "$HOME", "-rf", "/etc/passwd"]
)
def test_a_run_is_found_by_its_name_as_given(store: RunStore, name: str) -> None:
    folder = store.create(config(), name=name)
    store.create(config(), name="other")
    assert store.find(name) == folder


def test_latest_is_ambiguous_where_an_older_run_has_that_name(store: RunStore) -> None:
    old = store.create(config(), name="old")
    notes.change(old, name="latest")  # as earlier versions accepted it
    assert store.find("latest") == old
    store.create(config(), name="new")
    with pytest.raises(NoSuchRunError, match="ambiguous"):
        store.find("latest")
    assert store.find(old.name) == old


def test_a_failed_creation_leaves_no_folder(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(heartbeat, "create", refuse)
    with pytest.raises(OSError, match="No space"):
        store.create(config())
    assert list(store.runs_dir.iterdir()) == []


def test_selectors(store: RunStore) -> None:
    fox = store.create(config(), name="brave-fox")
    owl = store.create(config(), name="brave-owl")
    assert store.find(fox.name) == fox
    assert store.find("brave-fox") == fox
    assert store.find("brave-o") == owl
    assert store.find("latest") == owl
    assert store.find(str(fox)) == fox
    with pytest.raises(NoSuchRunError, match="is ambiguous"):
        store.find("brave")
    for missing in ("nothing", "", "../..", "/", "\x1b[31m"):
        with pytest.raises(NoSuchRunError) as failure:
            store.find(missing)
        assert "\x1b" not in str(failure.value)


def test_latest_without_runs_gives_a_hint(store: RunStore) -> None:
    with pytest.raises(NoSuchRunError, match="genexplorer train"):
        store.find("latest")


def test_runs_that_share_a_name_are_told_apart_by_their_ids(store: RunStore) -> None:
    first, second, third = (store.create(config(), name="twin") for _ in range(3))
    assert store.same_name_notice(store.create(config(), name="other")) == ""
    notice = store.same_name_notice(third)
    assert notice.startswith("2 other runs are named twin (") and notice.endswith(
        f"; this one is {third.name}: use the ids"
    )
    assert first.name in notice and second.name in notice
    store.rename(first, "a")
    assert store.same_name_notice(third) == (
        f"another run is named twin ({second.name}); this one is {third.name}: use the ids"
    )


@pytest.mark.parametrize("tags", [[""], [" \x07"], ["x" * 33], [f"t{i}" for i in range(33)]])
def test_tags_that_would_be_dropped_or_cut_are_refused(store: RunStore, tags: list[str]) -> None:
    with pytest.raises(ConfigError, match="tag"):
        store.create(config(), tags=tags)
    assert store.list() == []


def test_notes_change_and_survive(store: RunStore) -> None:
    folder = store.create(config(), name="old")
    store.rename(folder, "new \x1b[31mname")
    store.set_tags(folder, ["x", "", "x", "\x07y"])
    store.set_note(folder, "two\nlines\x1b]0;x\x07")
    run = RunStore(store.runs_dir).list()[0]
    assert (run.name, run.tags, run.note) == ("new name", ("x", "y"), "two\nlines")
    assert run.created > 0


@pytest.mark.parametrize(
    "content",
    ['{"name": "mine", "tags": ["a"],}', "", "[]", '{"tags": "a"}', '{"schema_version": 9}', "\\xff", "{" * 5000, None],
)
@pytest.mark.parametrize("change", ["rename", "set_tags", "set_note"])
def test_notes_that_cannot_be_read_are_never_replaced(store: RunStore, content: str | None, change: str) -> None:
    folder = store.create(config(), name="old")
    path = folder / layout.NOTES
    path.unlink()
    if content is None:
        path.symlink_to(folder / "elsewhere.json")
    else:
        path.write_text(content)
    with pytest.raises(DamagedRunError, match=r"notes\.json cannot be read.*: correct the file"):
        getattr(store, change)(folder, "new")
    assert path.is_symlink() if content is None else path.read_text() == content


def test_missing_notes_are_written_anew(store: RunStore) -> None:
    folder = store.create(config(), name="old")
    (folder / layout.NOTES).unlink()
    store.set_tags(folder, ["a"])
    assert notes.read(folder).tags == ("a",)


def test_no_note_is_lost_when_two_write_at_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store.create(config(), name="old")
    read, both = notes.read, threading.Barrier(2)

    def slowly(path: Path) -> notes.Notes:
        said = read(path)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.3)  # the other has read as well, unless it is kept waiting
        return said

    monkeypatch.setattr(notes, "read", slowly)
    writers = [
        threading.Thread(target=store.rename, args=(folder, "new")),
        threading.Thread(target=store.set_tags, args=(folder, ["x"])),
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (read(folder).name, read(folder).tags) == ("new", ("x",))


def test_delete_and_undo(store: RunStore) -> None:
    folder = write_run(store, steps=10, pictures=False)
    trash = store.delete(folder)
    assert store.list() == [] and trash.name.startswith(layout.TRASH_PREFIX) and store.trash() == (trash,)
    assert store.restore(trash) == folder
    assert [run.folder for run in store.list()] == [folder]
    store.delete(folder)
    assert store.empty_trash() == 1
    assert list(store.runs_dir.iterdir()) == []
    with pytest.raises(NoSuchRunError, match="trash"):
        store.restore(trash)


def test_a_live_run_is_not_deleted(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    with running_run(store, steps=5) as run:
        with pytest.raises(RunStateError, match="stop it first"):
            store.delete(run.folder)
        run.pause()
        with pytest.raises(RunStateError, match="stop it first"):
            store.delete(run.folder)
        assert run.folder.is_dir()
    assert store.delete(run.folder).is_dir()


def test_only_runs_of_this_store_are_deleted(store: RunStore, tmp_path: Path) -> None:
    store.create(config())
    (store.runs_dir / "precious").mkdir()
    elsewhere = write_run(tmp_path / "other", steps=2, pictures=False)
    for folder in (store.runs_dir / "precious", elsewhere, store.runs_dir, tmp_path):
        with pytest.raises(NoSuchRunError):
            store.delete(folder)
        assert folder.is_dir()


def test_links_are_unlinked_never_followed(store: RunStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    folder = write_run(store, steps=2, pictures=False)
    (folder / "link").symlink_to(outside)
    linked = store.runs_dir / "linked"
    linked.symlink_to(outside)
    assert [run.folder for run in store.list()] == [folder]
    store.delete(folder)
    store.delete(linked)
    assert store.empty_trash() == 2
    assert sorted(path.name for path in outside.iterdir()) == ["file"]


def test_a_link_to_a_run_on_another_disk_is_a_run(store: RunStore, tmp_path: Path) -> None:
    own = write_run(store, steps=2, pictures=False)
    other = write_run(tmp_path / "disk", steps=2, name="far", pictures=False)
    linked = store.runs_dir / "linked"
    linked.symlink_to(other)
    (store.runs_dir / "newest").symlink_to(own)  # another name of the same run
    (store.runs_dir / "loop").symlink_to(store.runs_dir / "loop")
    (store.runs_dir / "unmounted").symlink_to(tmp_path / "missing")
    assert {run.folder for run in store.list()} == {own, linked}
    assert store.find("far") == store.find("linked") == linked
    store.set_tags(store.find("far"), ["a"])
    assert notes.read(other).tags == ("a",)
    trash = store.delete(linked)
    assert other.is_dir() and store.restore(trash) == linked
    with KernelLock(other / layout.LOCK) as lock, pytest.raises(RunStateError, match="stop it first"):
        assert lock.acquire()
        store.delete(linked)


def test_a_command_reaches_the_worker_of_a_linked_run(store: RunStore, tmp_path: Path) -> None:
    store.runs_dir.mkdir()
    with running_run(tmp_path / "disk", steps=5) as run:
        linked = store.runs_dir / "linked"
        linked.symlink_to(run.folder)
        inbox = Inbox(run.folder, 1)
        control.send(linked, Pause())
        assert [type(command) for command in inbox.receive()] == [Pause]


@pytest.mark.parametrize(("umask", "file_mode"), [(0o002, 0o664), (0o022, 0o644), (0o077, 0o600)])
def test_the_files_of_a_run_follow_umask_and_setgid(tmp_path: Path, umask: int, file_mode: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    before = os.umask(umask)
    try:
        folder = write_run(RunStore(shared), steps=60)
    finally:
        os.umask(before)
    paths = [folder, *folder.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert {oct(mode) for path, mode in modes.items() if path.is_file()} == {oct(file_mode)}
    folder_mode = 0o2777 & ~umask
    assert {oct(mode) for path, mode in modes.items() if path.is_dir()} == {oct(folder_mode)}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_run_of_another_user_is_not_damaged(store: RunStore) -> None:
    folder = store.create(config(), name="mine")
    (folder / layout.LIVE).chmod(0)
    assert "no permission to read" in store.list()[0].reason
    (folder / layout.CONFIG).chmod(0)
    assert "no permission to read" in RunStore(store.runs_dir).list()[0].reason


def test_damaged_runs_are_listed_with_the_reason_and_others_still_show(store: RunStore) -> None:
    good = store.create(config(), name="good")
    torn, newer, no_model, missing, dead = (store.create(config(), name=name) for name in "abcde")
    (torn / layout.CONFIG).write_text('{"schema_version": 1, "mod')
    newer_values = json.loads((newer / layout.CONFIG).read_text()) | {"schema_version": 99}
    (newer / layout.CONFIG).write_text(json.dumps(newer_values))
    (no_model / layout.CONFIG).write_text("[]")
    (missing / layout.CONFIG).unlink()
    (dead / layout.LIVE).write_bytes(b"\xff" * heartbeat.FILE_BYTES)
    runs = {run.folder: run for run in store.list()}
    assert runs[good].state is State.QUEUED
    damaged = [runs[folder] for folder in (torn, newer, no_model, missing, dead)]
    assert {run.state for run in damaged} == {State.DAMAGED}
    assert all(run.reason for run in damaged) and "newer" in runs[newer].reason and "missing" in runs[missing].reason


def test_a_config_that_is_a_pipe_or_a_bomb_does_not_hang(store: RunStore) -> None:
    pipe, deep = store.create(config()), store.create(config())
    (pipe / layout.CONFIG).unlink()
    os.mkfifo(pipe / layout.CONFIG)
    (deep / layout.CONFIG).write_text("[" * 200_000)
    assert {run.state for run in store.list()} == {State.DAMAGED}


def test_a_list_is_never_stale(store: RunStore) -> None:
    folder = write_run(store, steps=5, pictures=False)
    assert store.list()[0].name == "brave-fox"
    store.rename(folder, "other")
    assert store.list()[0].name == "other"
    file = heartbeat.Heartbeat(folder / layout.LIVE)
    file.record.state = "failed"
    file.write()
    file.close()
    assert store.list()[0].state is State.FAILED
    (folder / layout.CONFIG).write_text("{")
    assert store.list()[0].state is State.DAMAGED


def test_other_folders_are_not_runs(store: RunStore) -> None:
    store.create(config())
    (store.runs_dir / "pictures").mkdir()
    (store.runs_dir / "file").write_text("x")
    assert len(store.list()) == 1


def test_folders_of_killed_processes_are_removed_after_a_day(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    old, recent = store.new_temporary_folder(), store.new_temporary_folder()
    (old / layout.CONFIG).write_text("{}")
    a_day_ago = time.time() - 25 * 3600
    os.utime(old, (a_day_ago, a_day_ago))
    third = store.new_temporary_folder()
    assert {path.name for path in store.runs_dir.iterdir()} == {recent.name, third.name}
    assert store.list() == []
