"""The settings of a run as they are now: its configuration, with the changes that were made while it trained.

`config.json` stays as the run was started. `changes.json` beside it has each change with its step, so that a run that
resumes from an earlier checkpoint makes them again. Its worker writes it; while there is none, a front end may.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from genexplorer.errors import ConfigError, DamagedRunError
from genexplorer.runs import layout
from genexplorer.runs.sanitize import one_line
from genexplorer.runs.status.run_status import read_config
from genexplorer.runs.untrusted_files import read_json
from trainers.events import ON_RESUME, CommandApplied, LrContinuation, SettingChange
from trainers.storage import atomic_files

if TYPE_CHECKING:
    from trainers.config import RunConfig

_MAX_BYTES = 4 << 20


def config_at(folder: Path, step: int | None = None) -> "RunConfig":
    """Return a run's configuration with the changes that were made up to a step.

    Args:
        folder: The run folder.
        step: The last step whose changes count; None for all, with those that take effect when the run is resumed.

    The run's family need not be installed.

    Raises:
        DamagedRunError: if it cannot be read.
    """
    changes = read_changes(folder)
    if step is not None:
        changes = applied(changes, step)
    return with_changes(read_config(folder), changes)


def with_changes(config: "RunConfig", changes: Iterable[SettingChange]) -> "RunConfig":
    """Return a configuration with changes made in their order.

    Raises:
        DamagedRunError: if one cannot be made.
    """
    from trainers import presets

    for change in changes:
        try:
            config = presets.with_settings(config, change.values)
        except ConfigError as error:
            raise DamagedRunError(f"{layout.CHANGES}: {one_line(error.message)}", error.hint) from None
    return config


def applied(changes: Iterable[SettingChange], step: int | None = None) -> tuple[SettingChange, ...]:
    """Return the changes that took effect up to a step, or, for None, so far: not those that a resume will make."""
    return tuple(change for change in changes if change.step > ON_RESUME and (step is None or change.step <= step))


def read_changes(folder: Path) -> tuple[SettingChange, ...]:
    """Return the changes of a run's settings, in the order in which they take effect; empty if there are none.

    Raises:
        DamagedRunError: if the file cannot be read.
    """
    try:
        rows: Any = read_json(folder / layout.CHANGES, _MAX_BYTES).get("changes")
        return tuple(_parse(row) for row in rows)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedRunError(f"{layout.CHANGES} cannot be read: {one_line(str(error), 120)}") from None


def write_changes(folder: Path, changes: Sequence[SettingChange]) -> None:
    """Store the changes of a run's settings. The caller holds the run's lock, or is its worker.

    Raises:
        OSError: if the disk refuses.
    """
    rows = [{**asdict(change), "values": dict(change.values)} for change in changes]
    atomic_files.write_json(folder / layout.CHANGES, {"changes": rows})


def is_longer_on_resume(folder: Path) -> bool:
    """Return whether a new length was requested for a run's next attempt, so that a finished run can go on."""
    requests = (change for change in read_changes(folder) if change.step == ON_RESUME)
    return any(key.startswith("schedule.") for change in requests for key in change.values)


def request_on_resume(folder: Path, change: SettingChange) -> None:
    """Store a change that takes effect when the run's next attempt starts, together with earlier requests.

    Raises:
        DamagedRunError: if the changes so far cannot be read.
        OSError: if the disk refuses.
    """
    from trainers.presets import LENGTHS

    changes = read_changes(folder)
    applied = [each for each in changes if each.step != ON_RESUME]
    for earlier in changes:
        if earlier.step == ON_RESUME:
            has_length = any(key in LENGTHS for key in change.values)
            values = {key: value for key, value in earlier.values.items() if not (has_length and key in LENGTHS)}
            continuation = change.lr_continuation if has_length else earlier.lr_continuation
            change = replace(change, values={**values, **change.values}, lr_continuation=continuation)
    write_changes(folder, [*applied, replace(change, step=ON_RESUME)])


def _parse(row: dict[str, Any]) -> SettingChange:
    values, continuation = row["values"], row.get("lr_continuation", "continue")
    if not isinstance(values, dict) or continuation not in get_args(LrContinuation):
        raise ValueError("not a change of settings")
    if not all(isinstance(value, str | int | float | bool | None) for value in values.values()):
        raise ValueError("a setting that changed is not a plain value")
    return SettingChange(int(row["step"]), values, continuation)


class ChangeRecorder:
    """Stores the changes of a running training, and acknowledges each once it is stored. Thread-safe.

    Args:
        folder: The run folder.
        acknowledge: Acknowledges a command by its id, name, step and error.
        report: Reports why changes cannot be stored; "" when they are again.

    Raises:
        DamagedRunError: if the changes so far cannot be read.
    """

    def __init__(
        self, folder: Path, acknowledge: Callable[[str, str, int, str], None], report: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._acknowledge = acknowledge
        self._report = report
        self._lock = threading.Lock()
        self._stored: tuple[SettingChange, ...] = read_changes(folder)
        self._pending: list[CommandApplied] = []

    def record(self, event: CommandApplied) -> None:
        """Store the changes of an event; on a full disk that is done later, by `retry`."""
        with self._lock:
            self._pending.append(event)
        self.retry()

    def retry(self) -> None:
        """Store what could not be stored before."""
        with self._lock:
            if not self._pending:
                return
            changes = tuple(self._pending[-1].changes)
            try:
                if changes != self._stored:
                    write_changes(self._folder, changes)
            except OSError as error:
                problem = f"changed settings cannot be recorded: {error.strerror}"
                done: list[CommandApplied] = []
            else:
                self._stored, problem = changes, ""
                done, self._pending = self._pending, []
        self._report(problem)
        for event in done:
            self._acknowledge(event.command_id, event.command, event.step, event.error)
