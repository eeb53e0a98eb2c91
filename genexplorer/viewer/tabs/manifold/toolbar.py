"""The row above the plane: coordinates, tiles, points, ellipses, path, home; and the classes of the points."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.session.palette import Palette
from genexplorer.session.plane import Coords
from genexplorer.viewer.style import GAP
from genexplorer.viewer.tabs.manifold.glyphs import class_color, glyph
from genexplorer.viewer.tabs.manifold.layers import ON_TILES
from genexplorer.viewer.tabs.manifold.point_cloud import COUNTS
from genexplorer.viewer.widgets.labels import literal_tooltip

TARGETS = (10, 20, 30, 40)
_MAX_BUTTONS = 12  # more classes than these go into a menu


class ManifoldToolbar(QWidget):
    """The plane's switches; each has its key in its tool tip.

    Signals:
        coords_changed(str): "z" or "u".
        target_changed(int): The number of tiles along the shorter side.
        points_changed, ellipses_changed, pen_changed(bool): A switch was turned.
        count_changed(int): The number of points.
        home_wanted: The whole plane should be seen.
        class_toggled, class_alone(int): A class should be hidden or shown; shown alone.
    """

    coords_changed = pyqtSignal(str)
    target_changed = pyqtSignal(int)
    points_changed = pyqtSignal(bool)
    count_changed = pyqtSignal(int)
    ellipses_changed = pyqtSignal(bool)
    pen_changed = pyqtSignal(bool)
    reset_wanted = pyqtSignal()
    class_toggled = pyqtSignal(int)
    class_alone = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.coords = {"z": _switch("z", "Linear coordinates (key U)"), "u": _switch("u = Φ(z)", _U_TIP)}
        group = QButtonGroup(self)
        for button in self.coords.values():
            group.addButton(button)
        self.coords["z"].setChecked(True)
        self.target = _choice(
            "approximate number of tiles along the shorter side", [f"{n} tiles" for n in TARGETS], TARGETS, 20
        )
        self.points = QCheckBox("points")
        self.points.setToolTip(_POINTS_TIP)
        self.count = _choice("number of points", [f"{n:,}" for n in COUNTS], COUNTS, COUNTS[1])
        self.ellipses = QCheckBox("ellipses")
        self.ellipses.setToolTip(_ELLIPSES_TIP)
        self.pen = _switch("✎ path", "Draw a path with the mouse (key P)")
        self.home = _switch("⌂", "Reset view (key 0)", checkable=False)
        self.home.setAccessibleName("home")
        self.legend = ClassLegend()
        self._bind()
        self._build()

    def set_coords(self, coords: Coords) -> None:
        """Show which coordinates are used."""
        self.coords[coords].setChecked(True)

    def allow(self, *, coords: str = "", points: str = "", ellipses: str = "") -> None:
        """Disable the switches that have a reason, which is shown as the tooltip; enable the others."""
        for widget, reason, tip in (
            (self.coords["u"], coords, _U_TIP),
            (self.points, points, _POINTS_TIP),
            (self.count, points, "number of points"),
            (self.ellipses, ellipses, _ELLIPSES_TIP),
        ):
            widget.setEnabled(not reason)
            widget.setToolTip(literal_tooltip(reason or tip))

    def _bind(self) -> None:
        for name, button in self.coords.items():
            button.clicked.connect(lambda _=False, name=name: self.coords_changed.emit(name))
        self.target.activated.connect(lambda _: self.target_changed.emit(self.target.currentData()))
        self.count.activated.connect(lambda _: self.count_changed.emit(self.count.currentData()))
        self.points.toggled.connect(self.points_changed)
        self.ellipses.toggled.connect(self.ellipses_changed)
        self.pen.toggled.connect(self.pen_changed)
        self.home.clicked.connect(lambda: self.reset_wanted.emit())
        self.legend.toggled.connect(self.class_toggled)
        self.legend.alone.connect(self.class_alone)

    def _build(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(GAP)
        pair = QHBoxLayout()
        pair.setSpacing(0)
        for button in self.coords.values():
            pair.addWidget(button)
        row.addLayout(pair)
        row.addWidget(self.target)
        row.addSpacing(GAP)
        row.addWidget(self.points)
        row.addWidget(self.count)
        row.addWidget(self.ellipses)
        row.addStretch(1)
        row.addWidget(self.pen)
        row.addWidget(self.home)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP // 2)
        column.addLayout(row)
        column.addWidget(self.legend)


class ClassLegend(QWidget):
    """The classes of the points, each with its glyph in its color; pressing one hides or shows it.

    Signals:
        toggled(int): A class should be hidden or shown.
        alone(int): A class should be shown alone: a double click.
    """

    toggled = pyqtSignal(int)
    alone = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)
        self.buttons: dict[int, QToolButton] = {}
        self.summary = QLabel()
        self.summary.setProperty("role", "muted")
        self._content: tuple[object, ...] = ()

    def show_classes(self, classes: tuple[int, ...], hidden: frozenset[int], palette: Palette, summary: str) -> None:
        """Show a button for each class, crossed out where hidden, and a line with the number of points."""
        content = (classes, hidden, palette.name)
        self.summary.setText(summary)
        if content == self._content:
            return
        self._content = content
        self._empty()
        if len(classes) > _MAX_BUTTONS:
            self._row.addWidget(self._menu(classes, hidden))
        else:
            for label in classes:
                self._row.addWidget(self._button(label, label in hidden, palette))
        self._row.addSpacing(GAP)
        self._row.addWidget(self.summary, 1)

    def _empty(self) -> None:
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self.summary:
                widget.deleteLater()
        self.buttons.clear()

    def _button(self, label: int, hidden: bool, palette: Palette) -> QToolButton:
        button = _ClassButton()
        button.setText(glyph(label))
        button.setProperty("flat", "true")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        font = button.font()
        font.setBold(True)
        font.setStrikeOut(hidden)
        button.setFont(font)
        color = ON_TILES.muted if hidden else class_color(label, ON_TILES)
        ground = palette.surface if hidden else ON_TILES.background
        button.setStyleSheet(f"QToolButton {{ color: {color}; background: {ground}; padding: 2px 7px; }}")
        name = "no label" if label < 0 else f"class {label}"
        button.setToolTip(f"{name}: {'show' if hidden else 'hide'} · double click: this class only")
        button.clicked.connect(lambda: self.toggled.emit(label))
        button.doubled.connect(lambda: self.alone.emit(label))
        self.buttons[label] = button
        return button

    def _menu(self, classes: tuple[int, ...], hidden: frozenset[int]) -> QToolButton:
        button = _switch(f"{len(classes)} classes ▾", "Hide or show classes", checkable=False)
        menu = QMenu(button)
        for label in classes:
            action = menu.addAction(glyph(label))
            if action is not None:
                action.setCheckable(True)
                action.setChecked(label not in hidden)
                action.triggered.connect(lambda _=False, label=label: self.toggled.emit(label))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button


class _ClassButton(QToolButton):
    doubled = pyqtSignal()

    def mouseDoubleClickEvent(self, event: object) -> None:
        self.doubled.emit()


_POINTS_TIP = "The test set's encodings, the means of q(z|x) (key O)"
_ELLIPSES_TIP = "1σ of q(z|x) of each digit; the prior and the aggregate q(z) at 1σ and 2σ (key E)"
_U_TIP = (
    "Φ of each coordinate, in which the prior is even over the square: the manifold by the inverse normal CDF (key U)"
)


def _switch(text: str, tip: str, *, checkable: bool = True) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def _choice(name: str, texts: list[str], values: tuple[int, ...], selected: int) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    for text, value in zip(texts, values, strict=True):
        box.addItem(text, value)
    box.setCurrentIndex(values.index(selected))
    return box
