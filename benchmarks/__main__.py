"""Run every measurement, or those that are named: `python -m benchmarks [training explorer_latency ...]`.

What one prints is also kept in docs/performance.md, where that has a place for it; `training` keeps its tables itself.
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
        print(f"there is no measurement {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    return max(run(name) for name in wanted)


def programs() -> list[str]:
    """Return the names of the files here that have a main; the others are what those are made of."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [f.stem for f in files if not f.stem.startswith("_") and re.search(r"^def main\(", f.read_text(), re.M)]


def run(name: str) -> int:
    """Run one, show what it prints as it comes, and keep it if the measurement went well; return its exit code."""
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
