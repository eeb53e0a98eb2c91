"""The C++ toolchain is tried before it is relied on; folders that cannot be used are replaced."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainers.compiled import toolchain
from trainers.compiled.toolchain import FOLDER_VARIABLE, ToolchainError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "compiled"))
    monkeypatch.setattr(toolchain, "_TEMPORARY_FOLDERS", (str(tmp_path / "tmp"),))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    toolchain._try_toolchain.cache_clear()
    toolchain.require_toolchain.cache_clear()
    yield
    toolchain._try_toolchain.cache_clear()
    toolchain.require_toolchain.cache_clear()


def _compiler(folder: Path, script: str) -> Path:
    path = folder / "g++"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("stderr", "reason", "remedy"),
    [
        ("line.cpp:1:10: fatal error: Python.h: No such file or directory", "Python.h: No such", "python3-dev"),
        ("line.cpp:1:10: fatal error: 'Python.h' file not found", "'Python.h' file not found", "python3-dev"),
        ("line.cpp:2:10: fatal error: cmath: No such file or directory", "cmath: No such", "g++"),
        ("note\n/usr/bin/ld: cannot find -lgomp: No such file", "cannot find -lgomp", "libomp"),
        ("line.s: fatal error: error writing to x: No space left on device", "No space left", "free some space"),
        ("", "exit status 1", "g++"),
    ],
)
def test_the_first_error_of_a_compiler_is_reported_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, reason: str, remedy: str
) -> None:
    compiler = _compiler(tmp_path, f"printf %s {shlex.quote(stderr)} >&2; echo x >> {tmp_path}/calls; exit 1")
    monkeypatch.setenv("CXX", str(compiler))
    for _ in range(2):
        with pytest.raises(ToolchainError) as caught:
            toolchain.require_toolchain()
        assert caught.value.message.startswith(f"{compiler} cannot compile one line: ")
        assert reason in caught.value.message
        assert remedy in caught.value.hint and "\n" not in str(caught.value)
    assert (tmp_path / "calls").read_text() == "x\n", "it is tried once"


def test_a_compiler_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "ccache g++")
    with pytest.raises(ToolchainError, match="CXX=ccache g\\+\\+ is not a program"):
        toolchain.require_toolchain()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolchainError, match="no C\\+\\+ compiler is installed: sudo apt install"):
        toolchain.find_compiler()


@pytest.mark.parametrize("given", ["/proc/none/compiled", "{tmp}/file/compiled", "~/compiled"])
def test_a_folder_that_cannot_be_written_is_replaced_by_a_temporary_one(tmp_path: Path, given: str) -> None:
    (tmp_path / "file").touch()
    environment = {FOLDER_VARIABLE: given.format(tmp=tmp_path)}
    folder, reason = toolchain.prepare_folder(environment)
    assert folder.is_relative_to(tmp_path / "tmp") and environment[FOLDER_VARIABLE] == str(folder)
    assert "cannot be written (" in reason
    assert folder.parent.stat().st_mode & 0o077 == 0, "nobody else can put code there"


@pytest.mark.parametrize("name", ["a b", "it's", 'a"b', "d\u00e9", "a;b", "a$b"])
def test_a_folder_that_compilers_cannot_take_is_reached_through_a_link(tmp_path: Path, name: str) -> None:
    environment = {FOLDER_VARIABLE: str(tmp_path / name)}
    folder, reason = toolchain.prepare_folder(environment)
    assert reason == "" and folder.is_symlink() and folder.resolve() == tmp_path / name
    assert toolchain.prepare_folder({FOLDER_VARIABLE: str(tmp_path / name)})[0] == folder, "the same at each start"
    command = f"g++ -I{tmp_path / name}/include"
    assert shlex.split(toolchain.reachable(command, [str(tmp_path / name)]))[1] == f"-I{folder}/include"


def test_a_temporary_folder_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    toolchain.prepare_folder({FOLDER_VARIABLE: "/proc/none"})
    (own,) = (tmp_path / "tmp").iterdir()
    own.chmod(0o777)
    with pytest.raises(ToolchainError, match="set TMPDIR"):
        toolchain.prepare_folder({FOLDER_VARIABLE: "/proc/none"})
