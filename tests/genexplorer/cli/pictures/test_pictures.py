"""Image files: grids, animations, formats, and runs without images."""

import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genexplorer import paths
from genexplorer.cli.pictures import image_command, interpolate, reconstruct, trace
from genexplorer.cli.pictures import images as commands
from genexplorer.errors import ConfigError, RunStateError, UserError
from genexplorer.jobs import image_files, progress_gif
from genexplorer.runs.artifacts.images import make_grid
from genexplorer.runs.reader import RunReader
from tests.fixtures.fake_families import FakeKind
from tests.fixtures.fake_run import write_run
from tests.genexplorer.cli.conftest import Cli
from trainers.model_card import unavailable


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


@pytest.mark.parametrize(
    ("size", "scale"), [((224, 224), 4), ((280, 56), 3), ((560, 560), 2), ((900, 30), 1), ((5000, 1), 1), ((8, 8), 32)]
)
def test_the_automatic_scale_is_a_whole_factor_to_about_900_pixels(size: tuple[int, int], scale: int) -> None:
    assert image_files.automatic_scale(*size) == scale


def test_the_default_file_never_replaces_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert image_command.default_file("samples.png") == Path("samples.png")
    Path("samples.png").write_bytes(b"mine")
    Path("samples-2.png").symlink_to("nowhere")
    assert image_command.default_file("samples.png") == Path("samples-3.png")


class FakeImageCommand(image_command.ImageCommand):
    """Draws what it gets from no model."""

    def request(self, op: str, params: Any, arrays: Any = None) -> image_command.OperationResult:
        noise = np.random.default_rng(0)
        n = int(params.get("count") or len(params.get("indices", ())) or 2)
        points = noise.normal(size=(n, 2)).astype(np.float32)
        results: dict[str, Any] = {
            "points": {"points": points},
            "density": {"log_prob": np.zeros((8, 8), np.float32)},
            "interpolate": {"images": points},
        }
        drawn = points if self.is_point_data else images(n, 28, 28)
        of_images = {"images": drawn, "z": points, "x": drawn, "recon": drawn, "error": points[:, 0]}
        if op in ("manifold", "interpolate") and not self.is_point_data:
            of_images["images"] = images(400, 28, 28).reshape(20, 20, 28, 28, 1) if op == "manifold" else drawn
        meta = {"bounds": [-2, 2, -2, 2], "how": "exact"}
        arrays = results.get(op, of_images) if self.is_point_data else of_images
        return image_command.OperationResult(arrays, meta, {"step": "700"})


def without_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (commands, reconstruct, interpolate, trace):
        monkeypatch.setattr(module, "ImageCommand", FakeImageCommand)
    monkeypatch.setattr(image_command, "new_client", lambda: SimpleNamespace(close=lambda: None))


@pytest.mark.parametrize(
    ("command", "name", "size"),
    [
        ("sample", "samples", (896, 896)),
        ("reconstruct", "reconstructions", (840, 168)),
        ("interpolate", "interpolation", (1008, 560)),
        ("manifold", "manifold", (1120, 1120)),
    ],
)
def test_images_are_readable_and_named_by_default(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, name: str, size: tuple[int, int]
) -> None:
    write_run(paths.runs_dir(), steps=700, pictures=False)
    without_model(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for number, path in enumerate((f"{name}.png", f"{name}-2.png")):
        result = cli(command, "latest", *([] if number == 0 else ["--scale", "0"]))
        assert (result.code, result.out) == (0, ""), result.err
        assert f"wrote {path}: " in result.err and f"{size[0]}×{size[1]} px" in result.err
        with Image.open(path) as image:
            assert image.size == size
    cli(command, "latest", "--scale", "1", "-o", f"{name}.png")
    with Image.open(f"{name}.png") as image:
        assert max(image.size) <= 560, "--scale decides, and --out replaces the file"


@pytest.mark.parametrize(
    ("kind", "says"), [("gan-points", "no density to draw: "), ("flow-points", "log-density: exact")]
)
def test_a_density_that_does_not_exist_is_not_promised(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: FakeKind, says: str
) -> None:
    write_run(paths.runs_dir(), steps=700, kind=kind, pictures=False)
    without_model(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert says in cli("density", "latest").err
    if kind == "gan-points":
        assert "the image shows data in gray, samples in blue" in cli("density", "latest").err
        assert cli("density", "latest", "--count", "0").err.splitlines()[0].endswith("the image shows data in gray")
        assert "no density" not in cli("density", "latest", "--of", "nothing").err, "it was not requested"
    with Image.open("density.png") as image:
        assert image.size == (900, 900)


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("a manifold needs 2 latent dimensions, this model has 100", "choose a plane with --axes"),
        ("z is the start of the sampler, not a latent space", "'genexplorer sample"),
    ],
)
def test_a_plane_is_offered_only_where_the_dimensions_are_the_reason(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, hint: str
) -> None:
    run = write_run(paths.runs_dir(), steps=20, kind="gan", pictures=False)
    card = RunReader(run).card()
    own = card.model_copy(update={"capabilities": card.capabilities | {"manifold": unavailable(reason)}})
    monkeypatch.setattr(RunReader, "card", lambda self, step=None: own)
    without_model(monkeypatch)
    result = cli("manifold", "latest", "--out", tmp_path / "x.png")
    assert result.code == 1 and f"cannot do this: {reason}: {hint}" in result.err


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


def test_ten_test_images_are_chosen_or_all_there_are() -> None:
    choose = reconstruct.choose_test_images
    assert choose(None, 0, None, 100) == list(range(10)) and choose(None, 2, None, 6) == [2, 3, 4, 5]
    assert sorted(choose(None, 0, 1, 6)) == list(range(6))
    for count, first in ((7, 0), (None, 6)):
        with pytest.raises(ConfigError, match="the test set has 6 images"):
            choose(count, first, None, 6)


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
