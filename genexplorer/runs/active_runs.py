"""Which runs of this machine have a worker, in whatever runs folder: one small file for each, in the state folder."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from genexplorer import paths
from genexplorer.runs.command_hints import runs_dir_option
from genexplorer.runs.record import RunStatus
from genexplorer.runs.status import process_id
from genexplorer.runs.status.run_status import is_locked, is_run_folder, read_status
from genexplorer.runs.untrusted_files import read_json_or_empty
from trainers.storage import atomic_files

_MAX_BYTES = 16 * 1024
_MAX_LISTED = 3


def register(folder: Path) -> Path | None:
    """Record that this process is the worker of a run; return the file to remove at its end, None without one."""
    with contextlib.suppress(OSError):
        parent = _state_folder()
        parent.mkdir(parents=True, exist_ok=True)
        path = parent / f"{os.getpid()}-{process_id.current().start}.json"
        atomic_files.write_bytes(path, json.dumps({"folder": str(folder.resolve())}).encode())
        return path
    return None


def in_other_folders(runs_dir: Path) -> list[RunStatus]:
    """Return the runs with a worker on this machine that are not in a runs folder; files of dead workers are removed.

    Args:
        runs_dir: The runs folder that a command reads.
    """
    active = []
    with contextlib.suppress(OSError):
        for path in sorted(_state_folder().glob("*.json")):
            folder = Path(str(read_json_or_empty(path, _MAX_BYTES).get("folder", "")))
            if folder.is_absolute() and is_run_folder(folder) and is_locked(folder):
                if folder.parent != runs_dir.resolve():
                    active.append(read_status(folder))
            else:
                path.unlink(missing_ok=True)
    return active


def describe_others(runs_dir: Path) -> str:
    """Return one line on the trainings in other runs folders, with the commands that list them; empty if none."""
    others = in_other_folders(runs_dir)
    if not others:
        return ""
    folders = list(dict.fromkeys(status.folder.parent for status in others))
    count = "a training is" if len(others) == 1 else f"{len(others)} trainings are"
    place = "another runs folder" if len(folders) == 1 else "other runs folders"
    names = _first(status.name for status in others)
    commands = _first(f"'genexplorer runs list{runs_dir_option(folder)}'" for folder in folders)
    return f"{count} active in {place}: {names}; see {commands}"


def _first(texts: Iterable[str]) -> str:
    """Join the first of several texts, and say where there are more."""
    listed = list(texts)
    return ", ".join(listed[:_MAX_LISTED]) + (" and more" if len(listed) > _MAX_LISTED else "")


def _state_folder() -> Path:
    return paths.state_dir() / "workers" / f"on-{process_id.host_name()}"
