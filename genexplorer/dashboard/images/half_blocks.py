"""Images in the terminal: two pixels per cell, an upper half block in one color on a background of the other.

Adjacent cells of equal colors share a segment, which keeps a mostly black image small on a slow connection.
"""

from functools import lru_cache

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from genexplorer.dashboard.charts.chart import clip
from genexplorer.dashboard.images.tiles import Pixels, montage
from genexplorer.dashboard.view import TiledImage

_LEVELS = 4  # colors are rounded to multiples of this: invisible, but more neighbors are equal


class HalfBlockImage(Widget):
    """Displays a tiled image, or a text in its place."""

    image: TiledImage | None = None
    _text = ""
    _large = False
    _strips: list[Strip] | None = None
    _strips_size = Size(0, 0)

    def show(self, image: TiledImage | None, text: str, *, large: bool) -> None:
        """Show an image, or the text if there is none; `large` shows few tiles at full size."""
        if image is self.image and text == self._text and large == self._large:
            return
        self.image, self._text, self._large, self._strips = image, text, large, None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Render a row of cells."""
        width = self.size.width
        if self.image is None:
            lines = self._text.splitlines()
            strip = Strip([Segment(clip(lines[y], width) if y < len(lines) else "", self.rich_style)])
        else:
            if self._strips is None or self.size != self._strips_size:
                kind = self.image.ref.kind
                gap = 0 if kind == "manifold" else 1
                pixels = montage(self.image.tiles, kind, width, self.size.height, gap=gap, large=self._large)
                self._strips, self._strips_size = half_block_strips(pixels), self.size
            strip = self._strips[y] if y < len(self._strips) else Strip([])
        return strip.adjust_cell_length(width, self.rich_style)


def half_block_strips(image: Pixels) -> list[Strip]:
    """Return an image, (H, W, 3), as ⌈H/2⌉ rows of W cells; a missing last pixel row is black."""
    height, width = image.shape[:2]
    if height % 2:
        image = np.concatenate([image, np.zeros((1, width, 3), np.uint8)])
    rounded = (image // _LEVELS * _LEVELS).astype(np.uint8)
    return [_row(rounded[top], rounded[top + 1]) for top in range(0, len(rounded), 2)]


def _row(upper: Pixels, lower: Pixels) -> Strip:
    pairs = np.concatenate([upper, lower], axis=1)
    if not len(pairs):
        return Strip([])
    starts = np.concatenate([[0], np.flatnonzero((pairs[1:] != pairs[:-1]).any(axis=1)) + 1])
    ends = np.concatenate([starts[1:], [len(pairs)]])
    segments = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        r, g, b, r2, g2, b2 = pairs[start].tolist()
        segments.append(Segment("▀" * (end - start), _style((r, g, b), (r2, g2, b2))))
    return Strip(segments, len(pairs))


@lru_cache(maxsize=16_384)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
