"""What a flow's training records, declared for the faces."""

from dataclasses import dataclass

from trainers.events import Better, MetricSpec

ROUND_TRIPS = 1000  # test images that go there and back at each evaluation
SAMPLES = 256  # drawn at each evaluation, to see whether they stay on the scale
WORST_ROUND_TRIP = 1e-3  # of pixels in [0, 1]: a larger error is told
_WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}


@dataclass(frozen=True)
class Quantities:
    """The names of an objective and its parts: total = prior − ladj (+ noise, where the noise is learned).

    Args:
        total: "bits_per_dim", or "nll" of points.
        unit: Of all of them.
        noise: "noise_bits", or None where the noise costs nothing.
    """

    total: str
    prior: str
    ladj: str
    noise: str | None
    unit: str
    title: str
    setup: str
    test_setup: str
    scale: str
    off_scale: str


def quantities(dequantization: str) -> Quantities:
    """Return the quantities of a flow with a kind of dequantization; "none" is a flow of points."""
    if dequantization == "none":
        return Quantities(
            total="nll",
            prior="prior_nats",
            ladj="ladj_nats",
            noise=None,
            unit="nats",
            title="negative log-likelihood of a point",
            setup="exact, in the data's own units",
            test_setup="exact, in the data's own units, whole test set",
            scale=f"in the data's own units, first {ROUND_TRIPS:,} test points, float32",
            off_scale=f"not finite, or twice as far out as any test point, of {SAMPLES} samples",
        )
    learned = dequantization == "variational"
    words = "variational dequantization (a bound), 1 sample" if learned else "uniform dequantization, 1 sample of noise"
    return Quantities(
        total="bits_per_dim",
        prior="prior_bits",
        ladj="ladj_bits",
        noise="noise_bits" if learned else None,
        unit="bits/dim",
        title="bits per dimension",
        setup=words,
        test_setup=f"{words}, whole test set",
        scale=f"pixels in [0, 1], first {ROUND_TRIPS:,} test images, float32",
        off_scale=f"not finite, or twice as far out as black and white, of {SAMPLES} samples",
    )


def specs(dequantization: str) -> tuple[MetricSpec, ...]:
    """Return the metrics of a flow; the loop adds what the data's preparation means for each figure."""
    names = quantities(dequantization)
    train = [
        MetricSpec(f"train/{quantity}", quantity, f"train {title}", names.unit, better, "objective", names.setup)
        for quantity, title, better in _objective(names)
    ]
    test = [
        MetricSpec(
            f"test/{quantity}_{weights}",
            quantity,
            f"test {title} ({words})",
            names.unit,
            better,
            "objective",
            names.test_setup,
        )
        for weights, words in _WEIGHTS.items()
        for quantity, title, better in _objective(names)
    ]
    loss = MetricSpec("train/loss", "loss", "training loss", names.unit, "lower", "optimization", names.setup)
    return (*train, *test, *_inverse(names), loss)


def _objective(names: Quantities) -> list[tuple[str, str, Better]]:
    log = "log" if names.unit == "nats" else "log₂"
    found: list[tuple[str, str, Better]] = [
        (names.total, names.title, "lower"),
        (names.prior, f"prior cost −{log} p(z)", "lower"),
        (names.ladj, "log-determinant", "neither"),
    ]
    if names.noise is not None:
        found.append((names.noise, f"cost of the noise {log} q(u|x)", "neither"))
    return found


def _inverse(names: Quantities) -> list[MetricSpec]:
    specs = []
    for weights, words in _WEIGHTS.items():
        specs.append(
            MetricSpec(
                f"test/round_trip_error_{weights}",
                "round_trip_error",
                f"round-trip error ({words})",
                "",
                "lower",
                "inverse",
                f"largest |x − f⁻¹(f(x))|, {names.scale}",
            )
        )
        specs.append(
            MetricSpec(
                f"test/samples_off_scale_{weights}",
                "samples_off_scale",
                f"samples off the scale ({words})",
                "",
                "lower",
                "inverse",
                names.off_scale,
            )
        )
    return specs
