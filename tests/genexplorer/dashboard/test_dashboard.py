"""The dashboard as a person uses it: keys, mouse, states; on made-up runs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import AppFocus
from textual.pilot import Pilot
from textual.widgets import Input, Select

from genexplorer.dashboard.app import DashboardApp
from genexplorer.dashboard.deeds import SessionDeeds
from genexplorer.dashboard.images.pane import HalfBlockImage
from genexplorer.dashboard.images.plane import LatentPlaneView
from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.panes.tab_bar import NumberedTabs
from genexplorer.dashboard.poller import Poller
from genexplorer.dashboard.screens.main import MainScreen
from genexplorer.dashboard.screens.new_run import NewRunScreen
from genexplorer.dashboard.tabs.curves import CurvesPane
from genexplorer.dashboard.view import ViewRequest
from genexplorer.runs import layout
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.session.actions import Outcome
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.dashboard.conftest import LARGE, SMALL, choose, main_of, noted, shows, text_of, until

MakeApp = Callable[..., DashboardApp]


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_an_empty_folder_says_what_to_do(make_app: MakeApp, tmp_path: Path, size: tuple[int, int]) -> None:
    async with make_app(tmp_path / "none").run_test(size=size) as pilot:
        await shows(pilot, "No runs yet.", "n trains a 2-D VAE", "(4 min)", "Runs (0)")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_runs_and_the_newest_of_them(make_app: MakeApp, many: Path, size: tuple[int, int]) -> None:
    async with make_app(many).run_test(size=size) as pilot:
        await shows(pilot, "Runs (5)", "brave-fox", "✓", "ELBO −", "KL", "train −", "test −", "step", "ELBO (nats)")
        for text in ("red-elm", "failed", "lost", "stopped", "queued", "[b]bold"):
            assert text in text_of(pilot)
        assert ("Alerts" in text_of(pilot)) == (size == LARGE)


async def test_a_run_can_be_named_at_the_start(make_app: MakeApp, many: Path) -> None:
    folder = next(status.folder for status in RunStore(many).list() if status.name == "slow-yew")
    async with make_app(many, select=folder).run_test(size=SMALL) as pilot:
        await shows(pilot, "■ Stopped", "r resumes")


async def test_hostile_names_are_shown_as_they_are(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=LARGE) as pilot:
        await choose(pilot, "[b]bold[/b] [red]fox")
        await shows(pilot, "vae-2d·[b]bold[/b] [red]fox", "? Lost", "killed by signal 9")
        await pilot.press("p")  # the name is told in the last line and in a toast
        await shows(pilot, "[b]bold[/b] [red]fox is not running: lost")


async def test_failed_and_lost_say_why(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await choose(pilot, "red-elm")
        await shows(pilot, "Failed: at step 700 the loss is not", "r tries again")
        await pilot.press("d")
        await shows(pilot, "what to know", "optim.grad_clip")
        await pilot.press("escape")
        await choose(pilot, "[b]bold[/b] [red]fox")
        await pilot.press("4")
        await shows(pilot, "Last words of the worker", "SIGKILL")


async def test_a_terminal_of_any_size_is_survived(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("left_square_bracket")
        for tab in "123456":
            await pilot.press(tab)
            for size in ((40, 10), (12, 4), (1, 1), (30, 60), (200, 5), SMALL):
                await pilot.resize_terminal(*size)
        await shows(pilot, "ELBO(x)")


def test_a_run_that_was_seen_to_be_damaged_stays_so_in_the_list(tmp_path: Path) -> None:
    damaged = write_run(tmp_path, name="red-elm", steps=150, pictures=False)
    (damaged / layout.DATABASE).write_bytes(b"garbage " * 1000)
    other = write_run(tmp_path, name="brave-fox", steps=150, pictures=False)
    follower = Poller(tmp_path, lambda view: None)
    follower._look(ViewRequest(selected=damaged))
    follower.hurry()
    states = {status.folder: status.state for status in follower._look(ViewRequest(selected=other)).runs}
    assert states == {damaged: State.DAMAGED, other: State.SUCCEEDED}


@pytest.mark.parametrize("back", ["key", "mouse", "focus"])
async def test_whoever_comes_back_after_a_while_is_attended_to_at_once(
    make_app: MakeApp, many: Path, back: str
) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        attention = main_of(pilot)._follower._attention
        attention._touched -= 60
        assert attention.alone
        if back == "key":
            await pilot.press("f12")  # which does nothing, and so nothing else is wanted
        elif back == "mouse":
            await pilot.hover(offset=(30, 10))
        else:
            pilot.app.post_message(AppFocus())
        await until(pilot, lambda: not attention.calm, "somebody noticed")


async def test_a_long_list_scrolls_and_loses_nothing_to_its_scroll_bar(make_app: MakeApp, tmp_path: Path) -> None:
    first = write_run(tmp_path, name="first-fir", steps=150, pictures=False)
    for number in range(8):
        write_run(tmp_path, name=f"owl-{number}", state="queued")
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "Runs (9)", "owl-7")
        rows = text_of(pilot).splitlines()[1:6]
        assert sum("owl-" in row for row in rows) == 5 and all("% queued" in row for row in rows)
        assert "first-fir" not in "".join(rows)
        main_of(pilot).post_message(MainScreen.RunStarted(first))  # as when it was brought back from the trash
        await until(pilot, lambda: "▸✓  first-fir" in text_of(pilot), "the run that was brought back")


async def test_arrows_choose_runs(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("down")
        await shows(pilot, "○ Queued")
        await pilot.press("end")
        await shows(pilot, "✗ Failed")
        await pilot.click(RunList, offset=(8, 0))
        await shows(pilot, "✓ Succeeded")


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


async def test_scale_axis_and_smoothing(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "train −")
        await pilot.press("plus", "plus")
        await shows(pilot, "smooth 0.8")
        await pilot.press("minus", "l")
        await shows(pilot, "smooth 0.5 · log")
        await pilot.press("l", "x")
        await shows(pilot, "time, h:m:s", "0:10")
        await pilot.press("x")
        await shows(pilot, "images", "200k")
        await pilot.press("x", "a")
        await until(pilot, lambda: "a shows all" not in text_of(pilot), "the whole range")


async def test_a_metric_is_chosen_from_a_list(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "ELBO (nats)")
        await pilot.press("m")
        await shows(pilot, "Which metric?", "learning rate", "gradient norm")
        await pilot.press("down", "down", "enter")
        await shows(pilot, "KL(q(z|x) ‖ p(z)) (nats)")


async def test_a_small_chart_becomes_the_large_one(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "reconstruction cost")
        await pilot.click("#small ChartView", offset=(3, 3))
        await until(pilot, lambda: "reconstruction" in main_of(pilot).query_one(CurvesPane).large.drawing.title)


async def test_replay_moves_pictures_figures_and_the_mark(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "● following", "step 2,500")
        newest = main_of(pilot).view.run
        await pilot.press("[")
        await shows(pilot, "looking at step 2,000 of 2,500", "step 2,000", "○ held", "┊")
        held = main_of(pilot).view.run
        assert held is not None and newest is not None and held.picture is not newest.picture
        assert held.values["test/elbo_ema"] < newest.values["test/elbo_ema"]
        await pilot.press("[", "]", "L")
        await shows(pilot, "● following")
        await pilot.press("full_stop")  # from the newest, playing starts at the beginning
        await until(pilot, lambda: main_of(pilot).cursor.playing and main_of(pilot).cursor.position is not None)
        await until(pilot, lambda: main_of(pilot).cursor.position == 2500, "the end of the film")


async def test_a_click_on_the_curve_moves_in_time(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "train −")
        await pilot.click("#large", offset=(30, 5))
        await shows(pilot, "looking at step 1,000")


async def test_kinds_of_pictures(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await pilot.press("2")
        await shows(pilot, "samples")
        await pilot.press("k")
        await shows(pilot, "manifold")
        await pilot.click("#samples .caption", offset=(2, 0))
        await shows(pilot, "reconstructions")


async def test_pause_resume_viewer_ask_the_deeds(make_app: MakeApp, tmp_path: Path) -> None:
    with running_run(tmp_path, steps=300) as run:
        async with make_app(tmp_path).run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("p")
            await shows(pilot, "done as asked")
            await pilot.press("v")
            await until(pilot, lambda: len(noted(pilot).asked) == 2)
            run.pause()
            await shows(pilot, "❚❚ Paused", "p goes on")
            await pilot.press("p")
            await until(pilot, lambda: len(noted(pilot).asked) == 3)
            assert [what for what, _ in noted(pilot).asked] == ["pause", "view", "resume"]
            assert noted(pilot).asked[0][1] == run.folder


async def test_stop_asks_first(make_app: MakeApp, tmp_path: Path) -> None:
    with running_run(tmp_path, steps=300):
        async with make_app(tmp_path).run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("s")
            await shows(pilot, "Stop calm-owl at step")
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is main_of(pilot))
            assert noted(pilot).asked == []
            await pilot.press("s")
            await shows(pilot, "Stop calm-owl at step")
            await pilot.click("#yes")
            await until(pilot, lambda: [what for what, _ in noted(pilot).asked] == ["stop"])


async def test_what_fails_is_told(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=LARGE) as pilot:
        await choose(pilot, "slow-yew")
        noted(pilot).answer = Outcome(False, "no checkpoint [/]", "train anew")
        await pilot.press("r")
        await shows(pilot, "no checkpoint [/]: train anew")


async def test_trash_and_undo(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, name="red-elm", steps=30, pictures=False)
    async with make_app(tmp_path, deeds=SessionDeeds(tmp_path)).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("delete")
        await shows(pilot, "No runs yet.", "u brings it back")
        assert not folder.exists()
        await pilot.press("u")
        await shows(pilot, "✓ Succeeded", "red-elm")
        assert folder.exists()
        await pilot.press("u")
        await shows(pilot, "Nothing to bring back.")


async def test_a_live_run_is_not_trashed(make_app: MakeApp, tmp_path: Path) -> None:
    with running_run(tmp_path, steps=300) as run:
        async with make_app(tmp_path, deeds=SessionDeeds(tmp_path)).run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("delete")
            await shows(pilot, "s stops it first")
            assert run.folder.exists()


async def test_new_points_arrive_and_a_dead_worker_is_lost(make_app: MakeApp, tmp_path: Path) -> None:
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "No runs yet.")
        with running_run(tmp_path, steps=300) as run:
            await shows(pilot, "step 300 of 480", "● Running")
            run.advance(100)
            run.writer.flush()
            await shows(pilot, "step 400 of 480")
            await until(pilot, lambda: main_of(pilot).query_one(CurvesPane).large.drawing.lines[0].x[-1] >= 399)
        await shows(pilot, "? Lost", "r resumes from the last save")


async def test_filter(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await shows(pilot, "Runs (5)")
        await pilot.press("slash", *"yew")
        await until(pilot, lambda: len(main_of(pilot).query_one(RunList).folders) == 1)
        await shows(pilot, "■ Stopped")
        await pilot.press("enter", "slash", *"zzz")
        await shows(pilot, "No run matches.")
        await pilot.press("escape")
        await shows(pilot, "Runs (5)")
        assert main_of(pilot).query_one("#filter", Input).value == ""


async def test_compare(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=LARGE) as pilot:
        await choose(pilot, "brave-fox")
        await pilot.press("space")
        await shows(pilot, "Marked A")
        await choose(pilot, "slow-yew")
        await pilot.press("space")
        await shows(pilot, "2 runs", "A brave-fox −", "B slow-yew −")
        await pilot.press("escape")
        await shows(pilot, "train −")
        assert main_of(pilot).compared == []


async def test_copy_command(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("y")
        await shows(pilot, "Copy which command?")
        await pilot.press("enter")
        await shows(pilot, "Copied", "genexplorer runs show vae-2d-")
        chosen = main_of(pilot).query_one(RunList).chosen
        assert chosen is not None and pilot.app.clipboard == f"genexplorer runs show {chosen.name}"


async def test_a_command_is_copied_for_the_step_that_is_shown(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("left_square_bracket")
        await shows(pilot, "looking at step")
        step = main_of(pilot).cursor.position
        await pilot.press("y")
        await shows(pilot, f"Pictures are of step {step:,}", f"--step {step}")


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_new_run(make_app: MakeApp, tmp_path: Path, size: tuple[int, int]) -> None:
    async with make_app(tmp_path).run_test(size=size) as pilot:
        await shows(pilot, "No runs yet.")
        await pilot.press("n")
        await shows(pilot, "Train a new model", "vae-2d", "Expect", "two cores", "Start (ctrl+s)")
        screen = pilot.app.screen
        assert isinstance(screen, NewRunScreen)
        screen.query_one("#field-settings", Input).value = "model.betta=4"
        await shows(pilot, "model.betta: unknown key", "did you mean 'beta'?")
        await pilot.press("ctrl+s")
        assert noted(pilot).asked == []
        screen.query_one("#field-settings", Input).value = "model.beta=4"
        screen.query_one("#field-name", Input).value = "my-fox"
        await until(pilot, lambda: not screen.errors, "a form without errors")
        noted(pilot).answer = Outcome(False, "the worker died", "its last words")
        await pilot.press("ctrl+s")
        await shows(pilot, "the worker died: its last words")
        noted(pilot).answer = Outcome(True, "trains", folder=tmp_path / "x")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is main_of(pilot))
        assert noted(pilot).asked == [("start", ("vae-2d", "my-fox"))] * 2


async def test_another_preset_brings_its_length(make_app: MakeApp, tmp_path: Path) -> None:
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await pilot.press("n")
        await shows(pilot, "Train a new model")
        screen = pilot.app.screen
        assert isinstance(screen, NewRunScreen)
        select = screen.query_one("#field-preset", Select)
        other = next(value for value in ("uva2019-vae", "vae") if value != screen.form["preset"])
        select.value = other
        await until(pilot, lambda: screen.form["preset"] == other)
        assert screen.query_one("#field-length", Input).value == screen.form["length"]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is main_of(pilot))


def plane_rows(pilot: Pilot[None]) -> list[str]:
    plane = main_of(pilot).query_one(LatentPlaneView)
    return [plane.render_line(y).text for y in range(plane.size.height)]


async def test_walk(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("w")
        await shows(pilot, "z = (0.00, 0.00)", "z₁", "z₂", "▀▀▀")
        await until(pilot, lambda: any("7" in text for text in plane_rows(pilot)), "the digit 7")
        before = main_of(pilot).query_one("#decoded", HalfBlockImage)._picture
        await pilot.press("right", "up")
        await shows(pilot, "z = (0.10, 0.10)")
        assert main_of(pilot).query_one("#decoded", HalfBlockImage)._picture is not before
        await pilot.press("shift+left", "0")
        await shows(pilot, "z = (0.00, 0.00)")
        await pilot.click(LatentPlaneView, offset=(10, 2))
        await until(pilot, lambda: main_of(pilot).query_one(LatentPlaneView).z[0] < -1)


async def test_walk_says_why_not(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await choose(pilot, "new-oak")
        await pilot.press("5")
        await shows(pilot, "The first snapshot comes when training begins.")


async def test_help_and_palette(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await pilot.press("question_mark")
        await shows(pilot, "Keys", "train a new model", "mark the run for a comparison")
        await pilot.press("escape", "ctrl+p")
        await pilot.press(*"viewer")
        await shows(pilot, "open the desktop viewer")
        await pilot.press("enter")
        await until(pilot, lambda: noted(pilot).asked and noted(pilot).asked[0][0] == "view")


async def test_a_key_at_the_bottom_can_be_clicked(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await shows(pilot, "? keys", "ELBO −")
        await pilot.click("#keys", offset=(text_of(pilot).splitlines()[-1].index("? keys"), 0))
        await shows(pilot, "Keys", "train a new model")


async def test_a_line_of_the_help_can_be_clicked(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("question_mark")
        await shows(pilot, "Keys")
        row = next(y for y, line in enumerate(text_of(pilot).splitlines()) if "open the desktop viewer" in line)
        column = text_of(pilot).splitlines()[row].index("open the desktop viewer")
        await pilot.click(offset=(column + 2, row))
        await until(pilot, lambda: [what for what, _ in noted(pilot).asked] == ["view"])


async def test_light_and_dark(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=SMALL) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: pilot.app.theme == "genexplorer-light")
        await shows(pilot, "train −")


async def test_leaving_says_that_the_training_goes_on(
    make_app: MakeApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_run(tmp_path, steps=100):
        app = make_app(tmp_path)
        async with app.run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("q")
            await until(pilot, lambda: not app.is_running or app._exit)
        assert "calm-owl goes on training" in capsys.readouterr().err


async def test_any_size_is_survived(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=(200, 50)) as pilot:
        await shows(pilot, "train −")
        for width, height in ((20, 5), (40, 12), (100, 30), (125, 41), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.press("2", "5", "6", "1")
        await shows(pilot, "train −")
