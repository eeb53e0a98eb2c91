"""Mean codes of classes: where a class is in latent space."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_CODES = 2000  # from which means are computed
_MAX_VALUES = 8_000_000  # of a response with all codes: those of many dimensions are fewer


def num_codes(latent_size: int, num_test: int) -> int:
    """Return of how many test images the codes are requested."""
    return max(1, min(MAX_CODES, num_test, _MAX_VALUES // max(latent_size, 1)))


def mean_codes(mu: NDArray[Any], labels: NDArray[Any]) -> dict[int, Floats]:
    """Return the mean code, (d,), of each class that occurs.

    Args:
        mu: Codes, (N, d); those that are not finite are left out.
        labels: Classes, (N,); -1 where unknown.
    """
    codes, classes = np.asarray(mu, np.float64), np.asarray(labels, np.int64)
    is_valid = np.isfinite(codes).all(axis=1) & (classes >= 0)
    codes, classes = codes[is_valid], classes[is_valid]
    return {int(label): codes[classes == label].mean(axis=0) for label in np.unique(classes)}
