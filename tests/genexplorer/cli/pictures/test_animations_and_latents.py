"""Animations, images of points, and references to latents and planes."""

import builtins
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from genexplorer.cli.pictures import images, latents
from genexplorer.cli.pictures.image_command import OperationResult
from genexplorer.errors import ConfigError, UserError
from genexplorer.jobs import animations, point_images, progress_gif
from tests.fixtures.fake_run import write_run
from tests.genexplorer.cli.conftest import Cli


def frames(count: int, size: tuple[int, int] = (33, 21), mode: str = "L") -> list[Image.Image]:
    return [Image.new(mode, size, 40 * place if mode == "L" else (40 * place, 0, 255)) for place in range(count)]


def told_of(content: bytes, folder: Path) -> str:
    """What ffmpeg says of a film."""
    import imageio_ffmpeg

    (folder / "f.mp4").write_bytes(content)
    asked = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(folder / "f.mp4"), "-f", "null", "-"]
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stderr


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_mp4_plays_in_browsers(tmp_path: Path, mode: str) -> None:
    content = animations.encode(frames(5, mode=mode), [80, 80, 80, 80, 400], "MP4")
    result = told_of(content, tmp_path)
    assert "h264" in result and "yuv420p" in result and "34x22" in result, "even sides"
    assert "frame=   18" in result, "each is seen as long as it was asked: 4 × 2 and 10 frames of 40 ms"
    assert content.index(b"moov") < content.index(b"mdat"), "it starts before all of it has come"


@pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
def test_an_animation_plays_forth_and_back_and_pauses_at_both_ends(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"f.{file_format.lower()}"
    path.write_bytes(animations.encode(*animations.append_reversed(frames(4)), file_format))
    with Image.open(path) as film:
        each = [
            (int(np.asarray(frame.convert("L"))[0, 0]), frame.info["duration"])
            for frame in ImageSequence.Iterator(film)
        ]
    order = [gray for gray, _ in each]
    assert order == [order[0], order[1], order[2], order[3], order[2], order[1]] and order[0] < order[3]
    assert each[0][1] == each[3][1] > each[1][1] == each[5][1]


def test_a_training_becomes_an_mp4(tmp_path: Path) -> None:
    run = write_run(tmp_path / "runs", steps=20)
    film = progress_gif.export(run, tmp_path / "f.mp4", image_kind="samples")
    assert "h264" in told_of(film.path.read_bytes(), tmp_path)


def test_without_the_encoder_the_error_says_how_to_install_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "imageio_ffmpeg":
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    run = write_run(tmp_path / "runs", steps=20)
    result = cli("progress", run, "--out", tmp_path / "f.mp4")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "pip install imageio imageio-ffmpeg" in result.err
    assert not (tmp_path / "f.mp4").exists()
    assert cli("progress", run, "--out", tmp_path / "f.webp").code == 0


def test_an_encoder_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    def broken(*given: Any, **named: Any) -> Any:
        raise OSError("a\nb: no such encoder")
        yield

    monkeypatch.setattr(imageio_ffmpeg, "write_frames", broken)
    with pytest.raises(UserError, match="no such encoder") as caught:
        animations.encode(frames(2), [80, 80], "MP4")
    assert "\n" not in str(caught.value)


def test_points_are_drawn_at_their_coordinates() -> None:
    picture = point_images.PointImage((-1, 1, -1, 1), 101)
    picture.draw_points(np.array([[0.5, 0.5], [np.nan, 0], [50, 0]]), (255, 0, 0), 3)
    red = picture.to_array()[..., 0] > 200
    y, x = np.argwhere(red).mean(0)
    assert (x, y) == pytest.approx((75, 25), abs=1) and red.sum() < 60
    assert point_images.PointImage((0, 4, 0, 1), 200).to_array().shape == (50, 200, 3)


def test_a_map_is_brightest_at_its_peak_and_survives_infinities() -> None:
    log_prob = np.full((9, 9), -np.inf)
    log_prob[0, 4], log_prob[1, 1] = 2.0, np.nan
    picture = point_images.PointImage((0, 1, 0, 1), 90)
    picture.draw_density(log_prob)
    assert picture.to_array()[4, 44].min() > 150 and picture.to_array()[80, 80].max() < 40
    picture.draw_density(np.full((2, 2), np.nan))
    assert point_images.bounds_of(np.full((3, 2), np.nan)) == (-1, 1, -1, 1)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("7", latents.LatentRef("sample", 7)),
        ("test:12", latents.LatentRef("test image", 12)),
        ("-0.5, 2", latents.LatentRef("coordinates", coordinates=(-0.5, 2.0))),
    ],
)
def test_a_reference_to_a_latent(text: str, end: latents.LatentRef) -> None:
    assert latents.parse(text, "--from") == end


@pytest.mark.parametrize("text", ["", "seven", "test:", "test:-1", "test:x", "-3", "1,nan", "1,,2", "٣", "9" * 30])
def test_an_invalid_latent_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="not a latent"):
        latents.parse(text, "--from")


def fake_command(**capabilities: bool) -> Any:
    def request(op: str, params: Any) -> OperationResult:
        return OperationResult({"z": np.full((1, 3), 1.0), "mu": np.full((1, 3), 2.0)}, {"op": op}, {})

    card = SimpleNamespace(latent_shape=(3,), capability=lambda name: SimpleNamespace(reason="it has none"))
    return SimpleNamespace(
        request=request, card=card, num_test=10, has_capability=lambda name: capabilities.get(name, False)
    )


def test_a_test_image_is_encoded_or_else_inverted() -> None:
    assert latents.resolve(fake_command(encode=True), latents.LatentRef("test image", 3)).tolist() == [2, 2, 2]
    assert latents.resolve(fake_command(invert=True), latents.LatentRef("test image", 3)).tolist() == [1, 1, 1]
    with pytest.raises(UserError, match="it has none"):
        latents.resolve(fake_command(), latents.LatentRef("test image", 3))
    with pytest.raises(ConfigError, match="the test set has 10 images"):
        latents.resolve(fake_command(encode=True), latents.LatentRef("test image", 10))
    with pytest.raises(ConfigError, match="the latent has 3"):
        latents.resolve(fake_command(), latents.LatentRef("coordinates", coordinates=(1.0, 2.0)))


def test_a_plane_from_options() -> None:
    assert images.parse_plane(None, None, principal=False) is None
    assert images.parse_plane("3, 7", None, principal=False) == images.PlaneSpec(axes=(3, 7))
    through = images.parse_plane(None, "0;test:4;1,2", principal=False)
    assert through is not None and [end.origin for end in through.through] == ["sample", "test image", "coordinates"]
    for given in (("3", None, False), ("3,x", None, False), (None, "1,2", False), ("1,2", None, True)):
        with pytest.raises(ConfigError):
            images.parse_plane(given[0], given[1], principal=given[2])
