"""The C++ toolchain of compiled steps: a compiler, Python's headers, and a folder for compiled code. No torch.

All of it is tried, by compiling and loading one line, before minutes are spent on a training step. Compilers and torch
split commands at spaces, so a folder with a space or quote in its path is reached through a link without.
"""

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator, MutableMapping
from functools import cache
from pathlib import Path

from trainers.errors import UserError

FOLDER_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
NO_COMPILE_HINT = "or train with --compile off"
_COMPILERS = ("g++", "c++", "clang++")
_SAFE_PATH = re.compile(r"[\w./+@=,-]+", re.ASCII)
_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_SOURCE = """\
#include <Python.h>
#include <cmath>
extern "C" int compiled_value() { return PY_MAJOR_VERSION; }
"""
_TIMEOUT_S = 60.0


class ToolchainError(UserError):
    """This machine cannot compile training steps."""


def find_compiler() -> str:
    """Return the C++ compiler: that of the variable CXX, else the first that is installed.

    Raises:
        ToolchainError: if there is none.
    """
    if name := os.environ.get("CXX", "").strip():
        if shutil.which(name):
            return name
        raise ToolchainError(f"CXX={name} is not a program", "set CXX to the path of a C++ compiler, or unset it")
    for name in _COMPILERS:
        if shutil.which(name):
            return name
    hint = "xcode-select --install" if sys.platform == "darwin" else "sudo apt install g++ python3-dev"
    raise ToolchainError("no C++ compiler is installed", hint)


@cache
def require_toolchain() -> str:
    """Return the C++ compiler, once it has compiled a line with Python.h and the result could be loaded.

    The result is remembered, also an error, for as long as the process lives.

    Raises:
        ToolchainError: if that failed, with the compiler's first error.
    """
    if isinstance(result := _try_toolchain(), ToolchainError):
        raise result
    return result


@cache
def _try_toolchain() -> str | ToolchainError:
    try:
        compiler = find_compiler()
        folder, _ = prepare_folder()
        try:
            _compile_and_load(compiler, folder)
        except _NotLoadedError:  # a file system without executable code (noexec): another one may do
            for other in _temporary_folders():
                with contextlib.suppress(_NotLoadedError):
                    _compile_and_load(compiler, other)
                    os.environ[FOLDER_VARIABLE] = str(other)
                    break
            else:
                raise
    except ToolchainError as error:
        return error
    return compiler


def prepare_folder(environment: MutableMapping[str, str] | None = None) -> tuple[Path, str]:
    """Make the variable of the folder for compiled code name one that torch can use.

    Args:
        environment: Environment variables to read and change; those of this process when None.

    Returns:
        The folder, and why it is not the one that the variable named; "" if it is, or is a link to it.

    Raises:
        ToolchainError: if no folder can be written.
    """
    environment = os.environ if environment is None else environment
    configured, reason = environment.get(FOLDER_VARIABLE, ""), ""
    # Use the configured folder, through a link where compilers cannot take its path.
    if configured:
        folder = Path(configured).absolute()
        try:
            if configured.startswith("~"):
                raise OSError("there is no home folder")
            _try_to_write(folder)
            folder = folder if _SAFE_PATH.fullmatch(str(folder)) else _link_to(folder)
        except OSError as error:
            reason = f"{folder} cannot be written ({error.strerror or error})"
        else:
            environment[FOLDER_VARIABLE] = str(folder)
            return folder, ""
    # Else use a temporary one.
    for folder in _temporary_folders():
        environment[FOLDER_VARIABLE] = str(folder)
        return folder, reason
    raise ToolchainError(
        f"{reason or 'no folder for compiled code can be written'}, nor can {', '.join(_TEMPORARY_FOLDERS)}",
        "set TMPDIR to a folder that can be written",
    )


class _NotLoadedError(ToolchainError):
    """A compiled library cannot be loaded from its folder."""


def _compile_and_load(compiler: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="try-", dir=folder) as created:
        source, library = Path(created) / "line.cpp", Path(created) / "line.so"
        source.write_text(_SOURCE)
        shared = ["-shared", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
        openmp = [] if sys.platform == "darwin" else ["-fopenmp"]
        include = f"-I{sysconfig.get_path('include', scheme='posix_prefix')}"
        command = [compiler, str(source), "-std=c++20", "-fPIC", *shared, *openmp, include, "-o", str(library)]
        environment = {**os.environ, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                env=environment,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ToolchainError(f"the C++ compiler {compiler} cannot be run: {error}", _hint("")) from None
        if done.returncode:
            error_line = _first_error(done.stderr, created) or f"exit status {done.returncode}"
            raise ToolchainError(f"{compiler} cannot compile one line: {error_line}", _hint(error_line))
        try:
            value = ctypes.CDLL(str(library)).compiled_value()
        except OSError as error:
            hint = f"set {FOLDER_VARIABLE} to a folder on a file system without 'noexec', {NO_COMPILE_HINT}"
            raise _NotLoadedError(f"compiled code in {folder} cannot be loaded: {error}", hint) from None
        if value != sys.version_info.major:
            raise ToolchainError(f"{compiler} compiles wrong code", f"set CXX to another compiler, {NO_COMPILE_HINT}")


def _first_error(output: str, folder: str) -> str:
    """Return the first line of a compiler's output that names an error, without the path of our file."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    line = next((line for line in lines if re.search(r"\berror\b|cannot find|not found", line)), (lines or [""])[0])
    return re.sub(r"^.*?\b(fatal )?error: ", "", line.replace(f"{folder}/", ""))[:200]


def _hint(error_line: str) -> str:
    """Return the remedy for a compiler's error."""
    if sys.platform == "darwin":
        return f"xcode-select --install, {NO_COMPILE_HINT}"
    if "Python.h" in error_line or "pyconfig.h" in error_line:
        return f"sudo apt install python3-dev (Fedora: python3-devel), {NO_COMPILE_HINT}"
    if "omp" in error_line:
        return f"sudo apt install libomp-dev, {NO_COMPILE_HINT}"
    if "No space left" in error_line:
        return f"free some space, {NO_COMPILE_HINT}"
    return f"sudo apt install g++ python3-dev, {NO_COMPILE_HINT}"


def _try_to_write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"x")


def reachable(command: str, folders: Iterable[str]) -> str:
    """Return a compiler's command in which folders with unsafe paths are replaced by links to them.

    Args:
        command: The command, which will be split at spaces.
        folders: Paths that may be in it, such as that of a virtual environment.

    Raises:
        ToolchainError: if no link can be made.
    """
    for folder in folders:
        if folder in command and not _SAFE_PATH.fullmatch(folder):
            try:
                command = command.replace(folder, str(_link_to(Path(folder))))
            except OSError as error:
                raise ToolchainError(f"{folder}: {error}", "set TMPDIR to a folder that can be written") from None
    return command


def _link_to(folder: Path) -> Path:
    """Return a link to a folder whose own path is safe."""
    name = f"link-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    for own in _own_folders():
        link = own / name
        with contextlib.suppress(FileExistsError):
            link.symlink_to(folder)
        if link.is_symlink() and link.readlink() == folder:
            return link
    raise OSError("its path has characters that compilers do not take, and no temporary folder can be written")


def _temporary_folders() -> Iterator[Path]:
    for own in _own_folders():
        folder = own / "compiled"
        with contextlib.suppress(OSError):
            _try_to_write(folder)
            yield folder


def _own_folders() -> Iterator[Path]:
    """Yield temporary folders that no other user can change, so that none puts code into them."""
    for parent in dict.fromkeys((tempfile.gettempdir(), *_TEMPORARY_FOLDERS)):
        folder = Path(parent) / f"genexplorer-{os.getuid()}"
        if not _SAFE_PATH.fullmatch(str(folder)):
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022:
                yield folder
