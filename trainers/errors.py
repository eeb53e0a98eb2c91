"""What can go wrong in a way that a person can mend: one clear line each, never a traceback."""


class UserError(Exception):
    """A failure that is told in one line: what is wrong and where, then what to do.

    Args:
        message: What is wrong, and where. One sentence without a full stop at its end.
        hint: What to do about it. May be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class ConfigError(UserError):
    """A run was asked for that cannot be: an unknown key, a value out of range, options that contradict."""

    exit_code = 2


class DataError(UserError):
    """A data file that is missing, torn, mislabeled or not what its header says."""

    exit_code = 3


class CheckpointError(UserError):
    """A checkpoint or snapshot that is incomplete, damaged or of another shape."""

    exit_code = 4


class TrainingError(UserError):
    """A training that cannot go on, such as a loss that is no longer finite."""

    exit_code = 5
