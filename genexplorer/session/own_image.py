"""An image of the user that several tabs use."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class OwnImage:
    """An image of the user, or a point of 2-D data.

    Args:
        x: (H, W, C) uint8 in the shape of the model's images; a point is (2,).
        name: "drawing", or the name of the file.
    """

    x: NDArray[Any]
    name: str
