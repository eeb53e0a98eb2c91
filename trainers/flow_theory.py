"""The words of the Theory panels for a flow; every number beside them is live."""

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
            name="log-determinant",
            explanation="How much f stretches space around the image. Stretching is paid back: without it "
            "f could press every image onto the peak of the normal.",
        ),
    ),
    stages=(
        Stage("x", "image", "An image of 256 grey levels.", "x"),
        Stage("v", "dequantised, logit", "Noise fills each level's bin, the logit opens the scale to all of ℝ.", "v"),
        Stage("z", "after all transforms", "Where the image lands in the standard normal.", "z"),
        Stage("x̂", "and back", "The inverse is exact: the difference is rounding.", "recon"),
    ),
    reference="Dinh et al. 2017, eq. 2, arXiv:1605.08803",
    notes=(
        "Every bit is comparable only with its setup: 256 levels, dequantisation, and what x is scaled to.",
        "A coupling leaves half of the values alone and moves the other half by what it reads there: "
        "that is what makes its inverse and its determinant cheap.",
    ),
)
