"""The column at the right of the plane: heat map, layers with swatches, position in the flow, and seed."""

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PyQt6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.density.color_bar import ColorBar
from genexplorer.viewer.tabs.density.heat_map import HeatMap
from genexplorer.viewer.tabs.density.layers import LAYERS, HeatKind, LayersState
from genexplorer.viewer.widgets.controls import scroll_area, slider, tool_button
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, vertical_rule, wrapped

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
        self.show_flow_at = slider(0, FLOW_STEPS, FLOW_STEPS, "Position between base and data (← →)")
        self.flow_caption = muted("")
        self.play = tool_button("▶", "Play from the base to the data (Enter)", checkable=True)
        self.seed = QSpinBox()
        self.resample = tool_button("Resample", "Draw other samples (R)")
        self._flow_row = QWidget()
        self._seed_row = QWidget()
        self._build()
        self._bind()
        self.recolor(palette)

    def show_state(self) -> None:
        """Show the layers of the model and which are on."""
        state = self._state
        self.heat.blockSignals(True)
        if tuple(self.heat.itemData(k) for k in range(self.heat.count())) != state.heats:
            self.heat.clear()
            for kind in state.heats:
                self.heat.addItem(_HEAT_LABELS[kind], kind)
            self._show_swatches()
        self.heat.setCurrentIndex(self.heat.findData(state.heat))
        self.heat.blockSignals(False)
        names = {layer.name for layer in state.layers}
        for name, box in self.boxes.items():
            box.setVisible(name in names)
            box.blockSignals(True)
            box.setChecked(state.shows(name))
            box.blockSignals(False)
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
        self.show_flow_at.blockSignals(True)
        self.show_flow_at.setValue(round(position * FLOW_STEPS))
        self.show_flow_at.blockSignals(False)
        self.flow_caption.setText(caption)

    def show_seed(self, seed: int) -> None:
        """Show the seed of the samples."""
        self.seed.blockSignals(True)
        self.seed.setValue(seed)
        self.seed.blockSignals(False)

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
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2 * GAP, 0, GAP, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(heading("Heat map"))
        column.addWidget(self.heat)
        column.addWidget(self.bar)
        column.addWidget(self.method)
        column.addSpacing(GAP)
        column.addWidget(heading("Layers"))
        for layer in LAYERS:
            box = QCheckBox(f"{layer.label}  ({layer.key})")
            box.setIconSize(_SWATCH)
            box.setToolTip(literal_tooltip(f"{layer.tooltip} ({layer.key})"))
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.boxes[layer.name] = box
            column.addWidget(box)
        column.addSpacing(GAP)
        column.addWidget(self._flow_row)
        column.addWidget(self._seed_row)
        column.addStretch(1)
        self._build_flow_row()
        self._build_seed_row()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(vertical_rule())
        layout.addWidget(scroll_area(inside), 1)

    def _build_flow_row(self) -> None:
        column = QVBoxLayout(self._flow_row)
        column.setContentsMargins(0, 0, 0, GAP)
        column.setSpacing(GAP // 2)
        column.addWidget(heading("Flow: base → data"))
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.play)
        row.addWidget(self.show_flow_at, 1)
        column.addLayout(row)
        column.addWidget(self.flow_caption)

    def _build_seed_row(self) -> None:
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setKeyboardTracking(False)
        self.seed.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.seed.setAccessibleName("seed of the samples")
        self.seed.setMinimumWidth(8 * GAP)
        row = QHBoxLayout(self._seed_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(muted("seed"))
        row.addWidget(self.seed, 1)
        row.addWidget(self.resample)

    def _bind(self) -> None:
        state = self._state
        self.heat.activated.connect(lambda _: state.set_heat(self.heat.currentData()))
        for name, box in self.boxes.items():
            box.toggled.connect(lambda on, name=name: state.switch(name, on))
        self.show_flow_at.valueChanged.connect(lambda value: self.flow_moved.emit(value / FLOW_STEPS))
        self.play.clicked.connect(self.play_requested)
        self.seed.valueChanged.connect(self.seed_chosen)
        self.resample.clicked.connect(self.resample_requested)


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
    _paint_swatch(painter, name, palette, data_color(palette, discriminates=discriminates))
    painter.end()
    return QIcon(pixmap)


def _paint_swatch(painter: QPainter, name: str, palette: Palette, data: str) -> None:
    if name in ("data", "classes", "latent"):
        colors = {"data": [data] * 3}.get(name, list(palette.class_colors[:3]))
        painter.setPen(Qt.PenStyle.NoPen)
        for place, color in zip(((4, 9), (11, 4), (18, 9)), colors, strict=True):
            painter.setBrush(QColor(color))
            painter.drawEllipse(QPointF(*place), 2.2, 2.2)
        return
    samples = QColor(sample_color(palette))
    if name == "samples":
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
