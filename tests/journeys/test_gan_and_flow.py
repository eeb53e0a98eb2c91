"""A GAN, a flow and a density of 2-D data: trained by real workers, stopped, resumed, drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.journeys.conftest import Shell

pytestmark = pytest.mark.process
LITTLE = ("--set", "data.limit=256", "--set", "data.limit_test=64", "--batch-size", "16", "--threads", "1")
GAN = (*LITTLE, "--set", "model.hidden_g=[16,16]", "--set", "model.hidden_d=[16]", "--set", "model.latent_dim=8")
# Without compilation: a stop waits until a step is compiled, which takes longer than the rest of the journey.
FLOW = (
    *(*LITTLE, "--compile", "off", "--set", "model.couplings=2", "--set", "model.channels=[4]"),
    *("--set", "execution.eval_every=100000"),
)


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(path) as picture:
        picture.load()
        return np.asarray(picture.convert("L"))


def test_a_gan_is_trained_and_explored(shell: Shell) -> None:
    out = shell.folder
    result = shell("train", "gan", *GAN, "--steps", "20", "--name", "forger", "--foreground")
    assert "succeeded" in result.err
    assert {"train/loss_g", "train/loss_d"} <= set(shell.show("forger")["metrics"])

    shell("interpolate", "forger", "--out", "ways.png", "--scale", "1", "--rows", "3", "--seed", "4")
    assert pixels(out / "ways.png").shape == (3 * 28, 9 * 28)
    assert pixels(out / "ways.png").std() > 1
    shell("progress", "forger", "--out", "film.webp")
    recorded = shell.show("forger")["pictures"]["samples"]
    with Image.open(out / "film.webp") as film:
        assert film.n_frames == recorded > 3  # type: ignore[attr-defined]
    shell("progress", "forger", "--out", "film.mp4")
    assert b"ftyp" in (out / "film.mp4").read_bytes()[:16]
    result = shell("reconstruct", "forger", "--count", "2", "--out", "found.png", "--scale", "1")
    assert "mean squared error" in result.err
    assert pixels(out / "found.png").shape == (56, 56)
    assert "no encoder" not in result.err
    refused = shell("trace", "forger", "--out", "no.png", code=1)
    assert (refused.err.count("\n"), "invertible" in refused.err) == (1, True)


def test_a_flow_is_stopped_resumed_and_traced(shell: Shell) -> None:
    out = shell.folder
    shell("train", "realnvp", *FLOW, "--steps", "100000", "--name", "river", "--detach")
    shell.wait_for("river", lambda run: run["step"] > 3)
    shell("runs", "stop", "river")
    stopped = shell.show("river")
    shell("runs", "resume", "river")
    again = shell.wait_for("river", lambda run: run["step"] > stopped["step"])
    assert (again["attempt"], again["status"]) == (2, "running")
    shell("runs", "stop", "river")

    result = shell("trace", "river", "--index", "7", "--out", "trace.png", "--scale", "1")
    stages = [line for line in result.out.splitlines() if line][1:]
    assert pixels(out / "trace.png").shape == (28, 28 * len(stages))
    assert float(result.err.split("(x))| ")[1].split()[0]) < 1e-4, "the inverse is the inverse"
    assert "round-trip error" in shell("reconstruct", "river", "--count", "3", "--out", "same.png", "--scale", "1").err
    difference = pixels(out / "same.png")[:28].astype(int) - pixels(out / "same.png")[28:]
    assert np.abs(difference).max() <= 1, "a level's center is shown, not its edge"


def test_the_density_of_2d_data_is_mapped(shell: Shell) -> None:
    arguments = (
        "--data",
        "eight-gaussians",
        "--set",
        "data.num_train=500",
        "--set",
        "data.num_test=200",
        "--threads",
        "1",
    )
    shell("train", "flow-toy", *arguments, "--set", "model.hidden=[8]", "--steps", "5", "--name", "toy", "--foreground")
    result = shell("density", "toy", "--out", "map.png", "--side", "200")
    assert "exact" in result.err
    assert pixels(shell.folder / "map.png").shape == (200, 200)
    assert pixels(shell.folder / "map.png").std() > 5
