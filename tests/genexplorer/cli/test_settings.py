"""Flags override environment, file and preset; an error is one line with its origin."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from genexplorer.cli import settings
from genexplorer.cli.setting_flags import parse_sizes
from genexplorer.cli.settings import to_toml
from genexplorer.errors import ConfigError, DataError
from genexplorer.session import command_lines
from genexplorer.session.settings_text import parse_value
from trainers import registry
from trainers.presets import assemble


def resolve(preset: str | None = "vae-2d", **given: Any) -> Any:
    return settings.resolve(preset, **{"flags": {}, "environment": {"PATH": "/bin"}, **given}).config


def toml_file(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_each_layer_overrides_the_one_below(tmp_path: Path) -> None:
    file = toml_file(tmp_path, "seed = 1\n[model]\nbeta = 2.0\nlatent_dim = 3\nactivation = 'tanh'\n")
    environment = {"GENEXPLORER__MODEL__BETA": "3.0", "GENEXPLORER__MODEL__LATENT_DIM": "4"}
    config = resolve(config_file=file, environment=environment, flags={"--latent-dim": 5})
    assert config.seed == 1
    options = config.model_options()
    assert (options.activation, options.beta, options.latent_dim) == ("tanh", 3.0, 5)
    assert list(options.hidden) == [512, 512, 256], "what no layer names is the preset's"


def test_a_length_replaces_the_length_of_the_preset() -> None:
    assert resolve(environment={"GENEXPLORER__SCHEDULE__MINUTES": "2"}).schedule.epochs is None
    schedule = resolve(flags={"--steps": 7}, environment={"GENEXPLORER__SCHEDULE__MINUTES": "2"}).schedule
    assert (schedule.steps, schedule.minutes, schedule.epochs) == (7, None, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4),
        ("4.5", 4.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"static"', "static"),
        ("static", "static"),
        ("[color, cutout]", ["color", "cutout"]),  # as a shell leaves '["color", "cutout"]'
        ("[x]y]", ["x]y"]),
        ("[a [b]]", "[a [b]]"),
        ("none", "none"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
        ("/data/my set", "/data/my set"),
    ],
)
def test_a_value_is_toml_and_otherwise_the_text_itself(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize(("text", "sizes"), [("512, 256", [512, 256]), ("[8]", [8]), ("[]", []), ("[ ]", [])])
def test_sizes_are_numbers_and_none_is_written_as_brackets(text: str, sizes: list[int]) -> None:
    assert parse_sizes(text) == sizes


def test_set_reaches_every_setting() -> None:
    config = resolve(assignments=["model.beta=4", "execution.eval_every=10", "data.limit=64", "optim.name=adamw"])
    assert config.model_options().beta == 4
    assert config.data_options().limit == 64
    assert (config.execution.eval_every, config.optim.name) == (10, "adamw")


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"assignments": ["model.bta=4"]}, ["model.bta", "unknown key", "--set model.bta", "did you mean 'beta'?"]),
        ({"assignments": ["model.beta"]}, ["--set model.beta", "key=value"]),
        ({"assignments": ["=4"]}, ["key=value"]),
        ({"assignments": ["model..beta=4"]}, ["key=value"]),
        ({"assignments": ["model.beta=-1"]}, ["model.beta", "at least 0", "--set model.beta"]),
        ({"assignments": ["model.beta=nan"]}, ["model.beta"]),
        ({"assignments": ["model.beta=4", "model.beta.x=4"]}, ["section or a value"]),
        ({"flags": {"--beta": 4.0}, "assignments": ["model.beta=5"]}, ["given twice", "--beta", "--set model.beta"]),
        ({"flags": {"--steps": 4, "--epochs": 1}}, ["exactly one of epochs, steps, minutes"]),
        ({"flags": {"--batch-size": 0}}, ["optim.batch_size", "--batch-size"]),
        ({"flags": {"--likelihood": "gausian"}}, ["model.likelihood", "gausian", "--likelihood"]),
        (
            {"flags": {"--likelihood": "gaussian"}, "assignments": ["data.binarization=dynamic"]},
            ["model.likelihood", "data.binarization"],
        ),
        ({"flags": {"--deterministic": True, "--minutes": 1.0}}, ["deterministic"]),
        ({"environment": {"GENEXPLORER__MODEL__BTA": "4"}}, ["model.bta", "GENEXPLORER__MODEL__BTA"]),
        ({"environment": {"GENEXPLORER__": "4"}}, ["GENEXPLORER__", "not a setting"]),
        ({"data": "no-such-data"}, ["--data no-such-data", "mnist"]),
        ({"data": "idx"}, ["--data idx", "give the folder or file itself"]),
        ({"preset": "vae2d"}, ["vae2d", "did you mean 'vae-2d'?"]),
        ({"preset": None}, ["choose a preset", "vae-2d"]),
        ({"preset": "uva2019-vae", "flags": {"--beta": 2.0}}, ["uva2019-vae", "--beta", "'vae'"]),
        ({"preset": "uva2019-nf", "assignments": ["model.couplings=4"]}, ["uva2019-nf", "'realnvp'"]),
        ({"preset": "uva2019-nf", "data": "moons"}, ["uva2019-nf", "'flow-toy'"]),
        ({"preset": "gan", "flags": {"--beta": 2.0}}, ["model.beta", "unknown key", "--beta", "--dry-run"]),
        (
            {"preset": "vae-2d", "data": "moons", "assignments": ["model.likelihood=bernoulli"]},
            ["model.likelihood", "'vae-toy'"],
        ),
        ({"preset": "gan", "data": "moons", "assignments": ["model.output=tanh"]}, ["model.output", "'gan-toy'"]),
        (
            {"preset": "realnvp", "data": "moons", "assignments": ["model.dequantization=uniform"]},
            ["model.dequantization", "'flow-toy'"],
        ),
        (
            {"preset": "vae-toy", "data": "mnist", "assignments": ["model.likelihood=normal"]},
            ["model.likelihood", "'vae-2d'"],
        ),
        ({"preset": "gan-toy", "data": "mnist", "assignments": ["model.output=linear"]}, ["model.output", "'gan'"]),
        (
            {"preset": "flow-toy", "data": "mnist", "assignments": ["model.dequantization=none"]},
            ["model.dequantization", "'realnvp'"],
        ),
    ],
)
def test_an_error_is_one_line_with_its_origin(given: dict[str, Any], arguments: list[str]) -> None:
    preset = given.get("preset", "vae-2d")
    with pytest.raises(ConfigError) as caught:
        resolve(preset, **{key: value for key, value in given.items() if key != "preset"})
    message = str(caught.value)
    assert "\n" not in message
    for word in arguments:
        assert word in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("beta = = 4", "not TOML"),
        ("[model]\nbta = 4", "model.bta"),
        ("[modle]\nbeta = 4", "modle"),
        ("seed = 1", "has no preset"),
        ("preset = 'vae2d'", "did you mean 'vae-2d'?"),
    ],
)
def test_an_invalid_file_is_named(tmp_path: Path, text: str, arguments: str) -> None:
    preset = None if "seed" in text or "preset" in text else "vae-2d"
    with pytest.raises(ConfigError) as caught:
        resolve(preset, config_file=toml_file(tmp_path, text))
    assert arguments in str(caught.value)


def test_a_file_that_is_no_data_set_is_named() -> None:
    with pytest.raises(DataError, match="not a data set") as caught:
        resolve(data=__file__)
    assert ".npz" in caught.value.hint


def test_a_missing_or_oversized_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        resolve(config_file=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="longer than"):
        resolve(config_file=toml_file(tmp_path, "#" * (settings.MAX_SETTINGS_FILE_BYTES + 1)))


def test_a_written_config_reads_back_as_the_same_run(tmp_path: Path) -> None:
    config = resolve("vae-conv", flags={"--steps": 9, "--beta": 2.5}, assignments=["data.limit=64"])
    file = toml_file(tmp_path, to_toml(config))
    assert tomllib.loads(file.read_text())["schedule"]["steps"] == 9
    assert resolve(None, config_file=file) == config


@pytest.mark.parametrize("word", ["none", "None", "'none'", "null"])
def test_none_unsets_an_option_and_survives_toml_and_the_command(tmp_path: Path, word: str) -> None:
    preset = next(name for name in registry.presets() if assemble(name).optim.grad_clip is not None)
    config = resolve(preset, assignments=[f"optim.grad_clip={word}"])
    assert config.optim.grad_clip is None
    assert resolve(None, config_file=toml_file(tmp_path, to_toml(config))) == config
    assert "--set optim.grad_clip=none" in command_lines.train(config)
    assert "none" not in command_lines.train(assemble(preset))


def test_none_stays_a_choice_where_it_is_one() -> None:
    assert resolve("gan", assignments=["data.binarization=none"]).data.options["binarization"] == "none"


@pytest.mark.parametrize("key", ["optim.grad_clip", "optim.lr", "model.beta", "execution.checkpoint_every_s"])
@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
def test_infinity_and_nan_are_refused_before_anything_starts(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{key}.*finite"):
        resolve("vae", assignments=[f"{key}={value}"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_accepted(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text("seed = 7\r\n[model]\r\nbeta = 2.0\r\n", encoding=encoding)
    config = resolve("vae", config_file=file)
    assert config.seed == 7 and config.model.options["beta"] == 2.0


def test_every_preset_is_a_valid_configuration_and_survives_toml(tmp_path: Path) -> None:
    from trainers import registry

    for name in registry.presets():
        assert resolve(None, config_file=toml_file(tmp_path, to_toml(assemble(name)))) == assemble(name)


def test_a_folder_of_idx_files_is_data(tmp_path: Path) -> None:
    from trainers.data.catalog import bundled_folder

    folder = tmp_path / "my digits"
    folder.mkdir()
    for source in bundled_folder("mnist").glob("*.gz"):
        (folder / source.name).symlink_to(source)
    config = resolve(data=str(folder))
    assert (config.data.name, config.data_options().path) == ("idx", str(folder))
