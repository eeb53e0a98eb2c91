"""The selected run in a few lines: state, objective, speed, errors or alerts, and the next step to take."""

from collections.abc import Mapping

from rich.cells import cell_len
from textual.content import Content

from genexplorer.dashboard.details import RunDetails
from genexplorer.dashboard.text_fitting import clip, longest_that_fits, wrap
from genexplorer.dashboard.widgets import Text
from genexplorer.runs.record import RunStatus, State
from genexplorer.session import formatting
from genexplorer.session.objective import objective_values
from trainers.theory import Theory

StyledLine = list[tuple[str, str]]  # texts and their styles

_STATE_STYLES = {State.RUNNING: "$accent", State.FAILED: "$warning", State.LOST: "$warning", State.DAMAGED: "$warning"}
_MAX_BAR_CELLS = 48  # of the progress bar
_STATE_HINTS = {
    State.QUEUED: ("Waiting for its worker to start.", "if nothing happens, 4: log"),
    State.PAUSED: ("Its memory is kept, its cores are free.", "p resumes · . takes one step · s stops"),
    State.STOPPING: ("The state is being saved.", "r resumes it later"),
    State.STOPPED: ("Its state is saved.", "r resumes · v viewer"),
}


class RunHeader(Text):
    """Summary of the selected run."""

    def show(self, run: RunDetails | None, empty: str) -> None:
        """Show a run, or a text if there is none."""
        width = max(self.content_size.width, 20)
        lines = header_lines(run, width, max(self.content_size.height, 4)) if run else [[(empty, "$muted")]]
        self.show_text(Content("\n").join(Content.assemble(*line) for line in lines), layout=False)


def header_lines(run: RunDetails, width: int, height: int) -> list[StyledLine]:
    """Return the lines of the header, at most `height` of at most `width` cells."""
    status = run.status
    message, hint = state_message_and_hint(run)
    alerts = [alert for alert in run.alerts if alert.severity != "info"]  # d shows the others, too
    # The first lines: state, objective and, if there is space, speed.
    lines = [_title_line(status, width), _objective_line(run.theory, run.values, run.selected_step, width)]
    if height > 4 or not message:
        has_bar = not message and not hint and not alerts
        lines.append(_activity_line(run, width, with_steps=not has_bar))
    # Alerts, unless the run has ended badly, which matters more.
    style = _STATE_STYLES.get(status.state, "$muted")
    if alerts and status.state not in (State.LOST, State.FAILED, State.DAMAGED):
        count = "1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts"
        message, style = f"⚠ {count}, press d: {alerts[-1].message}", "$warning"
    # The other lines: message and hint, message and expected failure, the message alone, or the progress bar.
    if hint:
        lines += [[(line, style)] for line in wrap(message, width, height - len(lines) - 1)]
        lines.append([(clip(hint, width), "$accent")])
    elif run.expected_failure:
        lines += [[(line, style)] for line in wrap(message, width, min(height - len(lines), 1))]
        text = f"Fails on purpose: {run.expected_failure}"
        lines += [[(line, "$accent")] for line in wrap(text, width, height - len(lines))]
    elif message:
        lines += [[(line, style)] for line in wrap(message, width, height - len(lines))]
    else:
        text = f" {_step_text(status)}"
        length = max(min(width - cell_len(text), _MAX_BAR_CELLS), 0)
        filled = min(max(round(status.progress * length), 0), length)
        lines.append([("━" * filled, "$accent"), ("─" * (length - filled), "$faint"), (clip(text, width), "$muted")])
    return lines[:height]


def _title_line(status: RunStatus, width: int) -> StyledLine:
    """Return name, state, progress and time left; the name is clipped before the state."""
    state = f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}"
    time_left = formatting.time_left(status) if status.state in (State.RUNNING, State.SUCCEEDED) else ""
    progress = "" if status.state is State.SUCCEEDED else formatting.percent(status.progress)
    suffix = "".join(f" · {part}" for part in (progress, time_left) if part)
    cells_left = width - cell_len(state) - 2
    name = status.name or status.id
    with_preset = f"{status.preset}·{name}"
    if status.preset and cell_len(with_preset) + cell_len(suffix) <= cells_left:
        name = with_preset
    name = clip(name, max(cells_left - cell_len(suffix), 8))
    suffix = clip(suffix, max(cells_left - cell_len(name), 0))
    return [(name, "bold"), ("  ", ""), (state, _STATE_STYLES.get(status.state, "$muted")), (suffix, "$muted")]


def _objective_line(
    theory: Theory | None, values: Mapping[str, float], selected_step: int | None, width: int
) -> StyledLine:
    """Return the objective as a sum of its terms, in the longest form that fits."""
    objective = objective_values(theory, values) if theory else None
    if objective is None:
        return [("No metrics yet" if not selected_step else f"No metrics at step {selected_step:,}", "$muted")]
    text = longest_that_fits(list(objective.texts), width) or objective.texts[-1]
    style = "bold" if selected_step is None else "bold $accent"
    setup = longest_that_fits([f"  {setup}" for setup in objective.setup_texts], width - cell_len(text))
    return [(clip(text, width), style), (setup, "$muted")]


def _activity_line(run: RunDetails, width: int, *, with_steps: bool) -> StyledLine:
    """Return the selected step; without one, phase, speed, threads and snapshot age, or the data of an ended run."""
    status = run.status
    if run.selected_step is not None:
        position = f"step {run.selected_step:,} of {status.step:,}"
        texts = [f"viewing {position} · L follows the newest step", f"viewing {position} · L follows"]
        texts += [f"at {position} · L follows", f"at step {run.selected_step:,} · L follows"]
        return [(longest_that_fits(texts, width) or clip(f"step {run.selected_step:,}", width), "$accent")]
    # Collect the parts, the most important first.
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
        parts.append(status.dataset)
        if status.images_seen:
            parts.append(f"{formatting.count(status.images_seen)} {status.data_kind} seen")
    parts = [part for part in parts if part]
    if with_steps or not parts:
        parts.append(_step_text(status))
    # Join as many parts as fit.
    text = clip(parts[0], width)
    for part in parts[1:]:
        longer = f"{text} · {part}"
        text = longer if cell_len(longer) <= width else text
    return [(text, "$muted")]


def _step_text(status: RunStatus) -> str:
    """Return the step, and how many there will be: "step 400 of 2,000"."""
    return f"step {status.step:,}" + (f" of {status.total_steps:,}" if status.total_steps else "")


def state_message_and_hint(run: RunDetails) -> tuple[str, str]:
    """Return a message about a run's state and its remedy; both are empty if all is well."""
    status = run.status
    if run.error:
        return f"Cannot be read: {run.error}", "Del moves it to the trash"
    match status.state:
        case State.FAILED:
            return (
                f"Failed: {status.reason or 'no reason was recorded'}",
                "r tries again · 4: log · d: hints",
            )
        case State.LOST:
            last_line = (run.log_tail.splitlines() or ["the worker exited without an error message"])[-1]
            return f"Lost: {status.reason or last_line}", "r resumes from the last checkpoint · 4: log"
        case State.DAMAGED:
            return f"Damaged: {status.reason}", "Del moves it to the trash"
        case State.RUNNING if not status.is_responding:
            return "The worker does not respond: suspended, or a slow disk.", "wait, or s stops it"
        case State.RUNNING if status.phase == "compiling":
            return "Compiling takes about 20 s the first time; training is faster afterwards.", ""
        case State.RUNNING if status.phase == "decoding":
            return "The image files are decoded once; the next start finds them in the cache.", ""
        case State.RUNNING if status.phase == "loading":
            return "Loading the data and building the model…", ""
    return _STATE_HINTS.get(status.state, ("", ""))
