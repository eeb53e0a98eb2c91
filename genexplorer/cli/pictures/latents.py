"""How a latent is named on the command line: 7 is the sample of a seed, test:12 a test image, 0.5,-1 the numbers."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from genexplorer.errors import ConfigError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.cli.pictures.query import Asked

HELP = "seed of a sample, test:N for a test image, or the latent's numbers with commas"
_HINT = "give a seed such as 7, a test image such as test:12, or numbers such as 0.5,-1"
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class End:
    """A latent by name."""

    kind: Literal["sample", "test", "latent"]
    number: int = 0  # the seed, or the place in the test set
    numbers: tuple[float, ...] = ()


def parse(text: str, option: str) -> End:
    """Return what a text names.

    Raises:
        ConfigError: if it names nothing.
    """
    before, _, after = text.strip().partition(":")
    if after and before == "test" and after.isascii() and after.isdigit():
        return End("test", int(after))
    if text.strip().isascii() and text.strip().isdigit() and int(text) <= MAX_SEED:
        return End("sample", int(text))
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) < 2 or not all(math.isfinite(number) for number in numbers):
        raise ConfigError(f"{option} {text[:60]}: names no latent", _HINT)
    return End("latent", numbers=numbers)


def find(asked: "Asked", end: End) -> "NDArray[np.float32]":
    """Return the latent that is meant, (d,); a test image's is encoded, or searched for where there is no encoder.

    Raises:
        ConfigError: if the numbers are too few or too many, or the test set has no such image.
        UserError: if the model can neither encode nor invert.
    """
    import numpy as np

    (size,) = asked.card.latent_shape
    if end.kind == "latent":
        if len(end.numbers) != size:
            raise ConfigError(f"{len(end.numbers)} numbers: the latent has {size}", _HINT)
        return np.array(end.numbers, np.float32)
    if end.kind == "sample":
        found: Any = asked.answer("sample", {"count": 1, "seed": end.number}).arrays["z"][0]
        return np.asarray(found, np.float32)
    if end.number >= asked.num_test:
        raise ConfigError(f"test:{end.number}: the test set has {asked.num_test:,} images", "take a smaller number")
    if asked.can("encode"):
        return np.asarray(asked.answer("encode", {"indices": [end.number]}).arrays["mu"][0], np.float32)
    if not asked.can("invert"):
        raise UserError(f"test:{end.number}: {asked.card.capability('encode').reason}", "take seeds of samples instead")
    return np.asarray(asked.answer("invert", {"indices": [end.number]}).arrays["z"][0], np.float32)
