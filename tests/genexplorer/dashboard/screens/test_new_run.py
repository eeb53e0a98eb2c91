"""The form of a new run and the list of presets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textual.pilot import Pilot
from textual.widgets import Input, Select

from genexplorer.dashboard.screens.new_run import NewRunScreen, PresetScreen
from genexplorer.dashboard.suggesters import KeySuggester, PathSuggester
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


async def test_fields_follow_the_data_and_the_model(make_app: MakeApp, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, count in (("[red]x[∕red]", 5), ("b", 3)):
        for index in range(count):
            place = tmp_path / "set" / name / f"{index}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(place)
    async with make_app(tmp_path / "runs").run_test(size=(120, 50)) as pilot:
        await pilot.press("n")
        await shows(pilot, "Train a new model", "Latent size", "auto: 2", "auto: bernoulli")
        screen = form_of(pilot)
        screen.query_one("#field-data", Select).value = "images"
        await shows(pilot, "choose a folder of images")
        screen.query_one("#field-folder", Input).value = str(tmp_path / "set")
        # The sheet of the data, with names that are not markup, and settings that follow.
        await shows(pilot, "set: 8 images", "[red]x[∕red] 5, b 3", "auto: none", "auto: 8×8", "▀▀▀▀")
        assert "data.binarization=none: the images have colors" in text_of(pilot)
        screen.query_one("#field-beta", Input).value = "0.5"
        await until(pilot, lambda: screen.form["beta"] == "0.5" and screen.form.is_checked)
        config = screen.form.last_check.config
        assert config is not None and config.model_options().beta == 0.5
        # A GAN has other fields; what the data forbid is disabled.
        screen.query_one("#field-family", Select).value = "gan"
        await until(pilot, lambda: screen.query_one("#field-binarization", Select).disabled, "a disabled field")
        assert not screen.query_one("#row-beta").display
        assert "cannot be used with a GAN" in str(screen.query_one("#field-binarization").tooltip)
        # Without the folder, the examples go.
        screen.query_one("#field-folder", Input).value = ""
        await until(pilot, lambda: "set: 8 images" not in text_of(pilot), "no sheet")


async def test_keys_and_paths_are_completed(tmp_path: Path) -> None:
    suggester = KeySuggester(lambda: ("model.beta", "model.hidden", "optim.lr"))
    assert await suggester.get_suggestion("optim.lr=1 model.h") == "optim.lr=1 model.hidden="
    assert await suggester.get_suggestion("model.beta=") is None
    (tmp_path / "photos").mkdir()
    (tmp_path / "pets.csv").write_text("")
    (tmp_path / ".hidden").mkdir()
    paths = PathSuggester()
    assert await paths.get_suggestion(f"{tmp_path}/p") == f"{tmp_path}/photos/"
    assert await paths.get_suggestion(f"{tmp_path}/pe") == f"{tmp_path}/pets.csv"
    assert await paths.get_suggestion(f"{tmp_path}/x") is None
