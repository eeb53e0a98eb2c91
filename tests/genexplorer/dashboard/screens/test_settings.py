"""Steering in the dashboard: the form of settings, single steps, the advice of alerts, name, tags and note."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input

from genexplorer.dashboard.screens.run_dialogs import DiagnosisScreen
from genexplorer.dashboard.screens.settings import SettingsScreen
from genexplorer.runs import settings
from genexplorer.runs.status.run_status import read_status
from genexplorer.session import steering
from genexplorer.session.actions import ActionResult
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.dashboard.conftest import LARGE, SMALL, MakeApp, select, shows, text_of, until
from trainers.events import SettingChange

Changes = list[tuple[str, dict[str, object], str]]


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Changes:
    """Records changes of settings instead of making them."""
    recorded: Changes = []

    def record(folder: Path, _runs_dir: Path, values: Mapping[str, Any], lr_continuation: str = "") -> ActionResult:
        recorded.append((read_status(folder).name, dict(values), lr_continuation))
        return ActionResult(True, "settings changed", "", folder)

    for name in ("set_settings", "resume_with"):
        monkeypatch.setattr(steering, name, record)
    return recorded


async def test_settings_are_listed_checked_and_applied(make_app: MakeApp, tmp_path: Path, changes: Changes) -> None:
    write_run(tmp_path, name="slow-yew", state="stopped", steps=1000, pictures=False)
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await select(pilot, "slow-yew")
        await pilot.press("comma")
        await shows(pilot, "Settings of slow-yew", "optim.lr", "model.beta", "[0, 1,000]", "Nothing is changed yet.")
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen) and screen.query_one("#apply", Button).disabled
        fields = {field.name: field for field in screen.query("#settings-rows Input").results(Input)}
        fields["model.beta"].focus()
        await pilot.press("minus", "1")
        await shows(pilot, "model.beta: must be at least 0")
        await pilot.press("enter")
        assert not changes, "a value that is not allowed is not applied"
        fields["model.beta"].value = "4"
        await shows(pilot, "model.beta 1 → 4, from step 1,000 on, when it is resumed", "Apply and resume (enter)")
        await pilot.press("enter")
        await shows(pilot, "✓ settings changed")
        assert changes == [("slow-yew", {"model.beta": 4}, "continue")]
        assert fields["model.beta"].value == ""
        await pilot.press("escape")
        await shows(pilot, "Runs (1)")


async def test_a_longer_run_asks_how_the_learning_rate_goes_on(
    make_app: MakeApp, tmp_path: Path, changes: Changes
) -> None:
    write_run(tmp_path, name="slow-yew", steps=1000, pictures=False)
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await select(pilot, "slow-yew")
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        assert isinstance(pilot.app.focused, Input) and pilot.app.focused.name == screen.form.length_key
        assert "learning rate" not in text_of(pilot)
        await pilot.press(*"8000")
        await shows(pilot, "go on along the curve of the new length", "% of the new length", "Train longer")
        await pilot.press("ctrl+s")
        await shows(pilot, "✓ settings changed")
        assert changes[0][1] == {screen.form.length_key: 8000}


async def test_a_paused_run_takes_a_step(make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Path] = []

    def take_steps(folder: Path, runs_dir: Path) -> ActionResult:
        steps.append(folder)
        return ActionResult(True, "one step done")

    monkeypatch.setattr(steering, "take_steps", take_steps)
    with running_run(tmp_path, pictures=False) as run:
        run.pause()
        async with make_app(tmp_path).run_test(size=SMALL) as pilot:
            await select(pilot, "calm-owl")
            await shows(pilot, "Paused", ". takes one step")
            await pilot.press("full_stop")
            await shows(pilot, "one step done")
    assert steps == [run.folder]


async def test_the_advice_of_an_alert_is_one_key_away(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, name="collapsed", steps=700, pictures=False)
    settings.write_changes(folder, [SettingChange(600, {"model.beta": 50.0})])
    extended: list[tuple[float, str, dict[str, object]]] = []

    def extend(_folder: Path, _runs_dir: Path, amount: float, unit: str, values: Mapping[str, Any]) -> ActionResult:
        extended.append((amount, unit, dict(values)))
        return ActionResult(True, "trains longer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steering, "extend", extend)
        async with make_app(tmp_path).run_test(size=LARGE) as pilot:
            await select(pilot, "collapsed")
            await pilot.press("d")
            await shows(pilot, "Set model.beta to 1 and train 700 steps more (1)")
            assert isinstance(pilot.app.screen, DiagnosisScreen)
            await pilot.press("1")
            await shows(pilot, "trains longer")
    assert extended == [(700, "steps", {"model.beta": 1.0})]


async def test_name_tags_and_note_are_edited(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, name="slow-yew", tags=("a",), steps=300, pictures=False)
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await select(pilot, "slow-yew")
        await pilot.press("i")
        await shows(pilot, "Name, tags and note of slow-yew")
        fields = {field.id: field for field in pilot.app.screen.query(Input)}
        fields["notes-name"].value = "calm-owl"
        fields["notes-tags"].value = "a, lecture-3"
        fields["notes-note"].value = "[b]collapses[/b]"
        await pilot.press("ctrl+s")
        await shows(pilot, "calm-owl: saved")
    status = read_status(folder)
    assert (status.name, status.tags, status.note) == ("calm-owl", ("a", "lecture-3"), "[b]collapses[/b]")
