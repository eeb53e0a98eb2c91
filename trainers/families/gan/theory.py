"""The Theory tabs of a GAN: equation, terms and pipeline."""

from dataclasses import dataclass
from typing import Any

from trainers.registry import DataKind
from trainers.theory import Stage, Term, Theory


@dataclass(frozen=True)
class _LossTheory:
    """Formulas of a loss, and their explanations."""

    real: str
    fake: str
    generator: str
    reference: str
    real_explanation: str
    fake_explanation: str
    generator_explanation: str
    note: str
    penalty: str = ""
    unit: str = ""


_LOSSES = {
    "non-saturating": _LossTheory(
        real="E[−log σ(D(x))]",
        fake="E[−log(1 − σ(D(G(z))))]",
        generator="E[−log σ(D(G(z)))]",
        unit="nats",
        reference="Goodfellow et al. 2014, eq. 1 and section 3, arXiv:1406.2661",
        real_explanation="D's loss on real images: 0 when it is certain, log 2 = 0.693 when it guesses.",
        fake_explanation="D's loss on fakes. It grows as the samples become realistic.",
        generator_explanation="G's loss on its samples, labeled as real. The non-saturating form keeps a gradient when "
        "D wins.",
        note="If D cannot distinguish them, both parts are log 2: L_D = 1.386 nats, L_G = 0.693 nats. "
        "Neither loss measures image quality; inspect samples and diversity.",
    ),
    "hinge": _LossTheory(
        real="E[max(0, 1 − D(x))]",
        fake="E[max(0, 1 + D(G(z)))]",
        generator="−E[D(G(z))]",
        reference="Miyato et al. 2018, eq. 16 and 17, arXiv:1802.05957",
        real_explanation="How far real images are below the margin D = 1. Those beyond it contribute no gradient.",
        fake_explanation="How far fakes are above the margin D = −1. It grows as the samples become realistic.",
        generator_explanation="Minus the mean logit of the fakes, without a margin: the gradient never vanishes.",
        note="If D cannot distinguish them, both parts are 1. D learns only from images within the margin.",
    ),
    "least-squares": _LossTheory(
        real="½E[(D(x) − 1)²]",
        fake="½E[(D(G(z)) + 1)²]",
        generator="½E[(D(G(z)) − 1)²]",
        reference="Mao et al. 2017, eq. 2 with a = −1, b = c = 1, arXiv:1611.04076",
        real_explanation="Squared distance of D(x) from 1 on real images.",
        fake_explanation="Squared distance of D from −1 on fakes. It grows as the samples become realistic.",
        generator_explanation="Squared distance of D from 1 on fakes: even fakes classified as real get a gradient.",
        note="If D cannot distinguish them, D = 0 and both parts are ½.",
    ),
    "wasserstein-gp": _LossTheory(
        real="−E[D(x)]",
        fake="E[D(G(z))]",
        generator="−E[D(G(z))]",
        penalty="λ E[(‖∇D(x̃)‖ − 1)²]",
        reference="Gulrajani et al. 2017, eq. 3, arXiv:1704.00028",
        real_explanation="Minus the mean critic value of real images.",
        fake_explanation="The mean critic value of fakes. The gap between both estimates the Wasserstein distance "
        "between samples and data.",
        generator_explanation="Minus the mean critic value of fakes. Its zero drifts with D; only differences are "
        "meaningful.",
        note="The penalty keeps D 1-Lipschitz between data and samples; without it the gap would be unbounded.",
    ),
}
_R1 = "γ/2 E[‖∇D(x)‖²]"
_GRADIENT_PENALTY = (
    "Penalizes gradient norms other than 1 between data and samples, so that the loss estimates a distance."
)
_R1_PENALTY = (
    "Penalizes the gradient of D at the data (Mescheder et al. 2018, eq. 9, arXiv:1801.04406). "
    "R1 damps oscillation; applied every k-th step, it is 0 on the others."
)
_NO_PENALTY = "No penalty is enabled. model.r1, or the loss wasserstein-gp, would bound the gradient of D."


def theory_for(options: Any, kind: DataKind) -> Theory:
    """Return the theory of a GAN with `GanOptions` on a kind of data."""
    loss, item = _LOSSES[options.loss], "image" if kind == "images" else "point"
    # The discriminator's loss, with the penalties that are enabled.
    penalty = " + ".join(filter(None, (loss.penalty, _R1 if options.r1 else "")))
    parts = " + ".join(filter(None, (loss.real, loss.fake, penalty))).replace("+ −", "− ")
    about_penalty = _NO_PENALTY
    if loss.penalty:
        about_penalty = _GRADIENT_PENALTY
    elif options.r1 > 0:
        about_penalty = _R1_PENALTY
    # The metrics beside it.
    fake_logit = "Mean logit on fakes. The closer to the real logit, the better G."
    diversity = (
        f"Mean distance between samples, relative to that between test {item}s: 1 is as diverse as the data. "
        f"Near 0, every z gives the same {item}: the modes have collapsed."
    )
    real_accuracy, fake_accuracy = (
        f"Share of real {item}s classified as real.",
        "Share of fakes detected; ½ is guessing.",
    )
    threshold = "0"
    if options.loss == "wasserstein-gp":  # a critic has no absolute zero
        threshold = "t"
        real_accuracy += " The threshold t is halfway between the mean values on real and fake."
    other_metrics = (
        Term(loss.generator, "loss_g", 1, "L_G", loss.generator_explanation),
        Term("D(x)", "real_logits", 1, "real logit", f"Mean logit on real {item}s."),
        Term("D(G(z))", "fake_logits", 1, "fake logit", fake_logit),
        Term(f"P(D(x) > {threshold})", "d_accuracy_real", 1, "accuracy on real", real_accuracy),
        Term(f"P(D(G(z)) < {threshold})", "d_accuracy_fake", 1, "accuracy on fake", fake_accuracy),
        Term("E‖x̂ − x̂′‖ / E‖x − x′‖", "diversity", 1, "diversity", diversity),
    )
    # The pipeline.
    fake_logits = "The discriminator's logit; above 0 is classified as real."
    if options.loss == "wasserstein-gp":
        fake_logits = "The critic's value, which has no absolute zero: higher than others means more real."
    stages = (
        Stage("z", "latent", "A sample of N(0, I).", "z"),
        Stage("x̂ = G(z)", f"generated {item}", f"The generator's output. G is never shown a real {item}.", "fake"),
        Stage("D(x̂)", "logit of the fake", fake_logits, "fake_logits"),
        Stage("x", f"real {item}", f"A test {item}, for comparison.", "x"),
        Stage("D(x)", "logit of the real", f"The discriminator's logit of the real {item}.", "real_logits"),
    )
    return Theory(
        objective_quantity="loss_d",
        objective_name="L_D",
        unit=loss.unit,
        equation=f"min over D: L_D = {parts};  min over G: L_G = {loss.generator}",
        terms=(
            Term(loss.real, "loss_d_real", 1, "real", loss.real_explanation.replace("image", item)),
            Term(loss.fake, "loss_d_fake", 1, "fake", loss.fake_explanation),
            Term(penalty or "0", "loss_d_penalty", 1, "penalty", about_penalty),
        ),
        stages=stages,
        reference=loss.reference,
        notes=(
            loss.note.replace("image", item),
            "A step is one update of D (or several), then one of G, each with the other frozen.",
            f"A GAN has no encoder and no likelihood: inversion searches for the z of a given {item}.",
        ),
        other_metrics=other_metrics,
    )
