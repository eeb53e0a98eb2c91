import subprocess
import sys
from pathlib import Path

import pytest

from genexplorer.cores.leases import CoreLease, divide
from genexplorer.workers import launcher


@pytest.mark.parametrize(
    ("wishes", "cores", "shares"),
    [
        ({"a": 0}, 8, {"a": 8}),
        ({"a": 0, "b": 0}, 8, {"a": 4, "b": 4}),
        ({"a": 0, "b": 0, "c": 0}, 8, {"a": 3, "b": 3, "c": 2}),
        ({"a": 0, "b": 0, "c": 0}, 2, {"a": 1, "b": 1, "c": 1}),
        ({"a": 6, "b": 0, "c": 0}, 8, {"a": 6, "b": 1, "c": 1}),
        ({"a": 20, "b": 0}, 8, {"a": 20, "b": 1}),
        ({}, 8, {}),
    ],
)
def test_division(wishes: dict[str, int], cores: int, shares: dict[str, int]) -> None:
    assert divide(wishes, cores) == shares


def test_shares_follow_who_comes_and_goes(tmp_path: Path) -> None:
    first, second = CoreLease(0, tmp_path, 4), CoreLease(0, tmp_path, 4)
    assert first.take() == 4
    assert second.take() == 2 and first.share() == 2
    second.give_back()
    assert first.share() == 4 and not second.held
    demanding = CoreLease(3, tmp_path, 4)
    assert demanding.take() == 3 and first.share() == 1
    demanding.give_back()
    first.give_back()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.process
def test_a_crashed_holder_is_reclaimed(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from genexplorer.cores.leases import CoreLease;"
        " lease = CoreLease(0, Path(sys.argv[1]), 4); print(lease.take()); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == -9 and len(list(tmp_path.glob("*.lease"))) == 1
    lease = CoreLease(0, tmp_path, 4)
    assert lease.take() == 4
    assert len(list(tmp_path.glob("*.lease"))) == 1


def test_without_a_folder_that_can_be_written_a_training_takes_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lease = CoreLease(0, tmp_path / "file" / "cores", 4)
    assert lease.take() == 4 and not lease.held
    lease.give_back()


def test_without_a_state_folder_a_training_takes_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENEXPLORER_STATE", str(tmp_path / "file" / "state"))
    lease = CoreLease(0, cores=4)
    assert lease.take() == 4 and not lease.held
    assert "GENEXPLORER_STATE" in launcher._environment()
