"""Every proof, in the order of the table."""

from tests.faults import (
    clocks,
    disks,
    hostile_files,
    hostile_folders,
    hostile_pictures,
    kills,
    lives,
    numbers,
    received,
    scale,
    storms,
    texts,
    writes,
)
from tests.faults.proof import Proof

PROOFS: tuple[Proof, ...] = (
    *kills.PROOFS,
    *writes.PROOFS,
    *disks.PROOFS,
    *numbers.PROOFS,
    *lives.PROOFS,
    *clocks.PROOFS,
    *hostile_files.PROOFS,
    *hostile_pictures.PROOFS,
    *received.PROOFS,
    *hostile_folders.PROOFS,
    *scale.PROOFS,
    *storms.PROOFS,
    *texts.PROOFS,
)
