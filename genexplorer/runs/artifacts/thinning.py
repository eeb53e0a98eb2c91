"""Which of many steps to keep: few, evenly spaced on a logarithmic axis, as learning is fastest at first."""

from collections.abc import Mapping
from math import log

RECENT = 4  # the newest steps stay as long as they can: somebody may be looking at them


def to_remove(
    sizes: Mapping[int, int], budget_bytes: float, max_count: int, *, recent: int = RECENT, origin: int = 1
) -> list[int]:
    """Return the steps to drop until the rest fits.

    The newest step and step 0 always stay, and the last few while others can go. Each time the step goes whose
    neighbors are nearest to each other on a logarithmic axis, so that what is left stays evenly spaced.

    Args:
        sizes: Bytes by step.
        budget_bytes: What the rest may take together.
        max_count: How many may stay.
        recent: How many of the newest are the last to go.
        origin: Steps below it count as close together: the axis is log(step + origin).
    """
    kept = sorted(sizes)
    total, removed = sum(sizes.values()), []
    while total > budget_bytes or len(kept) > max_count:
        first = 1 if kept and kept[0] == 0 else 0
        inner = range(first, len(kept) - recent) or range(first, len(kept) - 1)
        if not inner:
            break
        index = min(inner, key=lambda i: _gap(kept, i, origin))
        total -= sizes[kept[index]]
        removed.append(kept.pop(index))
    return removed


def _gap(steps: list[int], index: int, origin: int) -> float:
    before = steps[index - 1] if index else 0
    return log(steps[index + 1] + origin) - log(before + origin)
