"""Animations written from arrays, as the viewer saves them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from genexplorer.errors import UserError
from genexplorer.jobs import animations


def ramp(count: int, side: int = 28, channels: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.linspace(0, 255, count).astype(np.uint8)[:, None, None, None] * np.ones(
        (1, side, side, channels), np.uint8
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_are_enlarged_and_play_back_and_forth(tmp_path: Path, suffix: str, channels: int) -> None:
    path = tmp_path / f"walk{suffix}"
    animations.write(path, ramp(6, channels=channels), back_and_forth=True)
    with Image.open(path) as image:
        grays = [int(np.asarray(frame.convert("L"))[0, 0]) for frame in ImageSequence.Iterator(image)]
        assert image.size == (280, 280)
    assert len(grays) == 10 and grays[:6] == sorted(grays[:6]) and grays[6:] == grays[4:0:-1]


def test_equal_frames_keep_their_share_of_the_duration(tmp_path: Path) -> None:
    frames = np.zeros((12, 28, 28, 1), np.uint8)
    frames[5:, 3] = 255
    animations.write(tmp_path / "walk.gif", frames)
    with Image.open(tmp_path / "walk.gif") as image:
        assert sum(frame.info["duration"] for frame in ImageSequence.Iterator(image)) == 12 * 50


@pytest.mark.parametrize("count", [0, animations.MAX_FRAMES + 1])
def test_too_few_or_too_many_frames_are_refused(tmp_path: Path, count: int) -> None:
    with pytest.raises(UserError, match="1 to 1000 frames"):
        animations.write(tmp_path / "walk.gif", np.zeros((count, 2, 2, 1), np.uint8))
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.gif, \.webp, \.mp4"):
        animations.write(tmp_path / "walk.avi", ramp(2))
