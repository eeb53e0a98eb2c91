"""Plain safetensors files, read by safetensors."""

from pathlib import Path

import pytest
from safetensors import safe_open

from genexplorer.errors import CheckpointError
from genexplorer.export.weights import write_safetensors
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import write_run


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", steps=300, pictures=False)
    first = RunReader(folder).snapshots()[0]
    with pytest.raises(CheckpointError, match="brave-fox has no snapshot at or before step") as caught:
        write_safetensors(folder, tmp_path / "a.safetensors", step=first - 1)
    assert "steps with one: " in caught.value.hint and not (tmp_path / "a.safetensors").exists()


def test_weights_come_with_what_they_are(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", steps=300, pictures=False)
    steps = RunReader(folder).snapshots()
    step, num_arrays = write_safetensors(folder, tmp_path / "a.safetensors", step=steps[-1] - 1)
    assert step == steps[-2]
    with safe_open(tmp_path / "a.safetensors", "np") as file:
        assert len(list(file.keys())) == num_arrays > 0
        metadata = file.metadata()
    assert (metadata["family"], metadata["step"], metadata["weights"]) == ("vae", str(step), "ema")
    assert metadata["image_shape"] == "[1, 28, 28]"
