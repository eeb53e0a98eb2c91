"""Readable text, and class colors that can be distinguished."""

import numpy as np
import pytest
from numpy.typing import NDArray

from genexplorer.session.palette import DARK, LIGHT, Palette, contrast, rgb

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)


def oklab(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ottosson 2020."""
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab: NDArray[np.float64] = np.cbrt(np.clip(cones, 0, None)) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab


@THEMES
def test_text_is_readable_on_both_backgrounds(theme: Palette) -> None:
    for ground in (theme.background, theme.surface):
        for color in (theme.text, theme.muted, theme.accent, theme.warning):
            assert contrast(color, ground) >= 4.5, (color, ground)


@THEMES
def test_lines_and_points_are_visible(theme: Palette) -> None:
    assert contrast(theme.faint, theme.background) >= 1.3
    for color in theme.class_colors:
        assert contrast(color, theme.background) >= 2.0, color


@THEMES
@pytest.mark.parametrize("vision", VISION)
def test_class_colors_differ_with_color_blindness(theme: Palette, vision: str) -> None:
    assert len(set(theme.class_colors)) == 10
    encoded = np.array([rgb(color) for color in theme.class_colors]) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    calls = oklab(np.clip(linear @ VISION[vision].T, 0, 1))
    apart = np.linalg.norm(calls[:, None] - calls[None], axis=-1) + np.eye(10)
    assert apart.min() > 0.09  # Okabe and Ito's eight colors reach 0.07


def test_contrast_follows_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_class_colors_repeat() -> None:
    assert LIGHT.class_color(-1) == LIGHT.muted
    assert LIGHT.class_color(13) == LIGHT.class_colors[3]
