"""Which of many steps to keep: few, evenly spaced on a logarithmic axis, as learning is fastest at first."""

from collections.abc import Mapping
from math import log

RECENT = 4  # the newest steps stay as long as they can: somebody may be looking at them


def to_remove(sizes: Mapping[int, int], budget_bytes: int, max_count: int) -> list[int]:
    """Return the steps to drop until the rest fits.

    The newest step and step 0 always stay, and the last few while others can go. Each time the step goes whose
    neighbours are nearest to each other on a logarithmic axis, so that what is left stays evenly spaced.

    Args:
        sizes: Bytes by step.
        budget_bytes: What the rest may take together.
        max_count: How many may stay.
    """
    kept = sorted(sizes)
    total, removed = sum(sizes.values()), []
    while total > budget_bytes or len(kept) > max_count:
        first = 1 if kept and kept[0] == 0 else 0
        inner = range(first, len(kept) - RECENT) or range(first, len(kept) - 1)
        if not inner:
            break
        index = min(inner, key=lambda i: _gap(kept, i))
        total -= sizes[kept[index]]
        removed.append(kept.pop(index))
    return removed


def _gap(steps: list[int], index: int) -> float:
    before = steps[index - 1] if index else 0
    return log(steps[index + 1] + 1) - log(before + 1)
