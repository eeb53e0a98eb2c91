"""Steering in the dashboard: the form of settings, single steps, the advice of alerts, name, tags and note."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, TextArea

from genexplorer.dashboard.screens.run_dialogs import DiagnosisScreen
from genexplorer.dashboard.screens.settings import SettingsScreen
from genexplorer.runs import settings
from genexplorer.runs.status.run_status import read_status
from genexplorer.session import steering
from genexplorer.session.actions import ActionResult
from tests.fixtures.fake_run import running_run, write_run
from tests.genexplorer.dashboard.conftest import (
    DEADLINE_S,
    LARGE,
    SMALL,
    MakeApp,
    main_of,
    select,
    shows,
    text_of,
    until,
)
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
        await shows(pilot, "✗ model.beta", "✗ model.beta: must be at least 0")
        await pilot.press("enter")
        assert not changes, "a value that is not allowed is not applied"
        fields["model.beta"].value = "4"
        await shows(pilot, "model.beta 1 → 4, from step 1,000 on, when it is resumed", "Apply and resume (enter)")
        await pilot.press("enter")
        await shows(pilot, "settings changed", "Runs (1)")
        assert changes == [("slow-yew", {"model.beta": 4}, "continue")]
        assert pilot.app.screen is main_of(pilot), "the curves are in view again"


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
        await pilot.press(*"+7000")
        await shows(pilot, "go on along the curve of the new length", "% of the new length", "Train longer")
        await pilot.press("ctrl+s")
        await shows(pilot, "settings changed")
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
        await shows(pilot, "slow-yew", "Save (ctrl+s)")
        name, tags = pilot.app.screen.query_one("#name", Input), pilot.app.screen.query_one("#tags", Input)
        tags.value = "a, lecture-3"
        pilot.app.screen.query_one("#note", TextArea).text = "[b]collapses[/b]\nwith beta 50"
        name.value = "latest"
        await pilot.press("ctrl+s")
        await shows(pilot, "✗ a run cannot be named 'latest'")
        name.value = "calm-owl"  # the rest is still there
        await pilot.press("enter")
        await shows(pilot, "calm-owl: saved")
    status = read_status(folder)
    assert (status.name, status.tags, status.note) == (
        *("calm-owl", ("a", "lecture-3")),
        "[b]collapses[/b]\nwith beta 50",
    )


async def test_a_run_that_trains_takes_no_single_steps(make_app: MakeApp, tmp_path: Path) -> None:
    with running_run(tmp_path, steps=300, pictures=False):
        async with make_app(tmp_path).run_test(size=LARGE) as pilot:
            await shows(pilot, "● Running")
            await pilot.press("full_stop")
            await shows(pilot, "calm-owl is running: pause it first (p), then . takes single steps.")


async def test_the_result_of_a_form_that_was_closed_is_shown(
    make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_finish = threading.Event()

    def resume_with(folder: Path, *_: object, **__: object) -> ActionResult:
        may_finish.wait(DEADLINE_S)
        return ActionResult(False, "the worker exited", "its last log line")

    monkeypatch.setattr(steering, "resume_with", resume_with)
    write_run(tmp_path, name="slow-yew", state="stopped", steps=1000, pictures=False)
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await shows(pilot, "■ Stopped")
        await pilot.press("comma")
        await shows(pilot, "Settings of slow-yew")
        await pilot.press(*"0.5", "enter")
        await shows(pilot, "optim.lr 0.001 → 0.5…")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is main_of(pilot))
        may_finish.set()
        await shows(pilot, "the worker exited: its last log line")


async def test_another_front_end_may_change_the_settings(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, name="slow-yew", state="stopped", steps=1000, pictures=False)
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await shows(pilot, "■ Stopped")
        await pilot.press("comma")
        await shows(pilot, "Settings of slow-yew")
        await pilot.press(*"0.5")
        settings.write_changes(folder, [SettingChange(900, {"model.beta": 7.0})])
        await until(
            pilot,
            lambda: any(line.split("model.beta")[1].split()[:1] == ["7"] for line in _lines(pilot, "model.beta")),
            "the value that was set elsewhere",
        )
        await shows(pilot, "optim.lr 0.001 → 0.5, from step 1,000 on")


async def test_the_course_of_the_learning_rate_is_drawn_in_a_small_terminal(make_app: MakeApp, tmp_path: Path) -> None:
    write_run(tmp_path, name="slow-yew", state="stopped", steps=1000, pictures=False)
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "■ Stopped")
        await pilot.press("o")
        await shows(pilot, "Settings of slow-yew")
        await pilot.press(*"+4000")
        await shows(pilot, "• schedule.steps", "go on along the curve", "% of the new length", "then 0", "Close (esc)")


async def test_settings_that_a_preset_fixes_say_so(make_app: MakeApp, tmp_path: Path) -> None:
    write_run(tmp_path, name="exact", preset="uva2019-vae", state="stopped", steps=300, pictures=False)
    async with make_app(tmp_path).run_test(size=LARGE) as pilot:
        await shows(pilot, "■ Stopped")
        await pilot.press("comma")
        await shows(pilot, "Settings of exact", "fixed", "preset 'uva2019-vae'")
        names = {editor.name for editor in pilot.app.screen.query("#settings-rows Input")}
        assert "model.beta" not in names and "execution.snapshot_every_s" in names


def _lines(pilot: Pilot[None], text: str) -> list[str]:
    return [line for line in text_of(pilot).splitlines() if text in line]
