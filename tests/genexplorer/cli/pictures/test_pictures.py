"""Image files: grids, animations, formats, and runs without images."""

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genexplorer import paths
from genexplorer.cli.pictures import image_command, reconstruct
from genexplorer.errors import ConfigError, RunStateError, UserError
from genexplorer.jobs import image_files, progress_gif
from genexplorer.runs.artifacts.images import make_grid
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_run import write_run
from tests.genexplorer.cli.conftest import Cli


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs"), steps=700)


def images(
    count: int, height: int = 2, width: int = 3, channels: int = 1
) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    values = np.arange(count * height * width * channels) % 251
    return values.astype(np.uint8).reshape(count, height, width, channels)


def test_a_grid_lays_images_out_row_by_row() -> None:
    tiles = images(5)
    laid = make_grid(tiles, 3)
    assert laid.shape == (4, 9, 1)
    assert np.array_equal(laid[:2, 3:6], tiles[1])
    assert np.array_equal(laid[2:, :3], tiles[3])
    assert not laid[2:, 6:].any(), "the last row is filled up with black"


def test_enlarging_makes_squares_and_no_new_colors() -> None:
    pixels = images(1, 4, 5, 3)[0]
    large = np.asarray(image_files.to_image(pixels, 3))
    assert large.shape == (12, 15, 3)
    assert np.array_equal(large[1::3, 1::3], pixels)
    with pytest.raises(ConfigError, match="too many"):
        image_files.to_image(np.zeros((5000, 5000, 1), np.uint8), 32)


def test_reconstructions_are_below_their_images() -> None:
    above, below = images(5), images(5) + 1
    rows = reconstruct.interleave(above, below, 3)
    assert len(rows) == 12
    assert np.array_equal(rows[:3], above[:3])
    assert np.array_equal(rows[3:6], below[:3])
    assert np.array_equal(rows[9:11], below[3:])
    assert not rows[11].any()


def test_a_file_is_replaced_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    image_files.replace_file(path, b"old")
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(UserError, match="No space left"):
        image_files.replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & 0o444, "others may read it as any file one makes"


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_has_a_frame_for_each_recorded_step(run: Path, tmp_path: Path, suffix: str) -> None:
    fractions: list[float] = []
    film = progress_gif.export(
        run, tmp_path / f"film{suffix}", on_progress=lambda fraction, message: fractions.append(fraction)
    )
    recorded = RunReader(run).images("manifold")
    assert (film.image_kind, film.first_step, film.last_step) == ("manifold", 0, 700)
    assert film.num_frames == len(recorded)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    with Image.open(film.path) as picture:
        assert getattr(picture, "n_frames", 1) == (1 if suffix == ".png" else len(recorded))


def test_a_frame_shows_the_recorded_image_and_its_step(run: Path, tmp_path: Path) -> None:
    film = progress_gif.export(run, tmp_path / "film.webp", image_kind="samples", scale=1)
    ref = RunReader(run).images("samples")[0]
    with Image.open(film.path) as moving, Image.open(ref.path) as recorded:
        frame, original = np.asarray(moving.convert("L")), np.asarray(recorded.convert("L"))
    assert np.array_equal(frame[: original.shape[0]], original)
    assert frame[original.shape[0] :].max() > 200, "a caption is written"
    assert film.size_px[0] == original.shape[1]


def test_many_images_are_thinned_evenly_with_both_ends(run: Path) -> None:
    refs = RunReader(run).images("manifold")
    chosen = progress_gif.select_frames(refs, 4)
    assert len(chosen) == 4
    assert (chosen[0], chosen[-1]) == (refs[0], refs[-1])


def test_a_damaged_image_is_skipped(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "runs", steps=100)
    refs = RunReader(folder).images("samples")
    refs[1].path.write_bytes(b"not a picture")
    assert progress_gif.export(folder, tmp_path / "f.gif", image_kind="samples").num_frames == len(refs) - 1


def test_the_job_prints_json_lines(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert progress_gif.main([str(run), str(tmp_path / "f.gif"), "samples"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["fraction"] < lines[-2]["fraction"] == 1.0
    assert lines[-1]["done"] == str(tmp_path / "f.gif")
    assert progress_gif.main([str(run), str(tmp_path / "f.bmp")]) == 2
    assert "bmp" in json.loads(capsys.readouterr().out)["error"]
    assert progress_gif.main([]) == 2


def test_a_run_without_images_or_snapshots_is_an_error(cli: Cli, tmp_path: Path) -> None:
    write_run(paths.runs_dir(), state="queued", name="new-one")
    for arguments in (["manifold"], ["sample"], ["reconstruct"]):
        result = cli(*arguments, "new-one", "--out", tmp_path / "x.png")
        assert result.code == RunStateError.exit_code
        assert "no snapshot yet" in result.err
    result = cli("progress", "new-one", "--out", tmp_path / "x.gif")
    assert (result.code, "no images yet" in result.err) == (1, True)
    assert not list(tmp_path.glob("x.*"))


def test_the_snapshot_at_or_before_a_step(run: Path) -> None:
    reader = RunReader(run)
    assert image_command.snapshot_at(reader, None) == 700
    assert image_command.snapshot_at(reader, 7) == 5
    assert image_command.snapshot_at(reader, 10**9) == 700


def test_without_a_display_the_viewer_names_the_command_and_exits_with_9(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    result = cli("view")
    assert result.code == 9
    assert "genexplorer manifold RUN --out manifold.png" in result.err
    write_run(paths.runs_dir(), steps=100, name="two words")
    assert "genexplorer manifold 'two words' --out manifold.png" in cli("view", "latest").err
