"""What is known of the prior N(0, I) without a model."""

import math


def typical_norm(size: int) -> float:
    """Return the mean length of a sample of N(0, I) in `size` dimensions: the mean of a chi distribution, about √d."""
    return math.sqrt(2) * math.exp(math.lgamma((size + 1) / 2) - math.lgamma(size / 2))
