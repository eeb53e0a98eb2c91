"""Why the plane cannot be shown, and what to do instead. No Qt."""

from math import prod

from trainers.model_card import ModelCard

_NO_SQUARE = "Φ(z) spreads the prior of two latent dimensions over a square; a plane through more has none"
_NO_ELLIPSE = "q(z|x) of more than two dimensions is not seen in a plane"


def missing_plane_reason(card: ModelCard) -> str | None:
    """Return why a model has no latent plane of images, or None if it has one."""
    decode = card.capability("decode")
    if not decode.available:
        return f"This {card.title} cannot decode: {decode.reason}"
    size = latent_size(card)
    needed = card.capability("plane" if size > 2 else "manifold")
    if needed.available and size >= 2:
        return None
    few = f"{size} latent dimension spans no plane"
    return f"This {card.title} has no latent plane of images.\n{few if size < 2 else needed.reason}"


def switched_off(card: ModelCard) -> dict[str, str]:
    """Return why a switch of the plane is off, by its name; an empty reason where it is not."""
    planes, encode = has_planes(card), card.capability("encode")
    no_encoder = "" if encode.available else encode.reason
    return {
        "coords": _NO_SQUARE if planes else "",
        "points": no_encoder,
        "ellipses": no_encoder or (_NO_ELLIPSE if planes else ""),
    }


def has_planes(card: ModelCard) -> bool:
    """Whether planes are laid through more than two latent dimensions."""
    return latent_size(card) > 2 and card.capability("plane").available


def latent_size(card: ModelCard) -> int:
    """Return the number of latent dimensions."""
    return prod(card.latent_shape)
