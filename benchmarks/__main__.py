"""Run every measurement, or those that are named: `python -m benchmarks [training explorer_latency ...]`."""

import re
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Run measurements one after the other, each in a process of its own; return the worst exit code."""
    known = programs()
    wanted = sys.argv[1:] or known
    if unknown := set(wanted) - set(known):
        print(f"there is no measurement {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    worst = 0
    for name in wanted:
        print(f"\n{name}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode)
    return worst


def programs() -> list[str]:
    """Return the names of the files here that have a main; the others are what those are made of."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [f.stem for f in files if not f.stem.startswith("_") and re.search(r"^def main\(", f.read_text(), re.M)]


if __name__ == "__main__":
    sys.exit(main())
