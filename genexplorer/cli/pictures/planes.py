"""Planes through more than two latent dimensions, as the command line names them and draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genexplorer.cli import output
from genexplorer.cli.pictures import latents
from genexplorer.cli.pictures.query import Asked
from genexplorer.errors import ConfigError

_MARGIN = 0.25  # around three points, of the side of what holds them
_USUAL = (-3.0, 3.0, -3.0, 3.0)


@dataclass(frozen=True)
class Plane:
    """A plane by name: one of the three."""

    axes: tuple[int, int] | None = None
    through: tuple[latents.End, ...] = ()
    principal: bool = False


def parse(axes: str | None, through: str | None, *, principal: bool) -> Plane | None:
    """Return the plane that the options name; None where they name none.

    Raises:
        ConfigError: if they name several, or are not understood.
    """
    if sum((axes is not None, through is not None, principal)) > 1:
        raise ConfigError("--axes, --through and --principal each name a plane", "give one of them")
    if axes is not None:
        parts = axes.split(",")
        if len(parts) != 2 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
            raise ConfigError(f"--axes {axes[:60]}: not two axes", "for instance --axes 3,7")
        return Plane(axes=(int(parts[0]), int(parts[1])))
    if through is not None:
        named = through.split(";" if ";" in through else ",")
        if len(named) != 3:
            raise ConfigError(f"--through {through[:60]}: not three latents", "for instance --through 0,1,test:7")
        return Plane(through=tuple(latents.parse(text, "--through") for text in named))
    return Plane(principal=True) if principal else None


def draw(asked: Asked, plane: Plane, area: Sequence[float] | None, *, rows: int, columns: int, scale: int) -> None:
    """Write the images at the cells of a part of a plane; by default of the part that matters."""
    laid = _laid(asked, plane)
    area = area or _area(laid.meta.get("points"))
    output.say(f"plane: {laid.meta['title']}")
    params = {"rows": rows, "columns": columns, "bounds": list(area), "coords": "z"}
    drawn = asked.answer("manifold", params, dict(laid.arrays))
    images = drawn.arrays["images"]
    about = drawn.about | {"plane": str(laid.meta["title"])}
    asked.write(images.reshape(-1, *images.shape[2:]), columns, scale, about)


def _laid(asked: Asked, plane: Plane) -> Any:
    import numpy as np

    if plane.axes is not None:
        return asked.answer("plane", {"kind": "axes", "indices": list(plane.axes)})
    if plane.principal:
        return asked.answer("plane", {"kind": "principal"})
    z = np.stack([latents.find(asked, end) for end in plane.through])
    return asked.answer("plane", {"kind": "points"}, {"z": z})


def _area(points: Any) -> tuple[float, float, float, float]:
    """Return a square window that holds three points of a plane with a margin."""
    if not points:
        return _USUAL
    a, b = [place[0] for place in points], [place[1] for place in points]
    center = (min(a) + max(a)) / 2, (min(b) + max(b)) / 2
    half = max(max(a) - min(a), max(b) - min(b)) * (0.5 + _MARGIN)
    return center[0] - half, center[0] + half, center[1] - half, center[1] + half
