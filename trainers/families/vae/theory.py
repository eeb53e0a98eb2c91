"""The words of the Theory panels for a VAE; every number beside them is live."""

from typing import Any

from trainers.registry import DataKind
from trainers.theory import Stage, Term, Theory

_NOTES = (
    "The gap log p(x) − ELBO is KL(q(z|x) ‖ p(z|x)): how far the encoder's Gaussian is from the true posterior.",
    "A latent dimension whose KL is 0 has collapsed: the decoder has learned to ignore it.",
    "With beta ≠ 1 the training descends recon + beta · KL; the ELBO that is reported always has beta = 1.",
)
_OF_POINTS = (
    "p(x|z) is a round Gaussian about the decoder's point; its width is learned. Without it the samples are thinner.",
    "A map of log p(x) is the importance-weighted estimate of Burda et al. 2016, eq. 8: on average from below.",
)


def theory_for(options: Any, kind: DataKind) -> Theory:
    """Return the theory as it is told of images, or of points of the plane."""
    thing, points = ("point", True) if kind == "points" else ("image", False)
    seen = "A point of the plane." if points else "An image as the model sees it: binarized, or gray levels in [0, 1]."
    return Theory(
        total="elbo",
        total_name="ELBO",
        unit="nats",
        equation="ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)",
        terms=(
            Term(
                symbol="−E_q(z|x)[log p(x|z)]",
                quantity="recon",
                sign=-1,
                name="reconstruction",
                explanation=f"How many nats it costs to say the {thing} once z is known. "
                "It falls as the decoder draws what the encoder meant.",
            ),
            Term(
                symbol="KL(q(z|x) ‖ p(z))",
                quantity="kl",
                sign=-1,
                name="KL",
                explanation=f"How many nats z tells about the {thing}: how far the posterior is from the prior. "
                f"At 0 the encoder says nothing and every {thing} is the same average.",
            ),
        ),
        stages=(
            Stage("x", thing, seen, "x"),
            Stage("μ", "encoder: mean", f"Where the encoder believes the {thing} lies in the latent space.", "mu"),
            Stage("σ", "encoder: deviation", "How sure it is, dimension by dimension.", "sigma"),
            Stage(
                "z", "sample of q(z|x)", "z = μ + σ ε with ε ~ N(0, I): chance enters where no gradient must pass.", "z"
            ),
            Stage("x̂", "decoder", f"The expected {thing} under p(x|z).", "recon"),
        ),
        reference="Kingma & Welling 2014, eq. 3, arXiv:1312.6114",
        notes=(*_NOTES, *(_OF_POINTS if points else ())),
    )


THEORY = theory_for(None, "images")
