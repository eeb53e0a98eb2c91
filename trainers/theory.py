"""How a family's objective is told to people: the equation, its terms with their metrics, the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One term of the objective.

    The total is the sum over terms of `sign` times the metric's value.
    """

    symbol: str  # "KL(q(z|x) ‖ p(z))"
    quantity: str  # "kl": with the split and the weights it names a metric, such as "test/kl_ema"
    sign: int  # +1 or -1
    name: str  # "KL": short, for one line
    explanation: str  # two sentences for a student


@dataclass(frozen=True)
class Stage:
    """One station of the pipeline from data through the model."""

    symbol: str  # "x", "μ, σ", "z", "x̂"
    name: str  # "image", "encoder", "sample of q", "decoder"
    explanation: str
    shows: str = (
        ""  # the array of the explorer's `pipeline` answer that is drawn here: "x", "mu", "sigma", "z", "recon"
    )


@dataclass(frozen=True)
class Theory:
    """The text of the Theory panels; every number beside it is live."""

    total: str  # the quantity of the objective: "elbo"
    total_name: str  # "ELBO"
    unit: str
    equation: str  # plain Unicode: "ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z))"
    terms: tuple[Term, ...]
    stages: tuple[Stage, ...]
    reference: str  # "Kingma & Welling 2014, eq. 10, arXiv:1312.6114"
    notes: tuple[str, ...] = ()
    also: tuple[Term, ...] = ()  # figures beside the objective, with their explanations: the other loss of a GAN


def split_of(quantity: str, values: Mapping[str, float]) -> str | None:
    """Return the pattern of metric names that holds a quantity, best first: test EMA, test raw, train."""
    for pattern in ("test/{}_ema", "test/{}_raw", "train/{}"):
        if pattern.format(quantity) in values:
            return pattern
    return None
