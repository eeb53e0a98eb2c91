"""Every proof, in the order of the table."""

from tests.fault_injection import (
    clocks,
    disks,
    hostile_files,
    hostile_folders,
    hostile_pictures,
    imports,
    kills,
    lifecycle,
    numbers,
    resize_and_close,
    scale,
    texts,
    writes,
)
from tests.fault_injection.case import Proof

PROOFS: tuple[Proof, ...] = (
    *kills.PROOFS,
    *writes.PROOFS,
    *disks.PROOFS,
    *numbers.PROOFS,
    *lifecycle.PROOFS,
    *clocks.PROOFS,
    *hostile_files.PROOFS,
    *hostile_pictures.PROOFS,
    *imports.PROOFS,
    *hostile_folders.PROOFS,
    *scale.PROOFS,
    *resize_and_close.PROOFS,
    *texts.PROOFS,
)
