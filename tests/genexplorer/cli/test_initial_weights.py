"""`train --init`: what fits is listed before the training starts."""

from pathlib import Path

from genexplorer import paths
from genexplorer.runs.store import RunStore
from tests.genexplorer.cli.conftest import Cli
from tests.genexplorer.session.test_forking import attempt
from tests.trainers import idx_files, tiny


def test_the_command_lists_what_fits_and_refuses_what_does_not(cli: Cli, tmp_path: Path) -> None:
    data = idx_files.write_folder(tmp_path / "blobs")
    store = RunStore(paths.runs_dir())
    folder = store.create(tiny.config(data, steps=2), name="calm-owl")
    attempt(folder)
    model = ("--data", data, "--set", "model.hidden=[16,8]", "--set", "model.activation=relu")
    fitting = cli("train", "vae-2d", *model, "--latent-dim", "3", "--init", "calm-owl", "--dry-run")
    assert fitting.code == 0
    assert "tensors of the model start as the EMA weights of calm-owl, step 2" in fitting.err
    assert "left out: " in fitting.err and "decoder.layers.0.weight (8×2, here 8×3)" in fitting.err
    none = cli("train", "realnvp", "--init", "calm-owl", "--dry-run")
    assert none.code == 2 and none.err.count("\n") == 1 and "none of the EMA weights of calm-owl" in none.err
    assert cli("train", "vae-2d", "--init", "red-elm").code == 6
    assert [run.name for run in store.list()] == ["calm-owl"]
