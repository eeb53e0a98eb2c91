"""Declarations of the metrics of a GAN."""

from collections.abc import Sequence
from dataclasses import replace

from trainers.events import Better, MetricSpec, eval_metrics, train_metric
from trainers.registry import DataKind

EVALUATED_IMAGES = 2000  # test images per evaluation, and as many samples
DIVERSITY_IMAGES = 512  # of those, the images between which distances are computed: their number is quadratic
COLLAPSED_DIVERSITY = 0.25  # below this, modes have collapsed
WINNING_ACCURACY = 0.99  # above this on real and fake images, the discriminator has won
_LOSS_METRICS: tuple[tuple[str, str, Better], ...] = (
    ("loss_d", "discriminator loss", "neither"),
    ("loss_d_real", "discriminator loss, real part", "neither"),
    ("loss_d_fake", "discriminator loss, fake part", "neither"),
    ("loss_d_penalty", "discriminator loss, penalty", "neither"),
    ("loss_g", "generator loss", "neither"),
)
_DISCRIMINATOR_METRICS: tuple[tuple[str, str], ...] = (
    ("real_logits", "mean logit of real images"),
    ("fake_logits", "mean logit of fakes"),
    ("d_accuracy_real", "accuracy on real images"),
    ("d_accuracy_fake", "accuracy on fakes"),
)
_SHARED_CHARTS = {  # quantity: (title of the chart that it shares, label of its line there)
    "loss_d": ("losses", "D"),
    "loss_g": ("losses", "G"),
    "loss_d_real": ("discriminator loss by part", "real"),
    "loss_d_fake": ("discriminator loss by part", "fake"),
    "loss_d_penalty": ("discriminator loss by part", "penalty"),
    "real_logits": ("mean logit", "real"),
    "fake_logits": ("mean logit", "fake"),
    "d_accuracy_real": ("accuracy of the discriminator", "real"),
    "d_accuracy_fake": ("accuracy of the discriminator", "fake"),
    "grad_norm_d": ("gradient norms", "D"),
    "grad_norm_g": ("gradient norms", "G"),
}


def specs(
    unit: str,
    kind: DataKind = "images",
    *,
    loss: str = "non-saturating",
    centered: bool = True,
    r1_every: int = 1,
    diff_augment: Sequence[str] = (),
) -> tuple[MetricSpec, ...]:
    """Return the metrics of a GAN.

    Args:
        unit: Unit of the losses.
        kind: Kind of the data, to be named in titles and setups.
        loss: Name of the loss, on which the values of losses depend.
        centered: Whether the decision threshold of the accuracies is 0; else it is halfway between the mean logits.
        r1_every: Steps between R1 penalties, each multiplied by as many.
        diff_augment: Augmentations of all that the discriminator sees in training.
    """
    # Of each training step: losses, the discriminator's logits and accuracies, gradient norms.
    batch_mean = f"DiffAugment ({', '.join(diff_augment)}), batch mean" if diff_augment else "batch mean"
    threshold = "" if centered else ", threshold halfway between the mean logits"
    specs = []
    for quantity, title, better in _LOSS_METRICS:
        has_penalty = quantity in ("loss_d", "loss_d_penalty")
        interval = f", R1 every {r1_every} steps, times {r1_every}" if r1_every > 1 and has_penalty else ""
        setup = f"{loss} loss, {batch_mean}{interval}"
        specs.append(train_metric(quantity, title, unit, better, "objective", setup))
    for quantity, title in _DISCRIMINATOR_METRICS:
        setup = batch_mean + (threshold if quantity.startswith("d_accuracy") else "")
        specs.append(train_metric(quantity, title, "", "neither", "discriminator", setup))
    for name, title in (("d", "discriminator"), ("g", "generator")):
        quantity = f"grad_norm_{name}"
        title = f"gradient norm of the {title}"
        specs.append(MetricSpec(f"train/{quantity}", quantity, title, "", "neither", "optimization", "before clipping"))
    # Of each evaluation: diversity, and the discriminator again.
    count = DIVERSITY_IMAGES
    setup = f"mean distance of {count} samples of fixed latents over that of the first {count} test images"
    specs += eval_metrics("diversity", "diversity of samples", "", "neither", "diversity", setup)
    setup = f"first {EVALUATED_IMAGES:,} test images, as many samples of fixed latents"
    for quantity, title in _DISCRIMINATOR_METRICS:
        own = setup + (threshold if quantity.startswith("d_accuracy") else "")
        specs += eval_metrics(quantity, f"test {title}", "", "neither", "discriminator", own)
    # Name the kind of data, and let quantities that are compared share a chart.
    result = []
    for spec in specs:
        chart, label = _SHARED_CHARTS.get(spec.quantity, ("", ""))
        title, setup = spec.title.replace("images", kind), spec.setup.replace("images", kind)
        result.append(replace(spec, title=title, setup=setup, chart=chart, label=label))
    return tuple(result)
