"""What a flow's training records, declared for the faces."""

from trainers.events import Better, MetricSpec

ROUND_TRIPS = 1000  # test images that go there and back at each evaluation
SAMPLES = 256  # drawn at each evaluation, to see whether they stay on the scale
_OBJECTIVE: tuple[tuple[str, str, Better], ...] = (
    ("bits_per_dim", "bits per dimension", "lower"),
    ("prior_bits", "prior cost −log₂ p(z)", "lower"),
    ("ladj_bits", "log-determinant", "neither"),
)
_WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}
_DEQUANTISED = "uniform dequantisation, 1 sample of noise"


def specs() -> tuple[MetricSpec, ...]:
    """Return the metrics of a flow; the loop adds what the data's preparation means for each figure."""
    train = [
        MetricSpec(f"train/{quantity}", quantity, f"train {title}", "bits/dim", better, "objective", _DEQUANTISED)
        for quantity, title, better in _OBJECTIVE
    ]
    test = [
        MetricSpec(
            f"test/{quantity}_{weights}",
            quantity,
            f"test {title} ({words})",
            "bits/dim",
            better,
            "objective",
            f"{_DEQUANTISED}, whole test set",
        )
        for weights, words in _WEIGHTS.items()
        for quantity, title, better in _OBJECTIVE
    ]
    return (*train, *test, *_inverse())


def _inverse() -> list[MetricSpec]:
    specs = []
    for weights, words in _WEIGHTS.items():
        specs.append(
            MetricSpec(
                f"test/round_trip_error_{weights}",
                "round_trip_error",
                f"largest |x − f⁻¹(f(x))| ({words})",
                "",
                "lower",
                "inverse",
                f"pixels in [0, 1], first {ROUND_TRIPS:,} test images, float32",
            )
        )
        specs.append(
            MetricSpec(
                f"test/samples_off_scale_{weights}",
                "samples_off_scale",
                f"share of samples off the scale ({words})",
                "",
                "lower",
                "inverse",
                f"not finite, or twice as far out as black and white, of {SAMPLES} samples",
            )
        )
    return specs
