"""A tiny data set, written once."""

from pathlib import Path

import pytest

from tests.trainers import idx_files


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return idx_files.write_folder(tmp_path_factory.mktemp("data") / "blobs")
