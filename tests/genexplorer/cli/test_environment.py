"""Commands in unusual environments: one line with the cause and the remedy, no traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from genexplorer.cli.doctor import checks
from tests.fixtures.fake_run import write_run

ROOT = Path(__file__).resolve().parents[3]


def run(*words: str | bytes, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; `path` comes first in PYTHONPATH."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*([path] if path else []), ROOT]))}
    environment.pop("GENEXPLORER_RUNS", None)
    command = [sys.executable, "-P", "-m", "genexplorer.cli", *words]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode not in (0, 130) and "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith("no runs in ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_package_of_the_user_that_hides_trainers_is_named(tmp_path: Path) -> None:
    (tmp_path / "trainers").mkdir()
    (tmp_path / "trainers" / "__init__.py").write_text("")
    line = one_line(run("presets", cwd=tmp_path, path=tmp_path))
    assert str(tmp_path / "trainers") in line and "PYTHONPATH" in line


@pytest.mark.parametrize(("package", "command"), [("PyQt6", "view"), ("tomlkit", "train vae-2d --write-config -")])
def test_a_package_that_is_not_installed_is_named(tmp_path: Path, package: str, command: str) -> None:
    hidden = f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')"
    (tmp_path / f"{package}.py").write_text(hidden)
    line = one_line(run(*command.split(), cwd=tmp_path, path=tmp_path))
    assert f"{package} is not installed" in line and f"pip install {package}" in line


def test_doctor_does_not_run_files_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("from pathlib import Path; Path('ran').touch(); raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    assert isinstance(checks.probe_torch(), dict) and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("place", ["working directory", "runs folder", "data"])
def test_a_name_that_is_not_utf8_is_refused_before_anything_starts(tmp_path: Path, place: str) -> None:
    folder = tmp_path / os.fsdecode(b"d\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    options: dict[str, tuple[str | bytes, ...]] = {
        "runs folder": ("--runs-dir", b"d\xe9"),
        "data": ("--data", b"d\xe9"),
    }
    words: list[str | bytes] = ["train", "vae-2d", "--steps", "5", "-d", *options.get(place, ())]
    line = one_line(run(*words, cwd=folder if place == "working directory" else tmp_path))
    assert "not UTF-8" in line
    assert not (tmp_path / "runs").exists() and not list(folder.iterdir())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_numbers_keep_their_sign_on_streams_that_lack_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    write_run(tmp_path / "runs", steps=100, pictures=False)
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    result = run("runs", "show", "latest", cwd=tmp_path)
    assert result.returncode == 0
    assert re.search("−[0-9]" if encoding == "utf-8" else "-[0-9.]+ nats", result.stdout)
    assert encoding == "utf-8" or "?" not in result.stdout
