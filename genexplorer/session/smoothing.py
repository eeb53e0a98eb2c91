"""Curves made calm: an exponential mean that begins at the first value and keeps gaps as gaps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def smooth(values: ArrayLike, weight: float) -> NDArray[np.float64]:
    """Return the debiased exponential moving average of a curve.

    Args:
        values: The curve, (N,). What is not finite stays NaN in the result and does not touch its neighbors.
        weight: The share of the past, in [0, 1); 0 changes nothing.
    Returns:
        The calm curve, (N,).
    Raises:
        ValueError: if the weight is outside [0, 1).
    Reference: the bias correction of Kingma & Ba 2015, section 3, arXiv:1412.6980.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"a weight lies in [0, 1), not {weight}")
    curve = np.asarray(values, dtype=np.float64)
    calm = np.full(curve.shape, np.nan)
    past, share = 0.0, 0.0
    for place in np.flatnonzero(np.isfinite(curve)):
        past = weight * past + (1 - weight) * float(curve[place])
        share = weight * share + (1 - weight)
        calm[place] = past / share
    return calm
