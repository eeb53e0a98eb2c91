"""Digits and dots in the classes' colors, drawn by the thousand from one small image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6 import sip
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPixmap

from genexplorer.session.class_scheme import ClassScheme
from genexplorer.session.palette import Palette, contrast
from genexplorer.viewer.style import make_pen, mix, scale, scaled

GLYPH_FONT_PX = 12.0
DOT_RADIUS_PX = 2.5
_ATLAS_ROWS = 128  # of a column of glyphs: an image of a thousand rows could be taller than Qt can paint on
MIN_CONTRAST = 5.0  # of a class's color to black; WCAG requires 4.5
_FRAGMENT_FIELDS = (
    10  # numbers in a QPainter.PixmapFragment: x, y, source left, top, width, height, scale x, y, rotation, opacity
)


def glyph(label: int) -> str:
    """Return the glyph of a class: its number, or a ring where it is unknown."""
    return "○" if label < 0 else str(label)


def class_color(color_index: int, palette: Palette) -> str:
    """Return the color of an index, lightened until it is readable on the images' black."""
    color = palette.class_color(color_index)
    for _ in range(12):
        if contrast(color, "#000000") >= MIN_CONTRAST:
            break
        color = mix(color, "#FFFFFF", 0.08)
    return color


class GlyphAtlas:
    """An image with the digit and the dot of each class, with a halo that sets them off from any background."""

    def __init__(
        self, classes: tuple[int, ...], scheme: ClassScheme, palette: Palette, font: QFont, ratio: float
    ) -> None:
        self._rows = {label: row for row, label in enumerate(classes)}
        self._ratio = ratio
        bold = QFont(font)
        bold.setPixelSize(scaled(GLYPH_FONT_PX))
        bold.setWeight(QFont.Weight.Bold)
        widest = max((QFontMetricsF(bold).horizontalAdvance(glyph(label)) for label in classes), default=8.0)
        self._cell = (np.ceil(widest) + scaled(6), scaled(GLYPH_FONT_PX + 6))
        self._pixmap = self._render(classes, scheme, palette, bold)

    def draw(self, painter: QPainter, pixels: NDArray[np.float64], labels: NDArray[np.int64], *, dots: bool) -> None:
        """Draw a digit or a dot at each position.

        Args:
            painter: A painter in logical pixels.
            pixels: Positions, (N, 2).
            labels: Classes of the atlas, (N,).
            dots: Whether dots are drawn instead of digits.
        """
        if not len(pixels) or not self._rows:
            return
        lookup = np.zeros(max(self._rows) + 2, np.int64)  # -1 is the last
        for label, row in self._rows.items():
            lookup[label] = row
        columns, rows = np.divmod(lookup[labels], _ATLAS_ROWS)
        # Create a C array of fragments, and a view of its memory as numbers, (N, 10).
        untyped: Any = sip  # the stubs of `sip.array` know one argument only
        array = untyped.array(QPainter.PixmapFragment, len(pixels))
        memory = untyped.voidptr(array, len(pixels) * _FRAGMENT_FIELDS * 8, True)
        fields = np.frombuffer(memory, np.float64).reshape(-1, _FRAGMENT_FIELDS)
        # Set the position, source rectangle, scale, rotation and opacity of each.
        width, height = self._cell[0] * self._ratio, self._cell[1] * self._ratio
        fields[:, 0:2] = np.round(pixels * self._ratio) / self._ratio  # digits are sharp at whole pixels
        fields[:, 2] = (2 * columns + dots) * width
        fields[:, 3] = rows * height
        fields[:, 4], fields[:, 5] = width, height
        fields[:, 6:8] = 1 / self._ratio
        fields[:, 8], fields[:, 9] = 0.0, 1.0
        painter.drawPixmapFragments(array, self._pixmap)

    def _render(self, classes: tuple[int, ...], scheme: ClassScheme, palette: Palette, font: QFont) -> QPixmap:
        width, height = self._cell
        columns, rows = -(-len(classes) // _ATLAS_ROWS), min(len(classes), _ATLAS_ROWS)
        size = 2 * columns * width * self._ratio, rows * height * self._ratio
        pixmap = QPixmap(max(1, round(size[0])), max(1, round(size[1])))
        pixmap.setDevicePixelRatio(self._ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        # Draw the digit of each class at the left, its dot at the right.
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        halo = make_pen(palette.background, 3.0)
        halo.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        for number, label in enumerate(classes):
            column, row = divmod(number, _ATLAS_ROWS)
            color = QColor(class_color(scheme.color(label), palette))
            digit = QPainterPath()
            digit.addText(QPointF(0, 0), font, glyph(label))
            middle = QPointF((2 * column + 0.5) * width, (row + 0.5) * height)
            digit.translate(middle - digit.boundingRect().center())
            dot = QPainterPath()
            dot.addEllipse(middle + QPointF(width, 0), DOT_RADIUS_PX * scale(), DOT_RADIUS_PX * scale())
            for shape in (digit, dot):
                painter.strokePath(shape, halo)
                painter.fillPath(shape, color)
        painter.end()
        return pixmap
