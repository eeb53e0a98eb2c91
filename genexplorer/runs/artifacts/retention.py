"""Snapshots and checkpoints on the disk: which exist, which is the newest complete one, which are removed."""

import contextlib
import shutil
from collections.abc import Callable, Mapping
from math import log
from pathlib import Path

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout

MIN_CHECKPOINTS = 2
MAX_SNAPSHOTS = 512
MAX_IMAGES_PER_KIND = 1000
NUM_RECENT = 4  # so many of the newest steps are removed last: front ends may be displaying them
_REMOVED_PREFIX = ".gone-"
_REPLACED_SUFFIX = ".old"  # of a folder that trainers.storage.checkpoint is replacing
_PIN_SUFFIX = ".pin"

Verify = Callable[[Path], object]  # raises CheckpointError


def steps(parent: Path, required: str = "") -> list[int]:
    """Return the steps that have a folder, ascending.

    Args:
        parent: The folder of snapshots or checkpoints.
        required: A file that each must have.
    """
    try:
        folders = [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:
        return []
    if required:
        folders = [path for path in folders if (path / required).is_file()]
    return sorted(step for path in folders if (step := layout.step_of(path)) is not None)


def folder_bytes(folder: Path) -> int:
    """Return the bytes in a folder without subfolders; 0 if it is gone."""
    try:
        return sum(path.lstat().st_size for path in folder.iterdir())
    except OSError:
        return 0


def remove(folder: Path) -> None:
    """Remove a folder atomically: it is renamed first."""
    removed = folder.with_name(_REMOVED_PREFIX + folder.name)
    with contextlib.suppress(OSError):
        shutil.rmtree(removed, ignore_errors=True)
        folder.rename(removed)
    shutil.rmtree(removed, ignore_errors=True)


def clean_up_partial(parent: Path) -> None:
    """Clean up after a killed worker: remove partial folders, restore one that was being replaced."""
    for path in list(parent.iterdir()) if parent.is_dir() else []:
        if not path.name.startswith("."):
            continue
        for replaced in path.glob("step-*") if path.name.endswith(_REPLACED_SUFFIX) else ():
            if not (parent / replaced.name).exists():
                replaced.rename(parent / replaced.name)
        if path.name.startswith(_REMOVED_PREFIX) or path.name.endswith((_REPLACED_SUFFIX, ".tmp")):
            shutil.rmtree(path, ignore_errors=True)


def select_for_removal(
    sizes: Mapping[int, int], budget_bytes: float, max_count: int, *, recent: int = NUM_RECENT, origin: int = 1
) -> list[int]:
    """Return the steps to remove until the others fit, evenly spaced on a logarithmic axis: learning is fastest first.

    The newest step and step 0 always stay, and the last few while others can be removed. Each time the step whose
    neighbors are closest to each other on the logarithmic axis is removed.

    Args:
        sizes: The size of each in bytes, by step.
        budget_bytes: The maximum number of bytes that stay.
        max_count: The maximum number of steps that stay.
        recent: How many of the newest steps are removed last.
        origin: Steps below it count as close together: the axis is log(step + origin).
    """
    remaining = sorted(sizes)
    total, removed = sum(sizes.values()), []

    def gap(index: int) -> float:
        previous = remaining[index - 1] if index else 0
        return log(remaining[index + 1] + origin) - log(previous + origin)

    while total > budget_bytes or len(remaining) > max_count:
        first = 1 if remaining and remaining[0] == 0 else 0
        candidates = range(first, len(remaining) - recent) or range(first, len(remaining) - 1)
        if not candidates:
            break
        index = min(candidates, key=gap)
        total -= sizes[remaining[index]]
        removed.append(remaining.pop(index))
    return removed


def thin_snapshots(parent: Path, sizes: dict[int, int], budget_bytes: int) -> list[int]:
    """Remove snapshots until they fit the budget, evenly on a logarithmic axis; `sizes` is updated."""
    removed = select_for_removal(sizes, budget_bytes, MAX_SNAPSHOTS)
    for step in removed:
        remove(layout.step_folder(parent, step))
        del sizes[step]
    return removed


def remove_after(parent: Path, step: int) -> None:
    """Remove the folders of later steps; an attempt that resumes from `step` writes them again."""
    for later in [existing for existing in steps(parent) if existing > step]:
        remove(layout.step_folder(parent, later))


def pin(folder: Path, step: int) -> None:
    """Keep a run's checkpoint from being pruned."""
    (layout.step_folder(folder / layout.CHECKPOINTS, step).with_suffix(_PIN_SUFFIX)).touch()


def unpin(folder: Path, step: int) -> None:
    """Let a run's checkpoint be pruned again."""
    layout.step_folder(folder / layout.CHECKPOINTS, step).with_suffix(_PIN_SUFFIX).unlink(missing_ok=True)


def prune_checkpoints(parent: Path, verify: Verify, verified: set[int]) -> list[int]:
    """Remove old checkpoints, but never the newest two complete ones, nor a pinned one.

    Args:
        parent: The folder of checkpoints.
        verify: Raises CheckpointError for a damaged one.
        verified: Steps that are known to be complete; updated.

    Returns:
        The removed steps.
    """
    num_complete, removed = 0, []
    for step in reversed(steps(parent)):
        folder = layout.step_folder(parent, step)
        if num_complete >= MIN_CHECKPOINTS:
            if not folder.with_suffix(_PIN_SUFFIX).exists():
                remove(folder)
                removed.append(step)
        elif step in verified or _is_complete(folder, verify):
            verified.add(step)
            num_complete += 1
    return removed


def newest_complete(parent: Path, verify: Verify) -> tuple[Path | None, list[int]]:
    """Return the newest complete checkpoint, and the steps of newer ones that are damaged."""
    damaged: list[int] = []
    for step in reversed(steps(parent)):
        folder = layout.step_folder(parent, step)
        if _is_complete(folder, verify):
            return folder, damaged
        damaged.append(step)
    return None, damaged


def _is_complete(folder: Path, verify: Verify) -> bool:
    try:
        verify(folder)
    except (CheckpointError, OSError):
        return False
    return True
