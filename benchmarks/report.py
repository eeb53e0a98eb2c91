"""The table of ratios, and its place in docs/performance.md."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from benchmarks.comparisons import COMPARISONS, Aim, Comparison, Entrant
from benchmarks.windows import Throughput

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
HEAD = (
    "| contender | images/s (middle half) | ratio | of the matrix peak | windows used, dropped |\n|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Outcome:
    """Result of a comparison.

    Args:
        throughputs: Throughput of each contender that ran.
        flops: Floating-point operations of each contender per image.
        missing: Reason by name of a contender that did not run.
        products: Entrants that measure matrix products; the fastest of a precision is the peak of the machine.
    """

    throughputs: Mapping[str, Throughput]
    flops: Mapping[str, float]
    missing: Mapping[str, str]
    products: Sequence[Entrant]

    def flops_a_second(self, name: str) -> float:
        """Return the floating-point operations per second of a contender."""
        return self.throughputs[name].rate * self.flops[name]

    def peak(self, precision: str) -> float:
        """Return the floating-point operations per second of the fastest matrix products in a precision."""
        names = [e.name for e in self.products if e.name in self.throughputs and e.precision == precision]
        return max(self.flops_a_second(name) for name in names)


def section(comparison: Comparison, outcome: Outcome, threads: int) -> list[str]:
    """Return a comparison's part of the document."""
    measured = [e.name for e in outcome.products if e.name in outcome.throughputs]
    peaks = ", ".join(f"{name} {outcome.flops_a_second(name) / 1e9:,.0f}" for name in measured)
    lines = [f"### {comparison.title}", ""]
    lines += [f"{threads} thread{'s' * (threads > 1)}; the peak of the machine in GFLOP/s: {peaks}.", ""]
    if any(throughput.by_cpu for throughput in outcome.throughputs.values()):
        lines += ["The machine was never quiet: **images a second of CPU time**, all windows.", ""]
    lines += HEAD.splitlines()
    lines += [row for entrant in comparison.entrants if (row := _row(comparison, entrant, outcome))]
    return [*lines, *[f"\n{line}" for aim in comparison.aims if (line := _verdict(aim, outcome))]]


def is_unreliable(outcome: Outcome, threads: int) -> bool:
    """Return True if even ratios are unreliable: on a busy machine waiting threads spin, which counts as CPU time."""
    return threads > 1 and any(throughput.by_cpu for throughput in outcome.throughputs.values())


def _row(comparison: Comparison, entrant: Entrant, outcome: Outcome) -> str:
    if reason := outcome.missing.get(entrant.name):
        return f"| {entrant.name} | missing: {reason.replace('|', '/')} | | | |"
    throughput = outcome.throughputs.get(entrant.name)
    if throughput is None:
        return ""
    base = outcome.throughputs.get(comparison.entrants[0].name)
    ratio = f"{throughput.rate / base.rate:.2f}" if base else ""
    share = outcome.flops_a_second(entrant.name) / outcome.peak(entrant.precision)
    speed = f"{_rounded(throughput.rate)} ({_rounded(throughput.low)} to {_rounded(throughput.high)})"
    return f"| {entrant.name} | {speed} | {ratio} | {share:.0%} | {throughput.kept}, {throughput.dropped} |"


def _verdict(aim: Aim, outcome: Outcome) -> str:
    """Return a sentence on a target; empty if a contender is missing."""
    against = [(outcome.throughputs[name].rate, name) for name in aim.theirs if name in outcome.throughputs]
    if aim.ours not in outcome.throughputs or not against:
        return ""
    rate, name = max(against)
    ratio = outcome.throughputs[aim.ours].rate / rate
    word = "reached" if ratio >= aim.ratio else "not reached"
    return f"{aim.ours} relative to {name}: {ratio:.2f}, target {aim.ratio:.1f}: {word}."


def _rounded(rate: float) -> str:
    digits = max(0, len(str(int(rate))) - 3)
    return f"{round(rate, -digits):,.0f}"


def store(comparison: Comparison, lines: Sequence[str], device: str, graphics: str) -> None:
    """Write a comparison's section into the document, in order, between the markers of the device."""
    sections = _stored_sections(device)
    sections[comparison.key] = "\n".join(lines).strip()
    stored = [f"<!-- of {c.key} -->\n{sections[c.key]}" for c in COMPARISONS if c.key in sections]
    text = "\n\n".join([machine(graphics), *stored])
    put(f"training-{device}", text)


def put(name: str, text: str) -> None:
    """Replace the text between the markers of a name; a document without the markers stays unchanged."""
    begin, end = (f"<!-- {name}: {edge} -->" for edge in ("begin", "end"))
    document = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    before, marker, rest = document.partition(begin)
    if marker:
        DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}")


def machine(graphics: str = "") -> str:
    """Return one line about the machine, its graphics processor first if there is one."""
    processor = ", ".join(name for name in (graphics, _processor()) if name)
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"Machine: {processor}, {cores()} core{'s' * (cores() > 1)}, {system}, torch {metadata.version('torch')}."


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    reported = Path("/proc/cpuinfo")
    lines = reported.read_text().splitlines() if reported.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def _stored_sections(device: str) -> dict[str, str]:
    text = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    inside = text.partition(f"<!-- training-{device}: begin -->")[2].partition(f"<!-- training-{device}: end -->")[0]
    pieces = inside.split("<!-- of ")[1:]
    return {piece.partition(" -->")[0]: piece.partition(" -->\n")[2].strip() for piece in pieces}
