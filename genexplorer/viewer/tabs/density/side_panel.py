"""The column at the right of the plane: heat map, layers with swatches, position in the flow, and seed."""

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen, QPixmap
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.plane import round_values
from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.tabs.density.heat_map import HeatMap, colorize
from genexplorer.viewer.tabs.density.layers import LAYERS, HeatKind, LayersState
from genexplorer.viewer.widgets import controls
from genexplorer.viewer.widgets.controls import fill_box
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import heading, muted, vertical_rule, wrapped
from genexplorer.viewer.widgets.painted import PaintedWidget

_LINE, _BAR = 16, 12
WIDTH = 32 * GAP
FLOW_STEPS = 400
_HEAT_LABELS: dict[HeatKind, str] = {
    "none": "no heat map",
    "model": "log p of the model",
    "truth": "log p of the true density",
    "difference": "model − truth",
    "critic": "discriminator",
}
_SWATCH = QSize(22, 14)
_SWATCH_LINES: dict[str, tuple[float, tuple[tuple[float, float, float, float], ...]]] = {  # width; x1, y1, x2, y2
    "samples": (1.5, ((2, 6, 8, 12), (2, 12, 8, 6), (13, 2, 19, 8), (13, 8, 19, 2))),
    "arrows": (1.4, ((2, 11, 18, 4), (18, 4, 12, 3), (18, 4, 14, 9))),
    "grid": (1.2, tuple((x, 1.5, x, 12.5) for x in (3, 11, 19)) + tuple((3, y, 19, y) for y in (1.5, 7, 12.5))),
    "lines": (1.2, ((3, 11, 18, 4),)),
}


class ColorBar(PaintedWidget):
    """The scale of the heat map."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "color scale")
        self._map: HeatMap | None = None
        self.setFixedHeight(2 * _LINE + _BAR + 6)

    def set_heat(self, heat: HeatMap | None) -> None:
        """Show the scale of another heat map, or none."""
        self._map = heat
        self.setAccessibleDescription("" if heat is None else heat.name)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the width of the panel."""
        return QSize(24 * GAP, self.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw name, colors and values."""
        if self._map is None:
            return
        # Write the name, and paint the colors in a frame.
        painter, scale = QPainter(self), self._map.scale
        painter.setFont(text_font(8.5))
        painter.setPen(QColor(self.colors.text))
        painter.drawText(QRectF(0, 0, self.width(), _LINE), Qt.AlignmentFlag.AlignLeft, self._map.name)
        strip = colorize(np.linspace(0, 1, 240)[None, :], scale, self.colors)
        bar = QRectF(8, _LINE + 2, self.width() - 16, _BAR)
        painter.drawImage(bar, to_qimage(strip))
        painter.setPen(QPen(QColor(self.colors.faint), 1))
        painter.drawRect(bar)
        # Write values below the bar; the color at an end of the scale also covers all values beyond it.
        painter.setPen(QColor(self.colors.muted))
        painter.setFont(text_font(8))
        for value in round_values(scale.low, scale.high, 4):
            x = bar.left() + float(scale.normalize(np.array(value))) * bar.width()
            painter.drawLine(round(x), round(bar.bottom()), round(x), round(bar.bottom()) + 3)
            # Label the tick, aligned so that the number is inside the widget.
            label = f"{value:g}".replace("-", "−")
            if self._map.kind != "critic" and value == scale.low:
                label = f"≤ {label}"
            elif self._map.kind == "difference" and value == scale.high:
                label = f"≥ {label}"
            box = QRectF(min(max(x - 24, 0), self.width() - 48), bar.bottom() + 3, 48, _LINE)
            side = Qt.AlignmentFlag.AlignHCenter
            if x - 24 < 0:
                side = Qt.AlignmentFlag.AlignLeft
            elif x + 24 > self.width():
                side = Qt.AlignmentFlag.AlignRight
            painter.drawText(box, side, label)


class SidePanel(QWidget):
    """The widgets of the layers' state.

    Signals:
        flow_moved(float): The position of the slider, from 0, the base, to 1, the data.
    """

    flow_moved = pyqtSignal(float)

    def __init__(self, state: LayersState, palette: Palette) -> None:
        super().__init__()
        self.setFixedWidth(WIDTH)
        self._state, self._palette = state, palette
        # Create the controls.
        self.heat = controls.combo_box("heat map", "Heat map (H: the next one)")
        self.heat.setMinimumContentsLength(12)
        self.heat.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.bar, self.method = ColorBar(palette), wrapped("")
        self.boxes = {
            layer.name: controls.check_box(f"{layer.label}  ({layer.key})", f"{layer.tooltip} ({layer.key})")
            for layer in LAYERS
        }
        self.flow_slider = controls.slider(0, FLOW_STEPS, FLOW_STEPS, "Position between base and data (← →)")
        self.flow_caption = muted("")
        self.play = controls.tool_button("▶", "Play from the base to the data (Enter)", checkable=True)
        self.seed = controls.spin_box(0, 2**31 - 1, "seed of the samples", focus=Qt.FocusPolicy.ClickFocus)
        self.seed.setMinimumWidth(8 * GAP)
        self.resample = controls.tool_button("Resample", "Draw other samples (R)")
        # Lay out the rows, and the column in a scroll area.
        self._flow_row, self._seed_row, inside = QWidget(), QWidget(), QWidget()
        slider_row = fill_box(QHBoxLayout(), self.play, (self.flow_slider, 1))
        flow_items = heading("Flow: base → data"), slider_row, self.flow_caption
        fill_box(QVBoxLayout(self._flow_row), *flow_items, margins=(0, 0, 0, GAP), spacing=GAP // 2)
        fill_box(QHBoxLayout(self._seed_row), muted("seed"), (self.seed, 1), self.resample)
        heat = fill_box(QVBoxLayout(), heading("Heat map"), self.heat, self.bar, self.method, spacing=GAP // 2)
        layers = fill_box(QVBoxLayout(), heading("Layers"), *self.boxes.values(), spacing=GAP // 2)
        rows = heat, GAP, layers, GAP, self._flow_row, self._seed_row, None
        fill_box(QVBoxLayout(inside), *rows, margins=(2 * GAP, 0, GAP, 0), spacing=GAP // 2)
        fill_box(QHBoxLayout(self), vertical_rule(), (controls.scroll_area(inside), 1), spacing=0)
        # Connect the signals.
        self.heat.activated.connect(lambda _: state.set_heat(self.heat.currentData()))
        for name, box in self.boxes.items():
            box.setIconSize(_SWATCH)
            box.toggled.connect(lambda on, name=name: state.switch(name, on))
        self.flow_slider.valueChanged.connect(lambda value: self.flow_moved.emit(value / FLOW_STEPS))
        self.recolor(palette)

    def show_state(self) -> None:
        """Show the layers of the model and which are on."""
        state = self._state
        if controls.set_entries(self.heat, [(_HEAT_LABELS[kind], kind) for kind in state.heats], state.heat):
            self._show_swatches()
        names = {layer.name for layer in state.layers}
        for name, box in self.boxes.items():
            box.setVisible(name in names)
            with QSignalBlocker(box):
                box.setChecked(state.shows(name))
        if "classes" in names:
            self.boxes["classes"].setEnabled(state.shows("data"))
        self._seed_row.setVisible("samples" in names)

    def show_heat(self, heat: HeatMap | None, loading: bool) -> None:
        """Show the color bar and the method of the heat map."""
        self.bar.set_heat(heat)
        self.bar.setVisible(heat is not None)
        self.method.setText(heat.method if heat is not None else "computing…" if loading else "")
        self.method.setVisible(bool(self.method.text()))

    def show_flow(self, visible: bool, position: float, caption: str) -> None:
        """Show the position between base and data."""
        self._flow_row.setVisible(visible)
        controls.set_value(self.flow_slider, round(position * FLOW_STEPS))
        self.flow_caption.setText(caption)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.bar.recolor(palette)
        self._palette = palette
        self._show_swatches()

    def _show_swatches(self) -> None:
        discriminates = "critic" in self._state.heats
        for name, box in self.boxes.items():
            box.setIcon(_swatch(name, self._palette, discriminates, self.devicePixelRatioF()))


def sample_color(palette: Palette) -> str:
    """Return the color of samples, in all plots."""
    return palette.warning


def data_color(palette: Palette, *, discriminates: bool) -> str:
    """Return the color of data without classes; with a discriminator, that of the "real" end of its scale."""
    return palette.accent if discriminates else palette.text


def _swatch(name: str, palette: Palette, discriminates: bool, ratio: float) -> QIcon:
    """Return an icon of how a layer looks."""
    pixmap = QPixmap(_SWATCH * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Draw a few marks in the colors and shape of the layer.
    data, samples = data_color(palette, discriminates=discriminates), sample_color(palette)
    if name in _SWATCH_LINES:
        width, lines = _SWATCH_LINES[name]
        painter.setPen(QPen(QColor(palette.muted if name == "grid" else samples), width))
        for x1, y1, x2, y2 in lines:
            painter.drawLine(QPointF(x1, y1), QPointF(x2, y2))
        dots, colors = [(3, 11)] if name == "lines" else [], [data]
    else:
        dots, colors = [(4, 9), (11, 4), (18, 9)], [data] * 3 if name == "data" else list(palette.class_colors[:3])
    painter.setPen(Qt.PenStyle.NoPen)
    for (x, y), color in zip(dots, colors, strict=False):
        painter.setBrush(QColor(color))
        painter.drawEllipse(QPointF(x, y), 2.2, 2.2)
    painter.end()
    return QIcon(pixmap)
