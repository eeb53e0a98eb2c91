"""The client over a real child with a stand-in model: one process for most tests."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from genexplorer.errors import UserError, WorkerError
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.process import environment, exit_reason
from genexplorer.explore.protocol import Answer, Progress, ProtocolError, Result
from tests.genexplorer.explore import fake_server

LOADER = "tests.genexplorer.explore.fake_server:load"
ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0


class Face:
    """A face that remembers what it was told."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.exits: list[str] = []
        self.changed = threading.Condition()
        self.client = ExplorerClient(self.take, self.exited, loader=LOADER)

    def take(self, answer: Answer) -> None:
        with self.changed:
            self.answers.append(answer)
            self.changed.notify_all()

    def exited(self, words: str) -> None:
        with self.changed:
            self.exits.append(words)
            self.changed.notify_all()

    def wait(self, condition: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_S), (self.answers, self.exits)

    def result_of(self, generation: int) -> Answer:
        def found() -> list[Answer]:
            return [a for a in self.answers if a.generation == generation and not isinstance(a.body, Progress)]

        self.wait(found)
        return found()[0]

    @property
    def pid(self) -> int:
        child = self.client._child
        assert child is not None
        return child.pid


@pytest.fixture(scope="module")
def face() -> Iterator[Face]:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    made = Face()
    yield made
    made.client.close()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return fake_server.make_run(tmp_path / "run", [0, 5])


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


@pytest.mark.process
def test_a_question_is_answered_by_a_child_without_torch_that_is_announced(face: Face, run: Path) -> None:
    face.client.warm()
    until(lambda: face.client.alive)
    warmed = face.pid
    generation = face.client.ask("drag", run, "decode", arrays={"z": np.zeros((4, 2))}, params={"a": 1}, topic="t")
    answer = face.result_of(generation)
    assert isinstance(answer.body, Result)
    assert answer.body.arrays["images"].shape == (4, 28, 28, 1)
    assert (answer.lane, answer.op, answer.topic, answer.snapshot_step) == ("drag", "decode", "t", 5)
    assert answer.body.meta == {"a": 1}
    assert face.client.alive and face.pid == warmed
    told = face.client.call(run, "environment").body
    assert isinstance(told, Result)
    assert told.meta == {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "torch": False}


def test_what_a_library_prints_does_not_break_the_frames(face: Face, run: Path) -> None:
    for op in ("print", "float64", "decode"):
        generation = face.client.ask("job", run, op, arrays={"z": np.zeros((1, 2))})
        answer = face.result_of(generation)
        assert isinstance(answer.body, Result) == (op != "float64")


def test_a_drag_overtakes_long_work_and_a_newer_question_abandons_it(face: Face, run: Path) -> None:
    long = face.client.ask("job", run, "long", params={"parts": 10_000_000})
    face.wait(lambda: any(a.generation == long for a in face.answers))
    assert isinstance(face.result_of(face.client.ask("drag", run, "print")).body, Result)
    last = face.client.ask("job", run, "long", params={"parts": 2})
    assert isinstance(face.result_of(last).body, Result)
    assert not any(a.generation == long and isinstance(a.body, Result) for a in face.answers)


def test_what_is_abandoned_gives_way_and_is_not_answered(face: Face, run: Path) -> None:
    generation = face.client.ask("preview", run, "long", params={"parts": 10**9}, topic="tab")
    face.wait(lambda: any(a.generation == generation for a in face.answers))
    face.client.abandon("preview", "tab")
    assert isinstance(face.client.call(run, "print").body, Result)  # a job, behind every preview
    assert not any(a.generation == generation and isinstance(a.body, Result) for a in face.answers)


def test_calls_from_many_threads_do_not_replace_each_other(face: Face, run: Path) -> None:
    got: list[object] = []

    def one(number: int) -> None:
        body = face.client.call(run, "decode", params={"n": number}, arrays={"z": np.zeros((1, 2))}).body
        got.append(body.meta["n"] if isinstance(body, Result) else body)

    threads = [threading.Thread(target=one, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert sorted(got, key=str) == sorted(range(12), key=str)
    seen = len(face.answers)
    told: list[Progress] = []
    face.client.call(run, "long", params={"parts": 3}, on_progress=told.append)
    assert told
    assert len(face.answers) == seen


def test_a_call_that_fails_raises_the_one_line_with_its_hint(face: Face, run: Path) -> None:
    with pytest.raises(UserError) as told:
        face.client.call(run, "refused")
    assert (told.value.message, told.value.hint) == ("this model cannot do that", "ask something else")
    with pytest.raises(WorkerError, match="within 0 s"):
        face.client.call(run, "long", params={"parts": 10_000_000}, timeout_s=0.05)
    with pytest.raises(ProtocolError):
        face.client.ask("drag", run, "decode", arrays={"z": "text"})
    generation = face.client.ask("drag", run, "decode", params={"path": run})
    assert "cannot be sent" in str(face.result_of(generation).body)


def test_a_callback_that_fails_does_not_stop_the_answers(
    face: Face, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked: list[object] = []
    monkeypatch.setattr(threading, "excepthook", hooked.append)
    monkeypatch.setattr(face.client, "_on_answer", lambda answer: 1 / 0)
    face.client.ask("drag", run, "print")
    until(lambda: hooked)
    monkeypatch.undo()
    assert isinstance(face.result_of(face.client.ask("drag", run, "print")).body, Result)


@pytest.mark.process
def test_a_child_that_dies_is_told_and_the_next_question_starts_anew_until_the_client_is_closed(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    face = Face()
    face.result_of(face.client.ask("drag", run, "print"))
    first = face.pid
    face.client.ask("job", run, "die")
    face.wait(lambda: len(face.exits) == 1)
    assert face.exits[-1] == "the last words (ended with status 3)"
    assert not face.client.alive
    assert not psutil.pid_exists(first)  # reaped: no zombie keeps the number
    with pytest.raises(WorkerError, match="the last words"):
        face.client.call(run, "die")
    face.wait(lambda: len(face.exits) == 2)
    assert isinstance(face.result_of(face.client.ask("drag", run, "print")).body, Result)
    assert face.pid != first
    psutil.Process(face.pid).kill()
    face.wait(lambda: len(face.exits) == 3)
    assert "SIGKILL" in face.exits[-1]
    close_in_the_middle_of_work(face, run)


def close_in_the_middle_of_work(face: Face, run: Path) -> None:
    exits = len(face.exits)
    generation = face.client.ask("job", run, "long", params={"parts": 10_000_000})
    face.wait(lambda: any(a.generation == generation for a in face.answers))
    pid = face.pid
    failed: list[WorkerError] = []

    def call() -> None:
        try:
            face.client.call(run, "long")
        except WorkerError as error:
            failed.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    face.client.close()
    face.client.close()
    waiting.join(DEADLINE_S)
    assert len(failed) == 1
    assert not psutil.pid_exists(pid)
    assert (len(face.exits), face.client.alive) == (exits, False)
    with pytest.raises(WorkerError, match="closed"):
        face.client.ask("drag", run, "print")
    assert face.client._writer is not None
    assert not face.client._writer.is_alive()


@pytest.mark.process
def test_a_face_that_falls_takes_its_child_along_and_never_imported_torch(run: Path) -> None:
    code = (
        "import importlib, os, pkgutil, sys, threading; from pathlib import Path; import genexplorer.session as s;"
        "[importlib.import_module(m.name) for m in pkgutil.iter_modules(s.__path__, 'genexplorer.session.')];"
        "from genexplorer.session.new_run import NewRunForm; NewRunForm().validate();"
        "from genexplorer.explore.client import ExplorerClient;"
        "began = threading.Event();"
        f"client = ExplorerClient(lambda a: began.set(), print, loader={LOADER!r});"
        f"client.ask('job', Path({str(run)!r}), 'long', params={{'parts': 10**9}});"
        "assert began.wait(50); print(client._child.pid, flush=True);"
        "assert not {'torch', 'PyQt6', 'pyqtgraph', 'textual'} & set(sys.modules); os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    pid = int(done.stdout)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_nothing_is_started_before_it_is_needed_and_closing_nothing_is_fine() -> None:
    face = Face()
    assert (face.client._child, face.client._writer) == (None, None)
    with face.client:
        pass


def test_a_child_that_cannot_be_started_is_told(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    face = Face()
    with pytest.raises(WorkerError, match="cannot be started"):
        face.client.call(run, "decode")
    face.wait(lambda: face.exits)
    face.client.close()


def test_a_child_begins_with_one_thread_and_its_threads_sleep_while_they_wait() -> None:
    made = environment({"OMP_NUM_THREADS": "64", "HOME": "/home/x"})
    assert (made["OMP_NUM_THREADS"], made["OMP_WAIT_POLICY"], made["HOME"]) == ("1", "PASSIVE", "/home/x")
    assert made["MIMALLOC_ALLOW_THP"] == "0"
    assert environment({"MIMALLOC_ALLOW_THP": "1"})["MIMALLOC_ALLOW_THP"] == "1"  # a person's word goes first


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (["a", "b"], 1, "b (ended with status 1)"),
        ([], -9, "ended by SIGKILL, perhaps for want of memory"),
        ([], -15, "ended by SIGTERM"),
        ([], -63, "ended by signal 63"),
    ],
)
def test_last_words(said: list[str], code: int, words: str) -> None:
    assert exit_reason(said, code) == words
