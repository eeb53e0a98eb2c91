"""The form of a new run."""

from dataclasses import replace
from pathlib import Path

import pytest

from genexplorer.errors import UserError
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from genexplorer.session import eta, formatting
from genexplorer.session.new_run import NewRunForm
from genexplorer.session.new_run_check import SETTING_KEYS
from genexplorer.session.preset_info import expected_failure, families_with_presets, training_time_text
from genexplorer.session.settings_text import parse_settings
from trainers import registry
from trainers.data import data_names
from trainers.data.catalog import bundled_folder
from trainers.plan import resolve


def test_the_initial_preset_is_valid() -> None:
    form = NewRunForm()
    assert form.find_errors() == {}
    config = form.validate()
    assert config.preset == form["preset"] == next(iter(registry.presets()))
    assert (config.schedule.epochs, config.seed) == (float(form["length"]), 0)
    assert "two cores" in form.expected_result
    assert [field.key for field in form.fields] == [
        "family", "preset", "data", "length", "unit",
        "latent_dim", "beta", "likelihood", "binarization", "seed", "name", "settings",
    ]  # fmt: skip


@pytest.mark.parametrize("preset", registry.presets())
def test_every_preset_is_valid(preset: str) -> None:
    assert NewRunForm(preset).validate().preset == preset


def test_every_field_sets_the_configuration() -> None:
    form = NewRunForm("vae-2d")
    result: list[str] = []
    form.subscribe(lambda: result.append("changed"))
    for key, value in {
        "unit": "steps",
        "length": "2,000",
        "seed": " 7 ",
        "name": " brave fox ",
        "settings": "model.beta=4 model.hidden=[64,32] optim.name=sgd execution.deterministic=true",
    }.items():
        form.set(key, value)
    config = form.validate()
    assert (config.schedule.steps, config.schedule.epochs, config.seed) == (2000, None, 7)
    assert (config.model_options().beta, config.model_options().hidden) == (4, (64, 32))
    assert (config.optim.name, config.execution.deterministic) == ("sgd", True)
    assert form.name == "brave fox"
    assert len(result) == 5
    form.set("seed", " 7 ")
    assert len(result) == 5


def test_another_preset_sets_its_length_and_keeps_other_fields() -> None:
    form = NewRunForm("vae-2d")
    form.set("seed", "3")
    form.set("length", "1")
    form.set("preset", "vae-conv")
    epochs = registry.preset("vae-conv").settings["schedule"]["epochs"]
    assert (form["length"], form["unit"], form["seed"]) == (str(epochs), "epochs", "3")


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"length": "long"}, "length", "'long' is not a number"),
        ({"length": "0"}, "length", "greater than 0"),
        ({"length": "2.5", "unit": "steps"}, "length", "not an integer"),
        ({"seed": ""}, "seed", "not an integer"),
        ({"seed": "-1"}, "seed", "at least 0"),
        ({"settings": "model.beta"}, "settings", "not of the form key=value"),
        ({"settings": "model.beta=4 model.beta=5"}, "settings", "twice"),
        ({"settings": "model.bta=4"}, "settings", "did you mean 'beta'?"),
        ({"settings": "model='4"}, "settings", "quotation mark"),
        ({"settings": "model.latent_dim=9999"}, "settings", "at most 4096"),
        ({"data": "idx", "folder": " "}, "folder", "choose a folder"),
        ({"data": "idx", "folder": "/nowhere"}, "folder", "/nowhere"),
    ],
)
def test_each_invalid_field_gets_one_line(values: dict[str, str], field: str, message: str) -> None:
    form = NewRunForm("vae-2d")
    for key, value in values.items():
        form.set(key, value)
    assert list(form.find_errors()) == [field]
    line = form.find_errors()[field]
    assert message in line
    assert "\n" not in line
    with pytest.raises(UserError):
        form.validate()


def test_all_invalid_fields_are_reported_together() -> None:
    form = NewRunForm()
    form.set("length", "x")
    form.set("seed", "y")
    assert set(form.find_errors()) == {"length", "seed"}


def test_a_fixed_setting_is_reported_at_its_field() -> None:
    form = NewRunForm("uva2019-vae")
    form.set("length", "3")
    assert list(form.find_errors()) == ["length"]
    assert "uva2019-vae" in form.find_errors()["length"]


def test_a_folder_of_files_is_a_field_of_its_own(tmp_path: Path) -> None:
    form = NewRunForm()
    form.set("data", "idx")
    assert "folder" in [field.key for field in form.fields]
    form.set("preset", "vae")
    assert form["data"] == "idx"
    form.set("data", "mnist")
    assert form.find_errors() == {}


def test_the_expected_time_follows_the_length_and_past_runs(tmp_path: Path) -> None:
    form = NewRunForm("vae-2d", runs_dir=tmp_path)
    preset = registry.preset("vae-2d")
    assert f"about {preset.minutes:g} min on two cores" in form.expected_result
    form.set("length", str(preset.settings["schedule"]["epochs"] / 2))
    form.find_errors()
    half = formatting.duration(preset.minutes * 30)
    stated = "estimate of preset 'vae-2d' for two cores, scaled to this length"
    assert form.expected_result.endswith(f"about {half}, {stated}")
    form.set("length", "x")
    form.find_errors()
    assert form.expected_result.endswith("on two cores")
    form.set("unit", "minutes")
    assert "about" not in form.expected_result


def test_a_finished_run_of_the_same_model_gives_the_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = NewRunForm("vae-2d").validate()
    folder = RunStore(tmp_path).create(config, name="red-elm")
    status = RunStore(tmp_path).status(folder)
    done = replace(status, state=State.SUCCEEDED, step=4688, images_seen=600_000, elapsed_s=60.0)
    other = replace(done, name="of another model", folder=RunStore(tmp_path).create(NewRunForm("vae").validate()))
    monkeypatch.setattr(RunStore, "list", lambda store: [other, done])
    result = eta.expected_time(resolve(config), tmp_path)
    assert (result.images_per_s, result.seconds) == (10_000, 240)
    assert "red-elm" in result.source
    damaged = replace(other, folder=tmp_path / "gone")
    monkeypatch.setattr(RunStore, "list", lambda store: [damaged, replace(done, elapsed_s=0.1)])
    assert eta.expected_time(resolve(config), tmp_path).images_per_s is None
    # A run of a few steps is mostly evaluation.
    monkeypatch.setattr(RunStore, "list", lambda store: [replace(done, step=4, images_seen=512, elapsed_s=9.0)])
    assert "estimate of preset" in eta.expected_time(resolve(config), tmp_path).source


def test_a_length_in_steps_is_estimated_for_steps_of_several_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = NewRunForm("gan-toy")
    form.set("unit", "steps")
    form.set("length", "1000")
    config = form.validate()
    folder = RunStore(tmp_path).create(config, name="red-elm")
    images_seen = 500 * 2 * config.optim.batch_size  # 500 steps of two batches in 50 s
    status = RunStore(tmp_path).status(folder)
    ended = replace(status, state=State.SUCCEEDED, step=500, images_seen=images_seen, elapsed_s=50.0)
    monkeypatch.setattr(RunStore, "list", lambda store: [ended])
    assert eta.expected_time(resolve(config), tmp_path).seconds == pytest.approx(100)


@pytest.mark.parametrize(
    ("settings", "share"),
    [({"unit": "epochs", "length": "10"}, 0.25), ({"unit": "steps", "length": "9375"}, 0.5), ({}, 1.0)],
)
def test_a_presets_time_is_scaled_to_the_length(tmp_path: Path, settings: dict[str, str], share: float) -> None:
    form = NewRunForm("vae-2d")
    seconds = share * registry.preset("vae-2d").minutes * 60
    for key, value in settings.items():
        form.set(key, value)
    result = eta.expected_time(resolve(form.validate()), tmp_path)
    assert result.seconds == pytest.approx(seconds, rel=0.01)
    assert set(result.as_json()) == {"seconds", "images_per_s", "source"}


def test_a_length_in_minutes_is_the_expected_time(tmp_path: Path) -> None:
    form = NewRunForm("vae-2d")
    form.set("unit", "minutes")
    form.set("length", "3")
    assert eta.expected_time(resolve(form.validate()), tmp_path).seconds == pytest.approx(180)


def test_unknown_fields_are_refused_and_long_text_is_cut() -> None:
    form = NewRunForm("no such preset")
    with pytest.raises(KeyError):
        form.set("color", "red")
    form.set("name", "x" * 10_000)
    assert len(form.name) == 4096


def test_settings_are_values_as_in_toml() -> None:
    assert parse_settings('a.b=1 c=2.5 d=true e=[1,2] f=text g="with space" h=1e-3, i=') == {
        "a.b": 1, "c": 2.5, "d": True, "e": [1, 2], "f": "text", "g": "with space", "h": 0.001, "i": "",
    }  # fmt: skip


@pytest.mark.parametrize("preset", [preset.name for preset in registry.presets().values() if not preset.frozen])
def test_every_data_set_of_the_form_is_valid(preset: str) -> None:
    form = NewRunForm(preset)
    offered = next(field for field in form.fields if field.key == "data").choices
    assert form["data"] in [choice.value for choice in offered]
    for choice in offered:
        if not registry.dataset(choice.value).reads_path:
            form.set("data", choice.value)
            assert form.find_errors() == {}


def test_a_folder_of_images_gets_the_data_options_of_the_preset(tmp_path: Path) -> None:
    form = NewRunForm("gan")
    form.set("data", "idx")
    form.set("folder", str(bundled_folder("mnist")))
    assert form.validate().data_options().binarization == "none"
    toy = next(preset for preset in registry.presets().values() if preset.name.endswith("-toy"))
    form.set("preset", toy.name)  # a folder of images does not stay where points are learned
    assert registry.dataset(form["data"]).kind == "points"


def test_a_preset_that_fails_on_purpose_says_what_to_watch() -> None:
    failing = [preset.name for preset in registry.presets().values() if preset.expected_failure]
    assert failing
    for name in failing:
        form = NewRunForm(name)
        assert form.expected_failure and expected_failure(form.validate()) == form.expected_failure
    assert NewRunForm("vae-2d").expected_failure == expected_failure(None) == ""


def test_the_gallery_has_every_preset_once() -> None:
    listed = [preset.name for group in families_with_presets() for preset in group.presets]
    assert sorted(listed) == sorted(registry.presets())
    vae = registry.preset("vae-2d")
    assert [training_time_text(replace(vae, minutes=value)) for value in (0.5, 2.5, 60, 80)] == [
        "30 s", "2.5 min", "1 h", "1 h 20 min",
    ]  # fmt: skip


def test_the_fields_of_settings_are_those_of_model_and_data(tmp_path: Path) -> None:
    for preset, keys in {
        "gan": {"latent_dim", "binarization"},
        "vae-toy": {"latent_dim", "beta", "likelihood"},
    }.items():
        assert {field.key for field in NewRunForm(preset).fields} & set(SETTING_KEYS) == keys
    form = NewRunForm("vae")
    form.set("beta", "2.5")
    form.set("latent_dim", " 1,000 ")
    assert list(form.find_errors()) == ["latent_dim"], "more than the values of an image: reported at its own field"
    form.set("latent_dim", "7")
    options = form.validate().model_options()
    assert (options.beta, options.latent_dim) == (2.5, 7)


def test_a_field_that_the_model_lacks_changes_nothing() -> None:
    form = NewRunForm("vae")
    form.set("beta", "3")
    form.set("family", "gan")
    assert form.find_errors() == {} and form.validate().model.name == "gan"
    form.set("family", "vae")
    assert form.validate().model_options().beta == 3


def test_a_check_of_earlier_values_is_recognized() -> None:
    form = NewRunForm("vae-2d")
    check = form.check()
    form.set("beta", "2")
    assert not form.apply(check) and not form.is_checked
    assert form.apply(form.check()) and form.is_checked
    assert form.last_check.config is not None and form.last_check.config.model_options().beta == 2


def test_data_at_a_path_select_a_preset_of_their_kind(tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("x,y\n" + "\n".join(f"{number},{number % 7}" for number in range(40)))
    form = NewRunForm("gan")
    form.use_path(points)
    assert form.preset.family == "gan" and registry.data_kind(form["data"]) == "points"
    assert form.find_errors() == {} and form.validate().data.name == "points-file"
    form.use_path(bundled_folder("mnist"))
    assert registry.data_kind(form["data"]) == "images" and form.find_errors() == {}
    form.use_path(tmp_path / "nothing")
    assert "nothing" in form.find_errors()["folder"]


def test_data_that_the_user_named_are_a_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENEXPLORER_STATE", str(tmp_path / "state"))
    data_names.add("digits", {"name": "idx", "path": str(bundled_folder("mnist"))})
    form = NewRunForm("vae-2d")
    assert "digits" in [choice.value for field in form.fields if field.key == "data" for choice in field.choices]
    form.set("data", "digits")
    assert form.find_errors() == {} and form.last_check.dataset == "idx"
    assert "binarization" in [field.key for field in form.fields]
    assert form.validate().data.options["path"] == str(bundled_folder("mnist"))
