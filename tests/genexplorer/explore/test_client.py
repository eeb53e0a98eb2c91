"""The client over a real child with a stand-in model: one process for most tests."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from genexplorer.errors import UserError, WorkerError
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.process import environment, exit_reason
from genexplorer.explore.protocol import Progress, ProtocolError, Response, Result
from tests.fixtures.waiting import wait_until
from tests.genexplorer.explore import fake_server

LOADER = "tests.genexplorer.explore.fake_server:load"
ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0


class FrontEnd:
    """A face that remembers what it was told."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.exits: list[str] = []
        self.changed = threading.Condition()
        self.client = ExplorerClient(self.take, self.exited, loader=LOADER)

    def take(self, response: Response) -> None:
        with self.changed:
            self.responses.append(response)
            self.changed.notify_all()

    def exited(self, reason: str) -> None:
        with self.changed:
            self.exits.append(reason)
            self.changed.notify_all()

    def wait(self, condition: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_S), (self.responses, self.exits)

    def result_of(self, request_number: int) -> Response:
        def matching() -> list[Response]:
            return [
                a for a in self.responses if a.request_number == request_number and not isinstance(a.body, Progress)
            ]

        self.wait(matching)
        return matching()[0]

    @property
    def pid(self) -> int:
        child = self.client._child
        assert child is not None
        return child.pid


@pytest.fixture(scope="module")
def front_end() -> Iterator[FrontEnd]:
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    made = FrontEnd()
    yield made
    made.client.close()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return fake_server.make_run(tmp_path / "run", [0, 5])


@pytest.mark.process
def test_a_request_gets_a_response_after_warming_up_without_torch_here(front_end: FrontEnd, run: Path) -> None:
    front_end.client.warm_up()
    wait_until(lambda: front_end.client.is_alive)
    warmed = front_end.pid
    request_number = front_end.client.send(
        "drag", run, "decode", arrays={"z": np.zeros((4, 2))}, params={"a": 1}, topic="t"
    )
    response = front_end.result_of(request_number)
    assert isinstance(response.body, Result)
    assert response.body.arrays["images"].shape == (4, 28, 28, 1)
    assert (response.lane, response.op, response.topic, response.snapshot_step) == ("drag", "decode", "t", 5)
    assert response.body.meta == {"a": 1}
    assert front_end.client.is_alive and front_end.pid == warmed
    told = front_end.client.call(run, "environment").body
    assert isinstance(told, Result)
    assert told.meta == {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "torch": False}


def test_output_of_libraries_does_not_corrupt_frames(front_end: FrontEnd, run: Path) -> None:
    for op in ("print", "float64", "decode"):
        request_number = front_end.client.send("job", run, op, arrays={"z": np.zeros((1, 2))})
        response = front_end.result_of(request_number)
        assert isinstance(response.body, Result) == (op != "float64")


def test_a_drag_overtakes_a_job_and_a_newer_request_cancels_it(front_end: FrontEnd, run: Path) -> None:
    long = front_end.client.send("job", run, "long", params={"parts": 10_000_000})
    front_end.wait(lambda: any(a.request_number == long for a in front_end.responses))
    assert isinstance(front_end.result_of(front_end.client.send("drag", run, "print")).body, Result)
    last = front_end.client.send("job", run, "long", params={"parts": 2})
    assert isinstance(front_end.result_of(last).body, Result)
    assert not any(a.request_number == long and isinstance(a.body, Result) for a in front_end.responses)


def test_an_abandoned_request_gets_no_response(front_end: FrontEnd, run: Path) -> None:
    request_number = front_end.client.send("preview", run, "long", params={"parts": 10**9}, topic="tab")
    front_end.wait(lambda: any(a.request_number == request_number for a in front_end.responses))
    front_end.client.cancel("preview", "tab")
    assert isinstance(front_end.client.call(run, "print").body, Result)  # a job, behind every preview
    assert not any(a.request_number == request_number and isinstance(a.body, Result) for a in front_end.responses)


def test_calls_from_many_threads_do_not_replace_each_other(front_end: FrontEnd, run: Path) -> None:
    got: list[object] = []

    def one(number: int) -> None:
        body = front_end.client.call(run, "decode", params={"n": number}, arrays={"z": np.zeros((1, 2))}).body
        got.append(body.meta["n"] if isinstance(body, Result) else body)

    threads = [threading.Thread(target=one, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert sorted(got, key=str) == sorted(range(12), key=str)
    seen = len(front_end.responses)
    told: list[Progress] = []
    front_end.client.call(run, "long", params={"parts": 3}, on_progress=told.append)
    assert told
    assert len(front_end.responses) == seen


def test_a_failed_call_raises_with_message_and_hint(front_end: FrontEnd, run: Path) -> None:
    with pytest.raises(UserError) as told:
        front_end.client.call(run, "refused")
    assert (told.value.message, told.value.hint) == ("this model cannot do that", "ask something else")
    with pytest.raises(WorkerError, match="within 0 s"):
        front_end.client.call(run, "long", params={"parts": 10_000_000}, timeout_s=0.05)
    with pytest.raises(ProtocolError):
        front_end.client.send("drag", run, "decode", arrays={"z": "text"})
    request_number = front_end.client.send("drag", run, "decode", params={"path": run})
    assert "cannot be sent" in str(front_end.result_of(request_number).body)


def test_an_exception_in_a_callback_does_not_stop_later_responses(
    front_end: FrontEnd, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked: list[object] = []
    monkeypatch.setattr(threading, "excepthook", hooked.append)
    monkeypatch.setattr(front_end.client, "_on_response", lambda response: 1 / 0)
    front_end.client.send("drag", run, "print")
    wait_until(lambda: hooked)
    monkeypatch.undo()
    assert isinstance(front_end.result_of(front_end.client.send("drag", run, "print")).body, Result)


@pytest.mark.process
def test_a_crash_is_reported_and_the_next_request_restarts_the_process(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    front_end = FrontEnd()
    front_end.result_of(front_end.client.send("drag", run, "print"))
    first = front_end.pid
    front_end.client.send("job", run, "die")
    front_end.wait(lambda: len(front_end.exits) == 1)
    assert front_end.exits[-1] == "the last words (exit status 3)"
    assert not front_end.client.is_alive
    assert not psutil.pid_exists(first)  # reaped: no zombie keeps the number
    with pytest.raises(WorkerError, match="the last words"):
        front_end.client.call(run, "die")
    front_end.wait(lambda: len(front_end.exits) == 2)
    assert isinstance(front_end.result_of(front_end.client.send("drag", run, "print")).body, Result)
    assert front_end.pid != first
    psutil.Process(front_end.pid).kill()
    front_end.wait(lambda: len(front_end.exits) == 3)
    assert "SIGKILL" in front_end.exits[-1]
    close_in_the_middle_of_work(front_end, run)


def close_in_the_middle_of_work(front_end: FrontEnd, run: Path) -> None:
    exits = len(front_end.exits)
    request_number = front_end.client.send("job", run, "long", params={"parts": 10_000_000})
    front_end.wait(lambda: any(a.request_number == request_number for a in front_end.responses))
    pid = front_end.pid
    failed: list[WorkerError] = []

    def call() -> None:
        try:
            front_end.client.call(run, "long")
        except WorkerError as error:
            failed.append(error)

    waiting = threading.Thread(target=call)
    waiting.start()
    front_end.client.close()
    front_end.client.close()
    waiting.join(DEADLINE_S)
    assert len(failed) == 1
    assert not psutil.pid_exists(pid)
    assert (len(front_end.exits), front_end.client.is_alive) == (exits, False)
    with pytest.raises(WorkerError, match="closed"):
        front_end.client.send("drag", run, "print")
    assert front_end.client._writer_thread is not None
    assert not front_end.client._writer_thread.is_alive()


@pytest.mark.process
def test_the_process_exits_with_a_killed_front_end_that_never_imported_torch(run: Path) -> None:
    code = (
        "import importlib, os, pkgutil, sys, threading; from pathlib import Path; import genexplorer.session as s;"
        "[importlib.import_module(m.name) for m in pkgutil.iter_modules(s.__path__, 'genexplorer.session.')];"
        "from genexplorer.session.new_run import NewRunForm; NewRunForm().validate();"
        "from genexplorer.explore.client import ExplorerClient;"
        "began = threading.Event();"
        f"client = ExplorerClient(lambda a: began.set(), print, loader={LOADER!r});"
        f"client.send('job', Path({str(run)!r}), 'long', params={{'parts': 10**9}});"
        "assert began.wait(50); print(client._child.pid, flush=True);"
        "assert not {'torch', 'PyQt6', 'pyqtgraph', 'textual'} & set(sys.modules); os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    pid = int(done.stdout)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_no_process_starts_before_the_first_request() -> None:
    front_end = FrontEnd()
    assert (front_end.client._child, front_end.client._writer_thread) == (None, None)
    with front_end.client:
        pass


def test_a_failed_start_is_reported(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    front_end = FrontEnd()
    with pytest.raises(WorkerError, match="cannot be started"):
        front_end.client.call(run, "decode")
    front_end.wait(lambda: front_end.exits)
    front_end.client.close()


def test_the_process_starts_with_one_thread_and_passive_waiting() -> None:
    made = environment({"OMP_NUM_THREADS": "64", "HOME": "/home/x"})
    assert (made["OMP_NUM_THREADS"], made["OMP_WAIT_POLICY"], made["HOME"]) == ("1", "PASSIVE", "/home/x")
    assert made["MIMALLOC_ALLOW_THP"] == "0"
    assert environment({"MIMALLOC_ALLOW_THP": "1"})["MIMALLOC_ALLOW_THP"] == "1"  # a person's word goes first


@pytest.mark.parametrize(
    ("lines", "code", "reason"),
    [
        (["a", "b"], 1, "b (exit status 1)"),
        ([], -9, "killed by SIGKILL, perhaps out of memory"),
        ([], -15, "killed by SIGTERM"),
        ([], -63, "killed by signal 63"),
    ],
)
def test_exit_reason(lines: list[str], code: int, reason: str) -> None:
    assert exit_reason(lines, code) == reason
