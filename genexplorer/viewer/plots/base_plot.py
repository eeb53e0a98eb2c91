"""The style that all plots share: quiet axes with few round ticks, no menu and no buttons."""

import math
from typing import Any

import pyqtgraph as pg
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QImage

from genexplorer.session import formatting
from genexplorer.session.palette import Palette
from genexplorer.viewer.plots.plane_layers import PlaneLayer
from genexplorer.viewer.style import make_pen, scale, scaled, text_font

_ROUND_MANTISSAS = (1.0, 2.0, 5.0, 10.0)
_ROUND_TIMES_S = (
    1.0,
    2.0,
    5.0,
    10.0,
    15.0,
    30.0,
    60.0,
    120.0,
    300.0,
    600.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    14400.0,
    43200.0,
)


def round_spacing(span: float, count: int) -> float:
    """Return a spacing of 1, 2 or 5 times a power of ten that gives about `count` ticks over a span."""
    if not (span > 0 and math.isfinite(span)):
        return 1.0
    rough = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in _ROUND_MANTISSAS if power * step >= rough * 0.999)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round values between two bounds, about `count` of them."""
    spacing = round_spacing(high - low, count)
    first = math.ceil(low / spacing - 1e-9)
    last = math.floor(high / spacing + 1e-9)
    return [n * spacing for n in range(first, last + 1)][:50]


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round values between two positive bounds, about `count` of them, for a logarithmic axis."""
    if high / low < 10:
        return [value for value in linear_ticks(low, high, count) if value > 0]
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, round((last - first) / max(1, count)))
    mantissas = (1.0, 2.0, 5.0) if (last - first) * 3 <= count * 1.5 else (1.0,)
    candidates = (m * 10.0**n for n in range(first, last + 1, stride) for m in mantissas)
    return [value for value in candidates if low <= value <= high]


def time_ticks(low: float, high: float, count: int) -> list[float]:
    """Return round times between two bounds, all in seconds, about `count` of them."""
    rough = (high - low) / max(1, count)
    spacing = next((step for step in _ROUND_TIMES_S if step >= rough), round_spacing(high - low, count))
    return [n * spacing for n in range(math.ceil(low / spacing), math.floor(high / spacing) + 1)][:50]


class ChartAxis(pg.AxisItem):  # type: ignore[misc]
    """One axis of a plot.

    Args:
        orientation: "left" or "bottom".
        min_spacing_px: The smallest distance between ticks, in logical pixels; None for the default of a chart.
    """

    def __init__(self, orientation: str, min_spacing_px: float | None = None) -> None:
        super().__init__(orientation)
        self._min_spacing_px = min_spacing_px or (90 if orientation == "bottom" else 32)
        self._min_tick_count = 4 if orientation == "bottom" and min_spacing_px is None else 3
        self.number_format = "number"  # "number", "count" (1.2k) or "time" (of seconds: 1:15)
        self.logarithmic = False
        self.negated = False  # on a logarithmic axis: the values are negative, and their magnitude is drawn
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=-4, tickTextOffset=5, hideOverlappingLabels=12)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Return one level of ticks, in the coordinates of the axis."""
        low, high = min(minVal, maxVal), max(minVal, maxVal)
        if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
            return []
        count = max(self._min_tick_count, int(size / scaled(self._min_spacing_px)))
        if self.logarithmic:
            ticks = log_ticks(10.0 ** max(low, -300), 10.0 ** min(high, 300), count)
            return [(1.0, [math.log10(tick) for tick in ticks])]
        make_ticks = time_ticks if self.number_format == "time" else linear_ticks
        return [(round_spacing(high - low, count), make_ticks(low, high, count))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """Return the labels of the ticks."""
        return [self.tick_text(value, spacing) for value in values]

    def tick_text(self, value: float, spacing: float) -> str:
        """Return the text beside a tick at `value`, with as many decimals as the spacing of the ticks needs."""
        if self.logarithmic:
            return ("−" if self.negated else "") + _decimal(10.0**value, 0.0)
        if self.number_format == "time":
            return formatting.duration(value) if value >= 0 else ""
        if self.number_format == "count":
            return formatting.count(value).replace(".0", "") if value >= 0 else ""
        return _decimal(value, spacing)

    def generateDrawSpecs(self, p: Any) -> Any:
        """Hide the line of the axis; ticks and grid suffice."""
        specs = super().generateDrawSpecs(p)
        if specs is None:
            return None
        (pen, start, end), ticks, text = specs
        if self.orientation == "bottom":
            right = self.mapRectFromParent(self.geometry()).right()
            text = [label for label in text if label[0].right() <= right + 1]  # a clipped number reads as another one
        else:
            top = self.mapRectFromParent(self.geometry()).top()
            text = [label for label in text if label[0].top() >= top - 1]
        transparent_pen = pg.mkPen(pen)
        transparent_pen.setColor(pg.mkColor(0, 0, 0, 0))
        return (transparent_pen, start, end), ticks, text


def _decimal(value: float, spacing: float) -> str:
    """Return a number with as many decimals as the spacing of ticks needs: "0.25", "2.19e−6"."""
    size = abs(value)
    if size and (size >= 1e6 or size < 1e-4):
        if not spacing > 0:
            return formatting.number(value)
        digits = math.floor(math.log10(size) + 1e-9) - math.floor(math.log10(spacing) + 1e-9)
        mantissa, _, power = f"{value:.{min(5, max(1, digits))}e}".partition("e")
        return f"{mantissa}e{int(power)}".replace("-", "−")
    decimals = max(0, -math.floor(math.log10(spacing) + 1e-9)) if spacing > 0 else 6
    text = f"{value:{',' if size >= 10_000 else ''}.{min(decimals, 6)}f}"
    if not spacing and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


class BasePlot(pg.PlotWidget):  # type: ignore[misc]
    """A pyqtgraph plot in the viewer's colors and fonts; its owner sets the visible range.

    Args:
        palette: The colors.
        left: The y axis.
        bottom: The x axis.
        axis_names: Names of the axes, x first, with their units.
        interactive: Whether the mouse pans and zooms.
    """

    tick_pt, label_pt = 8, 9  # font sizes of the numbers at the ticks and of the axes' names

    def __init__(
        self,
        palette: Palette,
        left: pg.AxisItem,
        bottom: pg.AxisItem,
        axis_names: tuple[str, str],
        *,
        interactive: bool,
    ) -> None:
        # Without menus a plot is created in two thirds of the time.
        box = pg.ViewBox(enableMenu=False)
        super().__init__(viewBox=box, axisItems={"left": left, "bottom": bottom}, enableMenu=False)
        # pyqtgraph copies methods of the plot item, such as `clear`, into the instance, where they hide a subclass's.
        classes = type(self).__mro__
        for subclass in classes[: classes.index(pg.PlotWidget)]:
            for name in vars(self).keys() & vars(subclass).keys():
                delattr(self, name)
        self.colors, self.left, self.bottom, self.axis_names = palette, left, bottom, axis_names
        self.layers: list[PlaneLayer] = []
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.getPlotItem().hideButtons()
        box.disableAutoRange()
        box.setMouseEnabled(x=interactive, y=interactive)

    def add_layers(self, *layers: PlaneLayer) -> None:
        """Add layers to the plot; their `z_value` decides which is above."""
        for layer in layers:
            self.layers.append(layer)
            self.getViewBox().addItem(layer, ignoreBounds=True)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.colors = palette
        self.setBackground(palette.background)
        for axis in (self.left, self.bottom):
            axis.setPen(make_pen(palette.faint))
            axis.setTextPen(make_pen(palette.muted))
            axis.setTickFont(text_font(self.tick_pt))
            axis.setStyle(tickLength=-scaled(4), tickTextOffset=scaled(5))
        self._label_axes()
        for layer in self.layers:
            layer.recolor(palette)

    def set_axis_names(self, axis_names: tuple[str, str]) -> None:
        """Name the axes, x first."""
        if axis_names != self.axis_names:
            self.axis_names = axis_names
            self._label_axes()

    def plot_position(self, scene: QPointF) -> tuple[float, float]:
        """Return the plot's coordinates of a position in the scene, or NaN outside of the axes."""
        box = self.getViewBox()
        if not box.sceneBoundingRect().contains(scene):
            return math.nan, math.nan
        position = box.mapSceneToView(scene)
        return position.x(), position.y()

    def image(self) -> QImage:
        """Return the plot as it is on the screen."""
        image: QImage = self.grab().toImage()
        return image

    @property
    def label_style(self) -> dict[str, str]:
        """The style of the axes' names, as keyword arguments of pyqtgraph's `setLabel`."""
        return {"color": self.colors.muted, "font-size": f"{self.label_pt * scale():g}pt"}

    def _label_axes(self) -> None:
        for axis, name in zip((self.bottom, self.left), self.axis_names, strict=True):
            axis.setLabel(name, **self.label_style)
