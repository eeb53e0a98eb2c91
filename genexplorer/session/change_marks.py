"""Changed settings as marks on curves and as texts, the same in every front end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genexplorer.runs.record import FORK_COMMAND, CommandRow
from genexplorer.runs.sanitize import one_line
from genexplorer.session.steering import LENGTH_UNITS, format_value
from trainers.events import ON_RESUME, SettingChange

if TYPE_CHECKING:
    from trainers.config import RunConfig

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
    rows = [*history]
    start = _branch_row(rows)
    marks: list[ChangeMark] = []
    for row in rows:
        is_ancestor = row.command == FORK_COMMAND and row is not start  # where a branch's parent itself began
        text = "" if row.error or is_ancestor else _text(row)
        if not text:
            continue
        is_same = bool(marks) and (marks[-1].step, marks[-1].elapsed_s) == (row.step, row.elapsed_s)
        if is_same:
            text = f"{marks.pop().text}, {text}"
        marks.append(ChangeMark(row.step, row.elapsed_s, one_line(text, _MAX_CHARACTERS)))
    return tuple(marks)


def branch_start(history: Iterable[CommandRow]) -> ChangeMark | None:
    """Return where a branch starts: what was before are the records of its parent. None for other runs."""
    row = _branch_row(history)
    return ChangeMark(row.step, row.elapsed_s, _text(row)) if row is not None else None


def _branch_row(history: Iterable[CommandRow]) -> CommandRow | None:
    """Return the record of where a branch starts; its parent's own start is an earlier one."""
    rows = [row for row in history if row.command == FORK_COMMAND]
    return rows[-1] if rows else None


def earlier_values(config: "RunConfig", changes: Iterable[SettingChange]) -> Mapping[str, str]:
    """Return the earlier values of each changed setting by its dotted key: "50 until step 1,200".

    Args:
        config: The configuration that the run was started with.
        changes: The changes since then; what the next resume changes is "1 when it is resumed".
    """
    from trainers import presets  # imports pydantic

    values: dict[str, object] = dict(presets.flatten(config.model_dump(mode="json")))
    parts: dict[str, list[str]] = {}
    for change in changes:
        for key, value in change.values.items():
            before = values.get(key)
            if change.step == ON_RESUME:
                parts.setdefault(key, []).append(f"{format_value(value)} when it is resumed")
            elif value != before:
                parts.setdefault(key, []).append(f"{format_value(before)} until step {change.step:,}")
                values[key] = value
    return {key: ", ".join(texts) for key, texts in parts.items()}


def settings_text(present: "RunConfig", earlier: Mapping[str, str]) -> str:
    """Return the settings that were changed, in one line: "model.beta 1 (50 until step 1,200)".

    Args:
        present: The configuration as it is now.
        earlier: Of `earlier_values`.
    """
    from trainers import presets  # imports pydantic

    values = presets.flatten(present.model_dump(mode="json"))
    return ", ".join(f"{one_line(key, 60)} {format_value(values.get(key))} ({text})" for key, text in earlier.items())


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
