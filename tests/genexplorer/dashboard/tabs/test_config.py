"""The Config tab: every setting has a value that can be read."""

from pathlib import Path

from genexplorer.dashboard.tabs.config import CONFIG_SECTIONS, config_lines
from genexplorer.runs import parent, settings
from genexplorer.runs.record import Parent
from tests.fixtures.fake_run import write_run
from tests.genexplorer.dashboard.conftest import SMALL, WIDE, MakeApp, shows, text_of, until
from trainers.events import ON_RESUME, SettingChange
from trainers.presets import assemble


def test_an_empty_list_is_none() -> None:
    lines = config_lines(assemble("gan-toy"), CONFIG_SECTIONS).plain.splitlines()
    values = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    assert values["diff_augment"] == ["none"] and all(values.values())


def test_the_value_of_a_long_key_stands_below_it_in_the_column_of_the_values() -> None:
    lines = config_lines(assemble("vae-2d"), ("model",), max_key_width=14).plain.splitlines()
    row = next(i for i, line in enumerate(lines) if line.strip() == "num_mixture_components")
    column = next(line.index("mlp") for line in lines if line.split()[:1] == ["architecture"])
    assert lines[row + 1] == " " * column + "10"


async def test_changed_settings_have_their_steps(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=1500, state="stopped", pictures=False)
    settings.write_changes(folder, [SettingChange(1200, {"model.beta": 4.0})])
    async with make_app(tmp_path).run_test(size=SMALL) as pilot:
        await shows(pilot, "■ Stopped")
        await pilot.press("3")
        await shows(pilot, "4 (1 until step 1,200)")
        requested = SettingChange(ON_RESUME, {"optim.lr": 0.5})
        settings.write_changes(folder, [SettingChange(1200, {"model.beta": 4.0}), requested])
        await shows(pilot, "(0.5 when it is")


async def test_the_sidebar_and_the_theory_follow_the_selected_step(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=1500)
    settings.write_changes(folder, [SettingChange(1200, {"model.beta": 4.0})])
    async with make_app(tmp_path).run_test(size=WIDE) as pilot:
        await until(pilot, lambda: any(line.split()[-2:] == ["beta", "4"] for line in text_of(pilot).splitlines()))
        await pilot.press("6")
        await shows(pilot, "recon + 4 · KL")
        for _ in range(3):
            await pilot.press("[")
        await shows(pilot, "beta is 1.")
        await pilot.press("L")
        await shows(pilot, "recon + 4 · KL")


async def test_a_branch_names_its_parent(make_app: MakeApp, tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=60, pictures=False)
    parent.write(folder, Parent("fork", "vae-2d-x", "calm-owl", 40, exact=True))
    async with make_app(tmp_path).run_test(size=WIDE) as pilot:
        await pilot.press("3")
        await shows(pilot, "fork of calm-owl from checkpoint 40 (exact)")
