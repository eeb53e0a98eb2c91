"""Declarations of the metrics of a VAE."""

from trainers.events import Better, MetricSpec, eval_metrics, train_metric

MAX_DIMS = 64  # latent dimensions with a KL curve of their own
ACTIVE_VARIANCE = 0.01
COLLAPSED_NATS = 0.01
IMPORTANCE_SAMPLES = 64  # of z, for log p(x) of a point
_OBJECTIVE: tuple[tuple[str, str, Better], ...] = (
    ("elbo", "ELBO", "higher"),
    ("recon", "reconstruction error", "lower"),
    ("kl", "KL(q(z|x) ‖ p(z))", "neither"),
)


def specs(latent_dim: int) -> tuple[MetricSpec, ...]:
    """Return the metrics of a VAE; the loop adds the data's setup to each."""
    result = [
        train_metric(name, title, "nats", better, "objective", "batch mean") for name, title, better in _OBJECTIVE
    ]
    for name, title, better in _OBJECTIVE:
        setup = "1 sample of z, whole test set"
        result += eval_metrics(name, f"test {title}", "nats", better, "objective", setup)
    active = f"variance of μ over the test set > {ACTIVE_VARIANCE} (Burda et al. 2016)"
    result += eval_metrics("active_units", f"active units of {latent_dim}", "", "higher", "latent", active)
    for dim in range(min(latent_dim, MAX_DIMS)):
        title = f"KL of latent dimension {dim + 1} (EMA weights)"
        result.append(
            MetricSpec(f"test/kl_dim_{dim}_ema", "kl_dim", title, "nats", "neither", "latent", "whole test set")
        )
    return tuple(result)
