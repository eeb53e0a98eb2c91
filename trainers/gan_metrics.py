"""What a GAN's training records, declared for the faces."""

from trainers.events import Better, MetricSpec

JUDGED = 2000  # test images at each evaluation, against as many samples
SPREAD_OF = 512  # of them, for the diversity
COLLAPSED = 0.25  # diversity below which the modes have collapsed
OUTRIGHT = 0.99  # accuracy on both kinds above which the discriminator has won
_WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}
_LOSSES: tuple[tuple[str, str, Better], ...] = (
    ("loss_d", "discriminator's loss", "neither"),
    ("loss_d_real", "discriminator's loss, real part", "neither"),
    ("loss_d_fake", "discriminator's loss, fake part", "neither"),
    ("loss_d_penalty", "discriminator's loss, penalty", "neither"),
    ("loss_g", "generator's loss", "neither"),
)
_ANSWERS: tuple[tuple[str, str], ...] = (
    ("real_logits", "mean logit of real images"),
    ("fake_logits", "mean logit of samples"),
    ("d_accuracy_real", "share of real images taken for real"),
    ("d_accuracy_fake", "share of samples found out"),
)


def specs(unit: str) -> tuple[MetricSpec, ...]:
    """Return the metrics of a GAN.

    Args:
        unit: Of the losses.
    """
    train = [
        MetricSpec(f"train/{quantity}", quantity, f"train {title}", unit, better, "objective", "batch mean")
        for quantity, title, better in _LOSSES
    ]
    train += [
        MetricSpec(f"train/{quantity}", quantity, f"train {title}", "", "neither", "discriminator", "batch mean")
        for quantity, title in _ANSWERS
    ]
    train += [
        MetricSpec(f"train/grad_norm_{name}", f"grad_norm_{name}", title, "", "neither", "optimisation")
        for name, title in (("d", "gradient norm of the discriminator"), ("g", "gradient norm of the generator"))
    ]
    return (*train, *(spec for weights, words in _WEIGHTS.items() for spec in _judged(weights, words)))


def _judged(weights: str, words: str) -> list[MetricSpec]:
    diversity = MetricSpec(
        f"test/diversity_{weights}",
        "diversity",
        f"diversity of samples ({words})",
        "",
        "neither",
        "diversity",
        f"mean distance of {SPREAD_OF} samples of fixed latents over that of the first {SPREAD_OF} test images",
    )
    setup = f"first {JUDGED:,} test images, as many samples of fixed latents"
    answers = [
        MetricSpec(f"test/{name}_{weights}", name, f"test {title} ({words})", "", "neither", "discriminator", setup)
        for name, title in _ANSWERS
    ]
    return [diversity, *answers]
