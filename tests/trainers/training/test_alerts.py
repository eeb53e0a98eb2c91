"""Alerts: reported once, when their condition begins."""

import json

from tests.trainers import tiny
from trainers.events import Alert
from trainers.training.alerts import AlertMonitor


def evaluated(monitor: AlertMonitor, step: int, progress: float, metrics: dict[str, float]) -> list[Alert]:
    """The alerts of an evaluation of a VAE."""
    return list(monitor.after_evaluation(step, progress, metrics, tiny.vae(tiny.options(), (1, 4, 4))))


def codes(monitor: AlertMonitor, losses: list[float]) -> list[tuple[int, str]]:
    return [(a.step, a.code) for step, loss in enumerate(losses) for a in monitor.after_step(step, loss)]


def test_a_spike_is_reported_once() -> None:
    steady = [100.0 + (step % 5) for step in range(400)]
    assert codes(AlertMonitor(), steady) == []
    assert codes(AlertMonitor(), [*steady, 500.0, 600.0, 550.0, *steady[:50]]) == [(400, "loss_spike")]


def test_two_spikes_are_two() -> None:
    steady = [100.0 + (step % 5) for step in range(400)]
    assert codes(AlertMonitor(), [*steady, 500.0, *steady, 500.0]) == [(400, "loss_spike"), (801, "loss_spike")]


def test_the_initial_fall_of_the_loss_is_no_spike() -> None:
    assert codes(AlertMonitor(), [550.0] * 3 + [540 * 0.9**step + 150 for step in range(300)]) == []


def test_a_collapsing_dimension_is_reported_when_it_collapses() -> None:
    monitor = AlertMonitor()
    assert (evaluated(monitor, 10, 0.02, {"kl_dim_0": 1.0, "kl_dim_1": 0.5})) == []
    (alert,) = evaluated(monitor, 20, 0.04, {"kl_dim_0": 1.0, "kl_dim_1": 0.001})
    assert (alert.code, alert.step) == ("kl_dim_collapsed", 20) and "dimension 2 " in alert.message
    assert (evaluated(monitor, 30, 0.06, {"kl_dim_0": 1.0, "kl_dim_1": 0.001})) == []
    assert (evaluated(monitor, 40, 0.08, {"kl_dim_0": 1.0, "kl_dim_1": 0.5})) == []
    assert len(evaluated(monitor, 50, 0.1, {"kl_dim_0": 0.0, "kl_dim_1": 0.0})) == 1


def test_a_dimension_that_was_never_active_is_reported_after_a_tenth() -> None:
    monitor, asleep = AlertMonitor(), {"kl_dim_0": 0.001, "kl_dim_1": 1.0}
    assert (evaluated(monitor, 10, 0.05, asleep)) == []
    assert [alert.code for alert in evaluated(monitor, 20, 0.5, asleep)] == ["kl_dim_collapsed"]
    assert (evaluated(monitor, 30, 0.9, asleep)) == []


def test_a_test_metric_that_is_not_finite_is_reported_once() -> None:
    monitor = AlertMonitor()
    codes = [a.code for step in range(3) for a in evaluated(monitor, step, 0.5, {"elbo": float("-inf")})]
    assert codes == ["evaluation_not_finite"]


def test_a_few_collapsed_dimensions_of_many_are_only_information() -> None:
    many = {f"kl_dim_{dim}": 0.0 if dim < 3 else 2.0 for dim in range(20)}
    (alert,) = evaluated(AlertMonitor(), 1, 0.5, dict.fromkeys(many, 0.0))
    assert "KL of 20 of 20 latent dimensions is below" in alert.message, "they are counted, not listed"
    assert [alert.severity for alert in evaluated(AlertMonitor(), 1, 0.5, many)] == ["info"]
    assert [alert.severity for alert in evaluated(AlertMonitor(), 1, 0.5, {"kl_dim_0": 0.0, "kl_dim_1": 2.0})] == [
        "warning"
    ]


def test_a_monitor_is_restored_as_it_was() -> None:
    monitor = AlertMonitor()
    codes(monitor, [100.0 + (step % 5) for step in range(300)])
    evaluated(monitor, 300, 0.3, {"kl_dim_0": 0.0, "kl_dim_1": 2.0, "elbo": float("nan")})
    stored = json.loads(json.dumps(monitor.to_json()))
    assert (stored["collapsed"], stored["alive"], stored["unmeasurable"]) == ([0], [1], True)
    assert AlertMonitor.from_json(stored) == monitor


def test_unused_dimensions_are_information_until_hardly_any_is_active() -> None:
    for num_active, severity in ((19, "info"), (9, "info"), (5, "info"), (4, "warning"), (0, "warning")):
        values = {f"kl_dim_{dim}": 2.0 if dim < num_active else 0.0 for dim in range(20)}
        assert [alert.severity for alert in evaluated(AlertMonitor(), 1, 0.5, values)] == [severity]
