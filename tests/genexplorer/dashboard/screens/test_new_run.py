"""The form of a new run and the list of presets."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from genexplorer.dashboard.screens.new_run import NewRunScreen, PresetScreen
from genexplorer.session.actions import ActionResult
from tests.genexplorer.dashboard.conftest import LARGE, SMALL, MakeApp, RecordedActions, main_of, shows, text_of, until
from trainers import registry


def form_of(pilot: Pilot[None]) -> NewRunScreen:
    screen = pilot.app.screen
    assert isinstance(screen, NewRunScreen)
    return screen


@pytest.mark.parametrize("size", [SMALL, LARGE])
async def test_new_run(make_app: MakeApp, tmp_path: Path, recorded: RecordedActions, size: tuple[int, int]) -> None:
    async with make_app(tmp_path).run_test(size=size) as pilot:
        await shows(pilot, "No runs yet.")
        await pilot.press("n")
        await shows(pilot, "Train a new model", "vae-2d", "Expect", "two cores", "Start (ctrl+s)")
        screen = form_of(pilot)
        screen.query_one("#field-settings", Input).value = "model.betta=4"
        await shows(pilot, "model.betta: unknown key", "did you mean 'beta'?")
        await pilot.press("ctrl+s")
        assert recorded.calls == []
        screen.query_one("#field-settings", Input).value = "model.beta=4"
        screen.query_one("#field-name", Input).value = "my-fox"
        await until(pilot, lambda: not screen.errors, "a form without errors")
        recorded.result = ActionResult(False, "the worker exited", "its last log line")
        await pilot.press("ctrl+s")
        await shows(pilot, "the worker exited: its last log line")
        recorded.result = ActionResult(True, "started", folder=tmp_path / "x")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is main_of(pilot))
        assert recorded.calls == [("start_run", ("vae-2d", "my-fox"))] * 2


async def test_preset_sets_the_length(make_app: MakeApp, tmp_path: Path) -> None:
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await pilot.press("n")
        await shows(pilot, "Train a new model")
        screen = form_of(pilot)
        other = next(value for value in ("uva2019-vae", "vae") if value != screen.form["preset"])
        screen.query_one("#field-preset", Select).value = other
        await until(pilot, lambda: screen.form["preset"] == other)
        assert screen.query_one("#field-length", Input).value == screen.form["length"]
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is main_of(pilot))


@pytest.mark.parametrize("size", [SMALL, (120, 50)])
async def test_gallery_opens_the_form(make_app: MakeApp, tmp_path: Path, size: tuple[int, int]) -> None:
    async with make_app(tmp_path).run_test(size=size) as pilot:
        await shows(pilot, "g shows the presets")
        await pilot.press("g")
        await shows(pilot, "variational autoencoder", "vae-2d", "4 min", "Expect test ELBO")
        await pilot.press("up")  # from the first to the last
        await until(pilot, lambda: "Expect test ELBO" not in text_of(pilot), "another preset")
        last = list(registry.presets())[-1]
        await shows(pilot, last, "normalizing flow")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewRunScreen), "the form")
        screen = form_of(pilot)
        assert screen.form["preset"] == last
        await until(pilot, lambda: screen.focused is not None and screen.focused.id == "start", "the focus")
        # A preset that fails on purpose has the longest description; everything is still visible.
        failing = next(preset.name for preset in registry.presets().values() if preset.expected_failure)
        screen.query_one("#field-family", Select).value = registry.preset(failing).family
        await until(pilot, lambda: screen.form["family"] == registry.preset(failing).family)
        screen.query_one("#field-preset", Select).value = failing
        await shows(pilot, "Fails on purpose", "Start (ctrl+s)", "Settings")
        await pilot.press("escape", "g")
        await until(pilot, lambda: isinstance(pilot.app.screen, PresetScreen), "the gallery again")
