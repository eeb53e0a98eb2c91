"""Folders of the user: the state of the program, and data sets that were downloaded."""

import os
from pathlib import Path

import platformdirs

STATE_VARIABLE = "GENEXPLORER_STATE"
DATA_VARIABLE = "GENEXPLORER_DATA"  # another folder for downloaded data sets
_APP_NAME = "genexplorer"


def state_dir() -> Path:
    """Return the user's state folder (core leases, preferences, names of data); it is created if missing."""
    folder = Path(os.environ.get(STATE_VARIABLE, "") or platformdirs.user_state_dir(_APP_NAME)).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def downloaded_data_dir() -> Path:
    """Return the folder of downloaded data sets, one folder for each. It may not exist yet."""
    folder = os.environ.get(DATA_VARIABLE, "")
    return Path(folder).expanduser() if folder else Path(platformdirs.user_data_dir(_APP_NAME)) / "data"
