"""What is written about runs, without a screen."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.binding import Binding

from genexplorer.dashboard.alerts_screen import alerts_screen
from genexplorer.dashboard.header import header_lines, wrap
from genexplorer.dashboard.keys import KEYS
from genexplorer.dashboard.main_screen import MainScreen, farewell
from genexplorer.dashboard.plane_view import PlaneView
from genexplorer.dashboard.run_list import Row, RunList, matches, row_cells
from genexplorer.dashboard.theme import prefers_dark
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow, RunStatus, State

STATUS = RunStatus(
    id="vae-2d-brave-fox-ab12",
    folder=Path("/runs/vae-2d-brave-fox-ab12"),
    name="brave-fox",
    state=State.RUNNING,
    preset="vae-2d",
    family="vae",
    data="mnist",
    step=8400,
    progress=0.62,
    seconds_left=70,
    images_per_s=18_100,
    threads=2,
    phase="training",
)


def header(status: RunStatus, width: int = 43, height: int = 6, **options: object) -> str:
    run = RunView(status.folder, status, **options)  # type: ignore[arg-type]
    lines = header_lines(run, width, height)
    assert len(lines) <= height
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_a_running_run_shows_progress_and_speed() -> None:
    shown = header(STATUS, snapshot_age_s=1.0)
    for text in (
        "brave-fox",
        "● Running",
        "62%",
        "1:10 left",
        "18.1k img/s",
        "2 thr",
        "snapshot 1 s ago",
        "step 8,400",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.QUEUED, "4 shows the log"),
        (State.PAUSED, "p goes on"),
        (State.STOPPED, "r resumes"),
        (State.FAILED, "r tries again"),
        (State.LOST, "r resumes from the last save"),
        (State.DAMAGED, "Del moves it to the trash"),
    ],
)
@pytest.mark.parametrize("height", [4, 6])
def test_each_state_says_what_helps(state: State, expected: str, height: int) -> None:
    shown = header(replace(STATUS, state=state, reason="killed by signal 9: " + "out of memory " * 20), height=height)
    assert expected in shown
    if state in (State.FAILED, State.LOST, State.DAMAGED):
        assert "killed by signal 9" in shown


def test_a_silent_worker_is_told() -> None:
    assert "does not answer" in header(replace(STATUS, answering=False))


def test_a_folder_that_cannot_be_read_is_told() -> None:
    assert "Cannot be read: disk" in header(STATUS, problem="disk gone")


def test_held_time_is_told() -> None:
    assert "looking at step 500 of 8,400" in header(STATUS, at_step=500)


@pytest.mark.parametrize("width", [10, 25, 34, 46, 62])
def test_rows_fill_their_width(width: int) -> None:
    for state in State:
        cells = row_cells(Row(replace(STATUS, state=state, name="日本語" * 20)), width, chosen=True)
        assert sum(cell_len(text) for text, _ in cells) <= max(width, 11)


def test_states_differ_without_colour() -> None:
    symbols = {"".join(text for text, _ in row_cells(Row(replace(STATUS, state=s)), 34, chosen=False)) for s in State}
    assert len(symbols) == len(State)


def test_a_filter_needs_every_word() -> None:
    assert matches(STATUS, "") and matches(STATUS, "FOX vae") and matches(STATUS, "running")
    assert not matches(STATUS, "fox gan")


def test_wrap_says_that_more_follows() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three", 7, 1) == ["one t… …"] or wrap("one two three", 7, 1)[0].endswith("…")
    assert wrap("", 7) == []


def test_farewell_says_that_trainings_go_on() -> None:
    assert farewell([]) is None
    assert "brave-fox goes on training" in (farewell(["brave-fox"]) or "")
    assert "2 runs go on" in (farewell(["a", "b"]) or "")


def test_every_key_has_an_action() -> None:
    for key in KEYS:
        name = key.action.partition("(")[0]
        assert name.startswith("app.") or hasattr(MainScreen, f"action_{name}"), key
    keys = [one for key in KEYS for one in key.keys.split(",")]
    for widget in (RunList, PlaneView):
        keys += [one for binding in widget.BINDINGS if isinstance(binding, Binding) for one in binding.key.split(",")]
        assert len(keys) == len(set(keys)), f"no key means two things on {widget.__name__}"
        keys = [one for key in KEYS for one in key.keys.split(",")]
    assert len(keys) == len(set(keys)), "no key means two things"


def test_alerts_come_with_advice() -> None:
    alert = AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats")
    screen = alerts_screen(RunView(STATUS.folder, STATUS, alerts=(alert,)))
    assert "KL warm-up" in screen._text.plain


def test_the_terminal_tells_its_background() -> None:
    assert prefers_dark({}) and prefers_dark({"COLORFGBG": "15;0"})
    assert not prefers_dark({"COLORFGBG": "0;15"})
