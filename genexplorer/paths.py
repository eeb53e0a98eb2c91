"""The runs folder and the user's state and cache folders."""

import os
from pathlib import Path

import platformdirs

from trainers.errors import ConfigError
from trainers.storage.user_folders import STATE_VARIABLE as STATE_VARIABLE
from trainers.storage.user_folders import state_dir as state_dir

RUNS_VARIABLE = "GENEXPLORER_RUNS"
_APP_NAME = "genexplorer"


def runs_dir(option: Path | None = None) -> Path:
    """Return the runs folder: the option, else GENEXPLORER_RUNS, else ./runs. It may not exist yet.

    Raises:
        ConfigError: if its path has bytes that are not UTF-8, which the files of a run cannot store.
    """
    folder = (option or Path(os.environ.get(RUNS_VARIABLE, "") or "runs")).expanduser().resolve()
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        escaped = os.fsencode(folder).decode("utf-8", "backslashreplace")
        raise ConfigError(
            f"the runs folder {escaped} has a name that is not UTF-8",
            "rename it, or choose another one with --runs-dir",
        ) from None
    return folder


def cache_dir() -> Path:
    """Return the user's cache folder, such as for compiled code. It may not exist."""
    return Path(platformdirs.user_cache_dir(_APP_NAME))
