"""The source tree: specific file names, readable sizes, no loading of code."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for package in ("genexplorer", "trainers") for p in (ROOT / package).rglob("*.py"))
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "stuff", "base", "tools"}
SET_UP = r"(\w+\.)*(app|\w+_app)\.(add_typer|command|callback)|_add_commands"
LOADS_THAT_RUN_CODE = ("torch.load", "pickle.load", "pickle.loads", "joblib.load", "yaml.load", "eval", "exec")


def calls(tree: ast.AST) -> set[str]:
    """Return the dotted names that are called in a module."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 30


def test_file_names_are_specific() -> None:
    assert not [p for p in SOURCES if p.stem in EMPTY_NAMES]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 450


def test_nothing_loads_what_could_run_code() -> None:
    guilty = {p.name: found for p in SOURCES if (found := calls(ast.parse(p.read_text())) & set(LOADS_THAT_RUN_CODE))}
    assert not guilty


def test_the_search_for_unsafe_loads_finds_one() -> None:
    assert calls(ast.parse("import torch\ntorch.load('x')")) & set(LOADS_THAT_RUN_CODE)


def test_every_module_has_a_docstring() -> None:
    assert not [p for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text()))]


def test_importing_a_module_runs_nothing() -> None:
    """A module may define and assign; a bare call at its top level is an act (the command line's set-up excepted)."""
    acting = []
    for path in (p for p in SOURCES if p.name != "__main__.py"):
        for node in ast.parse(path.read_text()).body:
            bare_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
            if bare_call and not re.match(SET_UP, ast.unparse(node)):
                acting.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not acting


def fixes_terminal_size(text: str, *, python: bool) -> bool:
    """Return whether a Python file, or else a makefile or shell script, sets COLUMNS or LINES for a process."""
    assignment = r"""["'](COLUMNS|LINES)["']\]?\s*[:=,]""" if python else r"\b(COLUMNS|LINES)\s*[:?+]?="
    return bool(re.search(assignment, text))


def test_only_tests_fix_the_size_of_the_terminal() -> None:
    """Textual and rich believe COLUMNS and LINES more than the terminal: `make demo` would not fill its window."""
    scripts = [ROOT / "Makefile", *(path for path in (ROOT / ".ci").iterdir() if path.is_file())]
    assert not [path for path in scripts if fixes_terminal_size(path.read_text(), python=False)]
    assert not [path for path in SOURCES if fixes_terminal_size(path.read_text(), python=True)]


@pytest.mark.parametrize("line", ["export COLUMNS := 120", "COLUMNS=80 make demo"])
def test_a_fixed_terminal_size_is_detected_in_scripts(line: str) -> None:
    assert fixes_terminal_size(line, python=False)


@pytest.mark.parametrize("line", ['os.environ["LINES"] = "24"', 'env={**os.environ, "COLUMNS": "80"}'])
def test_a_fixed_terminal_size_is_detected_in_python(line: str) -> None:
    assert fixes_terminal_size(line, python=True)


def test_every_test_file_belongs_to_a_suite_of_make_test() -> None:
    suites = re.findall(r"tests/[\w/.]+", (ROOT / "Makefile").read_text())
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    assert not [file for file in files if not any(file == suite or file.startswith(f"{suite}/") for suite in suites)]
