"""The column at the right of the plane: heat map, layers with their swatches, unmixing, and the samples' seed."""

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PyQt6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.density.color_bar import ColorBar
from genexplorer.viewer.tabs.density.heat_map import HeatMap
from genexplorer.viewer.tabs.density.layers import LAYERS, Heat, LayersState
from genexplorer.viewer.widgets.controls import scroll_area, slider, tool_button
from genexplorer.viewer.widgets.labels import heading, literal_tooltip, muted, upright_rule, wrapped

WIDTH = 32 * GAP
UNMIX_STEPS = 400
_HEAT_WORDS: dict[Heat, str] = {
    "none": "no heat map",
    "model": "log p of the model",
    "truth": "log p, true density",
    "difference": "model − truth",
    "critic": "discriminator",
}
_SWATCH = QSize(22, 14)


class SidePanel(QWidget):
    """Binds the switches to their widgets.

    Signals:
        unmix_changed(float): The share of the way from base to data.
        play_wanted: The cloud should walk from base to data, or stop.
        seed_chosen(int): Other samples should be drawn.
        another_wanted: Any other samples should be drawn.
    """

    unmix_changed = pyqtSignal(float)
    play_wanted = pyqtSignal()
    seed_chosen = pyqtSignal(int)
    another_wanted = pyqtSignal()

    def __init__(self, state: LayersState, palette: Palette, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(WIDTH)
        self._state, self._palette = state, palette
        self.heat = QComboBox()
        self.heat.setAccessibleName("heat map")
        self.heat.setToolTip(literal_tooltip("What the ground is colored by (H takes the next)"))
        self.heat.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.heat.setMinimumContentsLength(12)
        self.heat.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.bar, self.how = ColorBar(palette), wrapped("")
        self.boxes: dict[str, QCheckBox] = {}
        self.unmix = slider(0, UNMIX_STEPS, UNMIX_STEPS, "From the base to the data through the layers (← →)")
        self.unmix_words = muted("")
        self.play = tool_button("▶", "Walk from the base to the data (Enter)", checkable=True)
        self.seed = QSpinBox()
        self.another = tool_button("another", "Draw other samples (R)")
        self._mixing = QWidget()
        self._draws = QWidget()
        self._build()
        self._bind()
        self.recolor(palette)

    def show_state(self) -> None:
        """Show what exists and what is switched on."""
        state = self._state
        self.heat.blockSignals(True)
        if tuple(self.heat.itemData(k) for k in range(self.heat.count())) != state.heats:
            self.heat.clear()
            for kind in state.heats:
                self.heat.addItem(_HEAT_WORDS[kind], kind)
            self._show_swatches()
        self.heat.setCurrentIndex(self.heat.findData(state.heat))
        self.heat.blockSignals(False)
        there = {layer.name for layer in state.layers}
        for name, box in self.boxes.items():
            box.setVisible(name in there)
            box.blockSignals(True)
            box.setChecked(state.shows(name))
            box.blockSignals(False)
        if "classes" in there:
            self.boxes["classes"].setEnabled(state.shows("data"))
        self._draws.setVisible("samples" in there)

    def show_heat(self, heat: HeatMap | None, asked: bool) -> None:
        """Show what the colors stand for."""
        self.bar.set_heat(heat)
        self.bar.setVisible(heat is not None)
        waiting = "computing…" if asked else ""
        self.how.setText(heat.how if heat is not None else waiting)
        self.how.setVisible(bool(self.how.text()))

    def show_unmix(self, there: bool, share: float, words: str) -> None:
        """Show how far the cloud has come."""
        self._mixing.setVisible(there)
        self.unmix.blockSignals(True)
        self.unmix.setValue(round(share * UNMIX_STEPS))
        self.unmix.blockSignals(False)
        self.unmix_words.setText(words)

    def show_seed(self, seed: int) -> None:
        """Show the samples' seed."""
        self.seed.blockSignals(True)
        self.seed.setValue(seed)
        self.seed.blockSignals(False)

    def recolor(self, palette: Palette) -> None:
        """Take other colors."""
        self.bar.recolor(palette)
        self._palette = palette
        self._show_swatches()

    def _show_swatches(self) -> None:
        judged = "critic" in self._state.heats
        for name, box in self.boxes.items():
            box.setIcon(_swatch(name, self._palette, judged, self.devicePixelRatioF()))

    def _build(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2 * GAP, 0, GAP, 0)
        column.setSpacing(GAP // 2)
        column.addWidget(heading("Heat map"))
        column.addWidget(self.heat)
        column.addWidget(self.bar)
        column.addWidget(self.how)
        column.addSpacing(GAP)
        column.addWidget(heading("Layers"))
        for layer in LAYERS:
            box = QCheckBox(f"{layer.label}  ({layer.key})")
            box.setIconSize(_SWATCH)
            box.setToolTip(literal_tooltip(f"{layer.tip} ({layer.key})"))
            box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.boxes[layer.name] = box
            column.addWidget(box)
        column.addSpacing(GAP)
        column.addWidget(self._mixing)
        column.addWidget(self._draws)
        column.addStretch(1)
        self._build_mixing()
        self._build_draws()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(upright_rule())
        layout.addWidget(scroll_area(inside), 1)

    def _build_mixing(self) -> None:
        column = QVBoxLayout(self._mixing)
        column.setContentsMargins(0, 0, 0, GAP)
        column.setSpacing(GAP // 2)
        column.addWidget(heading("Unmix: base → data"))
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.play)
        row.addWidget(self.unmix, 1)
        column.addLayout(row)
        column.addWidget(self.unmix_words)

    def _build_draws(self) -> None:
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setKeyboardTracking(False)
        self.seed.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.seed.setAccessibleName("seed of the samples")
        self.seed.setMinimumWidth(8 * GAP)
        row = QHBoxLayout(self._draws)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(muted("seed"))
        row.addWidget(self.seed, 1)
        row.addWidget(self.another)

    def _bind(self) -> None:
        state = self._state
        self.heat.activated.connect(lambda _: state.set_heat(self.heat.currentData()))
        for name, box in self.boxes.items():
            box.toggled.connect(lambda on, name=name: state.switch(name, on))
        self.unmix.valueChanged.connect(lambda value: self.unmix_changed.emit(value / UNMIX_STEPS))
        self.play.clicked.connect(self.play_wanted)
        self.seed.valueChanged.connect(self.seed_chosen)
        self.another.clicked.connect(self.another_wanted)


def sample_color(palette: Palette) -> str:
    """Return the color of what the model generates, wherever it is drawn."""
    return palette.warning


def data_color(palette: Palette, *, judged: bool) -> str:
    """Return the color of the data, where it is not their classes': what a discriminator calls real is of one hue."""
    return palette.accent if judged else palette.text


def _swatch(name: str, palette: Palette, judged: bool, ratio: float) -> QIcon:
    """Return how a layer looks in the plane."""
    pixmap = QPixmap(_SWATCH * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(QColor(0, 0, 0, 0))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _paint_swatch(painter, name, palette, data_color(palette, judged=judged))
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
