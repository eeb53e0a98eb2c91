"""All fault cases, in the order of the table."""

from tests.fault_injection import (
    clocks,
    disks,
    exports,
    forks,
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
from tests.fault_injection.case import FaultCase

CASES: tuple[FaultCase, ...] = (
    *kills.CASES,
    *forks.CASES,
    *exports.CASES,
    *writes.CASES,
    *disks.CASES,
    *numbers.CASES,
    *lifecycle.CASES,
    *clocks.CASES,
    *hostile_files.CASES,
    *hostile_pictures.CASES,
    *imports.CASES,
    *hostile_folders.CASES,
    *scale.CASES,
    *resize_and_close.CASES,
    *texts.CASES,
)
