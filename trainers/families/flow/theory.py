"""The Theory tabs of a flow: equation, terms and pipeline."""

from typing import Any

from trainers.registry import DataKind
from trainers.theory import Stage, Term, Theory

_NOISE = Term(
    "log₂ q(u|x) / D",
    "noise_bits",
    1,
    "noise",
    "The cost of the learned noise u, which is 0 for uniform noise. Noise that concentrates where the density is easy "
    "to learn saves more bits than it costs.",
)
_COUPLING = (
    "A coupling leaves half of the values unchanged and transforms the other half with parameters computed from the "
    "first: inverse and determinant are cheap."
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
    # Images are measured in bits per dimension, points in nats.
    points, learned = kind == "points", kind == "images" and options.dequantization == "variational"
    log, per_dim, unit, item = ("log", "", "nats", "point") if points else ("log₂", " / D", "bits", "image")
    measure, space = ("Nats", "the plane") if points else ("Bits per dimension", "space")
    equation = f"−{log} p(x){per_dim} = −{log} p(z){per_dim} − {log} |det ∂f/∂x|{per_dim},  z = f(x)"
    terms = [
        Term(
            f"−{log} p(z){per_dim}",
            f"prior_{unit}",
            1,
            "prior",
            f"{measure} of z = f(x) under the base, a standard normal. It falls as f maps the {item}s to where the "
            "normal is dense.",
        ),
        Term(
            f"{log} |det ∂f/∂x|{per_dim}",
            f"ladj_{unit}",
            -1,
            "log-det",
            f"How much f expands {space} around the {item}. Expansion is credited: without this term, f could map "
            f"every {item} to the mode of the normal.",
        ),
    ]
    reference = "Dinh et al. 2017, eq. 2, arXiv:1605.08803"
    # Variational dequantization gives a bound.
    if learned:
        equation = "−log₂ p(x) / D ≤ E_q(u|x)[−log₂ p(z) − log₂ |det ∂f/∂x| + log₂ q(u|x)] / D,  z = f(x + u)"
        terms.append(_NOISE)
        reference += "; Ho et al. 2019, eq. 12, arXiv:1902.00275"
    # The pipeline; only images are dequantized.
    noise = "Learned noise" if learned else "Noise"
    dequantized = Stage("v", "dequantized, logit", f"{noise} fills each level's bin; the logit maps (0, 1) to ℝ.", "v")
    stages = (
        Stage("x", item, "A 2-D point." if points else "An image of 256 levels per value.", "x"),
        *(() if points else (dequantized,)),
        Stage("z", "after all transforms", "The latent: z = f(x).", "z"),
        Stage("x̂", "inverse", "x̂ = f⁻¹(z). The inverse is exact; any difference is rounding.", "recon"),
    )
    # Notes, some of them about options.
    notes = (
        ("With learned noise this is an upper bound on the bits per dimension.", learned),
        ("Compare bits/dim only for the same gray levels, dequantization and data.", not points),
        ("A density can exceed 1, so −log p(x) can be negative.", points),
        (_COUPLING, True),
        (_SPLINE, options.coupling == "spline"),
        (_MULTISCALE, options.architecture == "conv"),
    )
    return Theory(
        objective_quantity="nll" if points else "bits_per_dim",
        objective_name="−log p(x)" if points else "bits/dim",
        unit="nats" if points else "bits/dim",
        equation=equation,
        terms=tuple(terms),
        stages=stages,
        reference=reference,
        notes=tuple(note for note, applies in notes if applies),
    )
