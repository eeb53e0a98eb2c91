"""What a VAE's training records, declared for the faces."""

from trainers.events import Better, MetricSpec

MAX_DIMS = 64  # of the KL curves: one for each of the first latent dimensions
ACTIVE_VARIANCE = 0.01
COLLAPSED_NATS = 0.01
IMPORTANCE_SAMPLES = 64  # of z, for log p(x) of a point
_WEIGHTS = {"ema": "EMA weights", "raw": "raw weights"}
_OBJECTIVE: tuple[tuple[str, str, Better], ...] = (
    ("elbo", "ELBO", "higher"),
    ("recon", "reconstruction cost", "lower"),
    ("kl", "KL(q(z|x) ‖ p(z))", "neither"),
)


def specs(latent_dim: int) -> tuple[MetricSpec, ...]:
    """Return the metrics of a VAE; the loop adds what the data's preparation means for each figure."""
    train = [
        MetricSpec(f"train/{quantity}", quantity, f"train {title}", "nats", better, "objective", "batch mean")
        for quantity, title, better in _OBJECTIVE
    ]
    test = [
        MetricSpec(
            f"test/{quantity}_{weights}",
            quantity,
            f"test {title} ({words})",
            "nats",
            better,
            "objective",
            "1 sample of z, whole test set",
        )
        for weights, words in _WEIGHTS.items()
        for quantity, title, better in _OBJECTIVE
    ]
    return (*train, *test, *_latent(latent_dim))


def _latent(latent_dim: int) -> list[MetricSpec]:
    specs = []
    for weights, words in _WEIGHTS.items():
        title = f"active units of {latent_dim} ({words})"
        setup = f"variance of μ over the test set > {ACTIVE_VARIANCE} (Burda et al. 2016)"
        specs.append(MetricSpec(f"test/active_units_{weights}", "active_units", title, "", "higher", "latent", setup))
    for dim in range(min(latent_dim, MAX_DIMS)):
        title = f"KL of latent dimension {dim + 1} (EMA weights)"
        specs.append(
            MetricSpec(f"test/kl_dim_{dim}_ema", "kl_dim", title, "nats", "neither", "latent", "whole test set")
        )
    return specs
