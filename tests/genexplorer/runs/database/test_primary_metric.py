"""The primary metric in the log."""

from genexplorer.runs.database.committer import PrimaryMetric
from trainers import presets
from trainers.events import MetricSpec


def test_only_the_number_of_a_log_line_gets_a_minus_sign() -> None:
    primary = PrimaryMetric(presets.assemble("vae"))
    spec = MetricSpec("test/elbo_ema", "elbo", "log-likelihood (EMA weights)", "nats", "higher", "objective")
    primary.declare([spec])
    assert primary.log_line({spec.name: -1234.5}) == "log-likelihood (EMA weights) −1,234.50 nats"
