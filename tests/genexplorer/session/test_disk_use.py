import shutil
from pathlib import Path
from typing import Any

import pytest

from genexplorer.session import disk_use
from genexplorer.session.disk_use import expected_disk_use, low_disk_warning
from genexplorer.session.eta import Estimate, expected_time
from tests.fixtures.fake_run import write_run
from trainers import plan
from trainers.plan import Plan
from trainers.presets import assemble


def training(preset: str = "vae-2d", **schedule: Any) -> Plan:
    return plan.resolve(assemble(preset, {"schedule": schedule} if schedule else {}))


def test_metrics_grow_with_the_steps_and_weights_have_a_bound(tmp_path: Path) -> None:
    estimate = Estimate(3600.0, None, "")
    short, long = (expected_disk_use(training(steps=steps), tmp_path, estimate) for steps in (10_000, 1_000_000))
    assert short.metrics_bytes and long.metrics_bytes and long.metrics_bytes_per_hour == long.metrics_bytes
    assert 60 * short.metrics_bytes < long.metrics_bytes < 100 * short.metrics_bytes
    assert short.max_weights_bytes == long.max_weights_bytes > 256e6
    assert "per hour (typical), 365.1 MB at the end; weights up to" in str(long)


def test_a_length_in_minutes_takes_the_speed_of_the_preset(tmp_path: Path) -> None:
    use = expected_disk_use(given := training(minutes=60.0), tmp_path, expected_time(given, tmp_path))
    assert use.metrics_bytes_per_hour and use.metrics_bytes_per_hour > 1e6
    assert expected_disk_use(given, tmp_path, Estimate(None, None, "")).metrics_bytes is None


def test_a_run_of_the_family_is_measured(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=4000, pictures=False)
    use = expected_disk_use(training(steps=4000), tmp_path, Estimate(60.0, None, ""))
    assert use.source.startswith("measured in ")
    assert use.metrics_bytes == pytest.approx((folder / "metrics.sqlite").stat().st_size, rel=0.02)
    assert expected_disk_use(training("gan", steps=4000), tmp_path, Estimate(60.0, None, "")).source == "typical"


def test_a_disk_that_the_run_may_fill_is_foretold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {"free": 10e9}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: type("Usage", (), free))
    assert not low_disk_warning(training(steps=1000), tmp_path / "runs")
    warning = low_disk_warning(training(steps=100_000_000), tmp_path / "runs")
    assert f"{tmp_path} has 10.0 GB free" in warning and "--runs-dir" in warning and "\n" not in warning
    free["free"] = disk_use._AMPLE_BYTES
    assert not low_disk_warning(training(steps=100_000_000), tmp_path)
