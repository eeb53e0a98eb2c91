"""Windows in which the machine did something else are dropped, and who runs does so in turn."""

import os
from dataclasses import dataclass, field

import pytest

from benchmarks import windows
from benchmarks.windows import Ticks, Window, WindowResult

QUIET, LOUD = 0.01, 0.2


def stat(user: int, idle: int, steal: int = 0) -> str:
    """The first line of /proc/stat, in ticks, and one that is not read."""
    return f"cpu  {user} 0 0 {idle} 0 0 0 {steal} 7 0\ncpu0 1 1 1 1\n"


def seconds(count: float) -> int:
    return round(count * os.sysconf("SC_CLK_TCK"))


def test_what_others_used_or_stole_is_what_the_contender_did_not_use() -> None:
    before = Ticks.of(stat(seconds(10), seconds(100)))
    after = Ticks.of(stat(seconds(13), seconds(106), steal=seconds(1)))
    assert windows.foreign_fraction(before, after, own_s=2.0) == pytest.approx(0.2)  # of 10 s, 4 busy, 2 its own
    assert windows.foreign_fraction(before, after, own_s=9.0) == 0


def test_a_system_that_does_not_tell_drops_nothing() -> None:
    assert windows.foreign_fraction(Ticks(0, 0), Ticks(0, 0), 1.0) == 0


def seen(walls: list[float], shares: list[float], cpu: float = 2.0) -> list[Window]:
    return [Window(WindowResult(wall, cpu, 100), share) for wall, share in zip(walls, shares, strict=True)]


def test_disturbed_windows_do_not_count() -> None:
    throughputs = windows.throughputs({"a": seen([1, 1, 1, 50, 50, 50, 50], [QUIET] * 3 + [LOUD] * 4)})
    assert throughputs["a"].rate == 100
    assert (throughputs["a"].kept, throughputs["a"].dropped, throughputs["a"].by_cpu) == (3, 4, False)


def test_where_one_was_never_left_alone_all_are_told_by_cpu_time() -> None:
    throughputs = windows.throughputs(
        {"a": seen([1] * 4, [QUIET] * 4), "b": seen([9] * 4, [QUIET, QUIET, LOUD, LOUD], cpu=4.0)}
    )
    assert throughputs["a"].by_cpu and throughputs["b"].by_cpu
    assert (throughputs["a"].rate, throughputs["b"].rate) == (50, 25)
    assert throughputs["b"].kept == 4


@dataclass
class FakeContender:
    """Returns the given values and records when they were requested."""

    name: str
    log: list[str]
    foreign_fraction: list[float]
    used: int = field(default=0)

    def window(self) -> WindowResult:
        self.log.append(self.name)
        self.used += 1
        return WindowResult(1.0, 1.0, 10)


def run(monkeypatch: pytest.MonkeyPatch, shares: dict[str, list[float]], wanted: int, limit: int) -> list[str]:
    log: list[str] = []
    contenders = [FakeContender(name, log, list(of_it)) for name, of_it in shares.items()]
    monkeypatch.setattr(
        windows,
        "foreign_fraction",
        lambda *_: contenders[[c.name for c in contenders].index(log[-1])].foreign_fraction.pop(0),
    )
    windows.interleave(contenders, wanted, limit)
    return log


def test_everybody_goes_on_in_turn_until_all_have_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    log = run(monkeypatch, {"a": [QUIET] * 9, "b": [LOUD, QUIET, LOUD, QUIET] + [LOUD] * 5}, wanted=2, limit=9)
    assert log == ["a", "b"] * 4


def test_nobody_waits_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {"a": [QUIET, *[LOUD] * 9]}, wanted=2, limit=5) == ["a"] * 5


def test_a_machine_that_is_never_quiet_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {"a": [QUIET] * 9, "b": [LOUD] * 9}, wanted=3, limit=9) == ["a", "b"] * 3
