"""Data of a run that moved: the same are accepted and remembered, others refused; without them the rest works."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from genexplorer.cli import main
from genexplorer.errors import ConfigError, DataError
from genexplorer.explore.model_cache import ModelCache
from genexplorer.explore.protocol import Request
from genexplorer.runs import layout
from genexplorer.runs.import_run import import_runs
from genexplorer.runs.reader import RunReader
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from genexplorer.session import run_data
from tests.trainers.idx_files import write_folder
from trainers import presets, train
from trainers.events import Finished
from trainers.inference import session

SMALL = {"model.hidden": [8], "model.latent_dim": 2, "optim.batch_size": 16}


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(tmp_path: Path, store: RunStore) -> Path:
    """A run of two steps that was stopped; its data are in `data`."""
    data = write_folder(tmp_path / "data")
    config = presets.assemble("vae", presets.changes(data=data, steps=2, settings=SMALL))
    folder = store.create(config, name="mine")
    writer = RunWriter(folder, config, token=1, threads=1)
    for event in train(config):
        writer.record(event)
        if isinstance(event, Finished):
            writer.close("stopped", "")
    return folder


def request(folder: Path, op: str, **params: object) -> object:
    query = Request("preview", 1, str(folder), None, op, params)
    _, chunks = ModelCache(session.load).start_operation(query)
    return list(chunks)[-1]


def test_the_same_data_at_another_place_are_accepted_and_remembered(
    run: Path, store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config_file = (run / layout.CONFIG).read_bytes()
    moved = tmp_path / "elsewhere"
    (tmp_path / "data").rename(moved)
    with pytest.raises(DataError, match=r"data: the data of the run are not there: .*--data PATH"):
        request(run, "encode", indices=[0])
    assert "mine: its data are at" in run_data.relocate(run, store.runs_dir, str(moved))
    assert read_config(run).data.options["path"] == str(moved)
    assert (run / layout.CONFIG).read_bytes() == config_file
    request(run, "encode", indices=[0])


def test_without_its_data_a_run_decodes_and_is_not_resumed(
    run: Path, store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(tmp_path / "data")
    request(run, "sample", count=4, seed=0)
    before = RunReader(run).status()
    assert main.run(["runs", "resume", "mine"]) == DataError.exit_code
    error = capsys.readouterr().err
    assert "the data of the run are not there: if they moved" in error and "runs resume" in error
    assert RunReader(run).status() == before, "no attempt was started"


def test_other_data_are_refused_naming_then_and_now(run: Path, store: RunStore, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other")
    content = bytearray((other / "train-images-idx3-ubyte").read_bytes())
    content[500:900] = bytes(400)
    (other / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match="not the data of the run: as many images as then, but others"):
        run_data.relocate(run, store.runs_dir, str(other))
    np.save(tmp_path / "a.npy", np.zeros((10, 9, 7), np.uint8))
    with pytest.raises(DataError, match="data of the type 'arrays-file', mine was trained on 'idx'"):
        run_data.relocate(run, store.runs_dir, str(tmp_path / "a.npy"))
    smaller = write_folder(tmp_path / "smaller", labels=False)
    shutil.copy(smaller / "t10k-images-idx3-ubyte", smaller / "train-images-idx3-ubyte")
    with pytest.raises(DataError, match=r"then 256 \+ 60 images, now 60 \+ 60 images"):
        run_data.relocate(run, store.runs_dir, str(smaller))
    assert not (run / layout.DATA_LOCATION).exists()


def test_a_command_takes_the_place_before_it_reads_the_data(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = (tmp_path / "data").rename(tmp_path / "elsewhere")
    monkeypatch.setattr("genexplorer.workers.launcher.resume", lambda folder, timeout_s: RunReader(folder).status())
    assert main.run(["runs", "resume", "mine", "--data", str(moved)]) == 0
    assert json.loads((run / layout.DATA_LOCATION).read_bytes()) == {"path": str(moved)}
    assert "its data are at" in capsys.readouterr().err
    assert main.run(["reconstruct", "mine", "--data", str(tmp_path / "nothing")]) == ConfigError.exit_code
    assert main.run(["view", "mine", "--data", str(tmp_path / "nothing")]) == ConfigError.exit_code


def test_an_imported_run_and_one_elsewhere_remember_their_own_place(run: Path, store: RunStore, tmp_path: Path) -> None:
    moved = str((tmp_path / "data").rename(tmp_path / "elsewhere"))
    run_data.relocate(run, store.runs_dir, moved)
    # The copy does not inherit the place.
    other_store = RunStore(tmp_path / "other-runs")
    (result,) = import_runs(run, other_store)
    assert not (result.folder / layout.DATA_LOCATION).exists()
    run_data.relocate(result.folder, other_store.runs_dir, moved)
    assert read_config(result.folder).data.options["path"] == moved
    # A run in another runs folder is not written to.
    (run / layout.DATA_LOCATION).unlink()
    run_data.relocate(run, other_store.runs_dir, moved)
    assert not (run / layout.DATA_LOCATION).exists()
    assert read_config(run).data.options["path"] == moved


def test_a_damaged_place_is_ignored(run: Path, tmp_path: Path) -> None:
    for content in (b"[" * 10_000, b'{"path": 3}', b'{"path": "a\\u0000b"}', b"\xff"):
        (run / layout.DATA_LOCATION).write_bytes(content)
        assert read_config(run).data.options["path"] == str(tmp_path / "data")


def test_data_without_a_place_are_refused(store: RunStore) -> None:
    folder = store.create(presets.assemble("vae", {"schedule": {"steps": 1}}), name="bundled")
    with pytest.raises(ConfigError, match="'mnist', which is not at a path"):
        run_data.relocate(folder, store.runs_dir, "moons")
