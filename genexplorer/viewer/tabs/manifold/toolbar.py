"""The row above the plane: coordinates, tiles, points, ellipses, path, home; and the classes of the points."""

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from genexplorer.session.class_scheme import ClassGroup, ClassScheme, shorten
from genexplorer.session.palette import Palette
from genexplorer.viewer.style import GAP, mix, scale, scaled
from genexplorer.viewer.tabs.manifold.glyphs import class_color, glyph
from genexplorer.viewer.tabs.manifold.layers import TILE_PALETTE
from genexplorer.viewer.tabs.manifold.point_cloud import POINT_COUNTS
from genexplorer.viewer.tabs.manifold.tiles import DEFAULT_TILES
from genexplorer.viewer.widgets.class_list import ClassList
from genexplorer.viewer.widgets.controls import (
    Toolbar,
    check_box,
    combo_box,
    discard,
    fill_box,
    set_entries,
    tool_button,
)
from genexplorer.viewer.widgets.labels import elided, literal_tooltip, menu_text

TILE_CHOICES = (10, 20, 30, 40)
_MAX_NAME_LENGTHS = 48  # of the names of all classes on their buttons, so that these fit beside each other


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

    Many classes are in groups of one color each, and in a list that can be searched.

    Signals:
        toggled(frozenset): Classes should be hidden or shown: their labels.
        alone(frozenset): Classes should be shown alone: a double click.
    """

    toggled = pyqtSignal(frozenset)
    alone = pyqtSignal(frozenset)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = fill_box(QHBoxLayout(self), spacing=2)
        self.buttons: dict[int, QToolButton] = {}  # by color
        self.class_list = ClassList()
        self.class_list.toggled.connect(lambda label: self.toggled.emit(frozenset((label,))))
        self.class_list.alone.connect(lambda label: self.alone.emit(frozenset((label,))))
        self.summary = elided()
        self._classes: frozenset[int] = frozenset()
        self._hidden: frozenset[int] = frozenset()
        self._content: tuple[object, ...] = ()

    def show_classes(
        self, classes: Sequence[int], scheme: ClassScheme, hidden: frozenset[int], palette: Palette, summary: str
    ) -> None:
        """Show a button for each class or group, crossed out where hidden, and a line with the number of points.

        Args:
            classes: Labels of the classes.
            scheme: Their names and colors.
            hidden: Labels of the classes that are hidden.
            palette: Colors.
            summary: The line.
        """
        self._classes, self._hidden = frozenset(classes), hidden
        groups = scheme.groups(classes)
        if scheme.is_grouped and classes:
            summary += f" · {len(groups)} colors, each for neighboring classes"
        self.summary.setText(summary)
        self.summary.setToolTip(literal_tooltip(summary))
        content = (tuple(classes), scheme, hidden, palette.name, scale())
        if content == self._content:
            return
        self._content = content
        # Remove the former buttons.
        while (item := self._row.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None and widget is not self.summary:
                discard(widget)
        self.buttons.clear()
        # Add a button for each class or group, and a list of many classes.
        max_length = _MAX_NAME_LENGTHS // max(1, len(groups))
        for group in groups:
            labels = self._classes & frozenset(group.labels)
            title, text = _group_texts(group, scheme, len(labels), max_length)
            self._row.addWidget(self._button(group.color, title, text, labels, palette))
        if scheme.is_grouped and classes:
            self._row.addSpacing(scaled(GAP) // 2)
            self._row.addWidget(self._list_button(classes, scheme))
        self._row.addSpacing(scaled(GAP))
        self._row.addWidget(self.summary, 1)

    def _button(self, color_index: int, title: str, text: str, labels: frozenset[int], palette: Palette) -> QToolButton:
        hidden = labels <= self._hidden
        button = _ClassButton()
        button.setText(menu_text(text))
        button.setProperty("flat", "true")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        font = button.font()
        font.setBold(True)
        font.setStrikeOut(hidden)
        button.setFont(font)
        color = TILE_PALETTE.muted if hidden else class_color(color_index, TILE_PALETTE)
        background = palette.surface if hidden else TILE_PALETTE.background
        border = mix(palette.muted, palette.background, 0.4)
        button.setStyleSheet(
            f"QToolButton {{ color: {color}; background: {background}; border: 1px solid {border}; "
            f"padding: {scaled(2)}px {scaled(7)}px; }}"
            f"QToolButton:hover, QToolButton:focus {{ border-color: {palette.accent}; }}"
        )
        action = "show" if hidden else "hide"
        button.setToolTip(literal_tooltip(f"{title}: {action} · double click: only this"))
        button.setAccessibleName(title)
        button.clicked.connect(lambda: self.toggled.emit(labels))
        button.doubled.connect(lambda: self.alone.emit(labels))
        self.buttons[color_index] = button
        return button

    def _list_button(self, classes: Sequence[int], scheme: ClassScheme) -> QToolButton:
        button = tool_button(f"{len(classes)} classes ▾", "Find classes, hide or show them")
        self.class_list.show_classes(
            [(label, _class_text(label, scheme.name(label), _MAX_NAME_LENGTHS)) for label in classes], self._hidden
        )

        def open_list() -> None:
            self.class_list.open_below(button)

        button.clicked.connect(open_list)
        return button


def _group_texts(group: ClassGroup, scheme: ClassScheme, count: int, max_length: int) -> tuple[str, str]:
    """Return the title of a class or group for its tooltip, and its text for a button of about `max_length` letters."""
    if group.first == group.last:
        title = group.name if group.first < 0 else f"class {group.name}"
        return title, _class_text(group.first, group.name, max_length)
    half = max(2, max_length // 2)
    return f"{count} classes, {group.name}", f"{scheme.name(group.first)[:half]}–{scheme.name(group.last)[:half]}"


def _class_text(label: int, name: str, max_length: int) -> str:
    """Return the glyph of a class, as the points have it, and its name where it has one: "3 tulip"."""
    if label < 0 or name == str(label):
        return glyph(label)
    return f"{glyph(label)} {shorten(name, max_length)}"


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
