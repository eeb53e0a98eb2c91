"""The command `genexplorer doctor`: print the results with hints."""

import typer

from genexplorer import paths
from genexplorer.cli import output
from genexplorer.cli.options import AsJson, RunsDir

SYMBOLS = {"ok": ("✓", "good"), "warning": ("⚠", "warning"), "broken": ("✗", "error")}


def doctor(runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Check the installation, the device, the display, threads and disk. Exits with 1 if something is broken."""
    from genexplorer.cli.doctor.checks import run_checks

    results = []
    for result in run_checks(paths.runs_dir(runs_dir)):
        results.append(result)
        if as_json:
            continue
        symbol, color = SYMBOLS[result.level]
        output.print_stdout(f"{output.style(symbol, color)} {result.name:<14}{result.message}")
        if result.hint:
            output.print_stdout(" " * 16 + "→ " + result.hint)
    broken = [result.name for result in results if result.level == "broken"]
    if as_json:
        checks = [{"name": f.name, "level": f.level, "found": f.message, "advice": f.hint} for f in results]
        output.print_json({"healthy": not broken, "checks": checks})
    else:
        output.print_stderr(f"broken: {', '.join(broken)}" if broken else "all required components are available")
    if broken:
        raise typer.Exit(1)
