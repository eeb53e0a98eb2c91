"""A model made of arithmetic that answers in the explorer's place: a picture tells the latent point it was made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Failure, Lane, Response, Result
from genexplorer.session.palette import LIGHT
from genexplorer.session.run_poller import RunPoller
from genexplorer.session.step_selection import StepSelection
from genexplorer.viewer.context import ViewerContext
from genexplorer.viewer.model_client import ModelClient
from genexplorer.viewer.tabs.tab import Tab

NUM_TEST = 10_000
PLANE_TITLE = "a made-up plane"
META: dict[str, dict[str, object]] = {
    "axes": {"measure": "KL", "unit": "nats"},
    "plane": {"title": PLANE_TITLE, "explained": [0.25, 0.125]},
}
FIGURES = {"elbo": ["ELBO", "nats"], "kl_nats": ["KL", "nats"]}
Arrays = dict[str, NDArray[Any]]


def picture(z: NDArray[Any], step: int = 0) -> NDArray[np.uint8]:
    """Return images, (N, 28, 28, 1), whose pixels hold z₁ (top half) and z₂ (bottom half), and the step in a corner."""
    z = np.nan_to_num(np.atleast_2d(np.asarray(z, np.float64)), posinf=0.0, neginf=0.0)
    shades = np.clip(np.round(z[:, :2] * 30 + 128), 0, 255).astype(np.uint8)
    images = np.empty((len(z), 28, 28, 1), np.uint8)
    images[:, :14] = shades[:, :1, None, None]
    images[:, 14:] = shades[:, 1:2, None, None]
    images[:, 0, 0] = step % 251
    return images


def mu_of(indices: NDArray[np.int64], step: int, size: int = 2) -> NDArray[np.float32]:
    """Return where test images are encoded; they move with the step."""
    angle = indices[:, None] * (0.7 + 0.3 * np.arange(size)) + step * 1e-4
    return (np.sin(angle) * (1 + (indices[:, None] % 3) / 2)).astype(np.float32)


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the client has received."""

    request_number: int
    lane: Lane
    op: str
    params: Mapping[str, Any]
    arrays: Mapping[str, Any]
    step: int
    topic: str


@dataclass
class StandInClient(ExplorerClient):
    """Answers at once, or, while `holding`, when `release` is called."""

    on_answer: Callable[[Response], None]
    size: int = 2
    holding: bool = False
    failing: str = ""
    requests: list[ReceivedRequest] = field(default_factory=list)
    held: list[ReceivedRequest] = field(default_factory=list)
    closed: bool = False
    warmed: bool = False

    def send(self, lane: Lane, run: Path, op: str, **options: Any) -> int:
        step = options.pop("snapshot_step") or 0
        question = ReceivedRequest(len(self.requests) + 1, lane, op, step=step, **options)
        self.requests.append(question)
        if self.holding:
            self.held.append(question)
        else:
            self._answer(question)
        return question.request_number

    def cancel(self, lane: Lane, topic: str = "") -> None:
        self.held = [question for question in self.held if (question.lane, question.topic) != (lane, topic)]

    def warm_up(self) -> None:
        self.warmed = True

    def close(self) -> None:
        self.closed = True

    def release(self) -> None:
        """Answer what was held, and hold no more."""
        self.holding, held, self.held = False, self.held, []
        for question in held:
            self._answer(question)

    def count(self, op: str) -> int:
        """Return how often an operation was asked for."""
        return sum(question.op == op for question in self.requests)

    def _answer(self, q: ReceivedRequest) -> None:
        meta = {"metric_labels": FIGURES} if q.op == "encode" else META.get(q.op, {})
        body = Failure(self.failing, "try another") if self.failing else Result(self._arrays(q), meta)
        self.on_answer(Response(q.lane, q.request_number, q.op, q.step, body, 0.001, q.topic))

    def _arrays(self, q: ReceivedRequest) -> Arrays:
        match q.op:
            case "decode":
                return {"images": picture(q.arrays["z"], q.step)}
            case "encode":
                return self._encoded(q)
            case "test_images" if "indices" not in q.params:
                return {"labels": np.arange(NUM_TEST) % 10}
            case "test_images":
                encoded = self._encoded(q)
                return {"x": encoded["x"], "labels": encoded["labels"]}
            case "encodings":
                indices = np.arange(q.params["count"])
                mu = mu_of(indices, q.step, self.size)
                return {"mu": mu, "logvar": np.full_like(mu, -4), "labels": indices % 10, "indices": indices}
            case "posterior":
                noise = np.random.default_rng(0).normal(size=(q.params["count"], self.size)) * 0.1
                z = (self._encoded(q)["mu"][:1] + noise).astype(np.float32)
                return {"z": z, "images": picture(z, q.step)}
            case "nearest":
                return {
                    "indices": np.array([4312]),
                    "labels": np.array([7]),
                    "distances": np.array([0.25], np.float32),
                    "images": picture(q.arrays["z"]),
                }
            case "axes":
                best = np.arange(self.size)[::-1][: q.params["count"]]
                return {"indices": best, "scores": np.arange(len(best), 0, -1).astype(np.float32)}
            case "plane":
                unit = np.eye(self.size, dtype=np.float32)
                return {"origin": np.full(self.size, 0.125, np.float32), "e1": unit[1], "e2": unit[0]}
            case "project":
                indices = np.arange(q.params["count"])
                away = mu_of(indices, q.step, self.size) - q.arrays["origin"]
                coords = np.stack([away @ q.arrays["e1"], away @ q.arrays["e2"]], axis=1)
                return {"coords": coords, "labels": indices % 10, "indices": indices}
            case "sample":
                drawn = np.random.default_rng(q.params["seed"]).normal(size=(q.params["count"], self.size))
                return {"z": drawn.astype(np.float32), "images": picture(drawn, q.step)}
        raise AssertionError(f"nobody taught the stand-in to {q.op}")

    def _encoded(self, q: ReceivedRequest) -> Arrays:
        own = q.arrays.get("images")
        indices = np.array([0]) if own is not None else np.array(q.params.get("indices", [q.params.get("index", 0)]))
        mu = mu_of(indices, q.step, self.size)
        if own is not None:
            mu[:] = np.asarray(own, np.float32).mean() / 255
        return {
            "x": picture(mu) if own is None else np.asarray(own),
            "mu": mu,
            "logvar": np.full_like(mu, -4),
            "recon": picture(mu, q.step),
            "elbo": np.full(len(mu), -86.75, np.float32),
            "recon_nats": np.full(len(mu), 80.5, np.float32),
            "kl_nats": np.full(len(mu), 6.25, np.float32),
            "kl_dims": np.full_like(mu, 6.25 / self.size),
            "labels": np.full(len(mu), -1) if own is not None else indices % 10,
        }


TabT = TypeVar("TabT", bound=Tab)


class Bench(Generic[TabT]):
    """A tab in a window of its own, connected as the viewer's window connects it.

    Args:
        make: Type of the tab.
        folder: Folder of the run.
        size: Number of latent dimensions on the model card.
        failing: Error message of every response; empty for none.
    """

    def __init__(
        self, make: Callable[[ViewerContext], TabT], folder: Path, *, size: int = 2, failing: str = ""
    ) -> None:
        self.clients: list[StandInClient] = []
        self.context = ViewerContext(StepSelection(), LIGHT, ModelClient(self._client), folder.parent)
        self.said: list[str] = []
        self.context.status_message.connect(self.said.append)
        self.client.size, self.client.failing = size, failing
        self.tab = make(self.context)
        self.context.run_changed.connect(lambda: self.tab.set_run(self.context.run))
        self.context.step_changed.connect(lambda step: self.tab.on_time(None if step < 0 else step))
        self.window = QWidget()
        QVBoxLayout(self.window).addWidget(self.tab)
        self.window.resize(1000, 700)
        self.window.show()
        self.tab.is_active = True
        self.followed = RunPoller(folder)
        if size != 2:
            real = self.followed.card
            self.followed.card = lambda step=None: real(step).model_copy(  # type: ignore[method-assign]
                update={"latent_shape": (size,)}
            )
        self.followed.poll()
        self.context.open(self.followed)
        self.tab.activated()

    @property
    def client(self) -> StandInClient:
        return self.clients[-1]

    def last(self, op: str, lane: Lane | None = None) -> ReceivedRequest:
        """Return the newest request of an operation."""
        return next(q for q in reversed(self.client.requests) if q.op == op and lane in (None, q.lane))

    def close(self) -> None:
        self.tab.closing()
        self.context.close()
        self.window.close()

    def _client(self, on_answer: Callable[[Response], None], on_exit: Callable[[str], None]) -> StandInClient:
        self.clients.append(StandInClient(on_answer))
        return self.clients[-1]


def press_key(tab: Tab, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> bool:
    """Press a key in a tab; return True if the tab has handled it."""
    return tab.on_key(QKeyEvent(QEvent.Type.KeyPress, key, modifiers))


def wait_for_replies(qtbot: QtBot, tab: Tab) -> None:
    """Wait until every request of a tab has its response."""
    qtbot.waitUntil(lambda: not tab.context.model_client.is_busy, timeout=5000)
