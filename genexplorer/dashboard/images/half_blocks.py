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

from genexplorer.dashboard.details import TiledImage
from genexplorer.dashboard.images.tiles import ImageArray, build_montage
from genexplorer.dashboard.text_fitting import clip

_COLOR_STEP = 4  # color values are rounded down to multiples of it: invisible, but more adjacent cells are equal


class HalfBlockImage(Widget):
    """Displays a tiled image, or a text in its place."""

    image: TiledImage | None = None
    _text = ""
    _has_large_tiles = False
    _strips: list[Strip] | None = None
    _strips_size = Size(0, 0)

    def show(self, image: TiledImage | None, text: str, *, large_tiles: bool) -> None:
        """Show an image, or the text if there is none; `large_tiles` shows few tiles at full size."""
        if image is self.image and text == self._text and large_tiles == self._has_large_tiles:
            return
        self.image, self._text, self._has_large_tiles, self._strips = image, text, large_tiles, None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Render a row of cells."""
        width = self.size.width
        if self.image is None:
            lines = self._text.splitlines()
            strip = Strip([Segment(clip(lines[y], width) if y < len(lines) else "", self.rich_style)])
        else:
            if self._strips is None or self.size != self._strips_size:
                image_kind = self.image.kind
                gap = 0 if image_kind == "manifold" else 1
                montage = build_montage(
                    self.image.tiles, image_kind, width, self.size.height, gap=gap, large_tiles=self._has_large_tiles
                )
                self._strips, self._strips_size = half_block_strips(montage), self.size
            strip = self._strips[y] if y < len(self._strips) else Strip([])
        return strip.adjust_cell_length(width, self.rich_style)


def half_block_strips(image: ImageArray) -> list[Strip]:
    """Return an image, (H, W, 3), as ⌈H/2⌉ rows of W cells; a missing last pixel row is black."""
    height, width = image.shape[:2]
    if height % 2:
        image = np.concatenate([image, np.zeros((1, width, 3), np.uint8)])
    rounded = (image // _COLOR_STEP * _COLOR_STEP).astype(np.uint8)
    return [_row_strip(rounded[top], rounded[top + 1]) for top in range(0, len(rounded), 2)]


def _row_strip(upper: ImageArray, lower: ImageArray) -> Strip:
    # Find the runs of equal (upper, lower) colors.
    pairs = np.concatenate([upper, lower], axis=1)
    if not len(pairs):
        return Strip([])
    starts = np.concatenate([[0], np.flatnonzero((pairs[1:] != pairs[:-1]).any(axis=1)) + 1])
    ends = np.concatenate([starts[1:], [len(pairs)]])
    # One segment for each.
    segments = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        upper_r, upper_g, upper_b, lower_r, lower_g, lower_b = pairs[start].tolist()
        style = _style((upper_r, upper_g, upper_b), (lower_r, lower_g, lower_b))
        segments.append(Segment("▀" * (end - start), style))
    return Strip(segments, len(pairs))


@lru_cache(maxsize=16_384)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
