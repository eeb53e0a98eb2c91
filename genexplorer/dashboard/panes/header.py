"""The selected run in five lines: state, objective, speed, problems, and what to do next."""

from collections.abc import Mapping

from rich.cells import cell_len
from textual.content import Content

from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.view import RunView
from genexplorer.dashboard.widgets import Text
from genexplorer.runs.record import RunStatus, State
from genexplorer.session import formatting
from genexplorer.session.objective import objective_values
from trainers.theory import Theory

StyledLine = list[tuple[str, str]]  # texts and their styles

_STATE_STYLES = {State.RUNNING: "$accent", State.FAILED: "$warning", State.LOST: "$warning", State.DAMAGED: "$warning"}
_MAX_BAR = 48
_STATE_ADVICE = {
    State.QUEUED: ("Waiting for its worker to start.", "if nothing happens: 4 log"),
    State.PAUSED: ("Its memory is kept, its cores are free.", "p resumes · s stops"),
    State.STOPPING: ("The state is being saved.", "r resumes it later"),
    State.STOPPED: ("Its state is saved.", "r resumes · v viewer"),
}


class RunHeader(Text):
    """Summary of the selected run."""

    def show(self, run: RunView | None, empty: str) -> None:
        """Show a run, or a text if there is none."""
        width = max(self.content_size.width, 20)
        lines = header_lines(run, width, max(self.content_size.height, 4)) if run else [[(empty, "$muted")]]
        self.show_text(Content("\n").join(Content.assemble(*line) for line in lines), layout=False)


def header_lines(run: RunView, width: int, height: int) -> list[StyledLine]:
    """Return the lines of the header, at most `height` of at most `width` cells."""
    status = run.status
    problem, remedy = problem_and_remedy(run)
    alerts = [alert for alert in run.alerts if alert.severity != "info"]  # d shows the others, too
    lines = [_title(status, width), _objective(run.theory, run.values, run.at_step, width)]
    if height > 4 or not problem:
        has_bar = not problem and not remedy and not alerts
        lines.append(_speed(run, width, with_steps=not has_bar))
    # Alerts, unless the run has ended badly, which matters more.
    style = _STATE_STYLES.get(status.state, "$muted")
    if alerts and status.state not in (State.LOST, State.FAILED, State.DAMAGED):
        count = "1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts"
        problem, style = f"⚠ {count}, press d: {alerts[-1].message}", "$warning"
    # The problem gets the lines that the remedy leaves, or one above what to watch.
    room = height - len(lines) - bool(remedy)
    room = min(room, 1) if run.expected_failure and not remedy else room
    lines += [[(line, style)] for line in wrap(problem, width, room)]
    if run.expected_failure and not remedy:
        text = f"What to watch: {run.expected_failure}"
        lines += [[(line, "$accent")] for line in wrap(text, width, height - len(lines))]
    elif remedy:
        lines.append([(clip(remedy, width), "$accent")])
    elif not problem:
        text = f" {_steps(status)}"
        length = max(min(width - cell_len(text), _MAX_BAR), 0)
        done = min(max(round(status.progress * length), 0), length)
        lines.append([("━" * done, "$accent"), ("─" * (length - done), "$faint"), (clip(text, width), "$muted")])
    return lines[:height]


def _title(status: RunStatus, width: int) -> StyledLine:
    """Return name, state, progress and time left; the name is clipped before the state."""
    state = f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}"
    end = formatting.time_left(status) if status.state in (State.RUNNING, State.SUCCEEDED) else ""
    progress = "" if status.state is State.SUCCEEDED else formatting.percent(status.progress)
    suffix = "".join(f" · {part}" for part in (progress, end) if part)
    room = width - cell_len(state) - 2
    name = status.name or status.id
    with_preset = f"{status.preset}·{name}"
    if status.preset and cell_len(with_preset) + cell_len(suffix) <= room:
        name = with_preset
    name = clip(name, max(room - cell_len(suffix), 8))
    suffix = clip(suffix, max(room - cell_len(name), 0))
    return [(name, "bold"), ("  ", ""), (state, _STATE_STYLES.get(status.state, "$muted")), (suffix, "$muted")]


def _objective(theory: Theory | None, values: Mapping[str, float], at_step: int | None, width: int) -> StyledLine:
    """Return the objective as a sum of its terms, in the longest form that fits."""
    objective = objective_values(theory, values) if theory else None
    if objective is None:
        return [("No metrics yet" if not at_step else f"No metrics at step {at_step:,}", "$muted")]
    text = _longest_that_fits(list(objective.lines), width) or objective.lines[-1]
    style = "bold" if at_step is None else "bold $accent"
    source = _longest_that_fits([f"  {source}" for source in objective.origin_texts], width - cell_len(text))
    return [(clip(text, width), style), (source, "$muted")]


def _speed(run: RunView, width: int, *, with_steps: bool) -> StyledLine:
    """Return phase, speed, threads and age of the snapshot; or the step at the time cursor."""
    status = run.status
    if run.at_step is not None:
        position = f"step {run.at_step:,} of {status.step:,}"
        texts = [f"viewing {position} · L follows again", f"viewing {position} · L follows"]
        texts += [f"at {position} · L follows", f"at step {run.at_step:,} · L follows"]
        return [(_longest_that_fits(texts, width) or clip(f"step {run.at_step:,}", width), "$accent")]
    parts = []
    if status.state.active:
        if status.phase not in ("", "training", "paused"):
            parts.append(f"{status.phase} {status.phase_detail}".strip())
        if status.state is not State.PAUSED:
            parts.append(formatting.speed(status, short=True))
        if status.threads:
            parts.append("1 thread" if status.threads == 1 else f"{status.threads} threads")
        if run.snapshot_age_s is not None:
            parts.append(f"snapshot {formatting.ago(run.snapshot_age_s)}")
    else:
        parts.append(status.data)
        if status.images_seen:
            parts.append(f"{formatting.count(status.images_seen)} {status.data_kind} seen")
    parts = [part for part in parts if part]
    if with_steps or not parts:
        parts.append(_steps(status))
    # Join as many as fit.
    text = clip(parts[0], width)
    for part in parts[1:]:
        longer = f"{text} · {part}"
        text = longer if cell_len(longer) <= width else text
    return [(text, "$muted")]


def _longest_that_fits(texts: list[str], width: int) -> str:
    """Return the first text that fits, of texts ordered by length; empty if none does."""
    return next((text for text in texts if cell_len(text) <= width), "")


def _steps(status: RunStatus) -> str:
    return f"step {status.step:,}" + (f" of {status.total_steps:,}" if status.total_steps else "")


def problem_and_remedy(run: RunView) -> tuple[str, str]:
    """Return what is unusual about a run's state and what to do about it; both empty if all is well."""
    status = run.status
    if run.problem:
        return f"Cannot be read: {run.problem}", "Del moves it to the trash"
    match status.state:
        case State.FAILED:
            return f"Failed: {status.reason or 'no reason was recorded'}", "r tries again · 4 log · d advice"
        case State.LOST:
            last_line = (run.log_tail.splitlines() or ["the worker exited without an error message"])[-1]
            return f"Lost: {status.reason or last_line}", "r resumes from the last checkpoint · 4 log"
        case State.DAMAGED:
            return f"Damaged: {status.reason}", "Del moves it to the trash"
        case State.RUNNING if not status.is_responding:
            return "The worker does not respond: suspended, or a slow disk.", "wait, or s stops it"
        case State.RUNNING if status.phase == "compiling":
            return "Compiling takes about 20 s the first time; training is faster afterwards.", ""
        case State.RUNNING if status.phase == "loading":
            return "Loading the data and building the model…", ""
    return _STATE_ADVICE.get(status.state, ("", ""))


def wrap(text: str, width: int, max_lines: int = 10_000) -> list[str]:
    """Break a text at spaces into lines of at most `width` cells; an ellipsis shows that lines are missing."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = clip(word, width)
    lines += [line] if line else []
    if len(lines) > max(max_lines, 1):
        lines = lines[: max(max_lines, 1)]
        last = clip(lines[-1], width - 2)
        lines[-1] = last if last.endswith("…") else f"{last} …"
    return lines
