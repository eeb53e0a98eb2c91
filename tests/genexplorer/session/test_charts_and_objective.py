"""Charts of metrics, and the objective in one line."""

import math

from genexplorer.session.charts import chart_of, charts, style
from genexplorer.session.objective import objective_values
from trainers.events import Better, MetricSpec
from trainers.theory import Term, Theory


def spec(name: str, quantity: str, title: str, unit: str = "nats", panel: str = "objective") -> MetricSpec:
    better: Better = "neither"
    return MetricSpec(name, quantity, title, unit, better, panel)


SPECS = [
    spec("speed/images_per_s", "images_per_s", "images per second", "1/s", "speed"),
    spec("test/elbo_raw", "elbo", "test ELBO (raw weights)"),
    spec("train/elbo", "elbo", "train ELBO"),
    spec("test/elbo_ema", "elbo", "test ELBO (EMA weights)"),
    spec("test/kl_dim_10_ema", "kl_dim", "KL of dim 11 (EMA weights)", panel="latent"),
    spec("test/kl_dim_2_ema", "kl_dim", "KL of dim 3 (EMA weights)", panel="latent"),
    spec("other/thing", "thing", "A thing of another package", "", "its own panel"),
]
THEORY = Theory(
    "elbo",
    "ELBO",
    "nats",
    "ELBO = −recon − KL",
    (Term("E[log p]", "recon", -1, "reconstruction", ""), Term("KL", "kl", -1, "KL", "")),
    (),
    "",
)


def test_train_and_test_of_a_quantity_share_a_chart_in_the_panels_order() -> None:
    all_charts = charts({s.name: s for s in SPECS})
    assert [chart.quantity for chart in all_charts] == ["elbo", "kl_dim", "thing", "images_per_s"]
    elbo = all_charts[0]
    assert elbo.metrics == ("train/elbo", "test/elbo_ema", "test/elbo_raw")
    assert elbo.label == "ELBO (nats)"
    assert all_charts[1].metrics == ("test/kl_dim_2_ema", "test/kl_dim_10_ema")
    assert all_charts[1].title == "KL by dimension"
    assert all_charts[3].title == "images per second"
    assert all_charts[2].label == "A thing of another package"


def test_lines_differ_without_color() -> None:
    styles = [style(name) for name in ("train/elbo", "test/elbo_ema", "test/elbo_raw")]
    assert len({s.dash for s in styles}) == 3
    assert [s.label for s in styles] == ["train", "test", "test, raw"]
    assert (style("test/kl_dim_10_ema").label, style("test/kl_dim_10_ema").index) == ("dim 11", 10)
    assert style("speed/images_per_s").label == "images per s"


def test_the_objective_in_one_line() -> None:
    values = {"train/elbo": -148.2, "train/recon": 142.0, "train/kl": 6.2}
    result = objective_values(THEORY, values)
    assert result is not None
    assert result.one_line() == "ELBO −148.2 = −142.0 − 6.2 KL"
    assert result.one_line(full=True) == "ELBO −148.2 = −142.0 reconstruction − 6.2 KL"
    assert result.split_and_weights == "training batch"
    assert result.metric(result.terms[1][0]) == "train/kl"


def test_the_best_complete_split_is_used() -> None:
    train = {"train/elbo": -148.2, "train/recon": 142.0, "train/kl": 6.2}
    half = {"test/elbo_ema": -150.0, "test/recon_ema": 141.0}
    result = objective_values(THEORY, train | half)
    assert result is not None
    assert result.template == "train/{}"
    result = objective_values(THEORY, train | half | {"test/kl_ema": 9.0})
    assert result is not None
    assert (result.template, result.total, result.split_and_weights) == ("test/{}_ema", -150.0, "test set, EMA weights")
    assert objective_values(THEORY, {}) is None


def test_small_totals_keep_their_digits() -> None:
    result = objective_values(THEORY, {"train/elbo": -1.0784, "train/recon": 1.0301, "train/kl": 0.0483})
    assert result is not None
    assert result.one_line() == "ELBO −1.078 = −1.030 − 0.048 KL"


def test_values_that_are_not_finite_are_shown_as_such() -> None:
    result = objective_values(THEORY, {"train/elbo": math.nan, "train/recon": math.inf, "train/kl": -0.5})
    assert result is not None
    assert result.one_line() == "ELBO NaN = −∞ − (−0.500) KL"


def test_quantities_that_declare_the_same_chart_share_it() -> None:
    def declared(name: str, quantity: str, label: str = "", panel: str = "objective") -> MetricSpec:
        return MetricSpec(name, quantity, f"train {quantity}", "nats", "neither", panel, chart="losses", label=label)

    specs = [
        spec("train/other", "other", "other"),
        declared("train/loss_g", "loss_g", "G"),
        declared("train/loss_d", "loss_d"),
        declared("test/loss_g_ema", "loss_g", "G"),
        declared("train/far", "far", panel="latent"),
    ]
    other, losses, far = charts(specs)
    assert losses.metrics == ("train/loss_g", "train/loss_d", "test/loss_g_ema")
    assert (losses.quantity, losses.label, far.metrics) == ("loss_g", "losses (nats)", ("train/far",))
    styles = [losses.style(name) for name in losses.metrics]
    assert [(result.label, result.index, result.dash) for result in styles] == [
        ("G", 0, "solid"), ("loss d", 1, "solid"), ("G, test", 0, "dashed"),
    ]  # fmt: skip
    assert chart_of([other, losses], "loss_d") is losses and chart_of([other], "loss_d") is None
    assert other.style("train/other").label == "train"


def test_titles_omit_the_kind_of_weights() -> None:
    alone = spec("test/error_ema", "error", "largest |x − f⁻¹(f(x))| (raw weights, there is no EMA)")
    assert charts([alone])[0].title == "largest |x − f⁻¹(f(x))|"


BITS = Theory(
    "bits_per_dim",
    "bits/dim",
    "bits/dim",
    "",
    (Term("−log₂ p(z)", "prior_bits", 1, "prior", ""), Term("log₂ det", "ladj_bits", -1, "log-det", "")),
    (),
    "",
)


def test_negative_terms_are_in_parentheses() -> None:
    result = objective_values(BITS, {"train/bits_per_dim": 1.92, "train/prior_bits": 2.45, "train/ladj_bits": 0.53})
    assert result is not None
    assert result.one_line(full=True, brief=True) == "bits/dim 1.92 = 2.45 prior − 0.53 log-det"
    result = objective_values(BITS, {"train/bits_per_dim": 2.98, "train/prior_bits": 2.45, "train/ladj_bits": -0.53})
    assert result is not None
    assert result.one_line(full=True, brief=True) == "bits/dim 2.98 = 2.45 prior − (−0.53) log-det"


def test_another_loss_is_shown_and_a_missing_term_omitted() -> None:
    halves = (Term("r", "loss_d_real", 1, "real", ""), Term("f", "loss_d_fake", 1, "fake", ""))
    terms = (*halves, Term("0", "loss_d_penalty", 1, "penalty", ""))
    also = (Term("g", "loss_g", 1, "L_G", ""), Term("d", "diversity", 1, "diversity", ""))
    theory = Theory("loss_d", "L_D", "nats", "", terms, (), "", other_metrics=also)
    values = {"train/loss_d": 1.21, "train/loss_d_real": 0.6, "train/loss_d_fake": 0.61, "train/loss_d_penalty": 0.0}
    result = objective_values(theory, values | {"train/loss_g": 0.93, "test/diversity_ema": 0.8})
    assert result is not None
    assert [value for _, value in result.further_values] == [0.93, 0.8]
    assert result.texts[1] == "L_D 1.21 = 0.60 real + 0.61 fake · L_G 0.93"
    assert result.texts[-2:] == ("L_D 1.21 = 0.60 + 0.61 fake", "L_D 1.21")
    assert [len(line) for line in result.texts] == sorted((len(line) for line in result.texts), reverse=True)
    alone = objective_values(theory, {"train/loss_d": 1.21})
    assert alone is not None
    assert alone.one_line() == "L_D 1.210"


def test_a_term_near_zero_is_omitted_only_in_favor_of_another_value() -> None:
    result = objective_values(THEORY, {"train/elbo": -206.0, "train/recon": 206.0, "train/kl": 0.0004})
    assert result is not None
    assert all("− 0.0 KL" in line for line in result.texts[:-1])
