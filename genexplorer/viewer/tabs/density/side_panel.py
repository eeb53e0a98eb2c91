"""The column at the right of the plane: heat map, layers with swatches, position in the flow, and seed."""

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSignalBlocker, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPaintEvent, QPen, QPixmap
from PyQt6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from genexplorer.session.palette import Palette
from genexplorer.session.plane import round_values
from genexplorer.viewer.style import GAP, text_font
from genexplorer.viewer.tabs.density.heat_map import HeatMap, colorize
from genexplorer.viewer.tabs.density.layers import LAYERS, HeatKind, LayersState
from genexplorer.viewer.widgets.controls import fill_box, scroll_area, slider, tool_button
from genexplorer.viewer.widgets.images import to_qimage
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, vertical_rule, wrapped

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


class ColorBar(QWidget):
    """The scale of the heat map."""

    def __init__(self, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._palette = palette
        self._map: HeatMap | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(2 * _LINE + _BAR + 6)

    def set_heat(self, heat: HeatMap | None) -> None:
        """Show the scale of another heat map, or none."""
        self._map = heat
        self.setAccessibleDescription("" if heat is None else heat.name)
        self.update()

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self._palette = palette
        self.update()

    def sizeHint(self) -> QSize:
        """Return the width of the panel."""
        return QSize(24 * GAP, self.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw name, colors and values."""
        if self._map is None:
            return
        painter, scale = QPainter(self), self._map.scale
        painter.setFont(text_font(8.5))
        painter.setPen(QColor(self._palette.text))
        painter.drawText(QRectF(0, 0, self.width(), _LINE), Qt.AlignmentFlag.AlignLeft, self._map.name)
        strip = colorize(np.linspace(0, 1, 240)[None, :], scale, self._palette)
        bar = QRectF(8, _LINE + 2, self.width() - 16, _BAR)
        painter.drawImage(bar, to_qimage(strip))
        painter.setPen(QPen(QColor(self._palette.faint), 1))
        painter.drawRect(bar)
        # Values below the bar; those at an end of the scale stand for all beyond it.
        painter.setPen(QColor(self._palette.muted))
        painter.setFont(text_font(8))
        for value in round_values(scale.low, scale.high, 4):
            x = bar.left() + float(scale.normalize(np.array(value))) * bar.width()
            painter.drawLine(round(x), round(bar.bottom()), round(x), round(bar.bottom()) + 3)
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
        play_requested: Play from base to data, or stop.
        seed_chosen(int): The seed of other samples.
        resample_requested: Choose a random seed.
    """

    flow_moved = pyqtSignal(float)
    play_requested = pyqtSignal()
    seed_chosen = pyqtSignal(int)
    resample_requested = pyqtSignal()

    def __init__(self, state: LayersState, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self._state, self._palette = state, palette
        self.heat = QComboBox()
        self.heat.setAccessibleName("heat map")
        self.heat.setToolTip(literal_tooltip("Heat map (H: the next one)"))
        self.heat.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.heat.setMinimumContentsLength(12)
        self.heat.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.bar, self.method = ColorBar(palette), wrapped("")
        self.boxes: dict[str, QCheckBox] = {}
        self.flow_slider = slider(0, FLOW_STEPS, FLOW_STEPS, "Position between base and data (← →)")
        self.flow_caption = muted("")
        self.play = tool_button("▶", "Play from the base to the data (Enter)", checkable=True)
        self.seed = QSpinBox()
        self.resample = tool_button("Resample", "Draw other samples (R)")
        self._flow_row = QWidget()
        self._seed_row = QWidget()
        self._build()
        self.heat.activated.connect(lambda _: state.set_heat(self.heat.currentData()))
        for name, box in self.boxes.items():
            box.toggled.connect(lambda on, name=name: state.switch(name, on))
        self.flow_slider.valueChanged.connect(lambda value: self.flow_moved.emit(value / FLOW_STEPS))
        self.play.clicked.connect(self.play_requested)
        self.seed.valueChanged.connect(self.seed_chosen)
        self.resample.clicked.connect(self.resample_requested)
        self.recolor(palette)

    def show_state(self) -> None:
        """Show the layers of the model and which are on."""
        state = self._state
        with QSignalBlocker(self.heat):
            if tuple(self.heat.itemData(k) for k in range(self.heat.count())) != state.heats:
                self.heat.clear()
                for kind in state.heats:
                    self.heat.addItem(_HEAT_LABELS[kind], kind)
                self._show_swatches()
            self.heat.setCurrentIndex(self.heat.findData(state.heat))
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
        with QSignalBlocker(self.flow_slider):
            self.flow_slider.setValue(round(position * FLOW_STEPS))
        self.flow_caption.setText(caption)

    def show_seed(self, seed: int) -> None:
        """Show the seed of the samples."""
        with QSignalBlocker(self.seed):
            self.seed.setValue(seed)

    def recolor(self, palette: Palette) -> None:
        """Apply other colors."""
        self.bar.recolor(palette)
        self._palette = palette
        self._show_swatches()

    def _show_swatches(self) -> None:
        discriminates = "critic" in self._state.heats
        for name, box in self.boxes.items():
            box.setIcon(_swatch(name, self._palette, discriminates, self.devicePixelRatioF()))

    def _build(self) -> None:
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setKeyboardTracking(False)
        self.seed.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.seed.setAccessibleName("seed of the samples")
        self.seed.setMinimumWidth(8 * GAP)
        # One check box per layer.
        for layer in LAYERS:
            self.boxes[layer.name] = box = QCheckBox(f"{layer.label}  ({layer.key})")
            box.setIconSize(_SWATCH)
            box.setToolTip(literal_tooltip(f"{layer.tooltip} ({layer.key})"))
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        # Lay out the rows, and the column in a scroll area.
        slider_row = fill_box(QHBoxLayout(), self.play, (self.flow_slider, 1))
        flow_items = heading("Flow: base → data"), slider_row, self.flow_caption
        fill_box(QVBoxLayout(self._flow_row), *flow_items, margins=(0, 0, 0, GAP), spacing=GAP // 2)
        fill_box(QHBoxLayout(self._seed_row), muted("seed"), (self.seed, 1), self.resample)
        inside = QWidget()
        heat = fill_box(QVBoxLayout(), heading("Heat map"), self.heat, self.bar, self.method, spacing=GAP // 2)
        layers = fill_box(QVBoxLayout(), heading("Layers"), *self.boxes.values(), spacing=GAP // 2)
        column = fill_box(QVBoxLayout(inside), heat, GAP, layers, GAP, self._flow_row, self._seed_row, None)
        column.setContentsMargins(2 * GAP, 0, GAP, 0)
        column.setSpacing(GAP // 2)
        fill_box(QHBoxLayout(self), vertical_rule(), (scroll_area(inside), 1), spacing=0)


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
    data, samples = data_color(palette, discriminates=discriminates), QColor(sample_color(palette))
    if name in ("data", "classes", "latent"):
        colors = {"data": [data] * 3}.get(name, list(palette.class_colors[:3]))
        painter.setPen(Qt.PenStyle.NoPen)
        for place, color in zip(((4, 9), (11, 4), (18, 9)), colors, strict=True):
            painter.setBrush(QColor(color))
            painter.drawEllipse(QPointF(*place), 2.2, 2.2)
    elif name == "samples":
        painter.setPen(QPen(samples, 1.5))
        for x, y in ((5, 9), (16, 5)):
            painter.drawLine(QPointF(x - 3, y - 3), QPointF(x + 3, y + 3))
            painter.drawLine(QPointF(x - 3, y + 3), QPointF(x + 3, y - 3))
    elif name == "arrows":
        painter.setPen(QPen(samples, 1.4))
        for line in ((2, 11, 18, 4), (18, 4, 12, 3), (18, 4, 14, 9)):
            painter.drawLine(QPointF(*line[:2]), QPointF(*line[2:]))
    elif name == "grid":
        painter.setPen(QPen(QColor(palette.muted), 1.2))
        painter.drawRect(QRectF(3, 1.5, 16, 11))
        painter.drawLine(QPointF(11, 1.5), QPointF(11, 12.5))
        painter.drawLine(QPointF(3, 7), QPointF(19, 7))
    elif name == "lines":
        painter.setPen(QPen(samples, 1.2))
        painter.drawLine(QPointF(3, 11), QPointF(18, 4))
        painter.setBrush(QColor(data))
        painter.drawEllipse(QPointF(3, 11), 1.8, 1.8)
    painter.end()
    return QIcon(pixmap)
