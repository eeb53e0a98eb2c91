"""The table of ratios, and its place in docs/performance.md."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.comparisons import COMPARISONS, Aim, Comparison, Entrant
from benchmarks.windows import Figure

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
HEAD = "| who | images/s (middle half) | ratio | of the matrix peak | windows kept, dropped |\n|---|---|---|---|---|"


@dataclass(frozen=True)
class Outcome:
    """What came of a comparison.

    Args:
        figures: Of everybody who ran.
        flops: Of everybody, an image.
        missing: Why somebody did not run.
        products: Who measured the peak of matrix products; the fastest of a precision is its peak.
    """

    figures: Mapping[str, Figure]
    flops: Mapping[str, float]
    missing: Mapping[str, str]
    products: Sequence[Entrant]

    def flops_a_second(self, name: str) -> float:
        """Return how many floating-point operations a second somebody did."""
        return self.figures[name].rate * self.flops[name]

    def peak(self, precision: str) -> float:
        """Return the most that products of a precision do."""
        names = [e.name for e in self.products if e.name in self.figures and e.precision == precision]
        return max(self.flops_a_second(name) for name in names)


def section(comparison: Comparison, outcome: Outcome, threads: int) -> list[str]:
    """Return a comparison's part of the document."""
    measured = [e.name for e in outcome.products if e.name in outcome.figures]
    peaks = ", ".join(f"{name} {outcome.flops_a_second(name) / 1e9:,.0f}" for name in measured)
    lines = [f"### {comparison.title}", ""]
    lines += [f"{threads} thread{'s' * (threads > 1)}; the peak of the machine in GFLOP/s: {peaks}.", ""]
    if any(figure.by_cpu for figure in outcome.figures.values()):
        lines += ["The machine was never quiet: **images a second of CPU time**, all windows.", ""]
    lines += HEAD.splitlines()
    lines += [row for entrant in comparison.entrants if (row := _row(comparison, entrant, outcome))]
    return [*lines, *[f"\n{line}" for aim in comparison.aims if (line := _verdict(aim, outcome))]]


def means_little(outcome: Outcome, threads: int) -> bool:
    """Return whether even ratios do: on a busy machine threads that wait for each other spin, and that is CPU time."""
    return threads > 1 and any(figure.by_cpu for figure in outcome.figures.values())


def _row(comparison: Comparison, entrant: Entrant, outcome: Outcome) -> str:
    if reason := outcome.missing.get(entrant.name):
        return f"| {entrant.name} | missing: {reason.replace('|', '/')} | | | |"
    figure = outcome.figures.get(entrant.name)
    if figure is None:
        return ""
    base = outcome.figures.get(comparison.entrants[0].name)
    ratio = f"{figure.rate / base.rate:.2f}" if base else ""
    share = outcome.flops_a_second(entrant.name) / outcome.peak(entrant.precision)
    speed = f"{_rounded(figure.rate)} ({_rounded(figure.low)} to {_rounded(figure.high)})"
    return f"| {entrant.name} | {speed} | {ratio} | {share:.0%} | {figure.kept}, {figure.dropped} |"


def _verdict(aim: Aim, outcome: Outcome) -> str:
    """Say whether an aim is reached; nothing where somebody is missing."""
    against = [(outcome.figures[name].rate, name) for name in aim.theirs if name in outcome.figures]
    if aim.ours not in outcome.figures or not against:
        return ""
    rate, name = max(against)
    ratio = outcome.figures[aim.ours].rate / rate
    word = "reached" if ratio >= aim.ratio else "not reached"
    return f"{aim.ours} beside {name}: {ratio:.2f}, aim {aim.ratio:.1f}: {word}."


def _rounded(rate: float) -> str:
    digits = max(0, len(str(int(rate))) - 3)
    return f"{round(rate, -digits):,.0f}"


def keep(comparison: Comparison, lines: Sequence[str], device: str, graphics: str) -> None:
    """Put a comparison's part into the document, in order, between the markers of the device."""
    parts = _parts(device)
    parts[comparison.key] = "\n".join(lines).strip()
    text = "\n\n".join([machine(graphics), *(_marked(c.key, parts[c.key]) for c in COMPARISONS if c.key in parts)])
    put(f"training-{device}", text)


def put(name: str, text: str) -> None:
    """Replace what stands between the markers of a name; a document without them is left as it is."""
    begin, end = (f"<!-- {name}: {edge} -->" for edge in ("begin", "end"))
    document = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    before, found, rest = document.partition(begin)
    if found:
        DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def machine(graphics: str = "") -> str:
    """Describe the machine in a line, its graphics processor first where that is what counts."""
    processor = ", ".join(name for name in (graphics, _processor()) if name)
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"Machine: {processor}, {cores()} core{'s' * (cores() > 1)}, {system}, torch {metadata.version('torch')}."


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in told.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _parts(device: str) -> dict[str, str]:
    text = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    inside = text.partition(f"<!-- training-{device}: begin -->")[2].partition(f"<!-- training-{device}: end -->")[0]
    pieces = inside.split("<!-- of ")[1:]
    return {piece.partition(" -->")[0]: piece.partition(" -->\n")[2].strip() for piece in pieces}


def _marked(key: str, text: str) -> str:
    return f"<!-- of {key} -->\n{text}"
