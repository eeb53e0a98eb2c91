"""When something is due, with a clock that the test turns."""

import math
from pathlib import Path

import pytest

from tests.trainers import tiny
from trainers.config import ExecutionConfig, ScheduleConfig
from trainers.events import Watchers
from trainers.step import lr_schedule
from trainers.training import timing


class HandClock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_stopwatch_excludes_pauses_and_includes_earlier_attempts() -> None:
    clock = HandClock()
    watch = timing.Stopwatch(clock, earlier_s=10.0)
    clock.now += 5
    watch.pause()
    clock.now += 1000
    assert watch.elapsed_s == 15 and watch.is_paused
    watch.pause()
    watch.resume()
    watch.resume()
    clock.now += 2
    assert watch.elapsed_s == 17 and not watch.is_paused


@pytest.mark.parametrize(
    ("gap", "computed", "counted"),
    [
        (60.0, 0.0, 0.0),  # stopped by a signal, or a closed laptop
        (60.0, 0.2, 0.0),  # what the threads around it did as it woke
        (60.0, 30.0, 60.0),  # a long step
        (1.9, 0.0, 1.9),  # a slow disk
    ],
)
def test_time_asleep_is_not_counted(gap: float, computed: float, counted: float) -> None:
    clock, cpu = HandClock(), HandClock()
    awake = timing.ActiveClock(clock, cpu, cores=4)
    for _ in range(100):
        clock.now += 0.005
        cpu.now += 0.02
        awake()
    before = awake()
    clock.now += gap
    cpu.now += computed
    assert awake() - before == pytest.approx(counted)
    clock.now += 1.0
    assert awake() - before == pytest.approx(counted + 1.0)


def test_a_timer_counts_from_when_it_was_done() -> None:
    clock = HandClock()
    timer = timing.DueTimer(clock)
    clock.now += 1.9
    assert not timer.is_due(2)
    clock.now += 0.1
    assert timer.is_due(2) and not timer.is_due(30)
    timer.mark_done()
    assert not timer.is_due(2)


def test_steps_of_the_series() -> None:
    due = [step for step in range(2001) if timing.is_series_step(step)]
    assert due == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]


def test_the_rate_excludes_evaluations() -> None:
    clock = HandClock()
    speed = timing.RateMeter(clock)
    for _ in range(50):
        speed.start()
        clock.now += 0.01
        measured = speed.stop(128)
        clock.now += 5  # an evaluation
    assert measured == pytest.approx(12_800)


def test_the_rate_forgets_old_steps() -> None:
    clock = HandClock()
    speed = timing.RateMeter(clock)
    for seconds in [1.0] * 3 + [0.1] * 60:
        speed.start()
        clock.now += seconds
        measured = speed.stop(100)
    assert measured == pytest.approx(1000, rel=0.05)


def test_the_remaining_time_follows_the_pace_of_this_attempt() -> None:
    left = timing.EtaEstimator(progress=0.5, elapsed_s=1000)
    assert left.seconds_left(0.55, 1000.5) is None
    assert left.seconds_left(0.5, 1010) is None
    assert left.seconds_left(0.6, 1010) == pytest.approx(40)


@pytest.mark.parametrize(
    ("given", "steps"),
    [({"epochs": 1.5}, 12), ({"steps": 7}, 7), ({"epochs": 0.001}, 1)],
)
def test_lengths_in_steps(given: dict[str, float], steps: int) -> None:
    length = timing.TrainingLength.of(ScheduleConfig.model_validate(given), steps_per_epoch=8)
    assert length.steps == steps
    assert not length.is_over(steps - 1, 1e9) and length.is_over(steps, 0)
    assert length.progress(0, 0) == 0 and length.progress(steps, 0) == 1


def test_lengths_in_minutes() -> None:
    length = timing.TrainingLength.of(ScheduleConfig(minutes=2), steps_per_epoch=8)
    assert length.progress(10**6, 30) == 0.25
    assert not length.is_over(10**6, 119) and length.is_over(1, 120)
    assert not length.is_over(0, 120)  # at least one step


def factors(lr: str, count: int = 5, **given: float) -> list[float]:
    config = ScheduleConfig.model_validate({"steps": count - 1, "lr": lr, **given})
    return [lr_schedule.lr_factor(config, step, step / (count - 1), steps_per_epoch=2) for step in range(count)]


def test_learning_rates() -> None:
    assert factors("constant") == [1, 1, 1, 1, 1]
    assert factors("linear") == [1, 0.75, 0.5, 0.25, 0]
    assert factors("cosine") == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0])
    assert factors("step", step_gamma=0.5) == [1, 1, 0.5, 0.5, 0.25]
    assert factors("step", step_gamma=0.5, step_every=1) == [1, 0.5, 0.25, 0.125, 0.0625]
    assert factors("constant", count=101, warmup_steps=4)[:6] == [0.25, 0.5, 0.75, 1, 1, 1]
    assert factors("constant", count=41, warmup_steps=1000)[:5] == pytest.approx([0.001, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize(
    ("steps", "configured", "expected"),
    [
        (6_000, 0, 300),  # often enough for 20
        (187_200, 0, 936),  # and at least every two epochs
        (100, 0, 212),  # but evaluation takes no more than a fifth of the time
        (100, 7, 7),
    ],
)
def test_evaluations(folder: Path, steps: int, configured: int, expected: int) -> None:
    given = {"execution": {"eval_every": configured}, "optim": {"batch_size": 128}}
    config = tiny.config(folder, given, steps=steps)
    length = timing.TrainingLength.of(config.schedule, 468)
    assert timing.eval_every(config, length, 468, num_test=10_000) == expected


def test_snapshot_intervals_depend_on_watchers() -> None:
    execution = ExecutionConfig(watched_every_s=2.0, snapshot_every_s=30.0)
    seconds = {watchers: timing.snapshot_interval_s(execution, watchers) for watchers in Watchers}
    assert seconds == {Watchers.NONE: 30.0, Watchers.IDLE: 4.0, Watchers.ACTIVE: 2.0}


def test_slow_images_are_rendered_less_often() -> None:
    assert timing.sample_image_interval_s(2.0, 0.001) == 2.0
    assert timing.sample_image_interval_s(2.0, 0.12) == pytest.approx(8.0)
    assert timing.sample_image_interval_s(2.0, 9.0) == 10.0
    now = [0.0]
    timer = timing.DueTimer(lambda: now[0])
    timer.start()
    now[0] = 0.25
    timer.mark_done()
    assert timer.duration_s == 0.25 and not timer.is_due(1.0)
