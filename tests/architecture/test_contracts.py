"""The import contracts of pyproject.toml catch violations planted in a copy of the packages."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIOLATIONS = {
    "trainers imports the application": ("trainers/training/timing.py", "import genexplorer.paths"),
    "trainers imports a library of a front end": ("trainers/training/timing.py", "import rich"),
    "a lower layer imports a higher one": ("genexplorer/runs/layout.py", "import genexplorer.session.formatting"),
    "inference imports the training": ("trainers/inference/query.py", "import trainers.training.timing"),
    "a compiled step imports the loop": ("trainers/compiled/graph.py", "import trainers.training.loop"),
    "the viewer imports the dashboard": ("genexplorer/viewer/style.py", "import genexplorer.dashboard.app"),
    "the dashboard imports Qt": ("genexplorer/dashboard/app.py", "import PyQt6"),
    "the session imports Textual": ("genexplorer/session/formatting.py", "import textual"),
    "a front end imports torch-dependent trainers": (
        "genexplorer/session/formatting.py",
        "import trainers.training.loop",
    ),
    "a main module is imported": ("genexplorer/cli/main.py", "import genexplorer.workers.main"),
}


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages of a folder."""
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(tool), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of both packages and their contracts."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in ("genexplorer", "trainers"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_copy_keeps_the_contracts(copied: Path) -> None:
    """Without a planted violation nothing fails."""
    done = check(copied)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_planted_violation_is_caught(copied: Path, violation: str) -> None:
    """Each contract can fail."""
    name, line = VIOLATIONS[violation]
    file = copied / name
    text = file.read_text()
    file.write_text(f"{text}\n{line}  # planted\n")
    try:
        done = check(copied)
    finally:
        file.write_text(text)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
