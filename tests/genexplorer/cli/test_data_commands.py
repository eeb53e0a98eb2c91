"""`genexplorer data`: what is listed and found, names that stand for data everywhere, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import trainers
import trainers.data.dataset
from genexplorer.cli import output
from genexplorer.cli.data import inspect
from genexplorer.session.new_run import NewRunForm
from tests.genexplorer.cli.conftest import Cli
from trainers.data import data_names
from trainers.data.downloads import fetch
from trainers.storage import cache
from trainers.storage.user_folders import DATA_VARIABLE


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "data"))
    cache.data_cache_dir.cache_clear()


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two classes in train and test: one test image is a training image as well, and one file is no image."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 10), ("test", 3)):
        for number, name in enumerate(("rose", "tulip")):
            folder = tmp_path / "flowers" / split / name
            folder.mkdir(parents=True)
            for index in range(count - number):
                Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    repeated = (tmp_path / "flowers" / "train" / "rose" / "0.png").read_bytes()
    (tmp_path / "flowers" / "test" / "rose" / "0.png").write_bytes(repeated)
    (tmp_path / "flowers" / "train" / "rose" / "\x1b[31mbad.png").write_bytes(b"no image")
    (tmp_path / "flowers" / "notes.txt").write_text("x")
    return tmp_path / "flowers"


def test_inspect_counts_splits_classes_duplicates_and_skipped_files(cli: Cli, flowers: Path) -> None:
    found = json.loads(cli("data", "inspect", flowers, "--json").out)
    assert (found["num_train"], found["num_test"], found["shape"]) == (19, 5, [3, 16, 16])
    assert [(each["name"], each["num_train"], each["num_test"]) for each in found["classes"]] == [
        ("rose", 10, 3),
        ("tulip", 9, 2),
    ]
    assert found["duplicates"] == {"num_test_in_train": 1, "num_within_train": 0}
    assert found["num_skipped"] == 1 and "bad.png: not an image" in found["skipped"][0]
    assert found["other_files"] == {".txt": 1}
    assert sum(found["histogram"]["fractions"]) == pytest.approx(1)
    assert {"vae-2d", "gan", "realnvp"} <= {each["preset"] for each in found["presets"]}
    assert not {"vae-moons", "uva2019-vae"} & {each["preset"] for each in found["presets"]}


def test_inspect_prints_commands_that_can_be_copied(cli: Cli, flowers: Path) -> None:
    result = cli("data", "inspect", flowers, "--set", "size=8")
    assert result.code == 0 and "\x1b" not in result.out + result.err
    assert "tulip" in result.out and "1 test images are training images as well" in result.out
    command = next(line for line in result.out.splitlines() if "genexplorer train vae-2d " in line)
    again = cli(*command.split()[1:], "--dry-run")
    assert again.code == 0 and "3×8×8" in again.out


def test_a_sheet_of_examples_as_png_and_in_the_terminal(
    cli: Cli, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("data", "inspect", flowers, "--png", tmp_path / "sheet.png").code == 0
    assert Image.open(tmp_path / "sheet.png").width >= 12 * 16
    monkeypatch.setattr(output, "shows_color", lambda stream: True)
    for words in ([flowers], ["moons", "--set", "num_train=500"]):
        rows = [line for line in cli("data", "inspect", *words).out.splitlines() if "▀" in line]
        assert len(rows) > 5 and all(line.count("▀") <= 100 for line in rows)


def test_examples_of_a_sheet_show_every_class() -> None:
    images = np.arange(40, dtype=np.uint8)[:, None, None, None].repeat(4, axis=1)
    labels = np.repeat(np.arange(4), 10)
    data = trainers.data.dataset.ImageData("x", images, images, labels, labels)
    picked = inspect._sheet(data, 8, 4)[0][::4, :, 0]
    assert picked.ravel().tolist() == [0, 10, 20, 30, 5, 15, 25, 35]  # spread over each class


def test_a_name_stands_for_a_path_and_its_options_wherever_data_are_named(
    cli: Cli, flowers: Path, tmp_path: Path
) -> None:
    assert cli("data", "add", "garden", flowers, "--set", "size=8").code == 0
    listed = {each["name"]: each for each in json.loads(cli("data", "list", "--json").out)}
    assert listed["garden"]["origin"] == "added" and listed["garden"]["path"] == str(flowers)
    assert listed["garden"]["num_train"] == 20 and listed["garden"]["bytes"] > 1000
    assert listed["mnist"]["on_disk"] and not listed["cifar-10"]["on_disk"]
    # On the command line, where explicit settings take precedence, and in a file of settings.
    assert "3×8×8" in cli("train", "vae", "--data", "garden", "--dry-run").out
    assert "3×4×4" in cli("train", "vae", "--data", "garden", "--set", "data.size=4", "--dry-run").out
    (tmp_path / "a.toml").write_text('preset = "vae"\n[data]\nname = "garden"\nsize = 6\n')
    assert "3×6×6" in cli("train", "--config", tmp_path / "a.toml", "--dry-run").out
    assert "3×8×8" in cli("train", "vae", "--set", "data.name=garden", "--dry-run").out
    # In Python, and in the form of a new run.
    plan = trainers.make_plan("vae", data="garden", settings={"data.channels": 1})
    assert plan.image_shape == (1, 8, 8) and plan.config.data.name == "images"
    form = NewRunForm("vae")
    assert "garden" in [choice.value for field in form.fields if field.key == "data" for choice in field.choices]
    form.set("data", "garden")
    assert not form.find_errors() and form.validate().data.options["path"] == str(flowers)
    # Until it is removed.
    assert cli("data", "remove", "garden").code == 0
    assert cli("train", "vae", "--data", "garden", "--dry-run").code == 2
    assert cli("data", "remove", "garden").code == 2


@pytest.mark.parametrize("name", ["mnist", "folder", "cifar-10", "emnist-letters", "../x", "a b", "", ".x", "x" * 65])
def test_names_that_are_refused(cli: Cli, flowers: Path, name: str) -> None:
    result = cli("data", "add", "--", name, flowers)
    assert result.code == 2 and len(result.err.splitlines()) == 1
    assert not data_names.read_all()


def test_a_name_is_replaced_only_on_request(cli: Cli, flowers: Path) -> None:
    assert cli("data", "add", "garden", flowers).code == 0
    assert "--replace" in cli("data", "add", "garden", flowers / "train").err
    assert cli("data", "add", "garden", flowers / "train", "--replace").code == 0
    assert data_names.read_all()["garden"]["path"] == str(flowers / "train")
    assert cli("data", "add", "other", flowers, "--set", "sice=8").code == 2
    assert cli("data", "add", "other", flowers / "missing").code == 2


def test_a_damaged_file_of_a_name_is_one_line(cli: Cli, flowers: Path, tmp_path: Path) -> None:
    cli("data", "add", "garden", flowers)
    next((tmp_path / "state").rglob("garden.json")).write_bytes(b"[" * 100_000)
    result = cli("train", "vae", "--data", "garden", "--dry-run")
    assert result.code == 3 and "data remove garden" in result.err and len(result.err.splitlines()) == 1
    assert cli("data", "list").code == 0


def test_what_is_not_downloaded_names_the_command(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "'genexplorer data fetch emnist'" in cli("train", "vae", "--data", "emnist-letters", "--dry-run").err
    assert "'genexplorer data fetch kmnist'" in cli("train", "vae", "--set", "data.name=kmnist", "--dry-run").err
    monkeypatch.setattr(fetch, "mirrors", lambda download: ("http://127.0.0.1:9/x",))
    result = cli("data", "fetch", "fashion-mnist")
    assert result.code == 3 and "no connection" in result.err and len(result.err.splitlines()) == 1
    assert cli("data", "fetch", "nothing").code == 2


def test_the_size_of_the_cache_is_printed_and_the_cache_cleared(cli: Cli, flowers: Path) -> None:
    cli("data", "inspect", flowers)
    found = json.loads(cli("data", "cache", "--json").out)
    assert found["entries"] == 2 and found["bytes"] > 24 * 16 * 16 * 3
    assert "in 2 entries deleted" in cli("data", "cache", "--clear").err
    assert "0 bytes in 0 entries" in cli("data", "cache").out


def test_a_hostile_path_is_printed_without_escape_sequences(cli: Cli, flowers: Path) -> None:
    hostile = flowers.rename(flowers.with_name("\x1b]0;title\x07flowers"))
    for words in (["add", "garden", hostile], ["list"], ["inspect", "garden"], ["inspect", hostile, "--set", "size=8"]):
        result = cli("data", *words)
        assert result.code == 0 and not set("\x1b\x07") & set(result.out + result.err), words
