"""Dashboards on fake runs, with recorded actions and a fake model process, and waits with a deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot

from genexplorer.dashboard.app import DashboardApp
from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.screens.main import MainScreen
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Response, Result
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import RunStatus
from genexplorer.session import actions
from genexplorer.session.actions import ActionResult
from tests.fixtures.fake_families import FakeKind
from tests.fixtures.fake_run import write_run

MakeApp = Callable[..., DashboardApp]
SMALL, WIDE, LARGE = (80, 24), (120, 36), (200, 50)
KINDS: tuple[FakeKind, ...] = ("vae-points", "gan", "flow", "gan-points", "flow-points")
DEADLINE_S = 20.0


@dataclass
class RecordedActions:
    """Calls of `genexplorer.session.actions`, all of which return `result`."""

    calls: list[tuple[str, object]] = field(default_factory=list)
    result: ActionResult = field(default_factory=lambda: ActionResult(True, "action done"))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def record(self, name: str, argument: object) -> ActionResult:
        self.calls.append((name, argument))
        return self.result


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> RecordedActions:
    """Replaces the actions on runs: nothing is started, paused or deleted."""
    recorded = RecordedActions()
    for name in ("pause", "resume", "stop", "delete", "open_viewer"):
        monkeypatch.setattr(actions, name, lambda folder, runs_dir, name=name: recorded.record(name, folder))
    monkeypatch.setattr(actions, "restore", lambda trash: recorded.record("restore", trash))
    monkeypatch.setattr(
        actions, "start_run", lambda runs_dir, config, name: recorded.record("start_run", (config.preset, name))
    )
    return recorded


class FakeClient(ExplorerClient):
    """A model without a process: replies at once, decoding to an image that is as bright as the latent is large."""

    def send(self, lane: Any, run: Path, op: str, **request: Any) -> int:
        step = request.get("snapshot_step") or 0
        self._on_response(Response(lane, 1, op, step, self._reply(run, op, request.get("arrays") or {})))
        return 1

    def _reply(self, run: Path, op: str, arrays: dict[str, Any]) -> Result:
        reader = RunReader(run)
        card = reader.card()
        labels = np.array([7], np.int64)
        match op:
            case "decode" if card.data.kind == "points":
                return Result({"images": 2 * arrays["z"][:, :2]})
            case "decode":
                brightness = int(np.clip(128 + 40 * arrays["z"].sum(), 0, 255))
                return Result({"images": np.full((1, 28, 28, 1), brightness, np.uint8)})
            case "plane":
                plane = np.zeros((3, card.latent_shape[0]), np.float32)
                plane[1, 0] = plane[2, 1] = 1
                return Result(
                    dict(zip(("origin", "e1", "e2"), plane, strict=True)),
                    {"title": "principal plane of 2,000 test encodings", "explained": [0.25, 0.125]},
                )
            case "axes":
                indices, scores = np.array([41, 6, 0, 1], np.int64), np.array([3.5, 3.0, 2.0, 1.0], np.float32)
                return Result({"indices": indices, "scores": scores}, {"measure": "KL", "unit": "nats"})
            case "project":
                return Result({"coords": np.array([[1.0, 1.0]], np.float32), "labels": labels})
            case "points":
                points = np.array([[-2.0, 3.0]], np.float32)
                return Result({"points": points, "labels": labels}, {"bounds": [-4.0, 4.0, -4.0, 4.0]})
        return Result({"mu": np.array([[1.0, 1.0]], np.float32), "labels": labels})


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run."""
    runs = tmp_path_factory.mktemp("finished")
    write_run(runs, name="brave-fox", steps=2500)
    return runs


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run in each state that needs no worker. The newest is brave-fox, finished."""
    runs = tmp_path_factory.mktemp("many")
    write_run(runs, name="red-elm", state="failed", steps=700, pictures=False)
    write_run(runs, name="[b]bold[/b] [red]fox", state="lost", steps=700, pictures=False)
    write_run(runs, name="slow-yew", state="stopped", steps=1000, seed=3, pictures=False)
    write_run(runs, name="new-oak", state="queued")
    write_run(runs, name="brave-fox", steps=2500)
    return runs


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run of each kind, named by it, and one of a preset that fails on purpose."""
    runs = tmp_path_factory.mktemp("families")
    write_run(runs, name="collapsed", preset="vae-collapse", steps=700, pictures=False)
    for kind in KINDS:
        write_run(runs, kind=kind, name=kind, steps=1100)
    return runs


@pytest.fixture
def make_app() -> MakeApp:
    """Makes dashboards with a fake model process, in the dark theme."""

    def make(runs: Path, **options: Any) -> DashboardApp:
        return DashboardApp(runs, **{"make_client": FakeClient, "dark": True, **options})

    return make


def text_of(pilot: Pilot[None]) -> str:
    """Return the text on the screen."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], condition: Callable[[], object], description: str = "") -> None:
    """Wait for a condition; fail with the text on the screen after a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"timeout waiting for {description or 'a condition'}:\n{text_of(pilot)}")
        await pilot.pause(0.02)


async def shows(pilot: Pilot[None], *texts: str) -> None:
    """Wait until the screen shows texts."""
    for text in texts:
        await until(pilot, lambda text=text: text in text_of(pilot), repr(text))  # type: ignore[misc]


async def select(pilot: Pilot[None], name: str) -> RunStatus:
    """Select a run by its name and wait for its details."""
    main = main_of(pilot)
    await until(pilot, lambda: any(status.name == name for status in main.details.runs), f"run {name}")
    status = next(status for status in main.details.runs if status.name == name)
    main.query_one(RunList).select(status.folder)
    await until(
        pilot, lambda: main.details.run is not None and main.details.run.folder == status.folder, f"details of {name}"
    )
    await pilot.pause()
    return status


def main_of(pilot: Pilot[None]) -> MainScreen:
    """Return the main screen, below any dialog."""
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen
