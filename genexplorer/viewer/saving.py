"""Ctrl+S: what of the current tab is saved, and under which name."""

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QWidget

from genexplorer.errors import UserError
from genexplorer.viewer.tabs.tab import SaveTarget


def filters(targets: Sequence[SaveTarget]) -> list[str]:
    """Return the lines of a file dialog, one for each target: "Manifold (*.png)"."""
    return [f"{target.label} ({' '.join('*' + suffix for suffix in target.suffixes)})" for target in targets]


def suggested_name(target: SaveTarget, run_name: str, step: int | None) -> str:
    """Return a file name that says what it shows: "brave-fox-manifold-8400.png"."""
    words = "-".join(part for part in (run_name, target.label.lower(), "" if step is None else str(step)) if part)
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in words)
    return f"{safe}{target.suffixes[0]}"


def ask_path(
    parent: QWidget, targets: Sequence[SaveTarget], run_name: str, step: int | None
) -> tuple[SaveTarget, Path] | None:
    """Ask what to save and where; None if nothing."""
    known = filters(targets)
    name, chosen = QFileDialog.getSaveFileName(
        parent, "Save", suggested_name(targets[0], run_name, step), ";;".join(known), known[0]
    )
    if not name:
        return None
    target = targets[known.index(chosen)] if chosen in known else targets[0]
    return target, with_suffix(Path(name), target)


def with_suffix(path: Path, target: SaveTarget) -> Path:
    """Return the path with a suffix of the target, where it has none of them."""
    return path if path.suffix.lower() in target.suffixes else path.with_name(path.name + target.suffixes[0])


def save(target: SaveTarget, path: Path) -> tuple[bool, str]:
    """Write a target; return whether it worked and a line about it."""
    try:
        target.write(path)
    except (UserError, OSError) as error:
        return False, f"{path.name} was not saved: {error}"
    return True, f"saved {path}"
