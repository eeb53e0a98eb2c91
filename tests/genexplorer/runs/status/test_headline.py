"""The headline metric in the log."""

from genexplorer.runs.status.headline import Headline
from trainers import presets
from trainers.events import MetricSpec


def test_only_the_number_of_a_log_line_gets_a_minus_sign() -> None:
    headline = Headline(presets.assemble("vae"))
    spec = MetricSpec("test/elbo_ema", "elbo", "log-likelihood (EMA weights)", "nats", "higher", "objective")
    headline.declare([spec])
    assert headline.log_line({spec.name: -1234.5}) == "log-likelihood (EMA weights) −1,234.50 nats"
