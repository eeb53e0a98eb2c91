"""The column at the right of the plane: heat map, layers with swatches, position in the flow, and seed."""

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen, QPixmap
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from genexplorer.session.class_scheme import ClassGroup
from genexplorer.session.palette import Palette
from genexplorer.session.plane import tick_values
from genexplorer.viewer.style import GAP, make_pen, scale, scaled, text_font
from genexplorer.viewer.tabs.density.heat_map import HeatMap, colorize
from genexplorer.viewer.tabs.density.layers import LAYERS, HeatMapKind, LayersState
from genexplorer.viewer.widgets import controls
from genexplorer.viewer.widgets.controls import Toolbar, fill_box
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import color_key, heading, muted, vertical_rule, wrapped
from genexplorer.viewer.widgets.painted import PaintedWidget, unscaled_painter, unscaled_size

_LINE_HEIGHT_PX, _BAR_HEIGHT_PX = 16, 12
WIDTH_PX = 32 * GAP
FLOW_SLIDER_POSITIONS = 400
_HEAT_LABELS: dict[HeatMapKind, str] = {
    "none": "no heat map",
    "model": "log p of the model",
    "truth": "log p of the true density",
    "difference": "model − truth",
    "critic": "discriminator",
}
_SWATCH_SIZE_PX = QSize(22, 14)
_SWATCH_LINES: dict[
    str, tuple[float, tuple[tuple[float, float, float, float], ...]]
] = {  # the pen's width; x1, y1, x2, y2 of each line
    "samples": (1.5, ((2, 6, 8, 12), (2, 12, 8, 6), (13, 2, 19, 8), (13, 8, 19, 2))),
    "arrows": (1.4, ((2, 11, 18, 4), (18, 4, 12, 3), (18, 4, 14, 9))),
    "grid": (1.2, tuple((x, 1.5, x, 12.5) for x in (3, 11, 19)) + tuple((3, y, 19, y) for y in (1.5, 7, 12.5))),
    "lines": (1.2, ((3, 11, 18, 4),)),
}


class ColorBar(PaintedWidget):
    """A bar with the colors of the heat map and the values at them."""

    def __init__(self, palette: Palette) -> None:
        super().__init__(palette, "color scale")
        self._heat_map: HeatMap | None = None
        self.setFixedHeight(scaled(2 * _LINE_HEIGHT_PX + _BAR_HEIGHT_PX + 6))

    def set_heat_map(self, heat: HeatMap | None) -> None:
        """Show the scale of another heat map, or none."""
        self._heat_map = heat
        self.setAccessibleDescription("" if heat is None else heat.label)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the width of the panel."""
        return QSize(scaled(24 * GAP), self.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the label, the colors and the values."""
        if self._heat_map is None:
            return
        # Write the label, and paint the colors in a frame.
        painter, color_scale = unscaled_painter(self), self._heat_map.scale
        width, _ = unscaled_size(self)
        painter.setFont(text_font(8.5, exact=True))
        painter.setPen(QColor(self.colors.text))
        painter.drawText(QRectF(0, 0, width, _LINE_HEIGHT_PX), Qt.AlignmentFlag.AlignLeft, self._heat_map.label)
        strip = colorize(np.linspace(0, 1, 240)[None, :], color_scale, self.colors)
        bar = QRectF(8, _LINE_HEIGHT_PX + 2, width - 16, _BAR_HEIGHT_PX)
        painter.drawImage(bar, to_qimage(strip))
        painter.setPen(make_pen(self.colors.faint, 1))
        painter.drawRect(bar)
        # Write values below the bar; the color at an end of the scale also covers all values beyond it.
        painter.setPen(QColor(self.colors.muted))
        painter.setFont(text_font(8, exact=True))
        for value in tick_values(color_scale.low, color_scale.high, 4):
            x = bar.left() + float(color_scale.normalize(np.array(value))) * bar.width()
            painter.drawLine(round(x), round(bar.bottom()), round(x), round(bar.bottom()) + 3)
            # Label the tick, aligned so that the number is inside the widget.
            label = f"{value:g}".replace("-", "−")
            if self._heat_map.kind != "critic" and value == color_scale.low:
                label = f"≤ {label}"
            elif self._heat_map.kind == "difference" and value == color_scale.high:
                label = f"≥ {label}"
            box = QRectF(min(max(x - 24, 0), width - 48), bar.bottom() + 3, 48, _LINE_HEIGHT_PX)
            side = Qt.AlignmentFlag.AlignHCenter
            if x - 24 < 0:
                side = Qt.AlignmentFlag.AlignLeft
            elif x + 24 > width:
                side = Qt.AlignmentFlag.AlignRight
            painter.drawText(box, side, label)


class SidePanel(QWidget):
    """The widgets that show and change which layers are on, the heat map, the position in the flow and the seed.

    Signals:
        flow_moved(float): The position of the slider, from 0, the base, to 1, the data.
    """

    flow_moved = pyqtSignal(float)

    def __init__(self, state: LayersState, palette: Palette) -> None:
        super().__init__()
        self.setFixedWidth(scaled(WIDTH_PX))
        self._state, self._palette = state, palette
        self._class_groups: Sequence[ClassGroup] = ()
        # Create the controls.
        self.heat_map_box = controls.combo_box("heat map", "Heat map (H: the next one)")
        self.heat_map_box.setMinimumContentsLength(12)
        self.heat_map_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.bar, self.method = ColorBar(palette), wrapped("")
        self.boxes = {
            layer.name: controls.check_box(f"{layer.label}  ({layer.key})", f"{layer.tooltip} ({layer.key})")
            for layer in LAYERS
        }
        self.flow_slider = controls.slider(
            0, FLOW_SLIDER_POSITIONS, FLOW_SLIDER_POSITIONS, "Position between base and data (← →)"
        )
        self.flow_caption = muted("")
        self.play = controls.tool_button("▶", "Play from the base to the data (Enter)", checkable=True)
        self.seed = controls.spin_box(0, 2**31 - 1, "seed of the samples", focus=Qt.FocusPolicy.ClickFocus)
        self.seed.setMinimumWidth(scaled(8 * GAP))
        self.resample = controls.tool_button("Resample", "Draw other samples (R)")
        # Lay out the rows, and the column in a scroll area.
        self._flow_row, self._seed_row, inside = QWidget(), QWidget(), QWidget()
        slider_row = fill_box(QHBoxLayout(), self.play, (self.flow_slider, 1))
        flow_items = heading("Flow: base → data"), slider_row, self.flow_caption
        fill_box(QVBoxLayout(self._flow_row), *flow_items, margins=(0, 0, 0, GAP), spacing=GAP // 2)
        fill_box(QHBoxLayout(self._seed_row), muted("seed"), (self.seed, 1), self.resample)
        heat = fill_box(
            QVBoxLayout(), heading("Heat map"), Toolbar(self.heat_map_box), self.bar, self.method, spacing=GAP // 2
        )
        self.class_key = wrapped("")
        self.class_key.setTextFormat(Qt.TextFormat.RichText)
        self.class_key.hide()
        layers = fill_box(QVBoxLayout(), heading("Layers"), *self.boxes.values(), self.class_key, spacing=GAP // 2)
        rows = heat, GAP, layers, GAP, self._flow_row, Toolbar(self._seed_row), None
        fill_box(QVBoxLayout(inside), *rows, margins=(2 * GAP, 0, GAP, 0), spacing=GAP // 2)
        fill_box(QHBoxLayout(self), vertical_rule(), (controls.scroll_area(inside), 1), spacing=0)
        # Connect the signals.
        self.heat_map_box.activated.connect(lambda _: state.set_heat_map_kind(self.heat_map_box.currentData()))
        for name, box in self.boxes.items():
            box.setIconSize(_SWATCH_SIZE_PX * scale())
            box.toggled.connect(lambda on, name=name: state.switch(name, on))
        self.flow_slider.valueChanged.connect(lambda value: self.flow_moved.emit(value / FLOW_SLIDER_POSITIONS))
        self.recolor(palette)

    def show_state(self) -> None:
        """Show the layers of the model and which are on."""
        state = self._state
        if controls.set_entries(
            self.heat_map_box, [(_HEAT_LABELS[kind], kind) for kind in state.heat_map_kinds], state.heat_map_kind
        ):
            self._show_swatches()
        names = {layer.name for layer in state.layers}
        for name, box in self.boxes.items():
            box.setVisible(name in names)
            with QSignalBlocker(box):
                box.setChecked(state.shows(name))
        if "classes" in names:
            self.boxes["classes"].setEnabled(state.shows("data"))
        self._seed_row.setVisible("samples" in names)

    def show_classes(self, groups: Sequence[ClassGroup]) -> None:
        """Name the colors of the classes, while data or encodings have them."""
        self._class_groups = groups
        entries = [(self._palette.class_color(group.color), group.name) for group in groups]
        self.class_key.setText(color_key(entries))
        self.class_key.setVisible(bool(entries))

    def show_heat_map(self, heat: HeatMap | None, loading: bool) -> None:
        """Show the color bar and the method of the heat map."""
        self.bar.set_heat_map(heat)
        self.bar.setVisible(heat is not None)
        self.method.setText(heat.method if heat is not None else "computing…" if loading else "")
        self.method.setVisible(bool(self.method.text()))

    def show_flow(self, visible: bool, position: float, caption: str) -> None:
        """Show the position between base and data with its caption; hide the slider without a flow."""
        self._flow_row.setVisible(visible)
        controls.set_value(self.flow_slider, round(position * FLOW_SLIDER_POSITIONS))
        self.flow_caption.setText(caption)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.bar.recolor(palette)
        self._palette = palette
        self._show_swatches()
        self.show_classes(self._class_groups)

    def _show_swatches(self) -> None:
        has_discriminator = "critic" in self._state.heat_map_kinds
        for name, box in self.boxes.items():
            box.setIcon(_swatch(name, self._palette, has_discriminator, self.devicePixelRatioF() * scale()))


def sample_color(palette: Palette) -> str:
    """Return the color of samples, in all plots."""
    return palette.warning


def data_color(palette: Palette, *, has_discriminator: bool) -> str:
    """Return the color of data without classes; with a discriminator, that of the "real" end of its scale."""
    return palette.accent if has_discriminator else palette.text


def _swatch(name: str, palette: Palette, has_discriminator: bool, ratio: float) -> QIcon:
    """Return an icon that shows how a layer looks."""
    pixmap = QPixmap(_SWATCH_SIZE_PX * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Draw a few marks in the colors and shape of the layer.
    data, samples = data_color(palette, has_discriminator=has_discriminator), sample_color(palette)
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
