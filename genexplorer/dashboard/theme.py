"""The dark and the light theme, from the palette that dashboard and viewer share, and the saved choice of theme."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from textual.theme import Theme

from genexplorer import paths
from genexplorer.session.palette import DARK, LIGHT, Palette, rgb
from trainers.storage.atomic_files import write_json

DARK_THEME, LIGHT_THEME = "genexplorer-dark", "genexplorer-light"
_PREFERENCES_FILE = "dashboard.json"  # in the user's state folder
_MAX_PREFERENCES_BYTES = 1 << 16


def build_themes() -> list[Theme]:
    """Return the dark and the light theme."""
    return [_build_theme(DARK_THEME, DARK), _build_theme(LIGHT_THEME, LIGHT)]


def load_theme() -> str | None:
    """Return the theme that was chosen last; None if nothing was saved or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        path = _preferences_path()
        if path.stat().st_size <= _MAX_PREFERENCES_BYTES:
            values = json.loads(path.read_text(encoding="utf-8"))
            mode = values.get("look") if isinstance(values, dict) else None
            return {"dark": DARK_THEME, "light": LIGHT_THEME}.get(mode) if isinstance(mode, str) else None
    return None


def save_theme(name: str) -> None:
    """Save the choice of theme; a full or read-only disk is ignored."""
    with contextlib.suppress(OSError):
        write_json(_preferences_path(), {"look": "light" if name == LIGHT_THEME else "dark"})


def _preferences_path() -> Path:
    return paths.state_dir() / _PREFERENCES_FILE


def css_variables(palette: Palette) -> dict[str, str]:
    """Return the colors of a palette that Textual has no variables for, by name of the CSS variable."""
    subtle = [(a + b) // 2 for a, b in zip(rgb(palette.faint), rgb(palette.muted), strict=True)]
    return {
        "muted": palette.muted,
        "faint": palette.faint,
        "subtle": "#" + "".join(f"{channel:02X}" for channel in subtle),
        **{f"label-{index}": color for index, color in enumerate(palette.class_colors)},
    }


def is_terminal_dark(environment: Mapping[str, str] | None = None) -> bool:
    """Guess whether the terminal's background is dark, from COLORFGBG where a terminal sets it ("15;0")."""
    value = (os.environ if environment is None else environment).get("COLORFGBG", "")
    background = value.rpartition(";")[2]
    return background not in ("7", "15")


def _build_theme(name: str, palette: Palette) -> Theme:
    return Theme(
        name=name,
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
        dark=palette is DARK,
        text_alpha=1.0,
        variables={
            **css_variables(palette),
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
