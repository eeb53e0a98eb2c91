"""The child's order of work, without a process."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genexplorer.explore.model_cache import ModelCache
from genexplorer.explore.protocol import Failure, Lane, Progress, Request, Response, Result
from genexplorer.explore.scheduler import Scheduler
from tests.genexplorer.explore import fake_server
from trainers.errors import CheckpointError, UserError
from trainers.inference.chunks import Chunk


class Bench:
    """A scheduler whose work is a list of chunks by name, and what it answered."""

    def __init__(self) -> None:
        self.responses: list[Response] = []
        self.trace: list[str] = []
        self.scheduler = Scheduler(self._work, self.responses.append)
        self._request_number = 0

    def _work(self, request: Request) -> tuple[int, Iterator[Chunk]]:
        return 5, self._chunks(request)

    def _chunks(self, request: Request) -> Iterator[Chunk]:
        try:
            for part in range(int(str(request.params.get("parts", 0)))):
                self.trace.append(f"{request.op}.{part}")
                yield Progress(0.0)
        except GeneratorExit:
            self.trace.append(f"{request.op} abandoned")
            raise
        self.trace.append(request.op)
        yield Result()

    def put(self, lane: Lane, op: str, parts: int = 0, topic: str = "") -> None:
        self._request_number += 1
        self.scheduler.submit(Request(lane, self._request_number, "run", None, op, {"parts": parts}, {}, topic))

    def turns(self, count: int) -> list[str]:
        self.trace.clear()
        for _ in range(count):
            self.scheduler.run_next()
        return list(self.trace)

    def results(self) -> list[str]:
        return [response.op for response in self.responses if isinstance(response.body, Result)]


def test_a_drag_overtakes_a_preview_overtakes_a_job() -> None:
    bench = Bench()
    bench.put("job", "job", parts=3)
    assert bench.turns(1) == ["job.0"]
    bench.put("preview", "preview", parts=1)
    assert bench.turns(1) == ["preview.0"]
    bench.put("drag", "drag")
    assert bench.turns(5) == ["drag", "preview", "job.1", "job.2", "job"]
    assert bench.results() == ["drag", "preview", "job"]


def test_the_newest_request_of_a_lane_replaces_older_ones() -> None:
    bench = Bench()
    for name in ("first", "second", "third"):
        bench.put("preview", name)
    assert bench.turns(1) == ["third"]
    bench.put("preview", "fourth", parts=9)
    assert bench.turns(2) == ["fourth.0", "fourth.1"]
    bench.put("preview", "fifth")
    assert bench.turns(1) == ["fourth abandoned", "fifth"]
    assert bench.results() == ["third", "fifth"]


def test_a_started_drag_request_is_finished() -> None:
    bench = Bench()
    bench.put("drag", "first", parts=2)
    bench.turns(1)
    bench.put("drag", "second", parts=2)
    bench.put("drag", "third", parts=2)
    assert bench.turns(5) == ["first.1", "first", "third.0", "third.1", "third"]


def test_topics_of_a_lane_do_not_replace_each_other() -> None:
    bench = Bench()
    bench.put("preview", "samples", parts=1, topic="samples")
    bench.put("preview", "tiles", topic="tiles")
    bench.put("preview", "cursor", topic="cursor")
    bench.put("preview", "tiles again", topic="tiles")
    assert bench.turns(4) == ["samples.0", "samples", "cursor", "tiles again"]


class Real:
    """A scheduler over stand-in snapshots."""

    def __init__(self, run: Path, max_models: int = 6, max_bytes: int = 1 << 30) -> None:
        self.run = run
        self.responses: list[Response] = []
        self.loaded: list[str] = []
        self.models = ModelCache(self._load, max_models, max_bytes)
        self.scheduler = Scheduler(self.models.start_operation, self.responses.append)

    def _load(self, folder: Path, config: Any) -> fake_server.FakeModel:
        self.loaded.append(folder.name)
        return fake_server.load(folder, config)

    def ask(self, op: str, step: int | None = None, **params: object) -> Response:
        z = {"z": np.zeros((3, 2), np.float32)}
        self.scheduler.submit(Request("job", 1, str(self.run), step, op, params, z))
        self.responses.clear()
        while not self.responses or isinstance(self.responses[-1].body, Progress):
            self.scheduler.run_next()
        return self.responses[-1]


@pytest.fixture
def real(tmp_path: Path) -> Real:
    return Real(fake_server.make_run(tmp_path / "run", [0, 5, 20]))


def test_responses_name_their_snapshot_and_none_is_the_newest(real: Real) -> None:
    assert real.ask("decode").snapshot_step == 20
    assert real.ask("decode", 5).snapshot_step == 5
    described = real.ask("describe", 0)
    assert isinstance(described.body, Result)
    assert described.body.meta["card"]["step"] == 0  # type: ignore[index]


def test_the_last_few_models_stay_loaded(real: Real) -> None:
    small = Real(real.run, max_models=2)
    for step in (0, 5, 0, 5, 20, 5, 0):
        small.ask("decode", step)
    assert [int(name.removeprefix("step-")) for name in small.loaded] == [0, 5, 20, 0]


def test_fewer_large_models_stay_loaded(real: Real) -> None:
    for step in (0, 5, 20):
        (real.run / "snapshots" / f"step-{step:08d}" / "weights.safetensors").write_bytes(bytes(100))
    large = Real(real.run, max_bytes=250)
    for step in (0, 5, 0, 20, 0, 5):
        large.ask("decode", step)
    assert [int(name.removeprefix("step-")) for name in large.loaded] == [0, 5, 20, 5]
    assert [Real(real.run, max_bytes=1).ask("decode", step).snapshot_step for step in (0, 5)] == [0, 5]


def test_a_rewritten_snapshot_is_reloaded(real: Real) -> None:
    real.ask("decode", 5)
    folder = real.run / "snapshots" / "step-00000005"
    folder.rename(real.run / "snapshots" / ".old")
    folder.mkdir()
    os.utime(folder, ns=(1, 1))
    real.ask("decode", 5)
    assert len(real.loaded) == 2


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        ("refused", Failure("this model cannot do that", "ask something else", CheckpointError.exit_code)),
        ("broken", Failure("the model process failed: ZeroDivisionError: a bug in two lines")),
        ("unfinished", Failure("the model process failed: RuntimeError: the operation ended without a result")),
    ],
)
def test_errors_become_one_line(real: Real, capfd: pytest.CaptureFixture[str], op: str, expected: Failure) -> None:
    assert real.ask(op).body == expected
    assert ("Traceback" in capfd.readouterr().err) == (op != "refused")
    assert isinstance(real.ask("decode").body, Result)


def test_a_missing_snapshot_is_replaced_by_the_nearest(real: Real) -> None:
    response = real.ask("decode", 7)
    assert isinstance(response.body, Result)
    assert response.snapshot_step == 5


def test_a_run_without_snapshots_fails_in_one_line(real: Real) -> None:
    shutil.rmtree(real.run / "snapshots")
    body = real.ask("decode").body
    assert isinstance(body, Failure)
    assert body.message == "run 'run' has no snapshot yet"


def test_a_snapshot_removed_while_loading_is_replaced_by_the_newest(real: Real) -> None:
    original = real.models._load

    def thinned(folder: Path, config: Any) -> Any:
        if folder.name == "step-00000020":
            folder.rename(folder.with_name("step-00000021"))
            raise CheckpointError("it has gone")
        return original(folder, config)

    real.models._load = thinned
    assert real.ask("decode").snapshot_step == 21


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 50_000, '{"schedule": {}}'])
def test_a_damaged_configuration_fails_in_one_line(real: Real, content: str) -> None:
    (real.run / "config.json").write_text(content)
    with pytest.raises(UserError) as told:
        real.models.open(real.run, 5)
    assert "\n" not in str(told.value)
