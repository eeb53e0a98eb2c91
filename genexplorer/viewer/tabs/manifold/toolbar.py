"""The row above the plane: coordinates, tiles, points, ellipses, path, home; and the classes of the points."""

from collections.abc import Mapping

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, mix, scale, scaled
from genexplorer.viewer.tabs.manifold.glyphs import class_color, glyph
from genexplorer.viewer.tabs.manifold.layers import TILE_PALETTE
from genexplorer.viewer.tabs.manifold.point_cloud import POINT_COUNTS
from genexplorer.viewer.tabs.manifold.tiles import DEFAULT_TILES
from genexplorer.viewer.widgets.controls import (
    Toolbar,
    check_box,
    combo_box,
    discard,
    fill_box,
    set_entries,
    tool_button,
)
from genexplorer.viewer.widgets.labels import literal_tooltip, menu_text, muted

TILE_CHOICES = (10, 20, 30, 40)
_MAX_NAME_LENGTHS = 54  # of the names of all classes on their buttons, so that these fit beside each other
_MAX_CLASS_BUTTONS = 12  # more classes than these go into a menu


class ManifoldToolbar(QWidget):
    """The plane's switches; each has its key in its tooltip. The view connects their signals.

    Attributes:
        coords: Switches of the coordinates "z" and "u".
        target: Number of tiles along the shorter side.
        points: Switch of the encodings.
        count: Number of points.
        ellipses: Switch of the ellipses.
        pen: Switch of drawing a path.
        home: Button that resets the view.
        legend: The classes of the points.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.coords = {
            "z": tool_button("z", "Linear coordinates (key U)", checkable=True),
            "u": tool_button("u = Φ(z)", _U_TOOLTIP, checkable=True),
        }
        group = QButtonGroup(self)
        for button in self.coords.values():
            group.addButton(button)
        self.coords["z"].setChecked(True)
        self.target = combo_box(_TILES_TOOLTIP, _TILES_TOOLTIP)
        set_entries(self.target, [(f"{n} tiles", n) for n in TILE_CHOICES], DEFAULT_TILES)
        self.points = check_box("points", _POINTS_TOOLTIP)
        self.count = combo_box("number of points", "number of points")
        set_entries(self.count, [(f"{n:,}", n) for n in POINT_COUNTS], POINT_COUNTS[1])
        self.ellipses = check_box("ellipses", _ELLIPSES_TOOLTIP)
        self.pen = tool_button("✎ path", "Draw a path with the mouse (key P)", checkable=True)
        self.home = tool_button("⌂", "Reset view (key 0)")
        self.home.setAccessibleName("home")
        self.legend = ClassLegend()
        pair = fill_box(QHBoxLayout(), *self.coords.values(), spacing=0)
        switches = (pair, self.target, GAP, self.points, self.count, self.ellipses, None, self.pen, self.home)
        fill_box(QVBoxLayout(self), Toolbar(*switches), self.legend, spacing=GAP // 2)

    def allow(self, *, coords: str = "", points: str = "", ellipses: str = "") -> None:
        """Disable the switches with a reason, which becomes their tooltip; enable the others."""
        for widget, reason, tip in (
            (self.coords["u"], coords, _U_TOOLTIP),
            (self.points, points, _POINTS_TOOLTIP),
            (self.count, points, "number of points"),
            (self.ellipses, ellipses, _ELLIPSES_TOOLTIP),
        ):
            widget.setEnabled(not reason)
            widget.setToolTip(literal_tooltip(reason or tip))


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
        self._row = fill_box(QHBoxLayout(self), spacing=2)
        self.buttons: dict[int, QToolButton] = {}
        self.summary = muted()
        self._content: tuple[object, ...] = ()

    def show_classes(self, classes: Mapping[int, str], hidden: frozenset[int], palette: Palette, summary: str) -> None:
        """Show a button for each class, crossed out where hidden, and a line with the number of points.

        Args:
            classes: Names of the classes, by label.
            hidden: Labels of the classes that are hidden.
            palette: Colors.
            summary: The line.
        """
        content = (tuple(classes.items()), hidden, palette.name, scale())
        self.summary.setText(summary)
        if content == self._content:
            return
        self._content = content
        # Remove the former buttons.
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self.summary:
                discard(widget)
        self.buttons.clear()
        # Add a button for each class, or a menu of many classes.
        if len(classes) > _MAX_CLASS_BUTTONS:
            self._row.addWidget(self._menu(classes, hidden))
        else:
            max_length = _MAX_NAME_LENGTHS // max(1, len(classes))
            for label, name in classes.items():
                text = _class_text(label, name, max_length)
                self._row.addWidget(self._button(label, name, text, label in hidden, palette))
        self._row.addSpacing(scaled(GAP))
        self._row.addWidget(self.summary, 1)

    def _button(self, label: int, name: str, text: str, hidden: bool, palette: Palette) -> QToolButton:
        button = _ClassButton()
        button.setText(menu_text(text))
        button.setProperty("flat", "true")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        font = button.font()
        font.setBold(True)
        font.setStrikeOut(hidden)
        button.setFont(font)
        color = TILE_PALETTE.muted if hidden else class_color(label, TILE_PALETTE)
        background = palette.surface if hidden else TILE_PALETTE.background
        border = mix(palette.muted, palette.background, 0.4)
        button.setStyleSheet(
            f"QToolButton {{ color: {color}; background: {background}; border: 1px solid {border}; "
            f"padding: {scaled(2)}px {scaled(7)}px; }}"
            f"QToolButton:hover, QToolButton:focus {{ border-color: {palette.accent}; }}"
        )
        title = name if label < 0 else f"class {name}"
        action = "show" if hidden else "hide"
        button.setToolTip(literal_tooltip(f"{title}: {action} · double click: this class only"))
        button.clicked.connect(lambda: self.toggled.emit(label))
        button.doubled.connect(lambda: self.alone.emit(label))
        self.buttons[label] = button
        return button

    def _menu(self, classes: Mapping[int, str], hidden: frozenset[int]) -> QToolButton:
        button = tool_button(f"{len(classes)} classes ▾", "Hide or show classes")
        menu = QMenu(button)
        for label, name in classes.items():
            action = menu.addAction(menu_text(_class_text(label, name, _MAX_NAME_LENGTHS)))
            if action is not None:
                action.setCheckable(True)
                action.setChecked(label not in hidden)
                action.triggered.connect(lambda _=False, label=label: self.toggled.emit(label))
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button


def _class_text(label: int, name: str, max_length: int) -> str:
    """Return the glyph of a class, as the points have it, and its name where it has one: "3 tulip"."""
    if label < 0 or name == str(label):
        return glyph(label)
    return f"{glyph(label)} {name if len(name) <= max_length else name[: max_length - 1] + '…'}"


class _ClassButton(QToolButton):
    doubled = pyqtSignal()

    def mouseDoubleClickEvent(self, event: object) -> None:
        self.doubled.emit()


_TILES_TOOLTIP = "approximate number of tiles along the shorter side"
_POINTS_TOOLTIP = "The test set's encodings, the means of q(z|x) (key O)"
_ELLIPSES_TOOLTIP = "1σ of q(z|x) of each digit; the prior and the aggregate q(z) at 1σ and 2σ (key E)"
_U_TOOLTIP = (
    "Φ of each coordinate, in which the prior is even over the square: the manifold by the inverse normal CDF (key U)"
)
