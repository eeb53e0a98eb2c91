"""Pictures in the terminal: two pixels a cell, the upper half block in one color on the other.

Neighboring cells of equal colors share a segment, which keeps a mostly black picture small on a slow connection.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Pixels = NDArray[np.uint8]
_LEVELS = 4  # colors are rounded to multiples of this: not to be seen, and equal neighbors merge


@lru_cache(maxsize=16_384)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


def strips(image: Pixels) -> list[Strip]:
    """Draw an image, (H, W, 3), in ⌈H/2⌉ rows of W cells; a missing last line is black."""
    height, width = image.shape[:2]
    if height % 2:
        image = np.concatenate([image, np.zeros((1, width, 3), np.uint8)])
    rounded = (image // _LEVELS * _LEVELS).astype(np.uint8)
    return [_row(rounded[top], rounded[top + 1]) for top in range(0, len(rounded), 2)]


def _row(upper: Pixels, lower: Pixels) -> Strip:
    both = np.concatenate([upper, lower], axis=1)
    if not len(both):
        return Strip([])
    starts = np.concatenate([[0], np.flatnonzero((both[1:] != both[:-1]).any(axis=1)) + 1])
    ends = np.concatenate([starts[1:], [len(both)]])
    segments = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        r, g, b, r2, g2, b2 = both[start].tolist()
        segments.append(Segment("▀" * (end - start), _style((r, g, b), (r2, g2, b2))))
    return Strip(segments, len(both))
