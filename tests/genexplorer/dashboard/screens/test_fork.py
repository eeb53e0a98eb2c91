"""The form of a branch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from genexplorer.dashboard.panes.run_list import RunList
from genexplorer.dashboard.screens.fork import ForkScreen
from genexplorer.session import forking
from genexplorer.session.actions import ActionResult
from tests.fixtures.fake_run import write_run
from tests.genexplorer.dashboard.conftest import LARGE, SMALL, MakeApp, main_of, select, shows, until


def field(pilot: Pilot[None], key: str) -> Input:
    assert isinstance(pilot.app.screen, ForkScreen)
    return pilot.app.screen.query_one(f"#fork-{key}", Input)


async def test_a_branch_is_started_and_selected(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, name="slow-yew", state="stopped", steps=1000, pictures=False)
    calls: list[tuple[int | None, dict[str, Any], str]] = []

    def fork(
        folder: Path, runs_dir: Path, *, at_step: int | None, values: Mapping[str, Any], name: str
    ) -> ActionResult:
        calls.append((at_step, dict(values), name))
        if len(calls) == 1:
            return ActionResult(False, "slow-yew has neither a checkpoint nor a snapshot at step 7", "the nearest is 8")
        return ActionResult(True, "new-oak: a branch of slow-yew", "", write_run(runs_dir, name=name, steps=300))

    monkeypatch.setattr(forking, "fork", fork)
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "■ Stopped")
        await pilot.press("f")
        await shows(pilot, "Fork slow-yew", "the newest checkpoint", "the optimizer starts anew")
        # What cannot be read, and what is refused, is shown; nothing is lost.
        field(pilot, "at").value = "now"
        await pilot.press("enter")
        await shows(pilot, "✗ At step: not a number")
        field(pilot, "at").value = "1,000"
        field(pilot, "settings").value = "model.beta"
        await pilot.press("enter")
        await shows(pilot, "not of the form key=value")
        assert not calls
        field(pilot, "settings").value, field(pilot, "name").value = "model.beta=4", "new-oak"
        await pilot.press("enter")
        await shows(pilot, "✗ slow-yew has neither", "nearest is 8")
        field(pilot, "at").value = ""
        await pilot.press("enter")
        await shows(pilot, "new-oak: a branch of slow-yew")
        assert calls == [(1000, {"model.beta": 4}, "new-oak"), (None, {"model.beta": 4}, "new-oak")]
        runs = main_of(pilot).query_one(RunList)
        await until(pilot, lambda: runs.selected is not None and runs.selected != runs.folders[-1], "the branch")
        await shows(pilot, "▸✓  new-oak")


async def test_a_branch_starts_at_the_selected_step_with_the_entered_settings(
    make_app: MakeApp, tmp_path: Path
) -> None:
    write_run(tmp_path, name="slow-yew", steps=1500)
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await select(pilot, "slow-yew")
        await pilot.press("[")
        await shows(pilot, "viewing step")
        selected = main_of(pilot).step_selection.selected_step
        await pilot.press("comma")
        await shows(pilot, "Settings of slow-yew")
        await pilot.press(*"0.5", "ctrl+f")
        await shows(pilot, "Fork slow-yew")
        assert (field(pilot, "at").value, field(pilot, "settings").value) == (str(selected), "optim.lr=0.5")
        await pilot.press("ctrl+y")
        await shows(pilot, "copied: genexplorer fork slow-yew")
        assert f"--at {selected} --set optim.lr=0.5" in pilot.app.clipboard
