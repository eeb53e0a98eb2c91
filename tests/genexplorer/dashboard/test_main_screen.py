"""The main screen: states of runs, tabs, keys, theme, terminal sizes, quitting."""

from pathlib import Path

import pytest
from textual.binding import Binding
from textual.events import AppFocus

from genexplorer.dashboard.charts.scatter import LatentPlaneView
from genexplorer.dashboard.details import DetailsRequest
from genexplorer.dashboard.panes.bars import NumberedTabs
from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.panes.runs import RunsPane
from genexplorer.dashboard.poller import DetailsPoller
from genexplorer.dashboard.screens.main import MainScreen, quit_message
from genexplorer.dashboard.tabs.curves import CurvesPane
from genexplorer.dashboard.theme import DARK_THEME, LIGHT_THEME, is_terminal_dark, load_theme, save_theme
from genexplorer.runs import layout
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.session.run_poller import IdleTracker
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.dashboard.conftest import (
    LARGE,
    SMALL,
    MakeApp,
    RecordedActions,
    main_of,
    select,
    shows,
    text_of,
    until,
)


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_empty_folder(make_app: MakeApp, tmp_path: Path, size: tuple[int, int]) -> None:
    async with make_app(tmp_path / "none").run_test(size=size) as pilot:
        await shows(pilot, "No runs yet.", "n trains a 2-D VAE", "(4 min)", "Runs (0)")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_newest_run_is_selected(make_app: MakeApp, many: Path, size: tuple[int, int]) -> None:
    async with make_app(many).run_test(size=size) as pilot:
        await shows(pilot, "Runs (5)", "brave-fox", "✓", "ELBO −", "KL", "train −", "test −", "step", "ELBO (nats)")
        for text in ("red-elm", "failed", "lost", "stopped", "queued", "[b]bold"):
            assert text in text_of(pilot)
        assert ("Alerts" in text_of(pilot)) == (size == LARGE)


async def test_initial_selection(make_app: MakeApp, many: Path) -> None:
    folder = next(status.folder for status in RunStore(many).list() if status.name == "slow-yew")
    async with make_app(many, initial_run=folder).run_test(size=SMALL) as pilot:
        await shows(pilot, "■ Stopped", "r resumes")


async def test_markup_in_names_is_literal(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=LARGE) as pilot:
        await select(pilot, "[b]bold[/b] [red]fox")
        await shows(pilot, "vae-2d·[b]bold[/b] [red]fox", "? Lost", "killed by signal 9")
        await pilot.press("p")  # shows the name in the status bar and in a toast
        await shows(pilot, "[b]bold[/b] [red]fox is not running: lost")


async def test_failed_and_lost_runs_show_the_reason(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await select(pilot, "red-elm")
        await shows(pilot, "Failed: at step 700 the loss is not", "r tries again")
        await pilot.press("d")
        await shows(pilot, "red-elm: diagnosis", "optim.grad_clip")
        await pilot.press("escape")
        await select(pilot, "[b]bold[/b] [red]fox")
        await pilot.press("4")
        await shows(pilot, "Last log lines of the worker", "SIGKILL")


async def test_new_points_appear_and_a_killed_worker_is_lost(make_app: MakeApp, tmp_path: Path) -> None:
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "No runs yet.")
        with running_run(tmp_path, steps=300) as run:
            await shows(pilot, "step 300 of 480", "● Running")
            run.advance(100)
            run.writer.flush()
            await shows(pilot, "step 400 of 480")
            await until(pilot, lambda: main_of(pilot).query_one(CurvesPane).large_chart.data.lines[0].x[-1] >= 399)
        await shows(pilot, "? Lost", "r resumes from the last checkpoint")


def test_damaged_run_stays_damaged_in_the_list(tmp_path: Path) -> None:
    damaged = write_run(tmp_path, name="red-elm", steps=150, pictures=False)
    (damaged / layout.DATABASE).write_bytes(b"garbage " * 1000)
    other = write_run(tmp_path, name="brave-fox", steps=150, pictures=False)
    poller = DetailsPoller(tmp_path, lambda details: None)
    poller.poll(DetailsRequest(selected=damaged))
    poller.refresh_list()
    states = {status.folder: status.state for status in poller.poll(DetailsRequest(selected=other)).runs}
    assert states == {damaged: State.DAMAGED, other: State.SUCCEEDED}


@pytest.mark.parametrize("event", ["key", "mouse", "focus"])
async def test_any_input_wakes_an_idle_dashboard(make_app: MakeApp, many: Path, event: str) -> None:
    now = [0.0]
    idle_tracker = IdleTracker(lambda: now[0])
    async with make_app(many, idle_tracker=idle_tracker).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        now[0] += 60
        assert idle_tracker.is_away
        if event == "key":
            await pilot.press("f12")  # has no action
        elif event == "mouse":
            await pilot.hover(offset=(30, 10))
        else:
            pilot.app.post_message(AppFocus())
        await until(pilot, lambda: not idle_tracker.is_idle, "frequent polling")


async def test_tabs_by_key_and_by_mouse(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "train −")
        await pilot.press("3")
        await shows(pilot, "latent_dim", "preset")
        await pilot.press("4")
        await shows(pilot, "attempt 1 started")
        await pilot.press("t")
        await shows(pilot, "ELBO(x) =", "reconstruction", "KL(q(z|x) ‖ p(z))")
        await pilot.click(NumberedTabs, offset=(14, 0))
        await shows(pilot, "samples", "▀▀▀")


async def test_help_and_palette(make_app: MakeApp, finished: Path, recorded: RecordedActions) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "Keys", "train a new model", "mark the run for a comparison")
        await pilot.press("escape", "ctrl+p")
        await pilot.press(*"viewer")
        await shows(pilot, "open the desktop viewer")
        await pilot.press("enter")
        await until(pilot, lambda: recorded.names == ["open_viewer"])


async def test_click_in_the_footer(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "? keys", "ELBO −")
        await pilot.click("#footer", offset=(text_of(pilot).splitlines()[-1].index("? keys"), 0))
        await shows(pilot, "Keys", "train a new model")


async def test_click_in_the_help(make_app: MakeApp, finished: Path, recorded: RecordedActions) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("question_mark")
        await shows(pilot, "Keys")
        row = next(y for y, line in enumerate(text_of(pilot).splitlines()) if "open the desktop viewer" in line)
        column = text_of(pilot).splitlines()[row].index("open the desktop viewer")
        await pilot.click(offset=(column + 2, row))
        await until(pilot, lambda: recorded.names == ["open_viewer"])


def test_every_key_has_one_action() -> None:
    for owner in (MainScreen, RunsPane, CurvesPane):
        for key in owner.KEYS:
            name = key.action.partition("(")[0]
            assert name.startswith("app.") or hasattr(owner, f"action_{name}"), key
    keys = [name for key in MainScreen.KEYS for name in key.keys.split(",")]
    assert len(keys) == len(set(keys))
    for widget in (RunList, LatentPlaneView):
        own = [name for binding in widget.BINDINGS if isinstance(binding, Binding) for name in binding.key.split(",")]
        assert len(own + keys) == len(set(own + keys)), widget.__name__


def test_actions_on_runs_have_the_names_of_the_commands() -> None:
    names = {key.name for key in MainScreen.KEYS}
    commands = {
        "pause",
        "resume",
        "step",
        "stop",
        "set",
        "extend",
        "fork",
        "rename",
        "tag",
        "note",
        "delete",
        "restore",
    }
    assert commands <= names


async def test_every_key_does_something_without_an_error(make_app: MakeApp, tmp_path: Path, finished: Path) -> None:
    for runs in (tmp_path, finished):
        async with make_app(runs).run_test(size=SMALL) as pilot:
            await shows(pilot, "Runs (")
            for key in MainScreen.KEYS:
                if key.action in ("quit", "app.command_palette") or "delete" in key.action or "viewer" in key.action:
                    continue
                await main_of(pilot).run_action(key.action)
                await pilot.pause()
                while pilot.app.screen is not main_of(pilot):
                    await pilot.press("escape")


async def test_theme_is_saved(make_app: MakeApp, finished: Path) -> None:
    assert load_theme() is None
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: pilot.app.theme == "genexplorer-light")
        await shows(pilot, "train −")
        assert load_theme() == LIGHT_THEME
    assert make_app(finished, dark=None).theme == "genexplorer-light"
    save_theme(DARK_THEME)
    assert make_app(finished, dark=None).theme == "genexplorer-dark"


@pytest.mark.parametrize("text", ["", "[]", '{"look": 3}', "{", '{"look": "pink"}'])
def test_damaged_preferences_are_ignored(tmp_path: Path, text: str) -> None:
    save_theme(DARK_THEME)
    (tmp_path / "state" / "dashboard.json").write_text(text)
    assert load_theme() is None


def test_background_of_the_terminal() -> None:
    assert is_terminal_dark({}) and is_terminal_dark({"COLORFGBG": "15;0"})
    assert not is_terminal_dark({"COLORFGBG": "0;15"})


async def test_quitting_prints_that_trainings_continue(
    make_app: MakeApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_run(tmp_path, steps=100):
        app = make_app(tmp_path)
        async with app.run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("q")
            await until(pilot, lambda: not app.is_running or app._exit)
        assert "calm-owl continues training" in capsys.readouterr().err


def test_quit_message() -> None:
    assert quit_message([]) is None
    assert "brave-fox continues training" in (quit_message(["brave-fox"]) or "")
    assert "2 runs continue" in (quit_message(["a", "b"]) or "")


async def test_any_terminal_size(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("left_square_bracket")
        for tab in "123456":
            await pilot.press(tab)
            for size in ((40, 10), (12, 4), (1, 1), (30, 60), (200, 5), SMALL):
                await pilot.resize_terminal(*size)
        await shows(pilot, "ELBO(x)")


async def test_tabs_at_any_terminal_size(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "train −")
        for width, height in ((20, 5), (40, 12), (100, 30), (125, 41), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.press("2", "5", "6", "1")
        await shows(pilot, "train −")
