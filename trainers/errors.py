"""Errors that a user can fix, each reported in one line, without a traceback."""

import errno

# Parts of the messages with which torch and its libraries report that memory does not suffice.
_MEMORY_MESSAGES = ("out of memory", "can't allocate memory", "alloc_cpu", "bad_alloc", "Storage size calculation")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory does not suffice."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or any(text in str(error) for text in _MEMORY_MESSAGES)


class UserError(Exception):
    """An error with a message and a hint.

    Args:
        message: What is wrong, and where; without a full stop.
        hint: What to do about it; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class ConfigError(UserError):
    """An invalid configuration: an unknown key, a value out of range, options that contradict each other."""

    exit_code = 2


class DataError(UserError):
    """A data file that is missing, truncated, mislabeled or not what its header declares."""

    exit_code = 3


class CheckpointError(UserError):
    """A checkpoint or snapshot that is incomplete, damaged or of another model."""

    exit_code = 4


class TrainingError(UserError):
    """A training that cannot continue, such as one whose loss is not finite."""

    exit_code = 5
