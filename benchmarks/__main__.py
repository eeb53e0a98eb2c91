"""Run every measurement, or those that are named: `python -m benchmarks [training explorer_latency ...]`.

The output is also stored in docs/performance.md, if that has markers for it; `training` stores its tables itself.
"""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import report


def main() -> int:
    """Run measurements one after the other, each in a process of its own; return the worst exit code."""
    known = programs()
    wanted = sys.argv[1:] or known
    if unknown := set(wanted) - set(known):
        print(f"unknown measurement {', '.join(sorted(unknown))}; known are {', '.join(known)}", file=sys.stderr)
        return 2
    return max(run(name) for name in wanted)


def programs() -> list[str]:
    """Return the names of the modules of this package that have a `main`."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [f.stem for f in files if not f.stem.startswith("_") and re.search(r"^def main\(", f.read_text(), re.M)]


def run(name: str) -> int:
    """Run a measurement, print its output as it arrives, and store it on success; return the exit code."""
    print(f"\n{name}", flush=True)
    lines = []
    with subprocess.Popen([sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode == 0:
        printed = "".join(lines).strip("\n")
        report.put(name, f"{report.machine()}\n\n```\n{printed}\n```")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
