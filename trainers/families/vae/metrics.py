"""Declarations of the metrics of a VAE."""

from dataclasses import replace

from trainers.events import Better, MetricSpec, eval_metrics, train_metric

MAX_KL_CURVES = 64  # latent dimensions with a KL curve of their own
MIN_ACTIVE_VARIANCE = 0.01  # variance of μ over the test set above which a dimension counts as active
COLLAPSED_KL_NATS = 0.01  # KL of a dimension below which the decoder ignores it
NUM_IMPORTANCE_SAMPLES = 64  # samples of z with which log p(x) of a point is estimated
NUM_ELBO_SAMPLES = 32  # samples of z with which the ELBO of a single image is estimated
LIKELIHOOD_TITLES = {  # densities and masses are never comparable, nor are two kinds of mass
    "bernoulli": "Bernoulli likelihood",
    "gaussian": "Gaussian likelihood (a density)",
    "discretized-logistic": "discretized logistic likelihood (256 levels)",
    "logistic-mixture": "mixture of discretized logistic likelihoods (256 levels)",
    "normal": "normal likelihood (a density)",
}
DISCRETE_LIKELIHOODS = ("bernoulli", "discretized-logistic", "logistic-mixture")
_OBJECTIVE: tuple[tuple[str, str, Better], ...] = (
    ("elbo", "ELBO", "higher"),
    ("recon", "reconstruction error", "lower"),
    ("kl", "KL(q(z|x) ‖ p(z))", "neither"),
)


def specs(latent_dim: int, likelihood: str) -> tuple[MetricSpec, ...]:
    """Return the metrics of a VAE, each with its likelihood; the loop adds the data's setup to each."""
    result = [
        train_metric(name, title, "nats", better, "objective", "batch mean") for name, title, better in _OBJECTIVE
    ]
    for name, title, better in _OBJECTIVE:
        setup = "1 sample of z, whole test set"
        result += eval_metrics(name, f"test {title}", "nats", better, "objective", setup)
    if likelihood in DISCRETE_LIKELIHOODS:
        title, setup = "bits per dimension", "upper bound by the ELBO"
        result.append(train_metric("bits_per_dim", title, "bits/dim", "lower", "objective", f"{setup}, batch mean"))
        setup += ", 1 sample of z, whole test set"
        result += eval_metrics("bits_per_dim", f"test {title}", "bits/dim", "lower", "objective", setup)
    active = f"variance of μ over the test set > {MIN_ACTIVE_VARIANCE} (Burda et al. 2016)"
    result += eval_metrics("active_units", f"active units of {latent_dim}", "", "higher", "latent", active)
    for dim in range(min(latent_dim, MAX_KL_CURVES)):
        title = f"KL of latent dimension {dim + 1} (EMA weights)"
        result.append(
            MetricSpec(f"test/kl_dim_{dim}_ema", "kl_dim", title, "nats", "neither", "latent", "whole test set")
        )
    title = LIKELIHOOD_TITLES[likelihood]
    setup = "reconstruction error + KL weight · KL, batch mean"  # not the negative ELBO unless the weight is 1
    result.append(MetricSpec("train/loss", "loss", "training loss", "nats", "lower", "optimization", setup))
    kl_weight = train_metric("kl_weight", "KL weight", "", "neither", "optimization", "beta after warm-up")
    return (*(replace(spec, setup=f"{title}, {spec.setup}") for spec in result), kl_weight)
