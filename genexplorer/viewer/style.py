"""The style: Fusion with the palette that all front ends share, an 8-pixel grid, tabular numerals."""

from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

from genexplorer.session.palette import DARK, LIGHT, Palette

GAP = 8  # logical pixels; every distance is a multiple of it, or half of it
THEMES = ("system", "light", "dark")
FULL_SCREEN_SCALE = 1.2  # fonts are larger by this factor
_TEXT_FONTS = ["Inter", "Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans"]
_MATH_FONTS = ["STIX Two Text", "Cambria", "DejaVu Serif", "Noto Serif", "Times New Roman"]
_MONO_FONTS = ["JetBrains Mono", "Noto Sans Mono", "Menlo", "Consolas", "DejaVu Sans Mono"]


class _FontScale:
    """The scale of all fonts."""

    scale = 1.0


def enlarge(scale: float) -> None:
    """Scale the fonts made from now on; `apply` sets the application's."""
    _FontScale.scale = scale


def scaled(px: int) -> int:
    """Return a width in pixels that contains text, scaled as the fonts are."""
    return round(px * _FontScale.scale)


def font_scale() -> float:
    """Return the scale of all fonts."""
    return _FontScale.scale


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
    app.setStyleSheet(_stylesheet(palette))


def text_font(points: float = 10.0, *, bold: bool = False) -> QFont:
    """Return the text font, with tabular numerals, so that live values do not jump."""
    font = _font(_TEXT_FONTS, points, QFont.StyleHint.AnyStyle)
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
    font.setPointSizeF(points * _FontScale.scale)
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
        background: {p.accent}; width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; }}
    QSlider::handle:horizontal:focus {{ background: {p.text}; }}
    QSlider::handle:horizontal:disabled {{ background: {p.faint}; }}
    QSplitter::handle {{ background: {line}; }}
    QProgressBar {{ background: {line}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
    QProgressBar::chunk {{ background: {p.accent}; border-radius: 2px; }}
    """
