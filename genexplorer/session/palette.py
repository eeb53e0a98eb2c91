"""Colors of dashboard and viewer: grays, an accent, a warning, and ten class colors.

The class colors maximize the smallest distance between any two under normal, protanopic, deuteranopic and tritanopic
vision, at bounded chroma.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colors as "#RRGGBB".

    Text in `text`, `muted`, `accent` and `warning` is readable on `background` and `surface` (WCAG AA).
    """

    name: str
    background: str  # behind the window's content and plots
    surface: str  # behind fields and selected rows
    text: str
    muted: str  # secondary text: labels, units, hints
    faint: str  # lines, grids, raw curves; never text
    accent: str
    warning: str
    class_colors: tuple[str, ...]  # ten, repeated for further classes

    def class_color(self, label: int) -> str:
        """Return the color of a class; `muted` for -1, an unknown label."""
        return self.muted if label < 0 else self.class_colors[label % len(self.class_colors)]


LIGHT = Palette(
    name="light",
    background="#FAFAF8",
    surface="#EFEFEC",
    text="#1F2328",
    muted="#5B6168",
    faint="#CFD2D6",
    accent="#1763A6",
    warning="#A8480A",
    class_colors=(
        "#1966A1",
        "#FB942E",
        "#788008",
        "#700347",
        "#7778EC",
        "#784926",
        "#1FB9FF",
        "#AF7A8B",
        "#38248E",
        "#9FBA9E",
    ),
)

DARK = Palette(
    name="dark",
    background="#16181C",
    surface="#23262C",
    text="#E4E6E9",
    muted="#9BA1A9",
    faint="#3D424A",
    accent="#6FB1F0",
    warning="#F0A35E",
    class_colors=(
        "#2278DA",
        "#E1B40B",
        "#2ACE9F",
        "#B83636",
        "#B7A2F2",
        "#CA7600",
        "#1DFCFF",
        "#7E578E",
        "#B7F28A",
        "#839192",
    ),
)


def rgb(color: str) -> tuple[int, int, int]:
    """Return the red, green and blue of a color "#RRGGBB", each 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def contrast(color: str, background: str) -> float:
    """Return the contrast ratio of two colors, 1 to 21.

    Reference: WCAG 2.2, "contrast ratio".
    """
    light, dark = sorted((_luminance(color), _luminance(background)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    """Return the relative luminance of a color: its channels are linearized, then weighted."""
    fractions = [channel / 255 for channel in rgb(color)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else float(((x + 0.055) / 1.055) ** 2.4) for x in fractions)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
