"""Latents on the command line: 7 is the sample of a seed, test:12 a test image, 0.5,-1 the coordinates."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from genexplorer.errors import ConfigError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.cli.pictures.image_command import ImageCommand

HELP = "seed of a sample, test:N for a test image, or coordinates such as 0.5,-1"
_FORMAT_HINT = "give a seed such as 7, a test image such as test:12, or coordinates such as 0.5,-1"
MAX_SEED = 2**63 - 1  # the largest signed 64-bit integer


@dataclass(frozen=True)
class LatentRef:
    """Reference to a latent: a sample, a test image or coordinates."""

    origin: Literal["sample", "test image", "coordinates"]
    number: int = 0  # the seed, or the index in the test set
    coordinates: tuple[float, ...] = ()


def parse(text: str, option: str) -> LatentRef:
    """Parse a reference to a latent.

    Raises:
        ConfigError: if it is malformed.
    """
    prefix, _, index = text.strip().partition(":")
    if index and prefix == "test" and index.isascii() and index.isdigit():
        return LatentRef("test image", int(index))
    if text.strip().isascii() and text.strip().isdigit() and int(text) <= MAX_SEED:
        return LatentRef("sample", int(text))
    try:
        coordinates = tuple(float(part) for part in text.split(","))
    except ValueError:
        coordinates = ()
    if len(coordinates) < 2 or not all(map(math.isfinite, coordinates)):
        raise ConfigError(f"{option} {text[:60]}: not a latent", _FORMAT_HINT)
    return LatentRef("coordinates", coordinates=coordinates)


def resolve(command: "ImageCommand", latent_ref: LatentRef) -> "NDArray[np.float32]":
    """Return the latent of a reference, (d,). A test image is encoded or, without an encoder, inverted by optimization.

    Raises:
        ConfigError: if the number of coordinates is wrong, or the index is beyond the test set.
        UserError: if the model can neither encode nor invert.
    """
    import numpy as np

    (size,) = command.card.latent_shape
    if latent_ref.origin == "coordinates":
        if len(latent_ref.coordinates) != size:
            raise ConfigError(f"{len(latent_ref.coordinates)} coordinates: the latent has {size}", _FORMAT_HINT)
        return np.array(latent_ref.coordinates, np.float32)
    if latent_ref.origin == "sample":
        z = command.request("sample", {"count": 1, "seed": latent_ref.number}).arrays["z"]
    elif latent_ref.number >= command.num_test:
        raise ConfigError(
            f"test:{latent_ref.number}: the test set has {command.num_test:,} images", "use a smaller index"
        )
    elif command.has_capability("encode"):
        z = command.request("encode", {"indices": [latent_ref.number]}).arrays["mu"]
    elif command.has_capability("invert"):
        z = command.request("invert", {"indices": [latent_ref.number]}).arrays["z"]
    else:
        reason = command.card.capability("encode").reason
        raise UserError(f"test:{latent_ref.number}: {reason}", "use seeds of samples instead")
    return np.asarray(z[0], np.float32)
