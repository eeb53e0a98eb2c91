"""Grids of latents, or of 2-D points, in coordinates z or u = Φ(z), where Φ is the standard normal CDF."""

import torch
from torch import Tensor

MANIFOLD_SIDE = 20  # cells per side of a manifold, by default


def cell_centers(
    rows: int, columns: int, bounds: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0), coords: str = "u"
) -> Tensor:
    """Return the latents at the centers of a grid's cells; row 0 is at the top, where y is largest.

    Args:
        rows: Number of rows.
        columns: Number of columns.
        bounds: (x0, x1, y0, y1) of the whole grid.
        coords: "z" or "u". Cells of equal size in u, where z = Φ⁻¹(u), have equal mass under the prior N(0, I).

    Returns:
        (rows · columns, 2), float32.
    """
    x0, x1, y0, y1 = bounds
    x = x0 + (x1 - x0) * (torch.arange(columns, dtype=torch.float64) + 0.5) / columns
    y = y1 - (y1 - y0) * (torch.arange(rows, dtype=torch.float64) + 0.5) / rows
    points = torch.cartesian_prod(y, x).flip(-1)
    if coords == "u":
        eps = 1e-6  # Φ⁻¹ is infinite at 0 and 1
        points = torch.special.ndtri(points.clamp(eps, 1 - eps))
    return points.float()
