"""The style: Fusion with the palette that all front ends share, an 8-pixel grid, tabular numerals.

All sizes are written for a scale of 1 and multiplied by that of the presentation: fonts and pens made here, lengths by
`scaled`. `rescale` adapts the widgets that exist when the scale changes.
"""

import re
from pathlib import Path

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QColor, QFont, QGuiApplication, QPalette, QPen
from PyQt6.QtWidgets import QAbstractButton, QApplication, QBoxLayout, QGridLayout, QLayout, QMainWindow, QWidget

from genexplorer.session.palette import DARK, LIGHT, Palette

GAP = 8  # logical pixels; every distance is a multiple of it, or half of it
THEMES = ("system", "light", "dark")
PRESENTATION_SCALE = 1.6  # everything is larger by this factor
_MAX_WIDGET_PX = 16_777_215  # Qt's QWIDGETSIZE_MAX: no limit
_TEXT_FONTS = ["Inter", "Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans"]
_MATH_FONTS = ["STIX Two Text", "Cambria", "DejaVu Serif", "Noto Serif", "Times New Roman"]
_MONO_FONTS = ["JetBrains Mono", "Noto Sans Mono", "Menlo", "Consolas", "DejaVu Sans Mono"]
_OWN_FONT_POINTS = "ownFontPoints"  # a property of a widget: the size of its own font at a scale of 1


class _Scale:
    """The scale of everything that is drawn."""

    value = 1.0


def enlarge(scale: float) -> None:
    """Set the scale of fonts, pens and lengths made from now on; `rescale` adapts the existing ones."""
    _Scale.value = scale


def scaled(px: float) -> int:
    """Return a length, written for a scale of 1, in whole pixels."""
    return min(round(px * _Scale.value), _MAX_WIDGET_PX)


def scale() -> float:
    """Return the scale of everything that is drawn: 1, or that of the presentation."""
    return _Scale.value


def make_pen(color: str | QColor, width_px: float = 1.0, line_style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """Return a pen whose width is scaled, and in pixels whatever the painter's transform."""
    pen = QPen(QColor(color), width_px * _Scale.value, line_style)
    pen.setCosmetic(True)
    return pen


def rescale(root: QWidget, factor: float) -> None:
    """Multiply the fixed sizes, margins and gaps of a widget and all those inside it."""
    for widget in (root, *root.findChildren(QWidget)):
        if not isinstance(widget, QMainWindow):
            _rescale_widget(widget, factor)
        if (layout := widget.layout()) is not None:
            _rescale_layout(layout, factor)


def _rescale_widget(widget: QWidget, factor: float) -> None:
    low, high = widget.minimumSize(), widget.maximumSize()
    is_rule = 1 in (high.width(), high.height())
    if not is_rule:
        # The maximum last, or first where it grows: Qt keeps the minimum below it.
        widget.setMaximumSize(_MAX_WIDGET_PX, _MAX_WIDGET_PX)
        widget.setMinimumSize(round(low.width() * factor), round(low.height() * factor))
        limits = (side if side >= _MAX_WIDGET_PX else round(side * factor) for side in (high.width(), high.height()))
        widget.setMaximumSize(*limits)
    if isinstance(widget, QAbstractButton):
        size = widget.iconSize()
        widget.setIconSize(QSize(round(size.width() * factor), round(size.height() * factor)))


def _rescale_layout(layout: QLayout, factor: float) -> None:
    margins = layout.contentsMargins()
    sides = margins.left(), margins.top(), margins.right(), margins.bottom()
    layout.setContentsMargins(*(round(side * factor) for side in sides))
    if isinstance(layout, QGridLayout):
        layout.setHorizontalSpacing(round(layout.horizontalSpacing() * factor))
        layout.setVerticalSpacing(round(layout.verticalSpacing() * factor))
    elif layout.spacing() > 0:
        layout.setSpacing(round(layout.spacing() * factor))
    for index in range(layout.count()):
        item = layout.itemAt(index)
        inner, spacer = (None, None) if item is None else (item.layout(), item.spacerItem())
        if inner is not None:
            _rescale_layout(inner, factor)
        elif spacer is not None and isinstance(layout, QBoxLayout):
            size, policy = spacer.sizeHint(), spacer.sizePolicy()
            spacer.changeSize(
                round(size.width() * factor),
                round(size.height() * factor),
                policy.horizontalPolicy(),
                policy.verticalPolicy(),
            )
    layout.invalidate()


def palette_for(theme: str) -> Palette:
    """Return the palette of a theme: "light", "dark", or "system" for that of the desktop."""
    if theme in ("light", "dark"):
        return DARK if theme == "dark" else LIGHT
    hints = QGuiApplication.styleHints()
    wants_dark = hints is not None and hints.colorScheme() == Qt.ColorScheme.Dark
    return DARK if wants_dark else LIGHT


def apply(app: QApplication, palette: Palette) -> None:
    """Apply style, colors and font to the application."""
    style = app.style()
    if style is None or style.name() != "fusion":
        app.setStyle("Fusion")
    app.setFont(text_font())
    app.setPalette(_qt_palette(palette))
    app.setStyleSheet(_scale_lengths(_stylesheet(palette)))


def _scale_lengths(stylesheet: str) -> str:
    """Return a stylesheet with its lengths in pixels scaled; hairlines stay."""
    return re.sub(r"\b(\d+)px", lambda match: f"{scaled(int(match[1])) if int(match[1]) > 1 else 1}px", stylesheet)


def refresh_fonts(root: QWidget) -> None:
    """Scale the fonts of those widgets inside a window that have a font of their own; a new stylesheet resets them."""
    for widget in root.findChildren(QWidget):
        if points := widget.property(_OWN_FONT_POINTS):
            font = widget.font()
            font.setPointSizeF(points * _Scale.value)
            widget.setFont(font)


def set_font(widget: QWidget, font: QFont) -> None:
    """Give a widget a font of its own, which `refresh_fonts` scales."""
    widget.setProperty(_OWN_FONT_POINTS, font.pointSizeF() / _Scale.value)
    widget.setFont(font)


def text_font(points: float = 10.0, *, bold: bool = False, exact: bool = False) -> QFont:
    """Return the text font, with tabular numerals, so that live values do not jump; `exact` does not scale it."""
    font = _font(_TEXT_FONTS, points / _Scale.value if exact else points, QFont.StyleHint.AnyStyle)
    font.setFeature(QFont.Tag("tnum"), 1)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return font


def math_font(points: float = 10.0) -> QFont:
    """Return the font of formulas; DejaVu Sans, Debian's default, cannot draw the hat of x̂."""
    return _font(_MATH_FONTS, points, QFont.StyleHint.Serif)


def mono_font(points: float = 10.0) -> QFont:
    """Return the font of commands."""
    return _font(_MONO_FONTS, points, QFont.StyleHint.Monospace)


def _font(families: list[str], points: float, hint: QFont.StyleHint) -> QFont:
    font = QFont(families)
    font.setPointSizeF(points * _Scale.value)
    font.setStyleHint(hint)
    return font


def mix(one: str, other: str, fraction: float) -> str:
    """Return the color between two, at a fraction from 0, the first, to 1, the second."""
    a, b = QColor(one), QColor(other)
    pairs = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return QColor(*(round(x + (y - x) * fraction) for x, y in pairs)).name()


def _qt_palette(palette: Palette) -> QPalette:
    roles, qt_palette = QPalette.ColorRole, QPalette()
    for color, colored in (
        (palette.background, (roles.Window, roles.AlternateBase, roles.HighlightedText)),
        (palette.surface, (roles.Base, roles.Button, roles.ToolTipBase, roles.Light)),
        (palette.text, (roles.WindowText, roles.Text, roles.ButtonText, roles.ToolTipText)),
        (palette.accent, (roles.Highlight, roles.Link)),
        (palette.faint, (roles.Mid, roles.Midlight, roles.Dark, roles.Shadow)),
        (palette.muted, (roles.PlaceholderText,)),
        (palette.warning, (roles.BrightText,)),
    ):
        for role in colored:
            qt_palette.setColor(role, QColor(color))
    # Disabled text is dimmed.
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        qt_palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(mix(palette.muted, palette.background, 0.4)))
    return qt_palette


def _svg_path(name: str) -> str:
    return (Path(__file__).parent / "shapes" / f"{name}.svg").as_posix()


def _stylesheet(p: Palette) -> str:
    line = mix(p.faint, p.background, 0.35)
    return f"""
    QWidget {{ color: {p.text}; }}
    QWidget:disabled {{ color: {mix(p.muted, p.background, 0.4)}; }}
    QMainWindow, QDialog {{ background: {p.background}; }}
    QToolTip {{ background: {p.surface}; color: {p.text}; border: 1px solid {line}; padding: 4px; }}
    QLabel[role="muted"], QLabel[role="caption"] {{ color: {p.muted}; }}
    QLabel[role="heading"] {{ color: {p.text}; font-weight: 600; }}
    QLabel[role="warning"] {{ color: {p.warning}; }}
    QFrame[role="rule"] {{ background: {line}; border: none; }}
    QFrame[role="card"] {{ background: {p.surface}; border: 1px solid transparent; border-radius: 6px; }}
    QFrame[role="card"]:hover, QFrame[role="card"]:focus {{ border-color: {p.accent}; }}
    QPushButton, QToolButton {{
        background: {p.surface}; border: 1px solid {line}; border-radius: 4px; padding: 4px 12px; min-height: 18px; }}
    QToolButton {{ padding: 4px 8px; }}
    QToolButton#small {{ padding: 0 6px; min-height: 16px; }}
    QPushButton:hover, QToolButton:hover {{ border-color: {p.muted}; }}
    QPushButton:pressed, QToolButton:pressed, QToolButton:checked, QPushButton:checked {{
        background: {mix(p.accent, p.background, 0.82)}; border-color: {p.accent}; }}
    QPushButton:disabled, QToolButton:disabled {{ color: {mix(p.muted, p.background, 0.4)}; border-color: {line}; }}
    QPushButton:focus, QToolButton:focus {{ border-color: {p.accent}; }}
    QPushButton:default {{ background: {p.accent}; color: {p.background}; border-color: {p.accent}; }}
    QPushButton:default:disabled {{ background: {line}; color: {p.muted}; border-color: {line}; }}
    QToolButton[flat="true"] {{ background: transparent; border-color: transparent; }}
    QToolButton[flat="true"]:hover {{ background: {p.surface}; border-color: {line}; }}
    QToolButton[flat="true"]:focus {{ border-color: {p.accent}; }}
    QToolButton::menu-indicator {{ image: none; }}
    QToolButton#run {{ font-weight: 600; text-align: left; }}
    QCheckBox {{ spacing: 6px; }}
    QCheckBox::indicator {{
        width: 13px; height: 13px; background: {p.surface}; border: 1px solid {p.muted}; border-radius: 3px; }}
    QCheckBox::indicator:hover, QCheckBox:focus::indicator {{ border-color: {p.accent}; }}
    QCheckBox::indicator:checked {{
        background: {p.accent}; border-color: {p.accent}; image: url("{_svg_path(f"check-{p.name}")}"); }}
    QCheckBox::indicator:disabled {{ background: transparent; border-color: {line}; image: none; }}
    QTabBar {{ background: transparent; border: none; }}
    QTabBar::tab {{
        background: transparent; color: {p.muted}; padding: 8px 14px 6px 14px; border: none;
        border-bottom: 2px solid transparent; }}
    QTabBar::tab:hover {{ color: {p.text}; }}
    QTabBar::tab:disabled {{ color: {mix(p.muted, p.background, 0.5)}; }}
    QTabBar::tab:selected {{ color: {p.text}; border-bottom: 2px solid {p.accent}; }}
    QMenu {{ background: {p.surface}; border: 1px solid {line}; padding: 4px; }}
    QMenu::item {{ padding: 5px 24px 5px 12px; border-radius: 3px; }}
    QMenu::item:selected {{ background: {mix(p.accent, p.background, 0.8)}; color: {p.text}; }}
    QMenu::item:disabled {{ color: {p.muted}; }}
    QMenu::separator {{ height: 1px; background: {line}; margin: 4px 8px; }}
    QLineEdit, QComboBox, QSpinBox, QDoubleSpinBox {{
        background: {p.surface}; border: 1px solid {line}; border-radius: 4px; padding: 3px 6px; min-height: 20px;
        selection-background-color: {p.accent}; selection-color: {p.background}; }}
    QLineEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {{ border-color: {p.accent}; }}
    QLineEdit:disabled, QComboBox:disabled, QSpinBox:disabled {{ color: {mix(p.muted, p.background, 0.4)}; }}
    QComboBox::drop-down {{ border: none; width: 20px; }}
    QComboBox::down-arrow {{ image: url("{_svg_path("arrow-down")}"); width: 10px; height: 10px; }}
    QComboBox QAbstractItemView {{ background: {p.surface}; border: 1px solid {line}; outline: none;
        selection-background-color: {mix(p.accent, p.background, 0.8)}; selection-color: {p.text}; }}
    QSpinBox::up-button, QDoubleSpinBox::up-button {{ border: none; width: 18px; subcontrol-position: top right; }}
    QSpinBox::down-button, QDoubleSpinBox::down-button {{
        border: none; width: 18px; subcontrol-position: bottom right; }}
    QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url("{_svg_path("arrow-up")}"); width: 8px; height: 8px; }}
    QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{
        image: url("{_svg_path("arrow-down")}"); width: 8px; height: 8px; }}
    QListWidget, QTreeWidget, QPlainTextEdit {{
        background: {p.surface}; border: 1px solid {line}; border-radius: 4px; outline: none; }}
    QScrollArea {{ background: transparent; border: none; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
    QScrollBar::handle {{ background: {mix(p.faint, p.background, 0.1)}; border-radius: 4px; margin: 1px;
        min-height: 24px; min-width: 24px; }}
    QScrollBar::handle:hover {{ background: {p.muted}; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
        background: none; border: none; width: 0; height: 0; }}
    QSlider::groove:horizontal {{ background: {line}; height: 4px; border-radius: 2px; }}
    QSlider::handle:horizontal {{
        background: {p.accent}; width: 12px; height: 12px; margin: -4px 0; border-radius: 5px; }}
    QSlider::handle:horizontal:focus {{ background: {p.text}; }}
    QSlider::handle:horizontal:disabled {{ background: {p.faint}; }}
    QSplitter::handle {{ background: {line}; }}
    QProgressBar {{ background: {line}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
    QProgressBar::chunk {{ background: {p.accent}; border-radius: 2px; }}
    """
