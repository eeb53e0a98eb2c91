"""The dark and the light theme, made from the palette that dashboard and viewer share."""

import os
from collections.abc import Mapping

from textual.theme import Theme

from genexplorer.session.palette import DARK, LIGHT, Palette

THEME_NAMES = {True: "genexplorer-dark", False: "genexplorer-light"}


def themes() -> list[Theme]:
    """Return the dark and the light theme."""
    return [_theme(DARK, dark=True), _theme(LIGHT, dark=False)]


def variables(palette: Palette) -> dict[str, str]:
    """Return the CSS variables beyond Textual's own."""
    return {
        "muted": palette.muted,
        "faint": palette.faint,
        "quiet": _mix(palette.faint, palette.muted),
        **{f"class-{index}": color for index, color in enumerate(palette.class_colors)},
    }


def prefers_dark(environment: Mapping[str, str] | None = None) -> bool:
    """Guess whether the terminal's background is dark, from COLORFGBG where a terminal sets it ("15;0")."""
    value = (os.environ if environment is None else environment).get("COLORFGBG", "")
    background = value.rpartition(";")[2]
    return background not in ("7", "15")


def _theme(palette: Palette, *, dark: bool) -> Theme:
    return Theme(
        name=THEME_NAMES[dark],
        primary=palette.accent,
        secondary=palette.muted,
        accent=palette.accent,
        warning=palette.warning,
        error=palette.warning,
        success=palette.accent,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.surface,
        dark=dark,
        text_alpha=1.0,
        variables={
            **variables(palette),
            "block-cursor-background": palette.accent,
            "block-cursor-foreground": palette.background,
            "block-cursor-blurred-background": palette.surface,
            "block-cursor-blurred-foreground": palette.text,
            "border": palette.accent,
            "border-blurred": palette.faint,
            "scrollbar": palette.faint,
            "scrollbar-hover": palette.muted,
            "scrollbar-active": palette.accent,
            "scrollbar-background": palette.background,
            "scrollbar-background-hover": palette.background,
            "scrollbar-background-active": palette.background,
            "scrollbar-corner-color": palette.background,
        },
    )


def _mix(first: str, second: str) -> str:
    """Return the color halfway between two colors "#RRGGBB"."""
    mixed = [(int(first[i : i + 2], 16) + int(second[i : i + 2], 16)) // 2 for i in (1, 3, 5)]
    return "#" + "".join(f"{channel:02X}" for channel in mixed)
