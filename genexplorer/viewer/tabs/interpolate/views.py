"""The views of an interpolation: the image at t, large, or the path in the planes; and the strip of images over |z|."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.plane import typical_norm
from genexplorer.viewer.plots.base_plot import BasePlot, ChartAxis
from genexplorer.viewer.plots.plane_layers import Marker
from genexplorer.viewer.plots.plane_plot import PathPlot
from genexplorer.viewer.style import make_pen, scale, scaled, text_font
from genexplorer.viewer.tabs.interpolate.interpolation import InterpolationFrames, chord_norms
from genexplorer.viewer.widgets.controls import fill_box
from genexplorer.viewer.widgets.images import ImageView, to_array, to_qimage
from genexplorer.viewer.widgets.painted import PaintedWidget

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]
NORM_PLOT_HEIGHT_PX, PRESENTED_NORM_PLOT_HEIGHT_PX, STRIP_HEIGHT_PX = 128, 84, 92
_Y_AXIS_WIDTH_PX = 52
_LABEL_WIDTH_PX = 96.0  # reserved at the right for the label of the typical norm
_MIN_CELL_WIDTH_PX = 18.0
_T_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_MIN_LABELED_GAP = 0.06  # "linear" is written where both curves differ by this fraction of the y range


class InterpolationPreview(QStackedWidget):
    """Either an image, or the plane of the data beside that of a 2-D latent."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        self.image_view = ImageView("interpolation")
        self.data = PathPlot(("x₁", "x₂"), palette)
        self.latent = PathPlot(("z₁", "z₂"), palette, shows_prior=True)
        self._planes_host = QWidget()
        fill_box(QHBoxLayout(self._planes_host), (self.latent, 1), (self.data, 1))
        self.addWidget(self.image_view)
        self.addWidget(self._planes_host)
        self.set_data_kind(points=False, size=2)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.data.recolor(palette)
        self.latent.recolor(palette)

    def set_data_kind(self, *, points: bool, size: int) -> None:
        """Show images or points, decoded from `size` dimensions."""
        self.setCurrentIndex(int(points))
        # The hidden page takes no room.
        policy = QSizePolicy.Policy.Preferred if points else QSizePolicy.Policy.Ignored
        self._planes_host.setSizePolicy(policy, policy)
        self.latent.setVisible(size == 2)

    def show_frames(
        self, frames: InterpolationFrames | None, endpoints: Floats | None, row: int, caption: str, hint: str
    ) -> None:
        """Show one row of a path, or the hint why there is none."""
        if frames is None:
            self.image_view.set_image(None, hint=hint)
            for plane in (self.data, self.latent):
                plane.show_path(hint=hint)
        elif frames.images.ndim == 4:
            self.image_view.set_image(frames.images[row], caption)
        else:
            self._show_planes(frames, row)

    def image(self) -> QImage:
        """Return the image or the planes as large as on the screen."""
        return self.image_view.displayed_image() if self.currentIndex() == 0 else self._planes_host.grab().toImage()

    def animation_frames(self, frames: InterpolationFrames) -> Images:
        """Return the frames of an animation, (N, H, W, C): of points, the planes with the marker at each t."""
        if frames.images.ndim == 4:
            return np.asarray(frames.images, np.uint8)
        image_views = []
        for row in range(len(frames.t)):
            self._show_planes(frames, row)
            image_views.append(to_array(self._planes_host.grab().toImage()))
        return np.stack(image_views)

    def _show_planes(self, frames: InterpolationFrames, row: int) -> None:
        points = frames.images.astype(np.float64)
        planes = [(self.data, points), (self.latent, frames.z)] if frames.z.shape[1] == 2 else [(self.data, points)]
        for plane, path in planes:
            markers = Marker(path[0], "A"), Marker(path[-1], "B"), Marker(path[row], "", hollow=True)
            plane.show_path(*markers, path=path, dots=path[:: frames.strip_stride])


class NormPlot(BasePlot):
    """|z| along the interpolation, beside the typical norm of a sample and the norm on the straight line."""

    def __init__(self, palette: Palette, parent: QWidget) -> None:
        names = ("t, from A to B", "|z|")
        super().__init__(palette, ChartAxis("left"), ChartAxis("bottom"), names, interactive=False)
        self.setParent(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)  # the strip handles the mouse
        self.bottom.setTicks([[(t, f"{t:g}") for t in _T_TICKS]])
        self.getPlotItem().showGrid(x=False, y=True, alpha=0.12)
        self._norms, self._chord = (pg.PlotDataItem(connect="finite", antialias=True) for _ in range(2))
        self._typical = pg.InfiniteLine(angle=0, movable=False)
        self.typical_name, self.chord_name = pg.TextItem("typical |z|"), pg.TextItem("linear")
        self._position = pg.InfiniteLine(angle=90, movable=False)
        self._dot = pg.ScatterPlotItem(size=7, pen=None)
        lines = self._typical, self._chord, self._norms, self._position
        for item in (*lines, self._dot, self.typical_name, self.chord_name):
            self.addItem(item, ignoreBounds=True)
        self.recolor(palette)

    def set_frames(self, frames: InterpolationFrames, endpoints: Floats | None) -> None:
        """Show an interpolation; `endpoints`, (2, d), are the latents that it joins."""
        norms, typical = frames.norms, typical_norm(frames.z.shape[1])
        top = max(float(np.max(np.nan_to_num(norms, posinf=0.0))), typical) * 1.15
        self.setYRange(0.0, top, padding=0)
        self._norms.setData(frames.t, norms)
        self._typical.setPos(typical)
        self.typical_name.setPos(1.02, typical)
        # The straight line through the middle, where the interpolation is not the straight line itself.
        has_chord = endpoints is not None and frames.mode != "linear"
        self._chord.setVisible(has_chord)
        self.chord_name.setVisible(False)
        if endpoints is not None and has_chord:
            chord = chord_norms(endpoints, frames.t)
            self._chord.setData(frames.t, chord)
            gaps = np.abs(norms - chord)
            row = (int(np.argmax(gaps)) + len(chord) - 1) // 2  # on the rising side, where there is room below
            self.chord_name.setVisible(bool(gaps.max() > _MIN_LABELED_GAP * top))
            self.chord_name.setPos(float(frames.t[row]), float(chord[row]))

    def set_position(self, t: float, norm: float) -> None:
        """Mark a position t on the path and the norm there."""
        self._position.setPos(t)
        self._dot.setData([t], [norm]) if np.isfinite(norm) else self._dot.clear()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.left.setWidth(scaled(_Y_AXIS_WIDTH_PX))
        self._dot.setSize(scaled(7))
        self._norms.setPen(make_pen(palette.accent, 2))
        self._chord.setPen(make_pen(palette.muted, 1.2, Qt.PenStyle.DashLine))
        self._typical.setPen(make_pen(palette.muted, 1.0, Qt.PenStyle.DotLine))
        self._position.setPen(make_pen(palette.text))
        self._dot.setBrush(palette.text)
        for name in (self.typical_name, self.chord_name):
            name.setColor(palette.muted)


class InterpolationStrip(PaintedWidget):
    """Images and the plot of |z| over one axis of t; pressing or dragging anywhere goes to that t.

    Signals:
        scrubbed(float): The t that was pressed.
        scrubbing(bool): A drag begins or ends.
    """

    scrubbed = pyqtSignal(float)
    scrubbing = pyqtSignal(bool)

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "interpolation from A to B")
        self._frames: InterpolationFrames | None = None
        self._images: list[QImage] = []
        self._t, self._hint = 0.5, ""
        self._has_images = True
        self.plot = NormPlot(palette, self)
        self.plot.getViewBox().sigResized.connect(self._fit_range)
        self.plot.hide()
        self.setToolTip("Drag to move along the path (← →, Shift: fine steps, Space: play)")

    def sizeHint(self) -> QSize:
        """Return room for images and plot."""
        plot_height = NORM_PLOT_HEIGHT_PX if scale() == 1 else PRESENTED_NORM_PLOT_HEIGHT_PX
        return QSize(scaled(480), scaled(plot_height + (STRIP_HEIGHT_PX if self._has_images else 0)))

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        super().recolor(palette)
        self.plot.recolor(palette)
        for name in (self.plot.typical_name, self.plot.chord_name):
            name.setFont(text_font())
        self.updateGeometry()
        self._place_plot()
        self._fit_range()

    def set_frames(self, frames: InterpolationFrames | None, endpoints: Floats | None, hint: str = "") -> None:
        """Show an interpolation and the ends (2, d) that it joins, or the hint why there is none."""
        self._hint = hint
        self.plot.setVisible(frames is not None)
        if frames is not self._frames:
            self._frames = frames
            images = [] if frames is None or frames.images.ndim < 4 else list(frames.strip)
            self._images = [to_qimage(image) for image in images]
            if frames is not None:
                self.plot.set_frames(frames, endpoints)
                self._fit_range()
        has_images = frames is None or frames.images.ndim == 4
        if has_images != self._has_images:
            self._has_images = has_images
            self.updateGeometry()
            self._place_plot()
        self.update()

    def set_t(self, t: float) -> None:
        """Mark a position t on the path."""
        self._t = t
        if self._frames is not None:
            self.plot.set_position(t, float(self._frames.norms[self._frames.nearest(t)]))
        self.update()

    def x_of(self, t: float) -> float:
        """Return the x of a position t, in logical pixels of the widget."""
        scene = self.plot.getViewBox().mapViewToScene(QPointF(t, 0.0))
        return float(self.plot.x() + scene.x())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Put the plot below the images."""
        self._place_plot()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the images, or the hint."""
        painter = QPainter(self)
        if self._frames is None:
            self.paint_hint(painter, self._hint)
        elif self._images:
            self._paint_images(painter, self._frames)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Start to drag."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._frames is not None:
            self.scrubbing.emit(True)
            self._scrub(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Go to where the mouse is."""
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton and self._frames is not None:
            self._scrub(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End the drag."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.scrubbing.emit(False)

    def _scrub(self, event: QMouseEvent) -> None:
        left, right = self.x_of(0.0), self.x_of(1.0)
        t = (event.position().x() - left) / max(1.0, right - left)
        self.scrubbed.emit(min(1.0, max(0.0, t)))

    def _place_plot(self) -> None:
        top = scaled(STRIP_HEIGHT_PX) if self._has_images else 0
        self.plot.setGeometry(0, top, self.width(), max(1, self.height() - top))

    def _fit_range(self) -> None:
        """Leave room beside t = 0 and t = 1 for half an image, and at the right for a label."""
        inset = self._cell_px / 2 if self._has_images else 0.0
        width = max(1.0, float(self.plot.getViewBox().width()) - 2 * inset - scaled(_LABEL_WIDTH_PX))
        self.plot.setXRange(-inset / width, 1 + (inset + scaled(_LABEL_WIDTH_PX)) / width, padding=0)
        self.update()

    @property
    def _cell_px(self) -> float:
        count = max(2, len(self._images))
        return max(scaled(_MIN_CELL_WIDTH_PX), (self.width() - scaled(_Y_AXIS_WIDTH_PX + _LABEL_WIDTH_PX)) / count)

    def _paint_images(self, painter: QPainter, frames: InterpolationFrames) -> None:
        # Enlarge by a whole factor where images are small, else shrink.
        ratio, size = self.devicePixelRatioF(), self._images[0].size()
        room = min(self._cell_px - 4, scaled(STRIP_HEIGHT_PX) - 8.0)
        scale = room * ratio / max(size.width(), size.height())
        scale = (int(scale) if scale >= 1 else scale) / ratio
        width, height = size.width() * scale, size.height() * scale
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale * ratio < 1)
        # Leave images out where not all fit.
        fits = max(2, int((self.x_of(1.0) - self.x_of(0.0)) / (width + 2)) + 1)
        rows = np.unique(np.linspace(0, len(self._images) - 1, min(fits, len(self._images))).round().astype(int))
        strip_t = frames.t[:: frames.strip_stride]
        current = rows[int(np.argmin(np.abs(strip_t[rows] - self._t)))]
        for row in rows:
            x = self.x_of(float(strip_t[row]))
            box = QRectF(round(x - width / 2), round((scaled(STRIP_HEIGHT_PX) - height) / 2), width, height)
            painter.drawImage(box, self._images[row])
            if row == current:
                painter.setPen(make_pen(self.colors.accent, 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(box.adjusted(-2, -2, 2, 2))
