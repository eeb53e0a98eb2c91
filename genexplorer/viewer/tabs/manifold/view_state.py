"""What the Manifold tab remembers until the viewer's next start. No Qt."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genexplorer.session.plane import Coords
from genexplorer.viewer.tabs.manifold.scatter import COUNTS
from genexplorer.viewer.tabs.manifold.tiles import TARGET
from genexplorer.viewer.tabs.manifold.visible_range import Bounds


@dataclass(frozen=True)
class Remembered:
    """Switches and the part of the plane; `bounds` None is home."""

    coords: Coords = "z"
    bounds: Bounds | None = None
    target: int = TARGET
    points: bool = True
    count: int = COUNTS[1]
    ellipses: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "coords": self.coords,
            "bounds": None if self.bounds is None else list(self.bounds),
            "target": self.target,
            "points": self.points,
            "count": self.count,
            "ellipses": self.ellipses,
        }

    @staticmethod
    def from_json(state: Mapping[str, Any]) -> "Remembered":
        """Take what is sound of a remembered state, and the defaults for the rest."""
        usual = Remembered()
        target, count = state.get("target"), state.get("count")
        return Remembered(
            coords="u" if state.get("coords") == "u" else "z",
            bounds=_bounds(state.get("bounds")),
            target=target if isinstance(target, int) and 4 <= target <= 60 else usual.target,
            points=state.get("points") is not False,
            count=count if count in COUNTS else usual.count,
            ellipses=state.get("ellipses") is True,
        )


def _bounds(value: object) -> Bounds | None:
    if not isinstance(value, list) or len(value) != 4:
        return None
    if not all(isinstance(edge, int | float) and math.isfinite(edge) and abs(edge) < 100 for edge in value):
        return None
    x0, x1, y0, y1 = (float(edge) for edge in value)
    return (x0, x1, y0, y1) if x1 - x0 > 1e-6 and y1 - y0 > 1e-6 else None
