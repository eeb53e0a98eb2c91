"""Fake runs that the tests of several tabs share."""

from pathlib import Path

import pytest

from tests.fixtures.fake_run import write_run
from tests.genexplorer.viewer.fake_families import SIZES


@pytest.fixture(scope="session")
def family_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of each family, on images and on points; the tests only read them."""
    runs = tmp_path_factory.mktemp("runs")
    return {kind: write_run(runs, steps=60, pictures=False, kind=kind, name=kind) for kind in SIZES}  # type: ignore[arg-type]
