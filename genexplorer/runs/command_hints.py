"""Commands on a run as messages show them: each works when it is typed, whatever the run is called."""

import contextlib
import os
import shlex
from pathlib import Path

from genexplorer import paths
from genexplorer.runs import notes


def selector(folder: Path) -> str:
    """Return the argument that selects a run: its name, or its id where the name is no argument or not unique."""
    name = notes.read(folder).name
    if is_argument(name) and _is_unique(name, folder):
        return name
    return str(folder) if folder.name.startswith("-") else folder.name


def is_argument(name: str) -> bool:
    """Return whether a command takes a name as a run: it is not an option, not 'latest', and not a folder."""
    return bool(name) and not name.startswith("-") and name not in (notes.LATEST, ".", "..")


def is_plain(name: str) -> bool:
    """Return whether a name can be typed without quotes."""
    return is_argument(name) and shlex.quote(name) == name


def _is_unique(name: str, folder: Path) -> bool:
    """Return whether no other run beside this one has a name as its name or id."""
    with contextlib.suppress(OSError), os.scandir(folder.parent) as entries:
        others = [entry for entry in entries if entry.name != folder.name and not entry.name.startswith(".")]
        return all(name not in (other.name, notes.read(Path(other.path)).name) for other in others)
    return True


def run_command(words: str, folder: Path) -> str:
    """Return a command on a run: 'genexplorer runs stop brave-fox', with --runs-dir where it is needed.

    Args:
        words: The command, such as "runs stop".
        folder: The run folder.
    """
    # Messages quote the whole command, so prefer the id to a name with quotes of its own.
    name = selector(folder)
    run = name if is_plain(name) else shlex.quote(str(folder) if folder.name.startswith("-") else folder.name)
    return f"genexplorer {words} {run}{runs_dir_option(folder.parent)}"


def runs_dir_option(runs_dir: Path) -> str:
    """Return ' --runs-dir DIR'; empty for the runs folder that commands use by default."""
    return "" if runs_dir.resolve() == paths.runs_dir() else f" --runs-dir {shlex.quote(str(runs_dir))}"
