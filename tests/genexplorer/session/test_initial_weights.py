"""`--init`: the weights of another run are found, checked, and stored with the new run, which then needs it no more."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from genexplorer.errors import CheckpointError, ConfigError, NoSuchRunError
from genexplorer.runs import initial, layout
from genexplorer.runs.record import Parent
from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from genexplorer.session import formatting
from genexplorer.session.initial_weights import find_source, require_fit
from tests.fixtures.fake_run import config, write_run
from tests.genexplorer.session.test_forking import attempt
from tests.trainers import idx_files, tiny
from trainers import plan, presets, registry
from trainers.events import Stop
from trainers.storage import checkpoint


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return idx_files.write_folder(tmp_path_factory.mktemp("data") / "blobs")


def test_a_source_is_a_run_and_a_step(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    folder = write_run(store, steps=200, name="calm-owl", pictures=False)
    newest, earlier = find_source(store, "calm-owl"), find_source(store, "calm-owl@50")
    assert (newest.card.step, earlier.card.step, newest.run_id) == (200, 50, folder.name)
    assert newest.weights.source == "the EMA weights of calm-owl, step 200"
    assert find_source(store, f"{folder}@50").card.step == 50
    with pytest.raises(CheckpointError, match="no snapshot at step 60: the nearest is --init calm-owl@50"):
        find_source(store, "calm-owl@60")
    for missing in ("red-elm", "red-elm@50", "@50", "calm-owl@x"):
        with pytest.raises(NoSuchRunError):
            find_source(store, missing)
    store.rename(folder, "owl@50")
    assert find_source(store, "owl@50").card.step == 200, "a name with an @"
    queued = store.create(config(), name="new")
    with pytest.raises(CheckpointError, match="no snapshot yet"):
        find_source(store, queued.name)


def test_a_run_starts_from_them_also_after_the_other_one_is_gone(data: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first = store.create(tiny.config(data, steps=12), name="calm-owl")
    attempt(first)
    wider = tiny.config(data, {"model": {"latent_dim": 3}}, {"execution": {"deterministic": True}}, steps=6)
    source = find_source(store, "calm-owl")
    fit = require_fit(plan.resolve(wider), source)
    assert fit.loaded and fit.initialized
    folder = store.create(wider, name="red-elm", initial=source)
    shutil.rmtree(first)
    status = read_status(folder)
    assert status.parent == Parent("init", first.name, "calm-owl", 12)
    assert formatting.origin(status.parent) == "initial weights of calm-owl, step 12 (EMA weights)"
    # At the first attempt, and at one that starts anew for want of a checkpoint.
    for _ in range(2):
        attempt(folder, {3: [Stop()]})
        start, _ = checkpoint.load_snapshot(layout.step_folder(folder / layout.SNAPSHOTS, 0))
        for name in fit.loaded:
            assert np.array_equal(start[name], source.arrays[name]), name
        shutil.rmtree(folder / layout.CHECKPOINTS)
    # A checkpoint of its own has the later weights.
    attempt(folder, {3: [Stop()]})
    attempt(folder)
    assert read_status(folder).step == 6
    weights = folder / layout.INITIAL / layout.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="weights"):
        initial.read(folder)


def test_what_reproduces_a_publication_starts_from_random_weights(tmp_path: Path) -> None:
    write_run(tmp_path, steps=200, pictures=False)
    frozen = next(preset for preset in registry.presets().values() if preset.frozen)
    source = find_source(RunStore(tmp_path), "latest")
    with pytest.raises(ConfigError, match=f"'{frozen.name}' starts from random weights"):
        require_fit(plan.resolve(presets.assemble(frozen.name)), source)
