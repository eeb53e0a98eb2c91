"""Errors that are reported in one line, with the exit codes of the command line.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 bad data; 4 damaged checkpoint or run folder;
5 training failed; 6 no such run; 7 the run's state forbids it; 8 a background process crashed or does not respond;
9 no display; 130 interrupted.
"""

import errno
from pathlib import Path

from trainers.errors import CheckpointError as CheckpointError
from trainers.errors import ConfigError as ConfigError
from trainers.errors import DataError as DataError
from trainers.errors import TrainingError as TrainingError
from trainers.errors import UserError as UserError

LOCAL_DISK_HINT = "choose a folder on a local disk with --runs-dir or GENEXPLORER_RUNS"
_OS_ERROR_HINTS = {
    errno.EROFS: "choose another place with --runs-dir or --out",
    errno.EACCES: "check the permissions, or choose another place with --runs-dir or --out",
    errno.ENOSPC: "free some space; 'genexplorer runs empty-trash' deletes the trash permanently",
    errno.EDQUOT: "free some space; 'genexplorer runs empty-trash' deletes the trash permanently",
    errno.EIO: f"check the disk, or {LOCAL_DISK_HINT}",
    **dict.fromkeys((errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENODEV), LOCAL_DISK_HINT),
}


def as_user_error(error: OSError) -> UserError:
    """Return an error of the system as one line: the place, the failure and the remedy."""
    # Name the folder instead of a temporary file in it.
    path = Path(str(error.filename)) if error.filename else None
    if path is not None and path.name.startswith("."):
        path = path.parent
    location = f"{path}: " if path else ""
    return UserError(f"{location}{error.strerror or error}", _OS_ERROR_HINTS.get(error.errno or 0, ""))


def missing_package(error: ImportError) -> UserError | None:
    """Return the error for a package that is not installed or cannot be loaded; None for a module of genexplorer."""
    package = (error.name or "").partition(".")[0]
    if not package or package in ("genexplorer", "trainers"):
        return None
    distribution = {"PIL": "pillow"}.get(package, package)
    if isinstance(error, ModuleNotFoundError):
        return UserError(f"{distribution} is not installed", f"install it: pip install {distribution}")
    return UserError(f"{distribution} cannot be loaded: {error}", "'genexplorer doctor' checks the installation")


class DamagedRunError(UserError):
    """A run folder that cannot be read."""

    exit_code = 4


class NoSuchRunError(UserError):
    """No run, or more than one, matches the selector."""

    exit_code = 6


class RunStateError(UserError):
    """The run's state forbids the action, such as deleting an active run."""

    exit_code = 7


class WorkerError(UserError):
    """A background process crashed or does not respond."""

    exit_code = 8


class DisplayError(UserError):
    """A window cannot be opened without a display."""

    exit_code = 9
