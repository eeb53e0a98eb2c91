"""Runs that are only told of, deeds that are only noted down, and waiting that has an end."""

import time
from collections.abc import Callable, Iterator
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
from genexplorer.explore.protocol import Answer, Result
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import RunStatus
from genexplorer.session.actions import Outcome
from tests.fixtures.fake_run import write_run
from trainers.config import RunConfig
from trainers.model_card import ModelCard

SMALL, LARGE = (80, 24), (200, 50)
DEADLINE_S = 20.0


@dataclass
class NotedDeeds:
    """Notes what the keys asked for and answers as told."""

    asked: list[tuple[str, object]] = field(default_factory=list)
    answer: Outcome = field(default_factory=lambda: Outcome(True, "done as asked"))

    def start(self, config: RunConfig, name: str) -> Outcome:
        return self._note("start", (config.preset, name))

    def pause(self, folder: Path) -> Outcome:
        return self._note("pause", folder)

    def resume(self, folder: Path) -> Outcome:
        return self._note("resume", folder)

    def stop(self, folder: Path) -> Outcome:
        return self._note("stop", folder)

    def delete(self, folder: Path) -> Outcome:
        return self._note("delete", folder)

    def restore(self, trash: Path) -> Outcome:
        return self._note("restore", trash)

    def open_viewer(self, folder: Path) -> Outcome:
        return self._note("view", folder)

    def command_lines(
        self, status: RunStatus, config: RunConfig | None, step: int | None, card: ModelCard | None
    ) -> list[tuple[str, str]]:
        return [
            ("show", f"genexplorer runs show {status.id}"),
            ("samples", f"genexplorer sample {status.id} --step {step}"),
        ]

    def _note(self, what: str, about: object) -> Outcome:
        self.asked.append((what, about))
        return self.answer


class PaintedClient(ExplorerClient):
    """An explorer without a child: answers at once with an image that is as bright as z₁ is large."""

    def ask(self, lane: Any, run: Path, op: str, **asked: Any) -> int:
        step = asked.get("snapshot_step") or 0
        result = self._painted(run, op, asked.get("arrays") or {})
        self._on_answer(Answer(lane, 1, op, step, result))
        return 1

    def _painted(self, run: Path, op: str, arrays: dict[str, Any]) -> Result:
        labels = np.array([7], np.int64)
        size, points = self._kind(run)
        match op:
            case "decode" if points:
                return Result({"images": 2 * arrays["z"][:, :2]})
            case "decode":
                brightness = int(np.clip(128 + 40 * arrays["z"].sum(), 0, 255))
                return Result({"images": np.full((1, 28, 28, 1), brightness, np.uint8)})
            case "plane":
                plane = np.zeros((3, size), np.float32)
                plane[1, 0] = plane[2, 1] = 1
                return Result(
                    dict(zip(("origin", "e1", "e2"), plane, strict=True)),
                    {"title": "principal plane of 2,000 test encodings", "explained": [0.25, 0.125]},
                )
            case "axes":
                scores = np.array([3.5, 3.0, 2.0, 1.0], np.float32)
                return Result(
                    {"indices": np.array([41, 6, 0, 1], np.int64), "scores": scores}, {"measure": "KL", "unit": "nats"}
                )
            case "project":
                return Result({"coords": np.array([[1.0, 1.0]], np.float32), "labels": labels})
            case "points":
                points_at = np.array([[-2.0, 3.0]], np.float32)
                return Result({"points": points_at, "labels": labels}, {"bounds": [-4.0, 4.0, -4.0, 4.0]})
        return Result({"mu": np.array([[1.0, 1.0]], np.float32), "labels": labels})

    def _kind(self, run: Path) -> tuple[int, bool]:
        with RunReader(run) as reader:
            card = reader.card()
        return card.latent_shape[0], card.data.kind == "points"


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


@pytest.fixture
def make_app() -> Iterator[Callable[..., DashboardApp]]:
    """Makes dashboards with noted deeds; `app.noted` are these."""

    def make(runs: Path, **options: Any) -> DashboardApp:
        noted = NotedDeeds()
        options.setdefault("deeds", noted)
        options.setdefault("make_client", PaintedClient)
        options.setdefault("dark", True)
        app = DashboardApp(runs, **options)
        app.noted = noted  # type: ignore[attr-defined]
        return app

    yield make


def text_of(pilot: Pilot[None]) -> str:
    """Return what the screen shows, as text."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds; fail with what the screen showed instead."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'it'} never came:\n{text_of(pilot)}")
        await pilot.pause(0.02)


async def shows(pilot: Pilot[None], *texts: str) -> None:
    """Wait until the screen shows texts."""
    for text in texts:
        await until(pilot, lambda text=text: text in text_of(pilot), repr(text))  # type: ignore[misc]


async def choose(pilot: Pilot[None], name: str) -> RunStatus:
    """Choose a run by its name and wait until the screen shows it."""
    main = main_of(pilot)
    await until(pilot, lambda: any(status.name == name for status in main.view.runs), f"run {name}")
    status = next(status for status in main.view.runs if status.name == name)
    main.query_one(RunList).choose(status.folder)
    await until(pilot, lambda: main.view.run is not None and main.view.run.folder == status.folder, f"view of {name}")
    await pilot.pause()
    return status


def main_of(pilot: Pilot[None]) -> MainScreen:
    """Return the main screen, below any dialog."""
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def noted(pilot: Pilot[None]) -> NotedDeeds:
    """Return what was asked of the deeds."""
    deeds: NotedDeeds = pilot.app.noted  # type: ignore[attr-defined]
    return deeds
