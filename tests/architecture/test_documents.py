"""Files, names, make targets and commands that the documents mention exist."""

import importlib
import re
from pathlib import Path

import pytest
import typer.main

from genexplorer.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / name for name in ("README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")))
]
PLACEHOLDERS = ("NAME", "RUN", "PRESET", "FILE", "FOLDER", "my_package")
HISTORY = "log.md"  # names files as they were


def code(document: Path) -> str:
    """Return the code blocks and inline code of a document, a line each."""
    text = document.read_text()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.S | re.M)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


def mentions(document: Path, pattern: str, *, in_code: bool = False) -> set[str]:
    found = set(re.findall(pattern, code(document) if in_code else document.read_text(), re.M))
    return {name for name in found if not any(word in name for word in PLACEHOLDERS)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_exist(document: Path) -> None:
    paths = mentions(document, r"`((?:trainers|genexplorer|tests|docs|examples|benchmarks|assets)/[\w./-]*)`")
    links = mentions(document, r"\]\(((?!http)[\w./-]+)\)")
    missing = [path for path in paths if not (ROOT / path).exists()]
    missing += [link for link in links if not (document.parent / link).exists()]
    assert not missing or document.name == HISTORY, missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_dotted_names_exist(document: Path) -> None:
    entry_point_groups = {"genexplorer.families", "genexplorer.datasets"}
    names = set(mentions(document, r"`((?:trainers|genexplorer)(?:\.\w+)+)(?:\([^`]*\))?`")) - entry_point_groups
    assert not [name for name in names if not name_exists(name)]


def name_exists(name: str) -> bool:
    """Return True if a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            if not hasattr(value, attribute):
                return False
            value = getattr(value, attribute)
        return True
    return False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_and_commands_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = mentions(document, r"^make ([a-z-]+)", in_code=True)
    assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.M)]
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    words = mentions(document, r"^genexplorer ([a-z][a-z-]*)", in_code=True)
    assert not [word for word in words if word not in commands]


def test_the_search_finds_a_missing_path(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text("see `trainers/no_such_file.py`")
    assert mentions(document, r"`(trainers/[\w./-]*)`") == {"trainers/no_such_file.py"}
