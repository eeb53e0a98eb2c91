"""The colors of signed values: a latent as large as an image looks the same everywhere."""

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]
LATENT_LIMIT = 3.0  # the colors of a latent end at −3 and 3
_ABOVE, _BELOW = (255.0, 160.0, 60.0), (70.0, 150.0, 255.0)


def diverging_colors(signed: Floats) -> Images:
    """Return values in [−1, 1], (H, W), as colors (H, W, 3): orange above 0, blue below, black at 0."""
    signed = np.nan_to_num(signed)
    above, below = np.clip(signed, 0, 1)[..., None], np.clip(-signed, 0, 1)[..., None]
    mixed = above * np.array(_ABOVE) + below * np.array(_BELOW)
    colors: Images = np.round(mixed).clip(0, 255).astype(np.uint8)
    return colors


def latent_image(z: Floats, image_shape: tuple[int, int, int]) -> Images:
    """Return a latent of an image's size, (d,), in colors, (H, W, 3).

    Args:
        z: The values, in the order of `image_shape`.
        image_shape: (C, H, W). Three channels become red, green and blue, gray at 0.
    """
    values = np.nan_to_num(np.asarray(z, np.float64)).reshape(image_shape).transpose(1, 2, 0) / LATENT_LIMIT
    return signed_image(values)


def signed_image(signed: Floats) -> Images:
    """Return values in [−1, 1], (H, W, C), as colors (H, W, 3).

    One channel is orange above 0, blue below and black at 0. Three become red, green and blue, gray at 0: a mean over
    the channels would hide a wrong hue.
    """
    if signed.shape[2] == 1:
        return diverging_colors(signed[..., 0])
    shaded: Images = np.round((0.5 + np.nan_to_num(signed) / 2).clip(0, 1) * 255).astype(np.uint8)
    return shaded


def latent_legend(channels: int) -> str:
    """Return the legend of the colors of `latent_image`."""
    colors = "orange above 0, blue below, black at 0" if channels == 1 else "red, green and blue by channel, gray at 0"
    return f"{colors}; full color at ±{LATENT_LIMIT:g}"
