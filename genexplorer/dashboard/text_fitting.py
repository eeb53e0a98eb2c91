"""Texts fitted to a width in terminal cells, in which a wide character takes two."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size


def clip(text: str, width: int) -> str:
    """Cut a text to a width in cells, ending in an ellipsis if anything is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


def wrap(text: str, width: int, max_lines: int = 10_000) -> list[str]:
    """Break a text at spaces into lines of at most `width` cells; an ellipsis shows that lines are missing."""
    # Fill each line with as many words as fit.
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if cell_len(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = clip(word, width)
    lines += [line] if line else []
    # Drop the lines beyond the limit, and mark the last one as incomplete.
    if len(lines) > max(max_lines, 1):
        lines = lines[: max(max_lines, 1)]
        last = clip(lines[-1], width - 2)
        lines[-1] = last if last.endswith("…") else f"{last} …"
    return lines


def longest_that_fits(texts: Sequence[str], width: int) -> str:
    """Return the first text that fits, of texts ordered by length; empty if none does."""
    return next((text for text in texts if cell_len(text) <= width), "")
