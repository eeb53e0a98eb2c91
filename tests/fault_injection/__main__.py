"""Try every fault as often as the table says, and keep the table in docs/reliability.md.

    python -m tests.fault_injection [--only NAME] [--share 0.1] [--no-write]

Each row is also a short test in `make test`.
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

from tests.fault_injection.case import Proof, Tally  # noqa: E402
from tests.fault_injection.cases import PROOFS  # noqa: E402

DOCUMENT = Path("docs/reliability.md")
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = "| fault | promise | tries | lost | seen | how to repeat |\n| --- | --- | --- | --- | --- | --- |"


def main() -> int:
    """Run the proofs that were asked for; return 1 if anything was lost."""
    arguments = parsed()
    lost = 0
    for proof in PROOFS:
        if arguments.only and proof.name not in arguments.only:
            continue
        if proof.needs and shutil.which(proof.needs) is None:
            say(f"{proof.name}: left out, {proof.needs} is not installed")
            continue
        tally = tried(proof, max(1, round(proof.full * arguments.share)))
        lost += len(tally.losses)
        if not arguments.no_write:  # read anew: another run may have added its own meanwhile
            write_rows({**read_rows(), proof.name: row(proof, tally)})
    return 1 if lost else 0


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("--only", action="append", choices=[proof.name for proof in PROOFS])
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of tries")
    parser.add_argument("--no-write", action="store_true", help="leave docs/reliability.md as it is")
    return parser.parse_args()


def tried(proof: Proof, count: int) -> Tally:
    """Run one proof in a folder of its own and say what came of it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ["GENEXPLORER_STATE"] = str(Path(folder) / "state")
        tally = proof.run(count, Path(folder))
    say(f"{proof.name}: {tally.tries:,} tries, {len(tally.losses)} lost, {time.monotonic() - began:,.0f} s")
    for note in tally.notes:
        say(f"   {note}")
    for loss in tally.losses[:5]:
        say(f"   {loss}")
    return tally


def row(proof: Proof, tally: Tally) -> str:
    """Return a proof's line of the table."""
    seen = "; ".join(tally.notes) or "–"
    repeat = f"`make faults ONLY={proof.name}`"
    return f"| {proof.fault} | {proof.promise} | {tally.tries:,} | {len(tally.losses)} | {seen} | {repeat} |"


def read_rows() -> dict[str, str]:
    """Return the lines of the table as it stands, by the proof's name."""
    text = DOCUMENT.read_text() if DOCUMENT.is_file() else ""
    lines = text.partition(BEGIN)[2].partition(END)[0].splitlines()
    return {line.rpartition("ONLY=")[2].split("`")[0]: line for line in lines if "ONLY=" in line}


def write_rows(rows: dict[str, str]) -> None:
    """Put the table into the document, in the order of the proofs."""
    text = DOCUMENT.read_text()
    lines = [rows[proof.name] for proof in PROOFS if proof.name in rows]
    machine = f"Last tried on {platform.system()} {platform.release()}, Python {platform.python_version()}."
    table = "\n".join([HEAD, *lines, "", machine])
    before, _, rest = text.partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}")


def say(text: str) -> None:
    """Print a line at once."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
