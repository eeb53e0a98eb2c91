"""Settings that must stand before torch, Qt or NumPy are imported, here and in every child process."""

import os
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["COLUMNS"] = "120"  # the width of help and messages, whatever terminal runs the tests
os.environ.pop("LINES", None)
os.environ.pop("GENEXPLORER_RUNS", None)
os.environ.pop("NO_COLOR", None)
for _variable in ("CI", "CONTINUOUS_INTEGRATION", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD", "JPY_PARENT_PID"):
    os.environ.pop(_variable, None)  # the dashboard opens in the terminals of tests, whatever runs them

import pytest  # noqa: E402

from trainers.storage import cache  # noqa: E402


@pytest.fixture(autouse=True)
def _own_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test away from the user's own state, runs, data and caches."""
    monkeypatch.setenv("GENEXPLORER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GENEXPLORER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("GENEXPLORER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GENEXPLORER_DATA", str(tmp_path / "data"))
    cache.data_cache_dir.cache_clear()
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
