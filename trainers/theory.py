"""A family's objective as the Theory tabs explain it: the equation, its terms with their metrics, the pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """One term of the objective. The total is the sum over terms of `sign` times the metric's value."""

    symbol: str  # "KL(q(z|x) ‖ p(z))"
    quantity: str  # "kl": with split and weights it names a metric, such as "test/kl_ema"
    sign: int  # +1 or -1
    name: str  # "KL": short, for one line
    explanation: str  # two sentences for a student


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline from data through the model."""

    symbol: str  # "x", "μ", "z", "x̂"
    name: str  # "image", "encoder: mean", "decoder"
    explanation: str
    tensor_name: str = ""  # the tensor of `HasPipeline.pipeline` that is displayed here: "x", "mu", "recon"


@dataclass(frozen=True)
class Theory:
    """The content of the Theory tabs, displayed beside the latest values."""

    objective_quantity: str = "loss"  # what the objective is measured as: "elbo"; see `Term.quantity`
    objective_name: str = "loss"  # "ELBO"
    unit: str = ""
    equation: str = ""  # plain Unicode: "ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z))"
    terms: tuple[Term, ...] = ()
    stages: tuple[Stage, ...] = ()
    reference: str = ""  # "Kingma & Welling 2014, eq. 10, arXiv:1312.6114"
    notes: tuple[str, ...] = ()
    other_metrics: tuple[Term, ...] = ()  # metrics with explanations that are no terms: the loss of a GAN's generator


METRIC_NAME_TEMPLATES = (
    "test/{}_ema",
    "test/{}_raw",
    "train/{}",
)  # names of a quantity's metrics, in order of preference


def best_template(quantity: str, values: Mapping[str, float]) -> str | None:
    """Return the first of `METRIC_NAME_TEMPLATES` for which a quantity has a value; None if it has none."""
    return next((template for template in METRIC_NAME_TEMPLATES if template.format(quantity) in values), None)
