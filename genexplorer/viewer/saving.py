"""Ctrl+S: the save dialog of the current tab's targets."""

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QWidget

from genexplorer.errors import UserError
from genexplorer.viewer.tabs.tab import SaveTarget


def filters(targets: Sequence[SaveTarget]) -> list[str]:
    """Return the lines of a file dialog, one for each target: "Manifold (*.png)"."""
    return [f"{target.label} ({' '.join('*' + suffix for suffix in target.suffixes)})" for target in targets]


def suggested_name(target: SaveTarget, run_name: str, step: int | None) -> str:
    """Return a file name such as "brave-fox-manifold-8400.png"."""
    stem = "-".join(part for part in (run_name, target.label.lower(), "" if step is None else str(step)) if part)
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)
    return f"{safe}{target.suffixes[0]}"


def choose_target(
    parent: QWidget, targets: Sequence[SaveTarget], run_name: str, step: int | None
) -> tuple[SaveTarget, Path] | None:
    """Return the target and path chosen in a dialog, or None."""
    names = filters(targets)
    name, name_filter = QFileDialog.getSaveFileName(
        parent, "Save", suggested_name(targets[0], run_name, step), ";;".join(names), names[0]
    )
    if not name:
        return None
    target = targets[names.index(name_filter)] if name_filter in names else targets[0]
    return target, with_suffix(Path(name), target)


def with_suffix(path: Path, target: SaveTarget) -> Path:
    """Return the path with a suffix of the target, where it has none of them."""
    return path if path.suffix.lower() in target.suffixes else path.with_name(path.name + target.suffixes[0])


def save(target: SaveTarget, path: Path) -> tuple[bool, str]:
    """Write a target; return whether that succeeded, and a message."""
    try:
        target.write(path)
    except (UserError, OSError) as error:
        return False, f"{path.name} was not saved: {error}"
    return True, f"saved {path}"
