"""Which ellipses are drawn in the plane."""

import numpy as np

from genexplorer.session.plane import Plane
from genexplorer.viewer.tabs.manifold.layers import Outline, outline_shape
from genexplorer.viewer.tabs.manifold.scatter import Cloud, aggregate, ellipse

MANY = 400  # ellipses of points that are drawn at most


def of_point(cloud: Cloud, row: int, plane: Plane) -> list[Outline]:
    """Return 1σ and 2σ of a point's q(z|x)."""
    mu, sigma = cloud.mu[row], cloud.sigma[row]
    return [
        Outline(outline_shape([ellipse(mu, sigma, plane, 1)])),
        Outline(outline_shape([ellipse(mu, sigma, plane, 2)]), dashed=True),
    ]


def of_cloud(cloud: Cloud, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]", plane: Plane) -> list[Outline]:
    """Return 1σ of many points as thin lines, and 1σ and 2σ of the prior (dashed) and of the aggregate q(z)."""
    points = [ellipse(cloud.mu[row], cloud.sigma[row], plane, 1, points=32) for row in rows[:MANY]]
    mean, root = aggregate(cloud)
    outlines = [Outline(outline_shape(points), faint=True)]
    for scale, suffix in ((1, "1σ"), (2, "2σ")):
        prior = ellipse(np.zeros(2), np.ones(2), plane, scale)
        outlines.append(Outline(outline_shape([prior]), dashed=True, name=f"prior {suffix}" if scale == 2 else ""))
        q = ellipse(mean, root, plane, scale)
        outlines.append(Outline(outline_shape([q]), name=f"q(z) {suffix}" if scale == 2 else ""))
    return outlines
