"""The selected run at a glance: its state, the objective written out, speed and age, what to do next."""

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.view import RunView
from genexplorer.runs.record import AlertRow, RunStatus, State
from genexplorer.session import formatting
from genexplorer.session.objective import breakdown
from trainers.theory import Theory

ChartLine = list[tuple[str, str]]  # texts with the names of their styles

_MOOD = {State.RUNNING: "$accent", State.FAILED: "$warning", State.LOST: "$warning", State.DAMAGED: "$warning"}


class RunHeader(Static):
    """Five lines about the selected run."""

    def __init__(self, **options: Any) -> None:
        super().__init__("", markup=False, **options)
        self._shown: tuple[ChartLine, ...] = ()

    def show(self, run: RunView | None, empty: str) -> None:
        """Show a run, or what to do where there is none."""
        width = max(self.content_size.width, 20)
        lines = header_lines(run, width, max(self.content_size.height, 4)) if run else [[(empty, "$muted")]]
        if tuple(lines) != self._shown:
            self._shown = tuple(lines)
            self.update(Content("\n").join(Content.assemble(*line) for line in lines), layout=False)


def header_lines(run: RunView, width: int, height: int) -> list[ChartLine]:
    """Return the lines of the header, cut to a width."""
    status = run.status
    lines = [_title(status, width), _objective(run.theory, run.values, run.at_step, width)]
    trouble, advice = next_step(run)
    if height > 4 or not trouble:
        lines.append(_speed(run, width, told_below=not trouble and not advice and not _warnings(run)))
    look = _MOOD.get(status.state, "$muted")
    ended_badly = status.state in (State.LOST, State.FAILED, State.DAMAGED)
    if _warnings(run) and not ended_badly:
        trouble, look = _alerts(run), "$warning"
    room = height - len(lines) - bool(advice)
    lines += [[(line, look)] for line in wrap(trouble, width, min(room, 1) if run.watch_for and advice == "" else room)]
    if run.watch_for and not advice:
        lines += [[(line, "$accent")] for line in wrap(f"Look at: {run.watch_for}", width, height - len(lines))]
    elif advice:
        lines.append([(clip(advice, width), "$accent")])
    elif not trouble:
        lines.append(_bar(status, width))
    return lines[:height]


def _title(status: RunStatus, width: int) -> ChartLine:
    state = f"{formatting.state_symbol(status.state)} {formatting.state_word(status.state)}"
    end = formatting.time_left(status) if status.state in (State.RUNNING, State.SUCCEEDED) else ""
    share = "" if status.state is State.SUCCEEDED else formatting.percent(status.progress)
    rest = "".join(f" · {part}" for part in (share, end) if part)
    room = width - cell_len(state) - 2
    name = status.name or status.id
    longer = f"{status.preset}·{name}"
    if status.preset and cell_len(longer) + cell_len(rest) <= room:
        name = longer
    name = clip(name, max(room - cell_len(rest), 8))
    rest = clip(rest, max(room - cell_len(name), 0))
    return [(name, "bold"), ("  ", ""), (state, _MOOD.get(status.state, "$muted")), (rest, "$muted")]


def _objective(theory: Theory | None, values: Mapping[str, float], at_step: int | None, width: int) -> ChartLine:
    written = breakdown(theory, values) if theory else None
    if written is None:
        return [("No figures yet" if not at_step else f"No figures at step {at_step:,}", "$muted")]
    text = _longest_that_fits(list(written.lines), width) or written.lines[-1]
    look = "bold" if at_step is None else "bold $accent"
    source = _longest_that_fits([f"  {words}" for words in written.sources], width - cell_len(text))
    return [(clip(text, width), look), (source, "$muted")]


def _speed(run: RunView, width: int, *, told_below: bool) -> ChartLine:
    status = run.status
    if run.at_step is not None:
        return [(_looking_back(run.at_step, status, width), "$accent")]
    parts = [f"{status.phase} {status.phase_detail}".strip()] if _is_busy_otherwise(status) else []
    if status.state.live:
        told = formatting.speed(status, short=True) if status.state is not State.PAUSED else ""
        parts += [told] if told else []
        parts += [f"{status.threads} thr"] if status.threads else []
        parts += [f"snapshot {formatting.ago(run.snapshot_age_s)}"] if run.snapshot_age_s is not None else []
    else:
        parts += [status.data] if status.data else []
        parts += [f"{formatting.count(status.images_seen)} {status.kind} seen"] if status.images_seen else []
    if not told_below or not parts:
        parts.append(_steps(status))
    return [(_as_many_as_fit(parts, width), "$muted")]


def _looking_back(step: int, status: RunStatus, width: int) -> str:
    whole = f"looking at step {step:,} of {status.step:,}"
    texts = [f"{whole} · L follows again", f"{whole} · L follows", f"at step {step:,} of {status.step:,} · L follows"]
    return _longest_that_fits([*texts, f"at step {step:,} · L follows"], width) or clip(f"step {step:,}", width)


def _longest_that_fits(texts: list[str], width: int) -> str:
    """Return the first of ever shorter texts that fits whole; empty where none does."""
    return next((text for text in texts if cell_len(text) <= width), "")


def _is_busy_otherwise(status: RunStatus) -> bool:
    return status.state.live and status.phase not in ("", "training", "paused")


def _as_many_as_fit(parts: list[str], width: int) -> str:
    """Join parts; the last ones go where there is no room for them."""
    text = clip(parts[0], width)
    for part in parts[1:]:
        longer = f"{text} · {part}"
        text = longer if cell_len(longer) <= width else text
    return text


def _warnings(run: RunView) -> list[AlertRow]:
    """Return the alerts that call for a look; what is only worth knowing waits until d is pressed."""
    return [alert for alert in run.alerts if alert.severity != "info"]


def _alerts(run: RunView) -> str:
    found = _warnings(run)
    return f"⚠ {len(found)} alert{'s' if len(found) > 1 else ''}, d reads: {found[-1].message}"


def _bar(status: RunStatus, width: int) -> ChartLine:
    text = f" {_steps(status)}"
    length = max(min(width - cell_len(text), 48), 0)
    done = min(max(round(status.progress * length), 0), length)
    return [("━" * done, "$accent"), ("─" * (length - done), "$faint"), (clip(text, width), "$muted")]


def _steps(status: RunStatus) -> str:
    return f"step {status.step:,}" + (f" of {status.total_steps:,}" if status.total_steps else "")


def next_step(run: RunView) -> tuple[str, str]:
    """Return what is the matter with a run in an unusual state, and what helps; both empty where all is well."""
    status = run.status
    if run.problem:
        return f"Cannot be read: {run.problem}", "Del moves it to the trash"
    match status.state:
        case State.QUEUED:
            return "Waiting for its worker to start.", "If nothing happens, 4 shows the log"
        case State.PAUSED:
            return "Its memory is kept, its cores are free.", "p goes on · s stops"
        case State.STOPPING:
            return "The state is being saved.", "r goes on from here later"
        case State.STOPPED:
            return "Its state is saved.", "r resumes · v opens the viewer"
        case State.FAILED:
            return f"Failed: {status.reason or 'no reason was given'}", "r tries again · 4 log · d advice"
        case State.LOST:
            words = (run.last_words.splitlines() or ["the worker left no word"])[-1]
            return f"Lost: {status.reason or words}", "r resumes from the last save · 4 log"
        case State.DAMAGED:
            return f"Damaged: {status.reason}", "Del moves it to the trash"
        case _:
            return _when_running(status)


def _when_running(status: RunStatus) -> tuple[str, str]:
    if status.state is State.RUNNING and not status.answering:
        return "Its worker lives but does not answer: suspended, or a slow disk.", "wait, or s stops it"
    if status.state is State.RUNNING and status.phase == "compiling":
        return "Compiling takes about 20 s the first time; then it trains faster.", ""
    if status.state is State.RUNNING and status.phase == "loading":
        return "Loading the data and building the model…", ""
    return "", ""


def wrap(text: str, width: int, most: int = 10_000) -> list[str]:
    """Break a text at spaces into at most `most` lines of at most `width` cells; an ellipsis says that more follows."""
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
    if len(lines) > max(most, 1):
        lines = lines[: max(most, 1)]
        last = clip(lines[-1], width - 2)
        lines[-1] = last if last.endswith("…") else f"{last} …"
    return lines
