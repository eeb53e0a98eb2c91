"""A cache folder of its own for each test of data."""

from pathlib import Path

import pytest

from trainers.storage import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let decoded images be stored in a folder of the test; return it."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(folder))
    cache.data_cache_dir.cache_clear()
    return folder
