"""Environments of the peers that pip installs: one each, outside of the repository, made when it is first needed."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements")
CACHE_VARIABLE = "GENEXPLORER_BENCH"
_MADE = "made-from"


class MissingError(Exception):
    """A peer cannot be had here; the text says why."""


def python(peer: str) -> str:
    """Return the interpreter of a peer's environment; "" is this one's own.

    Raises:
        MissingError: if pip cannot install it.
    """
    if not peer:
        return sys.executable
    wanted = REQUIREMENTS / f"{peer}.txt"
    place = cache() / f"{peer}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    interpreter = place / "bin" / "python"
    if not (place / _MADE).is_file():
        print(f"installing {peer} into {place} …", file=sys.stderr, flush=True)
        shutil.rmtree(place, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)])
        (place / _MADE).write_text(wanted.name)
    return str(interpreter)


def cache() -> Path:
    """Return the folder of the environments."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "genexplorer-bench")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise MissingError(next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "?"))
