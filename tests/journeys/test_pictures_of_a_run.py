"""Images and animations of a finished run; without a display the viewer names the command that writes them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.journeys.conftest import TINY, Shell

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def trained(shell: Shell) -> Shell:
    """A shell with one run that was trained in the foreground to its end."""
    result = shell("train", "vae-2d", *TINY, "--steps", "60", "--name", "short", "--foreground")
    assert "succeeded" in result.err
    assert "step" in result.out
    assert "ELBO" in result.out
    return shell


def pixels(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(path) as picture:
        picture.load()
        return np.asarray(picture.convert("L"))


def test_images_have_the_requested_size_and_content(trained: Shell) -> None:
    out = trained.folder
    trained("manifold", "short", "--out", "m.png", "--step", "0")
    untrained = pixels(out / "m.png")
    result = trained("manifold", "short", "--out", "m.png")
    assert result.out == ""
    assert "1120×1120" in result.err
    assert pixels(out / "m.png").shape == (1120, 1120)
    assert pixels(out / "m.png").std() > 5
    assert not np.array_equal(pixels(out / "m.png"), untrained), "the file that was there is replaced"
    assert not list(out.glob(".*.tmp"))
    with Image.open(out / "m.png") as picture:
        assert picture.info["step"] == "60"
    trained(
        "manifold", "short", "-o", "z.png", "--coords", "z", "--bounds", "-1,1,-1,1", "--rows", "3", "--columns", "4"
    )
    assert pixels(out / "z.png").shape == (672, 896)
    trained("sample", "short", "--out", "s.png", "--count", "6", "--columns", "3", "--scale", "2", "--seed", "1")
    assert pixels(out / "s.png").shape == (112, 168)
    trained("reconstruct", "short", "--out", "r.png", "--count", "5")
    assert pixels(out / "r.png").shape == (336, 840)
    assert pixels(out / "r.png")[: 6 * 28].max() == 255, "the upper row is the test images themselves"
    too_many = ("--first", "9999", "--count", "2")
    assert trained("reconstruct", "short", "--out", "r.png", *too_many, code=2).err.count("\n") == 1


def test_an_animation_shows_each_recorded_step(trained: Shell) -> None:
    out = trained.folder
    trained("progress", "short", "--out", "p.gif")
    with Image.open(out / "p.gif") as film:
        frames = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(film)]
        durations = [frame.info["duration"] for frame in ImageSequence.Iterator(film)]
    assert len(frames) == trained.show("short")["pictures"]["manifold"] > 4
    assert frames[0].shape[1] == 560
    assert frames[0].shape[0] > 560, "a caption stands below"
    assert not np.array_equal(frames[0][:560], frames[-1][:560])
    assert durations[-1] > durations[0]
    trained("progress", "short", "--out", "p.png", "--kind", "samples")
    assert pixels(out / "p.png").std() > 5
    assert "reconstructions" in trained("progress", "short", "--out", "p.gif", "--kind", "faces", code=1).err


def test_without_a_display_the_viewer_names_the_command_that_writes_an_image(trained: Shell) -> None:
    result = trained("view", "short", code=9)
    assert result.out == ""
    assert result.err.count("\n") == 1
    assert "genexplorer manifold short --out manifold.png" in result.err


def test_the_demo_without_terminal_and_display_writes_images(shell: Shell) -> None:
    result = shell("demo", "--minutes", "0.05", "--out-dir", "shown")
    assert "step" in result.out
    assert str(shell.folder / "shown") in result.err
    for name, shape in {
        "manifold.png": (1120, 1120),
        "samples.png": (896, 896),
        "reconstructions.png": (168, 840),
    }.items():
        assert pixels(shell.folder / "shown" / name).shape == shape
        assert pixels(shell.folder / "shown" / name).std() > 1, (
            "a few seconds on a busy machine leave it pale, not blank"
        )
    with Image.open(shell.folder / "shown" / "manifold.gif") as film:
        assert film.n_frames > 3  # type: ignore[attr-defined]
