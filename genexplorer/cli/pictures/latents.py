"""Latents on the command line: 7 is the sample of a seed, test:12 a test image, 0.5,-1 the coordinates."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genexplorer.errors import ConfigError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.cli.pictures.query import ModelQuery

HELP = "seed of a sample, test:N for a test image, or coordinates such as 0.5,-1"
_HINT = "give a seed such as 7, a test image such as test:12, or coordinates such as 0.5,-1"
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class LatentRef:
    """Reference to a latent."""

    kind: Literal["sample", "test", "latent"]
    number: int = 0  # the seed, or the index in the test set
    coordinates: tuple[float, ...] = ()


def parse(text: str, option: str) -> LatentRef:
    """Parse a reference to a latent.

    Raises:
        ConfigError: if it is malformed.
    """
    before, _, after = text.strip().partition(":")
    if after and before == "test" and after.isascii() and after.isdigit():
        return LatentRef("test", int(after))
    if text.strip().isascii() and text.strip().isdigit() and int(text) <= MAX_SEED:
        return LatentRef("sample", int(text))
    try:
        coordinates = tuple(float(part) for part in text.split(","))
    except ValueError:
        coordinates = ()
    if len(coordinates) < 2 or not all(map(math.isfinite, coordinates)):
        raise ConfigError(f"{option} {text[:60]}: not a latent", _HINT)
    return LatentRef("latent", coordinates=coordinates)


def find(query: "ModelQuery", latent: LatentRef) -> "NDArray[np.float32]":
    """Return a latent, (d,). A test image is encoded, or inverted by optimization without an encoder.

    Raises:
        ConfigError: if the number of coordinates is wrong, or the index is beyond the test set.
        UserError: if the model can neither encode nor invert.
    """
    import numpy as np

    (size,) = query.card.latent_shape
    if latent.kind == "latent":
        if len(latent.coordinates) != size:
            raise ConfigError(f"{len(latent.coordinates)} coordinates: the latent has {size}", _HINT)
        return np.array(latent.coordinates, np.float32)
    if latent.kind == "sample":
        z = query.send("sample", {"count": 1, "seed": latent.number}).arrays["z"]
    elif latent.number >= query.num_test:
        raise ConfigError(f"test:{latent.number}: the test set has {query.num_test:,} images", "use a smaller index")
    elif query.can("encode"):
        z = query.send("encode", {"indices": [latent.number]}).arrays["mu"]
    elif query.can("invert"):
        z = query.send("invert", {"indices": [latent.number]}).arrays["z"]
    else:
        reason = query.card.capability("encode").reason
        raise UserError(f"test:{latent.number}: {reason}", "use seeds of samples instead")
    return np.asarray(z[0], np.float32)
