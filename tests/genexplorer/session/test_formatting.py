"""Formatting of states, times and numbers."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from genexplorer.runs.record import RunStatus, State
from genexplorer.session import formatting

STATUS = RunStatus("id", Path("id"), "brave-fox", State.RUNNING, "vae-2d", "vae", "mnist")


def test_every_state_has_its_own_symbol_and_word() -> None:
    assert len({formatting.state_symbol(state) for state in State}) == len(State)
    assert [formatting.state_word(state) for state in (State.RUNNING, State.LOST)] == ["Running", "Lost"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "—"),
        (math.nan, "—"),
        (-3, "0:00"),
        (6.6, "0:07"),
        (59.6, "1:00"),
        (70, "1:10"),
        (3599.7, "1:00:00"),
        (7384, "2:03:04"),
        (48 * 3600, "2 d 0 h"),
    ],
)
def test_duration(seconds: float | None, shown: str) -> None:
    assert formatting.duration(seconds) == shown


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (0, "0"),
        (950, "950"),
        (999.9, "1000"),
        (1000, "1.0k"),
        (18_100, "18.1k"),
        (99_960, "100k"),
        (999_960, "1.0M"),
        (2.5e6, "2.5M"),
        (-1500, "−1.5k"),
        (math.nan, "NaN"),
    ],
)
def test_count(n: float, shown: str) -> None:
    assert formatting.count(n) == shown
    assert len(shown) <= 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        (-148.24, "−148.2"),
        (0.0, "0"),
        (-0.0, "0"),
        (6.234, "6.23"),
        (0.1234567, "0.123"),
        (9.996, "10.0"),
        (0.9999, "1.00"),
        (23456.7, "23,457"),
        (1e-5, "1.0e−5"),
        (2.5e9, "2.5e+9"),
        (math.nan, "NaN"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value: float | None, shown: str) -> None:
    assert formatting.number(value) == shown


def test_number_with_its_unit() -> None:
    assert formatting.number(-148.2, "nats") == "−148.2 nats"
    assert formatting.number(None, "nats") == "—"


def test_speed_has_the_unit_of_the_data() -> None:
    run = replace(STATUS, images_per_s=18_100.0)
    assert formatting.speed(run) == "18.1k images/s"
    assert formatting.speed(run, short=True) == "18.1k img/s"
    assert formatting.speed(replace(run, data_kind="points"), short=True) == "18.1k points/s"
    assert formatting.speed(replace(run, images_per_s=None)) == ""


@pytest.mark.parametrize(
    ("age", "shown"),
    [(0.3, "now"), (12.9, "12 s ago"), (200, "3 min ago"), (18_000, "5 h ago"), (200_000, "2 d ago"), (None, "—")],
)
def test_ago(age: float | None, shown: str) -> None:
    assert formatting.ago(age) == shown


def test_time_left() -> None:
    assert formatting.time_left(replace(STATUS, seconds_left=70.2)) == "1:10 left"
    assert formatting.time_left(replace(STATUS, phase="compiling")) == "compiling"
    assert formatting.time_left(replace(STATUS, is_responding=False, seconds_left=3)) == "not answering"
    assert formatting.time_left(replace(STATUS, state=State.PAUSED, seconds_left=3)) == "paused"
    assert formatting.time_left(replace(STATUS, state=State.SUCCEEDED, elapsed_s=123)) == "took 2:03"


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0%"), (0.62, "62%"), (0.9999, "99%"), (1.0, "100%"), (math.nan, "0%")]
)
def test_only_a_complete_run_is_100_percent(share: float, shown: str) -> None:
    assert formatting.percent(share) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0.0, "0%"), (0.0003, "<1%"), (0.62, "62%"), (0.9997, ">99%"), (1.0, "100%")]
)
def test_a_small_part_of_a_whole_is_neither_nothing_nor_lost(fraction: float, shown: str) -> None:
    assert formatting.share(fraction) == shown


def test_a_value_to_compare_has_five_digits() -> None:
    assert formatting.precise_number(1.78312, "bits/dim") == "1.7831 bits/dim"
    assert formatting.precise_number(-144.9312, "nats") == "−144.93 nats"
    assert formatting.precise_number(0.0123456) == "0.012346"
    assert formatting.precise_number(float("nan")) == "NaN" and formatting.precise_number(0.0) == "0"
    assert formatting.precise_number(None) == "—" and formatting.precise_number(1e6, "nats").endswith("nats")


def test_a_value_has_the_digits_of_its_standard_error() -> None:
    assert formatting.number_with_error(0.26151, 0.00998, "nats") == "0.2615 ± 0.0100 nats"
    assert formatting.number_with_error(-2.6782, 0.0213, "nats") == "−2.678 ± 0.021 nats"
    assert formatting.number_with_error(1234.56, 12.3) == "1235 ± 12"
    assert formatting.number_with_error(0.26151, None, "nats") == "0.26151 nats"
    assert formatting.number_with_error(math.nan, 0.1) == "NaN"
    assert formatting.number_with_error(1.0, math.nan) == formatting.precise_number(1.0)


def test_the_speed_of_an_ended_run_is_its_average() -> None:
    running = replace(STATUS, images_seen=1_000_000, elapsed_s=100.0, images_per_s=300.0)
    assert formatting.speed(running) == "300 images/s"
    assert formatting.speed(replace(running, state=State.SUCCEEDED)) == "10.0k images/s"
