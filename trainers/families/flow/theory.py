"""The Theory panels of a flow: equation, terms and pipeline."""

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
            explanation="Bits per dimension of z = f(x) under the base, a standard normal. It falls as f maps the "
            "images to where the normal is dense.",
        ),
        Term(
            symbol="log₂ |det ∂f/∂x| / D",
            quantity="ladj_bits",
            sign=-1,
            name="log-det",
            explanation="How much f expands space around the image. Expansion is credited: without this term, f could "
            "map every image to the mode of the normal.",
        ),
    ),
    stages=(
        Stage("x", "image", "An image of 256 gray levels.", "x"),
        Stage("v", "dequantized, logit", "Noise fills each level's bin; the logit maps (0, 1) to ℝ.", "v"),
        Stage("z", "after all transforms", "The latent: z = f(x).", "z"),
        Stage("x̂", "inverse", "x̂ = f⁻¹(z). The inverse is exact; any difference is rounding.", "recon"),
    ),
    reference="Dinh et al. 2017, eq. 2, arXiv:1605.08803",
    notes=(
        "Compare bits/dim only for the same gray levels, dequantization and data.",
        "A coupling leaves half of the values unchanged and transforms the other half with parameters computed from "
        "the first: inverse and determinant are cheap.",
    ),
)

_NOISE = Term(
    symbol="log₂ q(u|x) / D",
    quantity="noise_bits",
    sign=1,
    name="noise",
    explanation="The cost of the learned noise u, which is 0 for uniform noise. Noise that concentrates where the "
    "density is easy to learn saves more bits than it costs.",
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
            explanation="Nats of z = f(x) under the base, a standard normal. It falls as f maps the points to where "
            "the normal is dense.",
        ),
        replace(
            THEORY.terms[1],
            symbol="log |det ∂f/∂x|",
            quantity="ladj_nats",
            explanation="How much f expands the plane around the point. Expansion is credited: without this term, f "
            "could map every point to the mode of the normal.",
        ),
    ),
    stages=(
        Stage("x", "point", "A 2-D point.", "x"),
        Stage("z", "after all transforms", "The latent: z = f(x).", "z"),
        Stage("x̂", "inverse", "x̂ = f⁻¹(z). The inverse is exact; any difference is rounding.", "recon"),
    ),
    reference=THEORY.reference,
    notes=("A density can exceed 1, so −log p(x) can be negative.", THEORY.notes[1]),
)
_SPLINE = (
    "Each value is transformed by a monotone rational-quadratic spline whose knots the network places: it can split "
    "one mode into two (Durkan et al. 2019, arXiv:1906.04032)."
)
_MULTISCALE = (
    "At each level, 2×2 pixels become four channels; half of the channels are then factored out, and the next level "
    "works at half the resolution (Dinh et al. 2017, section 3.6)."
)


def theory_for(options: Any, kind: DataKind) -> Theory:
    """Return the theory of a flow with `FlowOptions` on a kind of data."""
    theory = _POINTS if kind == "points" else THEORY
    # Variational dequantization gives a bound.
    if kind == "images" and options.dequantization == "variational":
        x, v, *others = theory.stages
        v = replace(v, explanation="Learned noise fills each level's bin; the logit maps (0, 1) to ℝ.")
        theory = replace(
            theory,
            equation="−log₂ p(x) / D ≤ E_q(u|x)[−log₂ p(z) − log₂ |det ∂f/∂x| + log₂ q(u|x)] / D,  z = f(x + u)",
            terms=(*theory.terms, _NOISE),
            stages=(x, v, *others),
            reference=f"{theory.reference}; Ho et al. 2019, eq. 12, arXiv:1902.00275",
            notes=("With learned noise this is an upper bound on the bits per dimension.", *theory.notes),
        )
    # Options add notes.
    notes = theory.notes
    if options.coupling == "spline":
        notes = (*notes, _SPLINE)
    if options.architecture == "conv":
        notes = (*notes, _MULTISCALE)
    return replace(theory, notes=notes)
