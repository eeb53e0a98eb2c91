"""The command `genexplorer doctor`: print the findings with hints."""

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import AsJson, RunsDir

SYMBOLS = {"ok": ("✓", "good"), "warning": ("⚠", "warning"), "broken": ("✗", "error")}


def doctor(runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Check the installation, the device, the display, threads and disk. Exits with 1 if something is broken."""
    from genexplorer.cli.doctor.checks import all_checks

    findings = []
    for finding in all_checks(paths.runs_dir(runs_dir)):
        findings.append(finding)
        if as_json:
            continue
        symbol, color = SYMBOLS[finding.level]
        output.print_stdout(f"{output.style(symbol, color)} {finding.name:<14}{finding.message}")
        if finding.hint:
            output.print_stdout(" " * 16 + "→ " + finding.hint)
    broken = [finding.name for finding in findings if finding.level == "broken"]
    if as_json:
        checks = [{"name": f.name, "level": f.level, "found": f.message, "advice": f.hint} for f in findings]
        output.print_json({"healthy": not broken, "checks": checks})
    else:
        output.print_stderr(f"broken: {', '.join(broken)}" if broken else "all required components are available")
    if broken:
        raise typer.Exit(1)
