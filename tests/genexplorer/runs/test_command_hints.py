"""Commands in messages: they select the run they are about when they are typed."""

import shlex
from pathlib import Path

import pytest

from genexplorer import paths
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import config

NAMES = ["brave-fox", "vae/beta=4", "two words", "-rf", "..", "it's", "$HOME", "生成模型实验", "a;b", "~", "*", "#1"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("folder", ["runs", "my runs"])
def test_a_hint_selects_its_run_as_typed(
    tmp_path: Path, name: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.RUNS_VARIABLE, str(tmp_path / "elsewhere"))
    store = RunStore(tmp_path / folder)
    run = store.create(config(), name=name)
    store.create(config(), name="other")
    program, group, command, selector, *options = shlex.split(run_command("runs stop", run))
    assert (program, group, command) == ("genexplorer", "runs", "stop")
    assert not selector.startswith("-") and store.find(selector) == run
    assert options == ["--runs-dir", str(store.runs_dir)]


def test_the_default_runs_folder_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.RUNS_VARIABLE, str(tmp_path / "runs"))
    run = RunStore(tmp_path / "runs").create(config(), name="brave-fox")
    assert run_command("runs stop", run) == "genexplorer runs stop brave-fox"


def test_a_name_that_two_runs_have_is_replaced_by_the_id(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    first, second = store.create(config(), name="twin"), store.create(config(), name="twin")
    for run in (first, second):
        assert store.find(shlex.split(run_command("runs stop", run))[3]) == run
