"""The words of the Theory panels for a flow; every number beside them is live."""

from dataclasses import replace
from typing import Any

from trainers.registry import DataKind
from trainers.theory import Stage, Term, Theory

THEORY = Theory(
    total="bits_per_dim",
    total_name="bits/dim",
    unit="bits/dim",
    equation="−log₂ p(x) / D = −log₂ p(z) / D − log₂ |det ∂f/∂x| / D,  z = f(x)",
    terms=(
        Term(
            symbol="−log₂ p(z) / D",
            quantity="prior_bits",
            sign=1,
            name="prior",
            explanation="How many bits a dimension it costs to say where the image lands in the standard normal. "
            "It falls as f carries the images to where the normal is dense.",
        ),
        Term(
            symbol="log₂ |det ∂f/∂x| / D",
            quantity="ladj_bits",
            sign=-1,
            name="log-det",
            explanation="How much f stretches space around the image. Stretching is paid back: without it "
            "f could press every image onto the peak of the normal.",
        ),
    ),
    stages=(
        Stage("x", "image", "An image of 256 gray levels.", "x"),
        Stage("v", "dequantized, logit", "Noise fills each level's bin, the logit opens the scale to all of ℝ.", "v"),
        Stage("z", "after all transforms", "Where the image lands in the standard normal.", "z"),
        Stage("x̂", "and back", "The inverse is exact: the difference is rounding.", "recon"),
    ),
    reference="Dinh et al. 2017, eq. 2, arXiv:1605.08803",
    notes=(
        "Every bit is comparable only with its setup: 256 levels, dequantization, and what x is scaled to.",
        "A coupling leaves half of the values alone and moves the other half by what it reads there: "
        "that is what makes its inverse and its determinant cheap.",
    ),
)

_NOISE = Term(
    symbol="log₂ q(u|x) / D",
    quantity="noise_bits",
    sign=1,
    name="noise",
    explanation="What the learned noise u costs. Noise that keeps to the part of a gray level's bin where the density "
    "is easy to learn saves more than it costs; uniform noise costs nothing.",
)

_POINTS = Theory(
    total="nll",
    total_name="−log p(x)",
    unit="nats",
    equation="−log p(x) = −log p(z) − log |det ∂f/∂x|,  z = f(x)",
    terms=(
        replace(
            THEORY.terms[0],
            symbol="−log p(z)",
            quantity="prior_nats",
            explanation="How improbable the place is where the point lands in the standard normal. "
            "It falls as f carries the points to where the normal is dense.",
        ),
        replace(
            THEORY.terms[1],
            symbol="log |det ∂f/∂x|",
            quantity="ladj_nats",
            explanation="How much f stretches the plane around the point. Stretching is paid back: without it "
            "f could press every point onto the peak of the normal.",
        ),
    ),
    stages=(
        Stage("x", "point", "A point of the plane.", "x"),
        Stage("z", "after all transforms", "Where the point lands in the standard normal.", "z"),
        Stage("x̂", "and back", "The inverse is exact: the difference is rounding.", "recon"),
    ),
    reference=THEORY.reference,
    notes=(
        "A density of the plane can be above 1, so that its cost may be below 0 nats.",
        THEORY.notes[1],
    ),
)
_SPLINE = (
    "Here each value is bent by a monotone spline through a few knots that the network places: "
    "it can pull one hill apart into two (Durkan et al. 2019, arXiv:1906.04032)."
)
_MULTISCALE = (
    "At each scale two by two pixels become four channels; half of them then leave, and the next scale sees "
    "a picture half as wide and high (Dinh et al. 2017, section 3.6)."
)


def theory_for(options: Any, kind: DataKind) -> Theory:
    """Return the theory of a flow with `FlowOptions` on a kind of data."""
    theory = _POINTS if kind == "points" else THEORY
    if kind == "images" and options.dequantization == "variational":
        theory = _bounded(theory)
    notes = theory.notes
    if options.coupling == "spline":
        notes = (*notes, _SPLINE)
    if options.architecture == "conv":
        notes = (*notes, _MULTISCALE)
    return replace(theory, notes=notes)


def _bounded(theory: Theory) -> Theory:
    x, v, *rest = theory.stages
    return replace(
        theory,
        equation="−log₂ p(x) / D ≤ E_q(u|x)[−log₂ p(z) − log₂ |det ∂f/∂x| + log₂ q(u|x)] / D,  z = f(x + u)",
        terms=(*theory.terms, _NOISE),
        stages=(x, replace(v, explanation="Learned noise fills each level's bin, the logit opens the scale."), *rest),
        reference=f"{theory.reference}; Ho et al. 2019, eq. 12, arXiv:1902.00275",
        notes=("With learned noise the figure is an upper bound on the true bits a dimension.", *theory.notes),
    )
