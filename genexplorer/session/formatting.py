"""Formatting of states, times and numbers, the same in all front ends."""

import math
import re
import time
from collections.abc import Iterable

from genexplorer.runs.record import Parent, RunStatus, State
from genexplorer.runs.sanitize import unix_time

_STATE_SYMBOLS = {
    State.QUEUED: "○",
    State.RUNNING: "●",
    State.PAUSED: "❚❚",
    State.STOPPING: "◌",
    State.SUCCEEDED: "✓",
    State.STOPPED: "■",
    State.FAILED: "✗",
    State.LOST: "?",
    State.DAMAGED: "!",
}
WEIGHT_NAMES = {"ema": "EMA weights", "raw": "raw weights"}
_MAX_DURATION_S = 1e11  # 3000 years; a longer time in a file is an error
_COUNT_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def state_symbol(state: State) -> str:
    """Return the symbol of a state; symbols differ in shape, not only in color."""
    return _STATE_SYMBOLS[state]


def state_word(state: State) -> str:
    """Return the name of a state: 'Running'."""
    return str(state.value).capitalize()


def origin(parent: Parent) -> str:
    """Describe where a run started: 'fork of calm-owl from checkpoint 4,000 (exact), with model.beta 50 → 1'."""
    if parent.kind == "init":
        return f"initial weights of {parent.name}, step {parent.step:,} ({WEIGHT_NAMES[parent.weights]})"
    start = f"checkpoint {parent.step:,} (exact)" if parent.exact else f"the weights of step {parent.step:,}"
    return f"fork of {parent.name} from {start}" + (f", with {parent.changes}" if parent.changes else "")


def duration(seconds: float | None) -> str:
    """Format a duration: '0:07', '1:10', '2:03:04', '3 d 4 h'; '—' if unknown."""
    if seconds is None or not math.isfinite(seconds) or seconds > _MAX_DURATION_S:
        return "—"
    minutes, second = divmod(max(round(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def count(n: float) -> str:
    """Format a count in at most five characters: '950', '18.1k', '2.5M'."""
    if not abs(n) < 1e15:  # or not finite
        return number(n)
    sign = "−" if n < 0 else ""
    size = abs(n)
    for scale, suffix in _COUNT_SUFFIXES:
        if size >= scale * 0.99995:  # 999,950 is "1.0M", since "1000.0k" has seven characters
            scaled = size / scale
            return f"{sign}{scaled:.1f}{suffix}" if scaled < 99.95 else f"{sign}{scaled:.0f}{suffix}"
    return f"{sign}{size:.0f}"


def speed(status: RunStatus, *, short: bool = False) -> str:
    """Format the speed of a run: '18.1k images/s', for 2-D data '18.1k points/s'; empty if unknown.

    That of an ended run is the average over its training.
    """
    rate = status.images_per_s if status.state.active else status.average_images_per_s or status.images_per_s
    if not rate:
        return ""
    return f"{count(rate)} {'img' if short and status.data_kind == 'images' else status.data_kind}/s"


def number(value: float | None, unit: str = "") -> str:
    """Format a value: '−148.2 nats', '1.3e−5', '∞', 'NaN'; '—' for None."""
    if value is None:
        return "—"
    value = float(value)
    size = abs(value)
    if math.isnan(value):
        text = "NaN"
    elif math.isinf(value):
        text = "∞" if value > 0 else "−∞"
    elif size == 0:
        text = "0"
    elif size >= 1e6 or size < 1e-3:
        text = re.sub(r"e([+-])0+", r"e\1", f"{value:.1e}")
    elif size >= 10_000:
        text = f"{value:,.0f}"
    elif size >= 0.995:
        text = f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"
    else:
        text = f"{value:.3g}"
    return f"{text.replace('-', '−')} {unit}".rstrip()


def precise_number(value: float | None, unit: str = "") -> str:
    """Format a value with five significant digits, to compare it with published ones: '1.7831 bits/dim'."""
    if value is None or not math.isfinite(value) or not 1e-3 <= abs(value) < 10_000:
        return number(value, unit)
    decimals = max(4 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{decimals}f} {unit}".rstrip().replace("-", "−", 1)


def number_with_error(value: float, error: float | None, unit: str = "") -> str:
    """Format a value with its standard error, of two significant digits: '0.266 ± 0.011 nats'; alone if it has none."""
    if not error or not math.isfinite(error) or not 1e-6 <= error < 1000 or not abs(value) < 10_000:
        return precise_number(value, unit)
    decimals = max(1 - math.floor(math.log10(error)), 0)
    return f"{value:.{decimals}f} ± {error:.{decimals}f} {unit}".rstrip().replace("-", "−", 1)


def ago(seconds: float | None) -> str:
    """Format an age: 'now', '12 s ago', '3 min ago', '5 h ago', '2 d ago'."""
    if seconds is None or not math.isfinite(seconds) or seconds > _MAX_DURATION_S:
        return "—"
    for scale, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= scale:
            return f"{int(seconds // scale)} {word} ago"
    return "now" if seconds < 1 else f"{int(seconds)} s ago"


def time_left(status: RunStatus) -> str:
    """Format the remaining time, or the state: '1:10 left', 'paused', 'took 2:03', 'lost'."""
    if status.state is State.RUNNING:
        if not status.is_responding:
            return "not answering"
        return f"{duration(status.seconds_left)} left" if status.seconds_left is not None else status.phase or "running"
    if status.state is State.SUCCEEDED:
        return f"took {duration(status.elapsed_s)}"
    return str(status.state.value)


def vector(values: Iterable[float]) -> str:
    """Format coordinates: '(0.25, −1.30)'."""
    return f"({', '.join(f'{value:.2f}' for value in values)})".replace("-", "−")


def percent(fraction: float) -> str:
    """Format a fraction: '62%'; only a fraction of 1 is 100%."""
    fraction = min(max(fraction, 0.0), 1.0) if math.isfinite(fraction) else 0.0
    return f"{100 if fraction >= 1 else min(round(fraction * 100), 99)}%"


def share(fraction: float) -> str:
    """Format a part of a whole: '62%', '<1%', '>99%'; only nothing is 0% and only the whole 100%."""
    rounded = round(fraction * 100)
    if rounded <= 0:
        return "<1%" if fraction > 0 else "0%"
    if rounded >= 100:
        return ">99%" if fraction < 1 else "100%"
    return f"{rounded}%"


def clock(t: float) -> str:
    """Format a local time of day: '14:02:11'; '--:--:--' for an invalid time."""
    return time.strftime("%H:%M:%S", time.localtime(t)) if unix_time(t) else "--:--:--"
