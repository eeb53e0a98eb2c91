"""A trained model exported by the command line, and read by onnxruntime, safetensors, NumPy, csv and zipfile."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from tests.journeys.conftest import TINY, Shell

pytestmark = pytest.mark.process
EXPORTS_DOC = Path(__file__).resolve().parents[2] / "docs" / "exports.md"


def test_a_run_is_exported_in_every_format(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("train", "vae-2d", *TINY, "--steps", "20", "--name", "calm owl/1")

    def export(*arguments: str, out: str) -> Path:
        written = json.loads(shell("export", "calm owl/1", *arguments, "--out", str(tmp_path / out), "--json").out)
        assert written["path"] == str(tmp_path / out)
        return tmp_path / out

    # The model.
    decoder = onnxruntime.InferenceSession(str(export("onnx", out="decoder.onnx")))
    (images,) = decoder.run(None, {"z": np.zeros((3, 2), np.float32)})
    assert images.shape == (3, 1, 28, 28) and (images >= 0).all() and (images <= 1).all()
    for weights in ("ema", "raw"):
        with safe_open(export("safetensors", "--weights", weights, out=f"{weights}.safetensors"), "np") as file:
            assert file.metadata()["step"] == "20" and "decoder.layers.0.weight" in file.keys()  # noqa: SIM118
    # What the documentation says about reading them.
    export("safetensors", out="weights.safetensors")
    export("csv", out="metrics.csv")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", EXPORTS_DOC.read_text(), re.DOTALL)
    assert len(blocks) == 3
    values: dict[str, Any] = {}
    for block in blocks:
        exec(block, values)
    assert values["images"].shape == (16, 1, 28, 28) and values["facts"]["step"] == "20"
    assert values["model"].decode(torch.zeros(1, 2)).shape == (1, 1, 28, 28) and 20 in values["elbo"]
    # Arrays and the table.
    assert np.load(export("samples", "--count", "5", out="samples.npy")).shape == (5, 28, 28, 1)
    assert np.load(export("latents", "--count", "7", out="latents.npy")).shape == (7, 2)
    with export("csv", out="metrics.csv").open(newline="") as rows:
        assert [int(row["step"]) for row in csv.DictReader(rows)][-1] == 20
    with Image.open(export("animation", out="training.webp")) as animation:
        assert getattr(animation, "n_frames", 1) > 1
    # A latent path, as the viewer saves it.
    (tmp_path / "walk.json").write_text('{"z": [[-1, 0], [0, 1], [1, 0]]}')
    shell("play", tmp_path / "walk.json", "calm owl/1", "--frames", "5", "--out", tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as animation:
        assert animation.size == (280, 280) and getattr(animation, "n_frames", 1) > 1
    (tmp_path / "walk.json").write_text('{"z": [[-1, 0, 5], [0, 1, 5]]}')
    refused = shell("play", tmp_path / "walk.json", "calm owl/1", "--out", tmp_path / "no.gif", code=3).err
    assert "point 0 is not 2 numbers" in refused and not (tmp_path / "no.gif").exists()
    # The run itself.
    shell("runs", "export", "calm owl/1", "--out", str(tmp_path / "run.zip"))
    shell("runs", "import", str(tmp_path / "run.zip"), "--runs-dir", str(tmp_path / "elsewhere"))
    copy = json.loads(shell("runs", "show", "latest", "--runs-dir", str(tmp_path / "elsewhere"), "--json").out)
    assert (copy["name"], copy["step"]) == ("calm owl/1", 20)
    # What cannot be.
    assert "choose from" in shell("export", "calm owl/1", "nix", code=2).err
    assert "cannot write '.txt'" in shell("export", "calm owl/1", "csv", "--out", "a.txt", code=2).err
    assert "onnx takes no --weights" in shell("export", "calm owl/1", "onnx", "--weights", "raw", code=2).err
    assert "use column, page" in shell("export", "calm owl/1", "curves", "--width", "wide", code=2).err
    assert "no discriminator" in shell("export", "calm owl/1", "onnx", "--part", "discriminator", code=1).err
