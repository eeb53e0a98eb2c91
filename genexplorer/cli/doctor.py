"""`genexplorer doctor`: what this machine can do, what it lacks, and what to do about it."""

from dataclasses import asdict

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import AsJson, RunsDir

SYMBOLS = {"ok": ("✓", "good"), "warning": ("⚠", "warning"), "broken": ("✗", "error")}


def doctor(runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Check the installation, the device, the display, threads and disk. Exits with 1 if something is broken."""
    from genexplorer.cli.machine_checks import all_checks

    findings = []
    for finding in all_checks(paths.runs_dir(runs_dir)):
        findings.append(finding)
        if as_json:
            continue
        symbol, role = SYMBOLS[finding.level]
        output.data(f"{output.style(symbol, role)} {finding.name:<14}{finding.found}")
        if finding.advice:
            output.data(" " * 16 + "→ " + finding.advice)
    broken = [finding.name for finding in findings if finding.level == "broken"]
    if as_json:
        output.as_json({"healthy": not broken, "checks": [asdict(finding) for finding in findings]})
    else:
        output.say(f"broken: {', '.join(broken)}" if broken else "everything needed is here")
    if broken:
        raise typer.Exit(1)
