"""What a GAN's training records, declared for the faces."""

from dataclasses import replace

from trainers.events import Better, MetricSpec
from trainers.registry import DataKind

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
_TOGETHER = {  # the chart that quantities share, and what each line is called there
    "loss_d": ("losses", "D"),
    "loss_g": ("losses", "G"),
    "loss_d_real": ("discriminator's loss by part", "real"),
    "loss_d_fake": ("discriminator's loss by part", "fake"),
    "loss_d_penalty": ("discriminator's loss by part", "penalty"),
    "real_logits": ("mean logit", "real"),
    "fake_logits": ("mean logit", "fake"),
    "d_accuracy_real": ("accuracy of the discriminator", "real"),
    "d_accuracy_fake": ("accuracy of the discriminator", "fake"),
    "grad_norm_d": ("gradient norms", "D"),
    "grad_norm_g": ("gradient norms", "G"),
}


def specs(unit: str, kind: DataKind = "images") -> tuple[MetricSpec, ...]:
    """Return the metrics of a GAN.

    Args:
        unit: Of the losses.
        kind: What the data are, in words.
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
        MetricSpec(f"train/grad_norm_{name}", f"grad_norm_{name}", title, "", "neither", "optimization")
        for name, title in (("d", "gradient norm of the discriminator"), ("g", "gradient norm of the generator"))
    ]
    test = [spec for weights, words in _WEIGHTS.items() for spec in _judged(weights, words)]
    return tuple(_placed(spec, kind) for spec in (*train, *test))


def _placed(spec: MetricSpec, kind: DataKind) -> MetricSpec:
    chart, label = _TOGETHER.get(spec.quantity, ("", ""))
    title, setup = (text.replace("images", kind) for text in (spec.title, spec.setup))
    return replace(spec, title=title, setup=setup, chart=chart, label=label)


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
