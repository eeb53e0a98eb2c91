"""Alerts: told once, when it begins."""

from trainers.training.alerts import AlertMonitor


def codes(watcher: AlertMonitor, losses: list[float]) -> list[tuple[int, str]]:
    return [(a.step, a.code) for step, loss in enumerate(losses) for a in watcher.after_step(step, loss)]


def test_a_spike_is_told_once() -> None:
    steady = [100.0 + (step % 5) for step in range(400)]
    assert codes(AlertMonitor(), steady) == []
    assert codes(AlertMonitor(), [*steady, 500.0, 600.0, 550.0, *steady[:50]]) == [(400, "loss_spike")]


def test_two_spikes_are_two() -> None:
    steady = [100.0 + (step % 5) for step in range(400)]
    assert codes(AlertMonitor(), [*steady, 500.0, *steady, 500.0]) == [(400, "loss_spike"), (801, "loss_spike")]


def test_the_fall_at_the_beginning_is_no_spike() -> None:
    assert codes(AlertMonitor(), [550.0] * 3 + [540 * 0.9**step + 150 for step in range(300)]) == []


def test_a_dimension_that_collapses_is_told_when_it_does() -> None:
    watcher = AlertMonitor()
    assert list(watcher.after_evaluation(10, 0.02, {"kl_dim_0": 1.0, "kl_dim_1": 0.5})) == []
    (alert,) = watcher.after_evaluation(20, 0.04, {"kl_dim_0": 1.0, "kl_dim_1": 0.001})
    assert (alert.code, alert.step) == ("kl_dim_collapsed", 20) and "dimension 2 " in alert.message
    assert list(watcher.after_evaluation(30, 0.06, {"kl_dim_0": 1.0, "kl_dim_1": 0.001})) == []
    assert list(watcher.after_evaluation(40, 0.08, {"kl_dim_0": 1.0, "kl_dim_1": 0.5})) == []
    assert len(list(watcher.after_evaluation(50, 0.1, {"kl_dim_0": 0.0, "kl_dim_1": 0.0}))) == 1


def test_a_dimension_that_never_woke_has_its_time() -> None:
    watcher, asleep = AlertMonitor(), {"kl_dim_0": 0.001, "kl_dim_1": 1.0}
    assert list(watcher.after_evaluation(10, 0.05, asleep)) == []
    assert [alert.code for alert in watcher.after_evaluation(20, 0.5, asleep)] == ["kl_dim_collapsed"]
    assert list(watcher.after_evaluation(30, 0.9, asleep)) == []


def test_a_test_figure_that_is_not_finite_is_told_once() -> None:
    watcher = AlertMonitor()
    told = [a.code for step in range(3) for a in watcher.after_evaluation(step, 0.5, {"elbo": float("-inf")})]
    assert told == ["evaluation_not_finite"]


def test_a_few_collapsed_dimensions_of_many_are_no_warning() -> None:
    many = {f"kl_dim_{dim}": 0.0 if dim < 3 else 2.0 for dim in range(20)}
    assert [alert.severity for alert in AlertMonitor().after_evaluation(1, 0.5, many)] == ["info"]
    assert [
        alert.severity for alert in AlertMonitor().after_evaluation(1, 0.5, {"kl_dim_0": 0.0, "kl_dim_1": 2.0})
    ] == ["warning"]
