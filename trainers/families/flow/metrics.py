"""Declarations of the metrics of a flow."""

from dataclasses import dataclass

from trainers.events import Better, MetricSpec, eval_metrics, train_metric

NUM_ROUND_TRIPS = 1000  # test images per evaluation
NUM_SAMPLES = 256  # samples per evaluation, to count those out of range
MAX_ROUND_TRIP_ERROR = 1e-3  # for pixels in [0, 1]; a larger error raises a warning


@dataclass(frozen=True)
class ObjectiveNames:
    """Names of the objective and its terms: total = prior − ladj (+ noise, with variational dequantization).

    Args:
        total: "bits_per_dim", or "nll" for points.
        prior: "prior_bits" or "prior_nats".
        ladj: "ladj_bits" or "ladj_nats".
        noise: "noise_bits", or None without learned noise.
        unit: Unit of the objective and its terms.
        title: Title of the total.
        setup: Dequantization, or units, of the likelihood; quoted with its values.
        round_trip_setup: Units and number of examples of the round-trip error.
        range_setup: Definition of samples that are out of range.
    """

    total: str
    prior: str
    ladj: str
    noise: str | None
    unit: str
    title: str
    setup: str
    round_trip_setup: str
    range_setup: str


def objective_names(dequantization: str) -> ObjectiveNames:
    """Return the names for a kind of dequantization; "none" is a flow on points."""
    # Points, in nats.
    if dequantization == "none":
        return ObjectiveNames(
            total="nll",
            prior="prior_nats",
            ladj="ladj_nats",
            noise=None,
            unit="nats",
            title="negative log-likelihood per point",
            setup="exact, in the units of the data",
            round_trip_setup=f"in the units of the data, first {NUM_ROUND_TRIPS:,} test points, float32",
            range_setup=f"not finite, or twice as far out as any test point, of {NUM_SAMPLES} samples",
        )
    # Images, in bits per dimension.
    learned = dequantization == "variational"
    return ObjectiveNames(
        total="bits_per_dim",
        prior="prior_bits",
        ladj="ladj_bits",
        noise="noise_bits" if learned else None,
        unit="bits/dim",
        title="bits per dimension",
        setup=f"{'variational dequantization (upper bound)' if learned else 'uniform dequantization'}, 1 noise sample",
        round_trip_setup=f"pixels in [0, 1], first {NUM_ROUND_TRIPS:,} test images, float32",
        range_setup=f"not finite, or twice as far out as black and white, of {NUM_SAMPLES} samples",
    )


def specs(dequantization: str) -> tuple[MetricSpec, ...]:
    """Return the metrics of a flow; the loop adds the data's setup to each."""
    # The objective and its terms, of batches and of the test set.
    names = objective_names(dequantization)
    log = "log" if names.unit == "nats" else "log₂"
    objective: list[tuple[str, str, Better]] = [
        (names.total, names.title, "lower"),
        (names.prior, f"prior term −{log} p(z)", "lower"),
        (names.ladj, "log-determinant", "neither"),
    ]
    if names.noise is not None:
        objective.append((names.noise, f"noise term {log} q(u|x)", "neither"))
    result = [train_metric(*row[:2], names.unit, row[2], "objective", names.setup) for row in objective]
    for quantity, title, better in objective:
        setup = f"{names.setup}, whole test set"
        result += eval_metrics(quantity, f"test {title}", names.unit, better, "objective", setup)
    # The quality of the inverse.
    error = f"largest |x − f⁻¹(f(x))|, {names.round_trip_setup}"
    result += eval_metrics("round_trip_error", "round-trip error", "", "lower", "inverse", error)
    result += eval_metrics(
        "samples_off_scale", "share of out-of-range samples", "", "lower", "inverse", names.range_setup
    )
    loss = MetricSpec("train/loss", "loss", "training loss", names.unit, "lower", "optimization", names.setup)
    return (*result, loss)
