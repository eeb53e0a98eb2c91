import json
import os
from pathlib import Path

import pytest

from genexplorer.errors import RunStateError, WorkerError
from genexplorer.runs import layout
from genexplorer.runs.commands import control
from genexplorer.runs.commands import inbox as inbox_module
from genexplorer.runs.commands.inbox import WATCH_EXPIRES_S, Inbox, WatchFileMonitor
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import FakeRun, FakeState, config, running_run, write_run
from trainers.events import Command, CommandApplied, Pause, Resume, SaveNow, Set, Stop, Threads, Watchers


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def test_commands_arrive_in_order_once_and_are_acknowledged(store: RunStore) -> None:
    sent: list[Command] = [Pause(), Resume(), Set({"optim.lr": 0.1}), Set({"a": "b"}), SaveNow(), Threads(2), Stop()]
    with running_run(store, steps=3, pictures=False) as run:
        ids = [control.send(run.folder, command) for command in sent]
        taken = run.writer.inbox.receive()
        assert [type(command) for command in taken] == [type(command) for command in sent]
        assert [command.id for command in taken] == ids
        assert taken[2] == Set({"optim.lr": 0.1}, id=ids[2]) and taken[5] == Threads(2, ids[5])
        assert run.writer.inbox.receive() == []
        assert control.read_ack(run.folder, ids[0]) is None
        run.writer.record(CommandApplied(3, ids[0], "pause"))
        run.writer.record(CommandApplied(3, ids[2], "set", {"optim.lr": 0.1}, error="too \x1b[31mlarge"))
        first, third = control.read_ack(run.folder, ids[0]), control.read_ack(run.folder, ids[2])
        assert first and first.applied and first.step == 3
        assert third and not third.applied and third.error == "too large"
        waiting = [path.name for path in (run.folder / layout.CONTROL).iterdir() if path.name[0].isdigit()]
        assert len(waiting) == len(sent) - 2


def test_commands_are_sent_only_to_a_live_worker(store: RunStore) -> None:
    states: tuple[FakeState, ...] = ("queued", "lost", "succeeded", "failed", "stopped")
    for state in states:
        folder = write_run(store, steps=2, state=state, pictures=False)
        with pytest.raises(RunStateError):
            control.send(folder, Stop())
        assert [path.name for path in (folder / layout.CONTROL).iterdir()] == []


def test_commands_for_a_dead_attempt_are_ignored_and_removed(store: RunStore) -> None:
    with running_run(store, steps=2, pictures=False) as run:
        control.send(run.folder, Stop())
    later = Inbox(run.folder, attempt=2)
    assert later.receive() == []
    assert list((run.folder / layout.CONTROL).iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[" * 100_000,
        b'{"command": "stop"}',
        b'{"run": "RUN", "attempt": 1, "id": "aaaaaaaa", "command": "explode"}',
        b'{"run": "RUN", "attempt": 1, "id": "aaaaaaaa", "command": "threads", "count": "2"}',
        b'{"run": "RUN", "attempt": 1, "id": "aaaaaaaa", "command": "threads"}',
        b'{"run": "RUN", "attempt": 1, "id": "aaaaaaaa", "command": "set", "path": 3, "value": 4}',
        b'{"run": "RUN", "attempt": 1, "id": "bbbbbbbb", "command": "stop"}',
        b'{"run": "other", "attempt": 1, "id": "aaaaaaaa", "command": "stop"}',
    ],
)
def test_invalid_command_files_are_removed(store: RunStore, content: bytes) -> None:
    folder = store.create(config())
    inbox = Inbox(folder, 1)
    path = folder / layout.CONTROL / "00000001-aaaaaaaa.json"
    path.write_bytes(content.replace(b"RUN", folder.name.encode()))
    assert inbox.receive() == [] and not path.exists()


@pytest.mark.parametrize("value", [[0.1, 0.2], {"lr": 0.1}])
def test_a_setting_with_an_invalid_value_is_refused(store: RunStore, value: object) -> None:
    with running_run(store, steps=2, pictures=False) as run:
        sent = control.send(run.folder, Set({"optim.lr": value}))  # type: ignore[dict-item]
        assert run.writer.inbox.receive(step=7) == []
        ack = control.read_ack(run.folder, sent)
        assert ack is not None and not ack.applied and ack.step == 7
        with pytest.raises(RunStateError, match=r"set: 'values': .* is not valid"):
            control.wait_for_ack(run.folder, sent)
        assert not [path for path in (run.folder / layout.CONTROL).iterdir() if path.name[0].isdigit()]


def test_a_setting_may_be_none(store: RunStore) -> None:
    with running_run(store, steps=2, pictures=False) as run:
        sent = control.send(run.folder, Set({"optim.grad_clip": None}))
        assert run.writer.inbox.receive() == [Set({"optim.grad_clip": None}, id=sent)]


def test_a_refusal_is_sent_once_the_disk_has_space(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with running_run(store, steps=2, pictures=False) as run:
        sent = control.send(run.folder, Set({"optim.lr": []}))  # type: ignore[dict-item]
        with monkeypatch.context() as full_disk:
            full_disk.setattr("trainers.storage.atomic_files.write_json", refuse)
            assert run.writer.inbox.receive() == []
        assert control.read_ack(run.folder, sent) is None
        assert run.writer.inbox.receive() == []
        assert control.read_ack(run.folder, sent) is not None


def test_links_pipes_and_other_names_are_never_opened(store: RunStore, tmp_path: Path) -> None:
    folder = store.create(config())
    inbox, where = Inbox(folder, 1), folder / layout.CONTROL
    good = {"run": folder.name, "attempt": 1, "id": "aaaaaaaa", "command": "stop"}
    (tmp_path / "outside.json").write_text(json.dumps(good))
    (where / "00000001-aaaaaaaa.json").symlink_to(tmp_path / "outside.json")
    os.mkfifo(where / "00000002-bbbbbbbb.json")
    (where / "stop.json").write_text(json.dumps(good))
    assert inbox.receive() == []
    assert (tmp_path / "outside.json").exists()


def test_order_holds_when_the_clock_jumps_back(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_run(store, steps=2, pictures=False) as run:
        for now in (2_000_000_000.0, 1_000_000_000.0, 1_500_000_000.0):
            monkeypatch.setattr("genexplorer.runs.commands.control.time.time", lambda now=now: now)
            control.send(run.folder, Set({"order": now}))
        monkeypatch.undo()
        values = [command.values["order"] for command in run.writer.inbox.receive() if isinstance(command, Set)]
        assert values == [2_000_000_000.0, 1_000_000_000.0, 1_500_000_000.0]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 0.0


def test_a_touch_counts_for_a_few_seconds_by_the_workers_own_clock(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store.create(config())
    control.touch_watch(folder)
    clock = Clock()
    monkeypatch.setattr(inbox_module, "time", clock)
    watch = WatchFileMonitor(folder)
    assert not watch.watchers()  # left behind by an earlier front end
    mark = folder / layout.CONTROL / layout.WATCH
    for wall_time in (10_000_000, 5, 99_999_999_999):  # whatever the wall clock says
        clock.now += 1
        os.utime(mark, ns=(wall_time, wall_time))
        assert watch.watchers() is Watchers.ACTIVE
        clock.now += WATCH_EXPIRES_S[Watchers.ACTIVE] + 0.1
        assert not watch.watchers()
    control.touch_watch(folder, idle=True)
    clock.now += 1
    assert watch.watchers() is Watchers.IDLE
    control.touch_watch(folder)
    clock.now += 1
    assert watch.watchers() is Watchers.ACTIVE  # one active front end is enough


def test_an_unwritable_watch_file_is_ignored(tmp_path: Path) -> None:
    control.touch_watch(tmp_path / "nowhere")
    (tmp_path / layout.CONTROL).mkdir()
    (tmp_path / layout.CONTROL / layout.WATCH).symlink_to(tmp_path / "outside")
    control.touch_watch(tmp_path)
    assert not (tmp_path / "outside").exists()


def test_old_acknowledgements_are_removed(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MAX_ACKS", 5)
    folder = store.create(config())
    run = FakeRun(folder, 10, pictures=False)
    for number in range(2 * inbox_module.MAX_ACKS + 5):
        identity = "".join(chr(ord("a") + int(digit)) for digit in f"{number:08d}")
        inbox = run.writer.inbox
        inbox._received.add(f"{number:08d}-{identity}.json")
        inbox.acknowledge(control.Ack(identity, "set", 0))
    assert len(list((folder / layout.CONTROL).iterdir())) <= 2 * inbox_module.MAX_ACKS
    assert control.read_ack(folder, identity) is not None
    run.writer.abandon()


def test_waiting_for_an_acknowledgement_ends_with_the_reply_or_with_the_run(store: RunStore) -> None:
    with running_run(store, steps=2, pictures=False) as run:
        pause = control.send(run.folder, Pause())
        with pytest.raises(WorkerError, match="has not replied within 0 s"):
            control.wait_for_ack(run.folder, pause, timeout_s=0)
        run.writer.inbox.receive()
        run.writer.record(CommandApplied(2, pause, "pause"))
        assert control.wait_for_ack(run.folder, pause).step == 2
        refused = control.send(run.folder, Set({"optim.lr": -1.0}))
        run.writer.inbox.receive()
        run.writer.record(CommandApplied(2, refused, "set", {"optim.lr": -1.0}, error="too small"))
        with pytest.raises(RunStateError, match="too small"):
            control.wait_for_ack(run.folder, refused)
        stop = control.send(run.folder, Stop())
    folder = write_run(store, steps=2, state="stopped", pictures=False)
    with pytest.raises(RunStateError, match="is stopped"):
        control.wait_for_ack(folder, stop)
    lost = write_run(store, steps=2, state="lost", pictures=False)
    with pytest.raises(WorkerError, match="is lost"):
        control.wait_for_ack(lost, stop)
