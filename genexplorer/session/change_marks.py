"""The marks on curves at the steps where settings were changed, with the same texts in dashboard and viewer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from genexplorer.runs.record import FORK_COMMAND, CommandRow
from genexplorer.runs.sanitize import one_line
from genexplorer.session.steering import LENGTH_UNITS

_MAX_CHARACTERS = 40


@dataclass(frozen=True)
class ChangeMark:
    """A mark where settings were changed.

    Args:
        step: Number of updates done when the change took effect.
        elapsed_s: Training time then, in seconds.
        text: What changed: "beta 1, lr 0.0005".
    """

    step: int
    elapsed_s: float
    text: str


def change_marks(history: Iterable[CommandRow]) -> tuple[ChangeMark, ...]:
    """Return the marks of changed settings and numbers of threads; settings that changed together share one."""
    marks: list[ChangeMark] = []
    for row in history:
        text = "" if row.error else _text(row)
        if not text:
            continue
        is_same = bool(marks) and (marks[-1].step, marks[-1].elapsed_s) == (row.step, row.elapsed_s)
        if is_same:
            text = f"{marks.pop().text}, {text}"
        marks.append(ChangeMark(row.step, row.elapsed_s, one_line(text, _MAX_CHARACTERS)))
    return tuple(marks)


def changed_values(history: Iterable[CommandRow], up_to_step: int | None = None) -> Mapping[str, tuple[int, object]]:
    """Return the step of the last change, and the value since then, of each setting that was changed.

    Args:
        history: Applied and refused commands, in their order.
        up_to_step: Only changes up to this step; None for all.
    """
    return {
        row.path: (row.step, row.value)
        for row in history
        if row.command == "set" and not row.error and (up_to_step is None or row.step <= up_to_step)
    }


def _text(row: CommandRow) -> str:
    if row.command == "threads":
        return "1 thread" if row.value == 1 else f"{row.value} threads"
    if row.command == FORK_COMMAND:
        return f"from {row.value} at step {row.step:,}"
    if row.command != "set":
        return ""
    value = f"{row.value:g}" if isinstance(row.value, int | float) and not isinstance(row.value, bool) else row.value
    # How the learning rate goes on after a change of the length.
    if row.path == "schedule.restart_at":
        return "warm restart" if row.value else ""
    if row.path == "schedule.hold_factor":
        return "" if row.value is None else "lr held"
    section, _, name = row.path.rpartition(".")
    if section == "schedule" and name in LENGTH_UNITS:
        return f"{value} {name}"
    return f"{name} {'none' if value is None else value}"
