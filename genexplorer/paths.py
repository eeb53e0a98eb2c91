"""Where things live: the runs folder, the user's state and configuration folders."""

import os
from pathlib import Path

import platformdirs

RUNS_VARIABLE = "GENEXPLORER_RUNS"
STATE_VARIABLE = "GENEXPLORER_STATE"
_APP = "genexplorer"


def runs_dir(option: Path | None = None) -> Path:
    """Return the runs folder: the option, else GENEXPLORER_RUNS, else ./runs. It may not exist yet."""
    if option is not None:
        return option.expanduser().resolve()
    from_environment = os.environ.get(RUNS_VARIABLE, "")
    return Path(from_environment or "runs").expanduser().resolve()


def state_dir() -> Path:
    """Return the user's state folder (core leases, the viewer's memory), created if need be."""
    folder = Path(os.environ.get(STATE_VARIABLE, "") or platformdirs.user_state_dir(_APP)).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cache_dir() -> Path:
    """Return the user's folder for what can be made anew, such as compiled code. It may not exist."""
    return Path(platformdirs.user_cache_dir(_APP))


def config_dir() -> Path:
    """Return the user's configuration folder. It may not exist."""
    return Path(platformdirs.user_config_dir(_APP))
