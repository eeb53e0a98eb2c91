"""The layers of the latent plane: tiles, points, and the marks on them."""

import math
from dataclasses import dataclass, field

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSizeF, Qt
from PyQt6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPen, QTransform

from genexplorer.session.class_scheme import ClassScheme
from genexplorer.session.palette import DARK
from genexplorer.session.plane import Plane
from genexplorer.viewer.plots.plane_layers import PlaneLayer, to_pixels
from genexplorer.viewer.style import make_pen, scale, scaled, text_font
from genexplorer.viewer.tabs.manifold.glyphs import GlyphAtlas
from genexplorer.viewer.tabs.manifold.point_cloud import PointCloud, aggregate_posterior, choose_glyph_points, ellipse
from genexplorer.viewer.tabs.manifold.tiles import Mosaic
from genexplorer.viewer.tabs.manifold.visible_range import VisibleRange

Floats = NDArray[np.float64]
TILE_PALETTE = DARK  # images have a black background in light themes too, and the colors on them fit it
GLYPH_SPACING_PX = 13  # in logical pixels; glyphs closer than this become dots
_MAX_ELLIPSES = 400  # so many points have an ellipse of their q(z|x), at most
_CURSOR_SIDE_PX = 36  # in logical pixels


class LatentLayer(PlaneLayer):
    """A layer as large as the visible part of the plane, so that a change repaints no more than that."""

    def __init__(self, z_value: int) -> None:
        super().__init__(z_value, TILE_PALETTE)
        self.visible_range: VisibleRange | None = None

    def set_visible_range(self, view: VisibleRange) -> None:
        """Set the visible part of the plane."""
        self.prepareGeometryChange()
        self.visible_range = view

    def boundingRect(self) -> QRectF:
        """Return the visible rectangle in the plane's coordinates."""
        if self.visible_range is None:
            return QRectF()
        x0, x1, y0, y1 = self.visible_range.bounds
        return QRectF(x0, y0, x1 - x0, y1 - y0)


def outline_shape(outlines: list[Floats]) -> QPainterPath:
    """Return lines, each (N, 2), as one shape."""
    if not outlines:
        return QPainterPath()
    points = np.concatenate(outlines)
    connect = np.ones(len(points), np.int32)
    connect[np.cumsum([len(outline) for outline in outlines]) - 1] = 0  # no line from the last point to the next line
    shape: QPainterPath = pg.arrayToQPath(points[:, 0], points[:, 1], connect=connect)
    return shape


class TileLayer(LatentLayer):
    """The decoded tiles, drawn as one image whose pixels are aligned with those of the screen."""

    antialiased = False

    def __init__(self) -> None:
        super().__init__(0)
        self._mosaic: Mosaic | None = None
        self._image = QImage()
        self._cache_key: tuple[object, ...] = ()  # rectangle, pixel ratio and veil of the last paint
        self._cache = QImage()  # the scaled image, from the second paint on: it stays the same below moving points
        self.veil = QColor(0, 0, 0, 0)  # painted over the tiles for more contrast of the points

    def set_mosaic(self, mosaic: Mosaic | None) -> None:
        """Show another mosaic, or the same with other tiles; the image shares its memory."""
        self._cache_key, self._cache = (), QImage()
        if mosaic is self._mosaic:
            return
        self._mosaic, self._image = mosaic, QImage()
        if mosaic is not None:
            pixels = mosaic.pixels
            form = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
            self._image = QImage(pixels.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], form)  # type: ignore[call-overload]
        self.update()

    def image(self) -> QImage:
        """Return the tiles as one image, not enlarged."""
        return self._image

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw the image at whole device pixels; smooth only where it is made smaller."""
        if self._mosaic is None or self._image.isNull():
            return
        # Find the rectangle of the tiles.
        x0, x1, y0, y1 = self._mosaic.grid.bounds
        ratio, factor = _pixel_ratio(painter), float(self._mosaic.grid.factor)
        natural = self._image.width() * factor, self._image.height() * factor
        rect = _snapped(to_px.mapRect(QRectF(x0, y0, x1 - x0, y1 - y0)), ratio, natural)
        # Draw the first time directly, from the second time on from a cache.
        cache_key = (rect.getRect(), ratio, self.veil.rgba())
        if cache_key != self._cache_key:
            self._cache_key, self._cache = cache_key, QImage()
            self._draw(painter, rect, ratio)
            return
        if self._cache.isNull():
            self._cache = QImage((QSizeF(rect.size()) * ratio).toSize(), QImage.Format.Format_RGB32)
            self._cache.setDevicePixelRatio(ratio)
            cache_painter = QPainter(self._cache)
            cache_painter.translate(-rect.topLeft())
            self._draw(cache_painter, rect, ratio)
            cache_painter.end()
        painter.drawImage(rect.topLeft(), self._cache)

    def _draw(self, painter: QPainter, rect: QRectF, ratio: float) -> None:
        smaller = rect.width() * ratio < self._image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smaller)
        painter.drawImage(rect, self._image)
        if self.veil.alpha():
            painter.fillRect(rect, self.veil)


def _pixel_ratio(painter: QPainter) -> float:
    device = painter.device()
    return device.devicePixelRatioF() if device is not None else 1.0


def _snapped(rect: QRectF, ratio: float, natural: tuple[float, float]) -> QRectF:
    """Return a rectangle of whole device pixels, of the natural size if it is off by no more than two.

    The plot's own transform is off by so much at some sizes of the window; a row of pixels would then be left out, and
    scaled drawing takes ten times as long.
    """
    left, top = round(rect.left() * ratio), round(rect.top() * ratio)
    width, height = (
        round(own if abs(length * ratio - own) <= 2 else length * ratio)
        for length, own in zip((rect.width(), rect.height()), natural, strict=True)
    )
    return QRectF(left / ratio, top / ratio, width / ratio, height / ratio)


class PointLayer(LatentLayer):
    """The encodings: each a digit where there is room for it, else a dot in its class's color."""

    antialiased = False

    def __init__(self) -> None:
        super().__init__(10)
        self.scheme = ClassScheme()
        self._cloud: PointCloud | None = None
        self._atlas: GlyphAtlas | None = None
        self._styled: tuple[object, ...] = ()  # the classes and the scheme of the atlas
        self._ratio = 1.0
        self._coordinates = np.zeros((0, 2))
        self._glyphs = np.zeros(0, bool)

    def set_style(self, font: QFont, ratio: float) -> None:
        """Render the glyphs again, as for other classes or another screen."""
        classes = self._cloud.classes if self._cloud is not None else ()
        scheme = self.scheme.with_labels(classes)
        self._atlas, self._ratio = GlyphAtlas(classes, scheme, TILE_PALETTE, font, ratio), ratio
        self._styled = classes, scheme
        self.update()

    def has_style_for(self, classes: tuple[int, ...]) -> bool:
        """Return whether the glyphs are those of these classes."""
        return self._styled == (classes, self.scheme.with_labels(classes))

    def set_cloud(self, cloud: PointCloud | None) -> None:
        """Show other points. The caller calls `set_style` when their classes differ."""
        self._cloud = cloud
        self.update()

    def place(self, coordinates: Floats) -> None:
        """Move the points to coordinates of the plane, (N, 2)."""
        self._coordinates = coordinates
        self.choose_glyphs()
        self.update()

    def choose_glyphs(self) -> None:
        """Recompute which points have room for a digit, as after a zoom."""
        if self._cloud is None or self.visible_range is None or len(self._coordinates) != len(self._cloud.labels):
            self._glyphs = np.zeros(len(self._coordinates), bool)
            return
        spacing_px = GLYPH_SPACING_PX * scale() * self._ratio
        spacing = spacing_px * self.visible_range.per_px[0], spacing_px * self.visible_range.per_px[1]
        self._glyphs = choose_glyph_points(self._coordinates, self._cloud.visible, spacing)

    @property
    def glyph_rows(self) -> NDArray[np.int64]:
        """Return the rows of the points that are drawn as digits."""
        return np.flatnonzero(self._glyphs)

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw dots first, digits above them."""
        cloud, atlas = self._cloud, self._atlas
        if cloud is None or atlas is None or len(self._coordinates) != len(cloud.labels):
            return
        pixels, visible, margin = to_pixels(self._coordinates, to_px), cloud.visible, scaled(12)
        # Leave out the points outside of the clipping rectangle and a margin for their glyphs.
        clip = painter.clipBoundingRect() if painter.hasClipping() else QRectF()
        if not clip.isEmpty():
            low, high = (clip.left() - margin, clip.top() - margin), (clip.right() + margin, clip.bottom() + margin)
            visible = visible & np.all((pixels >= low) & (pixels <= high), axis=1)
        dots, digits = visible & ~self._glyphs, visible & self._glyphs
        atlas.draw(painter, pixels[dots], cloud.labels[dots], dots=True)
        atlas.draw(painter, pixels[digits], cloud.labels[digits], dots=False)


@dataclass
class Outline:
    """Closed lines in the plane's coordinates, with a name drawn below them, or left of them if they are dashed."""

    shape: QPainterPath
    dashed: bool = False
    name: str = ""
    faint: bool = False
    name_only: bool = False  # the line itself is drawn by a layer below


@dataclass
class PlaneMarks:
    """The marks above tiles and points, in the plane's coordinates."""

    cursor: Floats | None = None  # (2,)
    pins: dict[str, Floats] = field(default_factory=dict)
    path: Floats | None = None  # (N, 2)
    path_cursor: Floats | None = None  # (2,), the position on the path
    outlines: list[Outline] = field(default_factory=list)
    hovered: Floats | None = None  # (2,)
    samples: Floats | None = None  # (N, 2), drawn from the hovered point's q(z|x)
    message: str = ""  # in the middle, while there is nothing else


class MarkLayer(LatentLayer):
    """Cursor, pins, path and ellipses; each line with a halo, visible on black and on white."""

    def __init__(self, *, below_points: bool = False) -> None:
        super().__init__(5 if below_points else 20)
        self.marks = PlaneMarks()
        self._ink, self._halo, self._muted = (
            QColor(TILE_PALETTE.accent),
            QColor(TILE_PALETTE.background),
            QColor("#808080"),
        )
        self._cross: QImage | None = None
        self._cross_key = (1.0, 1.0)  # device pixels per logical pixel, and scale, of the cross

    def paint_px(self, painter: QPainter, to_px: QTransform) -> None:
        """Draw every mark that is set."""
        marks = self.marks
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(text_font())
        for outline in marks.outlines:
            self._paint_outline(painter, outline, to_px)
        if marks.samples is not None:
            self._paint_dots(painter, to_pixels(marks.samples, to_px), 2.0)
        # The path and the position on it.
        if marks.path is not None and len(marks.path) > 1:
            pixels = to_pixels(marks.path, to_px)
            self._stroke(painter, pg.arrayToQPath(pixels[:, 0], pixels[:, 1]), 2.0)
        if marks.path_cursor is not None:
            self._paint_dots(painter, to_pixels(marks.path_cursor, to_px), 4.5)
        # A ring around the hovered point.
        if marks.hovered is not None:
            ring = QPainterPath()
            ring.addEllipse(QPointF(*to_pixels(marks.hovered, to_px)[0].tolist()), 9 * scale(), 9 * scale())
            self._stroke(painter, ring, 2.0)
        # The pins as badges.
        for name, position in marks.pins.items():
            x, y = to_pixels(position, to_px)[0].tolist()
            badge = QRectF(x - 8 * scale(), y - 8 * scale(), 16 * scale(), 16 * scale())
            painter.setPen(_pen(self._halo, 1.5))
            painter.setBrush(self._ink)
            painter.drawRoundedRect(badge, 3, 3)
            painter.setPen(self._halo)
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, name)
        # The cursor, at whole device pixels, where it is sharp.
        if marks.cursor is not None:
            ratio = _pixel_ratio(painter)
            if self._cross is None or self._cross_key != (ratio, scale()):
                self._cross, self._cross_key = self._render_cross(ratio), (ratio, scale())
            corner = np.round((to_pixels(marks.cursor, to_px)[0] - _CURSOR_SIDE_PX * scale() / 2) * ratio) / ratio
            painter.drawImage(QPointF(*corner.tolist()), self._cross)
        if marks.message:
            rect = to_px.mapRect(self.boundingRect()).adjusted(24, 24, -24, -24)
            painter.setPen(self._muted)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, marks.message)

    def _stroke(self, painter: QPainter, shape: QPainterPath, width: float, *, dashed: bool = False) -> None:
        halo = QColor(self._halo)
        halo.setAlpha(190)
        painter.strokePath(shape, _pen(halo, width + 2.5))
        pen = _pen(self._ink, width)
        if dashed:
            pen.setDashPattern([4, 3])
        painter.strokePath(shape, pen)

    def _paint_outline(self, painter: QPainter, outline: Outline, to_px: QTransform) -> None:
        shape = to_px.map(outline.shape)
        if outline.faint:
            thin = QColor(self._ink)
            thin.setAlpha(150)
            painter.strokePath(shape, _pen(thin, 1.0))
            return
        # Draw the line, or, above the points, the name of a line that the layer below has drawn.
        if not outline.name_only:
            self._stroke(painter, shape, 1.5, dashed=outline.dashed)
        elif outline.name:
            around = shape.boundingRect()
            width = painter.fontMetrics().horizontalAdvance(outline.name)
            left = QPointF(around.left() - width - scaled(8), around.center().y() + scaled(4))
            below = QPointF(around.center().x() - width / 2, around.bottom() + scaled(15))
            font, name = painter.font(), QPainterPath()
            font.setWeight(QFont.Weight.DemiBold)
            name.addText(left if outline.dashed else below, font, outline.name)
            painter.strokePath(name, _pen(self._halo, 3.5))
            painter.fillPath(name, self._ink)

    def _paint_dots(self, painter: QPainter, pixels: Floats, radius: float) -> None:
        painter.setPen(_pen(self._halo, 1.5))
        painter.setBrush(self._ink)
        for x, y in pixels.tolist():
            painter.drawEllipse(QPointF(x, y), radius * scale(), radius * scale())

    def _render_cross(self, ratio: float) -> QImage:
        """Return the cursor as an image: strokes take as long as all tiles, and each frame of an animation has them."""
        side, zoom = math.ceil(_CURSOR_SIDE_PX * scale() * ratio), scale()
        image = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(ratio)
        image.fill(Qt.GlobalColor.transparent)
        shape, middle = QPainterPath(), _CURSOR_SIDE_PX * zoom / 2
        shape.addEllipse(QPointF(middle, middle), 7 * zoom, 7 * zoom)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            shape.moveTo(middle + 4 * zoom * dx, middle + 4 * zoom * dy)
            shape.lineTo(middle + 14 * zoom * dx, middle + 14 * zoom * dy)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._stroke(painter, shape, 2.0)
        painter.end()
        return image


def _pen(color: QColor, width: float) -> QPen:
    pen = make_pen(color, width)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def point_outlines(cloud: PointCloud, row: int, plane: Plane) -> list[Outline]:
    """Return 1σ and 2σ of a point's q(z|x)."""
    mu, sigma = cloud.mu[row], cloud.sigma[row]
    return [
        Outline(outline_shape([ellipse(mu, sigma, plane, 1)])),
        Outline(outline_shape([ellipse(mu, sigma, plane, 2)]), dashed=True),
    ]


def cloud_outlines(cloud: PointCloud, rows: NDArray[np.int64], plane: Plane) -> list[Outline]:
    """Return 1σ of many points as thin lines, and 1σ and 2σ of the prior (dashed) and of the aggregate q(z)."""
    points = [ellipse(cloud.mu[row], cloud.sigma[row], plane, 1, points=32) for row in rows[:_MAX_ELLIPSES]]
    mean, covariance_root = aggregate_posterior(cloud)
    outlines = [Outline(outline_shape(points), faint=True)]
    for sigmas, suffix in ((1, "1σ"), (2, "2σ")):
        prior = ellipse(np.zeros(2), np.ones(2), plane, sigmas)
        outlines.append(Outline(outline_shape([prior]), dashed=True, name=f"prior {suffix}" if sigmas == 2 else ""))
        q = ellipse(mean, covariance_root, plane, sigmas)
        outlines.append(Outline(outline_shape([q]), name=f"q(z) {suffix}" if sigmas == 2 else ""))
    return outlines
