from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from genexplorer.cores import interactive_lease
from genexplorer.cores.interactive_lease import InteractiveLease
from genexplorer.cores.leases import CoreLease
from tests.fixtures.waiting import wait_until


class Clock:
    """Time that passes only during work."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(interactive_lease, "time", made)
    return made


@pytest.fixture
def explorer(tmp_path: Path) -> tuple[InteractiveLease, list[int], CoreLease]:
    threads: list[int] = []
    training = CoreLease(0, tmp_path, 2)
    training.acquire()
    return InteractiveLease(threads.append, CoreLease(0, tmp_path, 2, interactive=True)), threads, training


def send_requests(cores: InteractiveLease, clock: Clock, count: int, every_s: float, cost_s: float) -> None:
    for _ in range(count):
        cores.record_request()
        with cores.compute():
            clock.now += cost_s
        clock.now += every_s - cost_s


def test_a_drag_takes_a_core_until_it_ends(
    explorer: tuple[InteractiveLease, list[int], CoreLease], clock: Clock
) -> None:
    cores, threads, training = explorer
    send_requests(cores, clock, 7, 0.033, 0.015)
    assert not cores.is_held and training.share() == 2
    send_requests(cores, clock, 5, 0.033, 0.015)
    assert cores.is_held and training.share() == 1 and threads == [1]
    clock.now += 1.0  # the hand rests
    send_requests(cores, clock, 1, 0.033, 0.015)
    assert cores.is_held
    clock.now += 2.0
    wait_until(lambda: not cores.is_held)
    assert training.share() == 2
    send_requests(cores, clock, 10, 0.033, 0.015)
    assert cores.is_held  # and once more


@pytest.mark.parametrize(("every_s", "cost_s"), [(2.0, 0.3), (0.033, 0.0005)])
def test_what_comes_now_and_then_or_costs_nothing_takes_no_core(
    explorer: tuple[InteractiveLease, list[int], CoreLease], clock: Clock, every_s: float, cost_s: float
) -> None:
    cores, _, training = explorer
    send_requests(cores, clock, 40, every_s, cost_s)
    assert not cores.is_held and training.share() == 2


def test_requests_for_a_new_snapshot_take_no_core(
    explorer: tuple[InteractiveLease, list[int], CoreLease], clock: Clock
) -> None:
    cores, _, training = explorer
    for _ in range(20):
        send_requests(cores, clock, 6, 0.05, 0.05)
        clock.now += 1.7
        assert not cores.is_held and training.share() == 2


def test_work_that_lasts_takes_a_lease_and_keeps_it(
    explorer: tuple[InteractiveLease, list[int], CoreLease], clock: Clock
) -> None:
    cores, _, training = explorer
    closed = []

    def chunks() -> Iterator[tuple[object, ...]]:
        try:
            for number in range(20):
                clock.now += 0.2
                yield "progress", number
        finally:
            closed.append(True)

    shares = [training.share() for _ in cores.compute_each(chunks())]
    assert shares[:2] == [2, 2] and shares[3:] == [1] * 17 and closed
    training.release()


def test_threads_are_those_of_the_moment(tmp_path: Path) -> None:
    threads: list[int] = []
    cores = InteractiveLease(threads.append, CoreLease(0, tmp_path, 4, interactive=True), max_threads=3)
    training = CoreLease(2, tmp_path, 4)
    steps: list[Callable[[], object]] = [lambda: None, training.acquire, lambda: None, training.release]
    for step in steps:
        step()
        with cores.compute():
            pass
    assert threads == [3, 2, 3]  # set when it changes, and never more than was allowed
