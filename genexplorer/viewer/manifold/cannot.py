"""Why the plane cannot be shown, and what to do instead. No Qt."""

from trainers.card import Card


def why_not(has_run: bool, step: int | None, card: Card | None) -> str | None:
    """Return why there is no plane to walk through, in one or two sentences, or None if there is one."""
    if not has_run:
        return "No run is open. Open one with the run menu, or press N to train a 2-D VAE."
    if step is None:
        return "Waiting for the first snapshot. It comes with the first step of the training."
    if card is None:
        return f"The snapshot at step {step:,} cannot be read. Move to another one with [ and ]."
    decode = card.ability("decode")
    if not decode.available:
        return f"This {card.title} cannot decode: {decode.reason}"
    dims = _size(card.latent_shape)
    if dims != 2:
        return (
            f"The latent space of this {card.title} has {dims} dimensions; a plane shows 2.\n"
            "Samples and Encode work with any number. To walk through a plane, press N and train vae-2d."
        )
    return None


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
