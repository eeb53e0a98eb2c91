"""Every proof, in the order of the table."""

from tests.faults import hostile_files, kills
from tests.faults.proof import Proof

PROOFS: tuple[Proof, ...] = (kills.KILLED, *hostile_files.PROOFS)
