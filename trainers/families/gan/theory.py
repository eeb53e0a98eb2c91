"""The words of the Theory panels for a GAN; every number beside them is live."""

from dataclasses import dataclass

from trainers.registry import DataKind
from trainers.theory import Stage, Term, Theory


@dataclass(frozen=True)
class _Loss:
    real: str
    fake: str
    generator: str
    penalty: str
    unit: str
    reference: str
    real_words: str
    fake_words: str
    generator_words: str
    note: str


_LOSSES = {
    "non-saturating": _Loss(
        real="E[−log σ(D(x))]",
        fake="E[−log(1 − σ(D(G(z))))]",
        generator="E[−log σ(D(G(z)))]",
        penalty="",
        unit="nats",
        reference="Goodfellow et al. 2014, eq. 1 and section 3, arXiv:1406.2661",
        real_words="How surprised D is that a real image is real. 0 when it is sure, log 2 = 0.693 when it guesses.",
        fake_words="How surprised D is that a sample is fake. It grows as the samples become convincing.",
        generator_words="How surprised D would be if the samples were real: G makes that small. "
        "It is not the opposite of D's loss, which would fade just when G is losing.",
        note="Where nobody can tell, both parts are log 2: L_D = 1.386 nats, L_G = 0.693 nats. "
        "Neither loss says how good the pictures are; look at them, and at the diversity.",
    ),
    "hinge": _Loss(
        real="E[max(0, 1 − D(x))]",
        fake="E[max(0, 1 + D(G(z)))]",
        generator="−E[D(G(z))]",
        penalty="",
        unit="",
        reference="Miyato et al. 2018, eq. 16 and 17, arXiv:1802.05957",
        real_words="How far real images are from the margin D = 1. Those beyond it teach D nothing more.",
        fake_words="How far samples are from the margin D = −1. It grows as the samples become convincing.",
        generator_words="Minus the mean logit of the samples: G pushes them up, however far they are.",
        note="Where nobody can tell, both parts are 1. D learns only from what is near its border.",
    ),
    "least-squares": _Loss(
        real="½E[(D(x) − 1)²]",
        fake="½E[(D(G(z)) + 1)²]",
        generator="½E[(D(G(z)) − 1)²]",
        penalty="",
        unit="",
        reference="Mao et al. 2017, eq. 2 with a = −1, b = c = 1, arXiv:1611.04076",
        real_words="How far D is from answering 1 to real images.",
        fake_words="How far D is from answering −1 to samples. It grows as the samples become convincing.",
        generator_words="How far D is from answering 1 to samples: even a sample on the right side is pulled closer.",
        note="Where nobody can tell, D answers 0 and both parts are ½.",
    ),
    "wasserstein-gp": _Loss(
        real="−E[D(x)]",
        fake="E[D(G(z))]",
        generator="−E[D(G(z))]",
        penalty="λ E[(‖∇D(x̃)‖ − 1)²]",
        unit="",
        reference="Gulrajani et al. 2017, eq. 3, arXiv:1704.00028",
        real_words="Minus the mean value of real images: D lifts them.",
        fake_words="The mean value of samples: D lowers them. The gap between both estimates how far the "
        "samples' distribution is from the data's (the Wasserstein distance).",
        generator_words="Minus the mean value of the samples. Its zero drifts with D; only differences mean something.",
        note="Without the penalty the gap would be unbounded: D must not be steeper than 1 between data and samples.",
    ),
}
_R1 = "γ/2 E[‖∇D(x)‖²]"


def theory_of(loss: str, *, r1: bool, kind: DataKind) -> Theory:
    """Return the theory of a loss, with or without R1, on images or on points of the plane."""
    told, what = _LOSSES[loss], "image" if kind == "images" else "point"
    penalty = " + ".join(filter(None, (told.penalty, _R1 if r1 else "")))
    parts = " + ".join(filter(None, (told.real, told.fake, penalty))).replace("+ −", "− ")
    return Theory(
        total="loss_d",
        total_name="L_D",
        unit=told.unit,
        equation=f"min over D: L_D = {parts};  min over G: L_G = {told.generator}",
        terms=(
            Term(told.real, "loss_d_real", 1, "real", told.real_words.replace("image", what)),
            Term(told.fake, "loss_d_fake", 1, "fake", told.fake_words),
            Term(penalty or "0", "loss_d_penalty", 1, "penalty", _penalty_words(told.penalty, r1)),
        ),
        stages=_stages(what),
        reference=told.reference,
        notes=(
            told.note,
            "A step is one update of D (or several), then one of G; each holds the other still.",
            f"There is no encoder and no likelihood: what z a given {what} would have, inversion can only search for.",
        ),
        also=_also(told, what),
    )


def _penalty_words(gradient_penalty: str, r1: bool) -> str:
    if gradient_penalty:
        return "What D pays for a slope other than 1 half-way between data and samples. Its loss is then a distance."
    if r1:
        return (
            "What D pays for being steep where the data are (Mescheder et al. 2018, eq. 9, arXiv:1801.04406). "
            "A flat D cannot chase G in circles. On steps where it is not taken it is 0."
        )
    return "No penalty is chosen here: model.r1, or the loss wasserstein-gp, would hold D's slope down."


def _stages(what: str) -> tuple[Stage, ...]:
    return (
        Stage("z", "latent", "Chance: a draw from N(0, I).", "z"),
        Stage(
            "x̂ = G(z)", f"generated {what}", f"What the generator makes of z. It has never seen a real {what}.", "fake"
        ),
        Stage(
            "D(x̂)",
            "logit of the fake",
            "How real the discriminator finds it: above 0 is taken for real.",
            "fake_logits",
        ),
        Stage("x", f"real {what}", f"{what.capitalize()} of the test set, for comparison.", "x"),
        Stage("D(x)", "logit of the real", "The same discriminator's answer to it.", "real_logits"),
    )


def _also(told: _Loss, what: str) -> tuple[Term, ...]:
    return (
        Term(told.generator, "loss_g", 1, "L_G", told.generator_words),
        Term("D(x)", "real_logits", 1, "real logit", f"The discriminator's mean answer to real {what}s."),
        Term(
            "D(G(z))",
            "fake_logits",
            1,
            "fake logit",
            "Its mean answer to samples. The closer both, the harder to tell.",
        ),
        Term("P(D(x) > 0)", "d_accuracy_real", 1, "accuracy on real", f"The share of real {what}s taken for real."),
        Term(
            "P(D(G(z)) < 0)", "d_accuracy_fake", 1, "accuracy on fake", "The share of samples found out; ½ is guessing."
        ),
        Term(
            "E‖x̂ − x̂′‖ / E‖x − x′‖",
            "diversity",
            1,
            "diversity",
            f"How far samples are from each other, against how far test {what}s are: 1 is as diverse as the data. "
            f"Near 0 every z gives the same {what}: the modes have collapsed.",
        ),
    )


THEORY = theory_of("non-saturating", r1=False, kind="images")
