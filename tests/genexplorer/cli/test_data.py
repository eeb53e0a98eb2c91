"""Training on one's own data by the command line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.genexplorer.cli.conftest import Cli
from trainers.storage import cache

HOSTILE_NAME = "\x1b[31mred\x07\x9b2J.png"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve small images, and one that is none, whose name is hostile."""
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    cache.data_cache_dir.cache_clear()
    (tmp_path / "d").mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(tmp_path / "d" / f"{index}.png")
    (tmp_path / "d" / HOSTILE_NAME).write_bytes(b"no image")
    return tmp_path / "d"


def test_choices_for_the_data_are_printed_with_their_reasons(cli: Cli, folder: Path) -> None:
    result = cli("train", "vae", "--data", str(folder), "--dry-run")
    assert result.code == 0
    assert "data.binarization=none: the images have colors" in result.err
    assert "3×12×12" in result.out


def test_skipped_files_are_named_without_escape_sequences(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genexplorer.cli.train._start", lambda *args, **options: None)
    result = cli("train", "gan", "--data", str(folder))
    assert "1 of 13 files are skipped: red" in result.err
    assert not set("\x1b\x07\x9b") & set(result.err)


def test_an_error_about_a_hostile_name_has_no_escape_sequences(cli: Cli, folder: Path) -> None:
    (folder / "\x1b]0;title\x07").mkdir()
    result = cli("train", "gan", "--data", str(folder / "\x1b]0;title\x07"))
    assert result.code == 3 and "no images in this folder" in result.err
    assert not set("\x1b\x07") & set(result.err)
