"""The pane of runs: selection, filter, comparison, and the actions on the selected run."""

from pathlib import Path

from textual.widgets import Input

from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.panes.runs import RunsPane
from genexplorer.dashboard.screens.run_dialogs import run_commands
from genexplorer.session.actions import ActionResult
from tests.fixtures.fake_families import FakeKind
from tests.fixtures.fake_run import card, running_run, write_run
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

ALWAYS = ["show", "view", "animation", "page", "light copy"]  # commands for every run


async def test_long_list_scrolls_and_its_scroll_bar_hides_nothing(make_app: MakeApp, tmp_path: Path) -> None:
    first = write_run(tmp_path, name="first-fir", steps=150, pictures=False)
    for number in range(8):
        write_run(tmp_path, name=f"owl-{number}", state="queued")
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "Runs (9)", "owl-7")
        rows = text_of(pilot).splitlines()[1:6]
        assert sum("owl-" in row for row in rows) == 5 and all("% queued" in row for row in rows)
        assert "first-fir" not in "".join(rows)
        pane = main_of(pilot).query_one(RunsPane)
        pane.post_message(RunsPane.RunAdded(first))  # as after a restore
        await until(pilot, lambda: "▸✓  first-fir" in text_of(pilot), "the restored run")


async def test_arrow_keys_and_mouse_select(make_app: MakeApp, many: Path) -> None:
    async with make_app(many).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("down")
        await shows(pilot, "○ Queued")
        await pilot.press("end")
        await shows(pilot, "✗ Failed")
        await pilot.click(RunList, offset=(8, 0))
        await shows(pilot, "✓ Succeeded")


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
        await select(pilot, "brave-fox")
        await pilot.press("space")
        await shows(pilot, "Marked A")
        await select(pilot, "slow-yew")
        await pilot.press("space")
        await shows(pilot, "2 runs", "A brave-fox −", "B slow-yew −")
        await pilot.press("escape")
        await shows(pilot, "train −")
        assert main_of(pilot).query_one(RunsPane).compared == []


async def test_a_comparison_names_the_runs_that_it_leaves_out(make_app: MakeApp, tmp_path: Path) -> None:
    write_run(tmp_path, name="brave-fox", steps=200)
    write_run(tmp_path, name="sly-gan", steps=200, kind="gan")
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await select(pilot, "sly-gan")
        await pilot.press("space")
        await select(pilot, "brave-fox")
        await pilot.press("space")
        await shows(pilot, "A sly-gan left out: no ELBO", "1 of 2 runs", "B brave-fox −")


async def test_pause_resume_and_viewer(make_app: MakeApp, tmp_path: Path, recorded: RecordedActions) -> None:
    with running_run(tmp_path, steps=300) as run:
        async with make_app(tmp_path).run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("p")
            await shows(pilot, "action done")
            await pilot.press("v")
            await until(pilot, lambda: len(recorded.calls) == 2)
            run.pause()
            await shows(pilot, "❚❚ Paused", "p resumes")
            await pilot.press("p")
            await until(pilot, lambda: recorded.names == ["pause", "open_viewer", "resume"])
            assert recorded.calls[0][1] == run.folder


async def test_stop_needs_a_confirmation(make_app: MakeApp, tmp_path: Path, recorded: RecordedActions) -> None:
    with running_run(tmp_path, steps=300):
        async with make_app(tmp_path).run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("s")
            await shows(pilot, "Stop calm-owl at step")
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is main_of(pilot))
            assert recorded.calls == []
            await pilot.press("s")
            await shows(pilot, "Stop calm-owl at step")
            await pilot.click("#yes")
            await until(pilot, lambda: recorded.names == ["stop"])


async def test_failed_action_shows_its_message(make_app: MakeApp, many: Path, recorded: RecordedActions) -> None:
    async with make_app(many).run_test(size=LARGE) as pilot:
        await select(pilot, "slow-yew")
        recorded.result = ActionResult(False, "no checkpoint [/]", "start a new run")
        await pilot.press("r")
        await shows(pilot, "no checkpoint [/]: start a new run")


async def test_trash_and_undo(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, name="red-elm", steps=30, pictures=False)
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("delete")
        await shows(pilot, "No runs yet.", "u restores it")
        assert not folder.exists()
        await pilot.press("u")
        await shows(pilot, "✓ Succeeded", "red-elm")
        assert folder.exists()
        await pilot.press("u")
        await shows(pilot, "Nothing to restore.")


async def test_active_run_is_not_trashed(make_app: MakeApp, tmp_path: Path) -> None:
    with running_run(tmp_path, steps=300) as run:
        async with make_app(tmp_path).run_test(size=SMALL) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("delete")
            await shows(pilot, "stop it first (s)")
            assert run.folder.exists()


async def test_copy_command(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("y")
        await shows(pilot, "Copy which command?", "train again", "reconstructions")
        await pilot.press("down", "enter")
        await shows(pilot, "Copied")
        selected = main_of(pilot).query_one(RunList).selected
        assert selected is not None and f"runs show {selected.name}" in pilot.app.clipboard


async def test_copied_command_has_the_step_of_the_time_cursor(make_app: MakeApp, finished: Path) -> None:
    async with make_app(finished).run_test(size=LARGE) as pilot:
        await shows(pilot, "✓ Succeeded")
        await pilot.press("left_square_bracket")
        await shows(pilot, "viewing step")
        step = main_of(pilot).step_selection.selected_step
        await pilot.press("y")
        await shows(pilot, f"Images are of step {step:,}", f"--step {step}")


def test_commands_depend_on_the_capabilities_of_the_model(tmp_path: Path) -> None:
    def commands(kind: FakeKind) -> set[str]:
        lines = run_commands("run-1", tmp_path, None, 500, card(500, kind))
        assert all(line.startswith("genexplorer ") and "run-1" in line for _, line in lines)
        return {name for name, _ in lines} - {
            "show",
            "view",
            "animation",
            "page",
            "light copy",
            "samples",
            "interpolation",
        }

    assert commands("vae") == {"manifold", "reconstructions"}
    assert commands("gan") == {"plane", "inversions"}
    assert commands("flow") == {"plane", "reconstructions", "trace"}
    assert commands("gan-points") == {"inversions", "density"}
    assert [name for name, _ in run_commands("run-1", tmp_path, None, None, None)] == ALWAYS
