"""The Theory tabs of a VAE: equation, terms and pipeline."""

from typing import Any

from trainers.registry import DataKind
from trainers.theory import Stage, Term, Theory

_NOTES = (
    "The gap log p(x) − ELBO is KL(q(z|x) ‖ p(z|x)): the distance of the Gaussian posterior from the true one.",
    "A latent dimension whose KL is 0 has collapsed: the decoder ignores it.",
)
_POINT_NOTES = (
    "p(x|z) is an isotropic Gaussian around the decoder's point, with a learned width. The decoder's points alone "
    "spread less than the data.",
    "Maps of log p(x) show the importance-weighted estimate (Burda et al. 2016, eq. 8), a lower bound in expectation.",
)


def theory_for(options: Any, kind: DataKind) -> Theory:
    """Return the theory for images or for 2-D points."""
    # The words that depend on the kind of data.
    points = kind == "points"
    item = "point" if points else "image"
    weight = f"{options.beta:g}"
    beta_note = f"Training minimizes recon + {weight} · KL: beta is {weight}. The reported ELBO always has beta = 1."
    if options.beta == 1:
        beta_note = "Training minimizes recon + KL, the negative ELBO: beta is 1."
    preprocessed = "A 2-D point." if points else "An image after preprocessing: binarized, or levels in [0, 1]."
    return Theory(
        objective_quantity="elbo",
        objective_name="ELBO",
        unit="nats",
        equation="ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)",
        terms=(
            Term(
                "−E_q(z|x)[log p(x|z)]",
                "recon",
                -1,
                "reconstruction",
                f"Nats to encode x given z (reconstruction error). It falls as the decoder reproduces the "
                f"{item} more precisely.",
            ),
            Term(
                "KL(q(z|x) ‖ p(z))",
                "kl",
                -1,
                "KL",
                "Information z carries about x, in nats: the divergence of the posterior from the prior. "
                f"At 0, z is ignored and every reconstruction is the same average {item}.",
            ),
        ),
        stages=(
            Stage("x", item, preprocessed, "x"),
            Stage("μ", "encoder: mean", "Mean of q(z|x).", "mu"),
            Stage("σ", "encoder: standard deviation", "Uncertainty of q(z|x), per dimension.", "sigma"),
            Stage(
                "z",
                "sample of q(z|x)",
                "z = μ + σ ε with ε ~ N(0, I), the reparameterization trick: the noise ε needs no gradient.",
                "z",
            ),
            Stage("x̂", "decoder", f"The expected {item} under p(x|z).", "recon"),
        ),
        reference="Kingma & Welling 2014, eq. 3, arXiv:1312.6114",
        notes=(beta_note, *_NOTES, *(_POINT_NOTES if points else ())),
    )
