"""The icons of the viewer, painted in the color of text, for light and dark themes."""

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

_SIZE_PX = 64  # large, and scaled down by Qt, so that they are sharp on HiDPI screens
_RECTANGLES = {  # left, top, width, height
    "pause": ((16, 12, 11, 40), (37, 12, 11, 40)),
    "stop": ((14, 14, 36, 36),),
    "plus": ((29, 12, 6, 40), (12, 29, 40, 6)),
    "menu": ((10, 15, 44, 6), (10, 29, 44, 6), (10, 43, 44, 6)),
}


def icon(name: str, color: str, disabled: str) -> QIcon:
    """Return an icon by name: play, pause, stop, plus, menu."""
    pixmaps = QIcon()
    pixmaps.addPixmap(_pixmap(name, color), QIcon.Mode.Normal)
    pixmaps.addPixmap(_pixmap(name, disabled), QIcon.Mode.Disabled)
    return pixmaps


def _pixmap(name: str, color: str) -> QPixmap:
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.WindingFill)  # rectangles may overlap
    if name == "play":
        path.addPolygon(QPolygonF([QPointF(18, 10), QPointF(18, 54), QPointF(54, 32)]))
        path.closeSubpath()
    else:
        for rectangle in _RECTANGLES[name]:
            path.addRect(QRectF(*rectangle))
    pixmap, painter = _canvas()
    painter.fillPath(path, QColor(color))
    painter.end()
    return pixmap


def application_icon(accent: str, background: str) -> QIcon:
    """Return the icon of the window: a curve with a point on it."""
    pixmap, painter = _canvas()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(background))
    painter.drawRoundedRect(QRectF(2, 2, 60, 60), 12, 12)
    painter.setPen(QPen(QColor(accent), 4))
    painter.drawPolyline(QPolygonF([QPointF(12, 14), QPointF(20, 40), QPointF(34, 48), QPointF(52, 50)]))
    painter.setBrush(QColor(accent))
    painter.drawEllipse(QPointF(34, 48), 6, 6)
    painter.end()
    return QIcon(pixmap)


def _canvas() -> tuple[QPixmap, QPainter]:
    """Return a transparent pixmap and its painter, which the caller ends."""
    pixmap = QPixmap(_SIZE_PX, _SIZE_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    return pixmap, painter
