"""Run every fault case and update the table in docs/reliability.md.

    python -m tests.fault_injection [--only NAME] [--share 0.1] [--write]

A partial run, with --only or --share, leaves the table as it is unless --write is given. Most rows also have a short
form in `make test`.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ["QT_QPA_PLATFORM"] = "offscreen"

from tests.fault_injection.case import FaultCase, Tally  # noqa: E402
from tests.fault_injection.cases import CASES  # noqa: E402

DOCUMENT = Path("docs/reliability.md")
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = "| fault | guarantee | tries | lost | observed | how to repeat |\n| --- | --- | --- | --- | --- | --- |"


def main() -> int:
    """Run the selected cases; return 1 if any try is a loss."""
    arguments = parse_arguments()
    is_partial = bool(arguments.only) or arguments.share != 1
    lost = 0
    for case in CASES:
        if arguments.only and case.name not in arguments.only:
            continue
        if case.needs and shutil.which(case.needs) is None:
            log(f"{case.name}: skipped, {case.needs} is not installed")
            continue
        tally = run_case(case, max(1, round(case.full * arguments.share)))
        lost += len(tally.losses)
        if arguments.write or not is_partial:  # read the rows again: another process may have added some
            write_rows({**read_rows(), case.name: row(case, tally)})
    return 1 if lost else 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("--only", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of tries")
    parser.add_argument("--write", action="store_true", help="update docs/reliability.md after a partial run, too")
    return parser.parse_args()


def run_case(case: FaultCase, count: int) -> Tally:
    """Run one case in a temporary folder and log the result."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ["GENEXPLORER_STATE"] = str(Path(folder) / "state")
        tally = case.run(count, Path(folder))
    log(f"{case.name}: {tally.tries:,} tries, {len(tally.losses)} lost, {time.monotonic() - began:,.0f} s")
    for note in tally.notes:
        log(f"   {note}")
    for loss in tally.losses[:5]:
        log(f"   {loss}")
    return tally


def row(case: FaultCase, tally: Tally) -> str:
    """Return the table row of a case."""
    observed = "; ".join(tally.notes) or "–"
    repeat = f"`make faults ONLY={case.name}`"
    return f"| {case.fault} | {case.guarantee} | {tally.tries:,} | {len(tally.losses)} | {observed} | {repeat} |"


def read_rows() -> dict[str, str]:
    """Return the rows of the existing table by case name."""
    text = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    return {line.rpartition("ONLY=")[2].split("`")[0]: line for line in lines if "ONLY=" in line}


def write_rows(rows: dict[str, str]) -> None:
    """Write the table into the document, in the order of the cases."""
    text = DOCUMENT.read_text()
    lines = [rows[case.name] for case in CASES if case.name in rows]
    machine = f"Last run on {platform.system()} {platform.release()}, Python {platform.python_version()}."
    table = "\n".join([HEAD, *lines, "", machine])
    before, _, after = text.partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after.partition(END)[2]}")


def log(text: str) -> None:
    """Print a line unbuffered."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
