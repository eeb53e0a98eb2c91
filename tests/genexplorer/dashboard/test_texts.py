"""What is written about runs, without a screen."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.binding import Binding

import trainers
from genexplorer.dashboard.images.plane import LatentPlaneView
from genexplorer.dashboard.key_bindings import KEYS
from genexplorer.dashboard.panes.header import header_lines, wrap
from genexplorer.dashboard.panes.run_list import ColumnWidths, RunList, RunRow, matches, row_cells
from genexplorer.dashboard.screens.alerts import ADVICE, alerts_screen
from genexplorer.dashboard.screens.main import MainScreen, farewell
from genexplorer.dashboard.theme import prefers_dark
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow, RunStatus, State
from trainers import registry

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
        row = RunRow(replace(STATUS, state=state, name="日本語" * 20))
        cells = row_cells(row, width, ColumnWidths.fitting([row]), chosen=True)
        assert sum(cell_len(text) for text, _ in cells) <= max(width, 11)


def test_states_differ_without_color() -> None:
    rows = [RunRow(replace(STATUS, state=state)) for state in State]
    shown = {"".join(text for text, _ in row_cells(row, 34, ColumnWidths.fitting(rows), chosen=False)) for row in rows}
    assert len(shown) == len(State)


def test_a_name_gets_the_room_that_the_other_columns_leave() -> None:
    long = RunRow(replace(STATUS, name="a-name-of-19-letters", state=State.RUNNING))
    marked = replace(long, letter="A")
    for rows, name in (([long], "a-name-of-19-lette…"), ([marked, long], "a-name-of-19-lett…")):
        shown = "".join(text for text, _ in row_cells(rows[0], 36, ColumnWidths.fitting(rows), chosen=False))
        assert f" {name} vae 62% 1:10" in shown and cell_len(shown) == 36


def test_columns_stand_below_each_other() -> None:
    rows = [RunRow(STATUS), RunRow(replace(STATUS, name="x", state=State.STOPPING, progress=1.0, family="flow"))]
    shown = ["".join(text for text, _ in row_cells(row, 36, ColumnWidths.fitting(rows), chosen=False)) for row in rows]
    assert shown[0].index(" vae") == shown[1].index(" flow")
    assert [line.rstrip()[-4:] for line in shown] == ["1:10", "ping"]


@pytest.mark.parametrize(
    ("width", "figures", "source"),
    [
        (80, "= −143.1 reconstruction − 5.8 KL", "nats, test set, EMA weights"),
        (59, "= −143.1 reconstruction − 5.8 KL", "nats, test"),
        (44, "= −143.1 reconstruction − 5.8 KL", "KL"),
        (43, "= −143.1 − 5.8 KL", "nats, test"),
        (33, "= −143.1 − 5.8 KL", "KL"),
    ],
)
def test_the_objective_leaves_words_out_and_cuts_none(width: int, figures: str, source: str) -> None:
    theory = registry.family("vae").theory
    values = {"test/elbo_ema": -148.9, "test/recon_ema": 143.1, "test/kl_ema": 5.8}
    line = header(STATUS, width=width, theory=theory, values=values).splitlines()[1]
    assert line.startswith(f"ELBO −148.9 {figures}") and line.endswith(source) and "…" not in line


@pytest.mark.parametrize("width", [26, 34, 44, 60])
def test_the_way_back_to_the_newest_is_always_told(width: int) -> None:
    line = header(STATUS, width=width, at_step=500).splitlines()[2]
    assert "step 500" in line and "L follows" in line and cell_len(line) <= width


def test_what_is_only_worth_knowing_is_no_warning() -> None:
    alert = AlertRow(1, 0.0, 600, "info", "kl_dim_collapsed", "KL of latent dimension 3 is below 0.01 nats")
    assert "alert" not in header(STATUS, alerts=(alert,))
    assert "1 alert, d reads" in header(STATUS, width=80, alerts=(alert, replace(alert, severity="warning")))


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
    for widget in (RunList, LatentPlaneView):
        keys += [one for binding in widget.BINDINGS if isinstance(binding, Binding) for one in binding.key.split(",")]
        assert len(keys) == len(set(keys)), f"no key means two things on {widget.__name__}"
        keys = [one for key in KEYS for one in key.keys.split(",")]
    assert len(keys) == len(set(keys)), "no key means two things"


def test_alerts_come_with_advice() -> None:
    alert = AlertRow(1, 0.0, 600, "warning", "kl_dim_collapsed", "KL of dimension 1 fell to 0.02 nats")
    screen = alerts_screen(RunView(STATUS.folder, STATUS, alerts=(alert,)))
    assert "KL warm-up" in screen._text.plain


def test_every_alert_that_trainers_raise_has_advice() -> None:
    sources = [path.read_text() for path in Path(trainers.__file__).parent.rglob("*.py")]
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    alerts = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Alert"]
    codes = {call.args[2].value for call in alerts if isinstance(call.args[2], ast.Constant)}
    told = [y for source in sources for y in ast.walk(ast.parse(source)) if isinstance(y, ast.Yield)]
    pairs = [y.value.elts for y in told if isinstance(y.value, ast.Tuple) and len(y.value.elts) == 2]
    codes |= {first.value for first, _ in pairs if isinstance(first, ast.Constant) and isinstance(first.value, str)}
    assert len(codes) >= 5 and codes == set(ADVICE)


def test_the_terminal_tells_its_background() -> None:
    assert prefers_dark({}) and prefers_dark({"COLORFGBG": "15;0"})
    assert not prefers_dark({"COLORFGBG": "0;15"})
