"""Where the data of a run are now, if they moved after it was started.

The new place is a file beside the configuration, which stays as it was. For a run that is not in the own runs folder,
or cannot be written, it is in the user's state folder. A copy that is imported has neither.
"""

import hashlib
from pathlib import Path

from genexplorer import paths
from genexplorer.runs import layout
from genexplorer.runs.untrusted_files import read_json_or_empty
from trainers.storage.atomic_files import write_json

_MAX_BYTES = 1 << 16
_STATE_FOLDER = "run-data"


def read_location(folder: Path) -> str | None:
    """Return the path of a run's data that was stored last; None if they did not move."""
    for path in (_state_file(folder), folder / layout.DATA_LOCATION):
        place = read_json_or_empty(path, _MAX_BYTES).get("path")
        if isinstance(place, str) and place and "\0" not in place:
            return place
    return None


def write_location(folder: Path, place: str, *, in_run_folder: bool) -> None:
    """Store the path of a run's data.

    Args:
        folder: The run folder.
        place: Path of the data.
        in_run_folder: Store it in the run folder, if that can be written; else in the state folder.

    Raises:
        OSError: if it cannot be written.
    """
    state_file = _state_file(folder)
    if in_run_folder:
        try:
            write_json(folder / layout.DATA_LOCATION, {"path": place})
        except OSError:
            pass  # such as a disk that can only be read
        else:
            state_file.unlink(missing_ok=True)
            return
    state_file.parent.mkdir(parents=True, exist_ok=True)
    write_json(state_file, {"run": str(folder), "path": place})


def _state_file(folder: Path) -> Path:
    digest = hashlib.sha256(str(folder.resolve()).encode(errors="surrogateescape")).hexdigest()
    return paths.state_dir() / _STATE_FOLDER / f"{digest[:32]}.json"
