"""Requests to the model: one in flight for each lane and topic, the newest behind it; cancellation and failures."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from genexplorer.explore.protocol import Failure, Progress, Result
from genexplorer.viewer.model_client import ModelClient, ModelRequest, ModelResponse, RequestGroup
from tests.genexplorer.viewer.fake_client import StandIn


class Client(ModelClient):
    """A client without a child process; `child` answers when a test lets it."""

    child: StandIn

    def __init__(self) -> None:
        super().__init__(StandIn)
        self.child = self._client  # type: ignore[assignment]
        self.child.silent = True
        self.set_run(Path("run"))


@pytest.fixture
def client(qtbot: QtBot) -> Client:
    return Client()


def request(value: int, replies: list[int]) -> ModelRequest:
    """Return a request whose answer appends its value."""
    return ModelRequest("decode", lambda response: replies.append(value), {"value": value})


def answer(client: Client, number: int, body: Progress | Result | Failure | None = None) -> None:
    """Let the answer of a request arrive, counted as they were sent."""
    child = client.child
    child.answer(child.requests[number], body or Result(), step=number)
    QCoreApplication.processEvents()  # deliver the queued signals


def values(client: Client) -> list[object]:
    return [sent.params["value"] for sent in client.child.requests]


def test_the_newest_request_is_sent_once_the_one_in_flight_is_answered(client: Client) -> None:
    replies: list[int] = []
    for value in range(5):
        client.send("drag", "cursor", request(value, replies))
    assert values(client) == [0]
    answer(client, 0)
    assert values(client) == [0, 4] and client.is_pending("drag", "cursor")
    answer(client, 1)
    assert replies == [0, 4] and not client.is_busy


def test_requests_of_other_topics_are_all_answered(client: Client) -> None:
    replies: list[int] = []
    group = RequestGroup(client, "tab")
    for value, key in enumerate("abc"):
        group.send("preview", key, request(value, replies))
    assert len({sent.topic for sent in client.child.requests}) == 3
    for number in (1, 0, 2):
        answer(client, number)
    assert replies == [1, 0, 2]


def test_progress_is_delivered_before_the_result(client: Client) -> None:
    received: list[object] = []
    job = ModelRequest(
        "encodings",
        lambda response: received.append(response.seconds),
        on_progress=lambda fraction, message: received.append((fraction, message)),
    )
    client.send("job", "a", job)
    answer(client, 0, Progress(0.5, "half"))
    answer(client, 0)
    assert received == [(0.5, "half"), 0.008]


def test_a_canceled_request_is_not_delivered(client: Client) -> None:
    replies: list[int] = []
    group = RequestGroup(client, "tab")
    group.send("drag", "a", request(0, replies))
    group.send("drag", "b", request(1, replies))
    group.cancel_all()
    assert not client.is_busy
    group.send("drag", "a", request(2, replies))
    for number in (0, 1, 2):
        answer(client, number)
    assert replies == [2]


def test_a_withdrawn_request_is_not_sent(client: Client) -> None:
    replies: list[int] = []
    group = RequestGroup(client, "tab")
    group.send("drag", "a", request(0, replies))
    group.send("drag", "a", request(1, replies))
    group.cancel_waiting("drag", "a")
    answer(client, 0)
    assert replies == [0] and values(client) == [0] and not group.is_pending("drag", "a")


def test_another_run_gets_no_answers_of_the_former(client: Client) -> None:
    replies: list[ModelResponse] = []
    client.send("drag", "", ModelRequest("decode", replies.append))
    client.set_run(Path("other"))
    client.send("drag", "", ModelRequest("decode", replies.append))
    answer(client, 0)
    answer(client, 1)
    assert [response.step for response in replies] == [1] and client.child.requests[1].run == "other"


def test_a_failure_is_reported_and_the_next_request_is_sent(client: Client) -> None:
    replies: list[int] = []
    failures: list[str] = []
    group = RequestGroup(client, "tab", lambda message, hint: failures.append(message))
    group.send("drag", "a", request(0, replies))
    group.send("drag", "a", request(1, replies))
    answer(client, 0, Failure("no such snapshot"))
    assert failures == ["no such snapshot"] and values(client) == [0, 1]


def test_the_end_of_the_process_fails_every_request(client: Client, qtbot: QtBot) -> None:
    failures: list[str] = []
    group = RequestGroup(client, "tab", lambda message, hint: failures.append(message))
    group.send("job", "a", request(0, []))
    with qtbot.waitSignal(client.exited, timeout=5000):
        client.child.die("out of memory")
    qtbot.waitUntil(lambda: len(failures) == 1, timeout=5000)
    assert "out of memory" in failures[0] and not client.is_busy
