import platform
import subprocess
import sys
from pathlib import Path

import pytest

from genexplorer.cores import leases
from genexplorer.cores.leases import Claim, CoreLease, divide
from genexplorer.workers import launcher
from tests.fixtures.waiting import wait_until

HOLDER = (
    "import sys; from pathlib import Path; from genexplorer.cores.leases import CoreLease;"
    " lease = CoreLease(0, Path(sys.argv[1]), 4); print(lease.acquire(), flush=True); sys.stdin.read()"
)
FAIR, DRAG = Claim(), Claim(interactive=True)


@pytest.mark.parametrize(
    ("claims", "cores", "shares"),
    [
        ([FAIR], 8, [8]),
        ([FAIR, FAIR], 8, [4, 4]),
        ([FAIR, FAIR, FAIR], 8, [3, 3, 2]),
        ([FAIR, FAIR, FAIR], 2, [1, 1, 1]),
        ([Claim(6), FAIR, FAIR], 8, [6, 1, 1]),
        ([Claim(20), FAIR], 8, [20, 1]),
        ([FAIR, DRAG], 2, [1, 1]),
        ([DRAG, FAIR], 3, [1, 2]),
        ([DRAG, FAIR, FAIR], 4, [1, 2, 1]),
        ([FAIR, DRAG], 64, [60, 4]),
        ([DRAG], 2, [2]),
        ([DRAG], 64, [4]),
        ([DRAG, Claim(2)], 2, [1, 2]),
        ([], 8, []),
    ],
)
def test_division(claims: list[Claim], cores: int, shares: list[int]) -> None:
    named = {f"{age}": claim for age, claim in enumerate(claims)}
    assert divide(named, cores) == {f"{age}": share for age, share in enumerate(shares)}


def test_the_cores_are_never_exceeded_but_by_one_each_or_who_insists() -> None:
    for cores in range(1, 20):
        for trainings in range(5):
            for explorers in range(4):
                claims = {f"t{n}": FAIR for n in range(trainings)} | {f"e{n}": DRAG for n in range(explorers)}
                shares = divide(claims, cores)
                assert sum(shares.values()) <= max(cores, len(claims)) and min(shares.values(), default=1) >= 1
                assert not trainings or sum(shares.values()) >= cores  # none lies idle beside a training


def test_shares_follow_who_comes_and_goes(tmp_path: Path) -> None:
    first, second = CoreLease(0, tmp_path, 4), CoreLease(0, tmp_path, 4)
    assert first.acquire() == 4
    assert second.acquire() == 2 and first.share() == 2
    second.release()
    assert first.share() == 4 and not second.is_held
    demanding = CoreLease(3, tmp_path, 4)
    assert demanding.acquire() == 3 and first.share() == 1
    demanding.release()
    first.release()
    assert list(tmp_path.iterdir()) == []


def test_variables_of_openmp_limit_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "num_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    limited = CoreLease(folder=tmp_path)
    assert limited.share() == limited.acquire() == 3
    limited.release()
    assert CoreLease(5, tmp_path).share() == 5  # a configured number replaces the default
    monkeypatch.setenv("OMP_THREAD_LIMIT", "2")
    assert CoreLease(folder=tmp_path).share() == 2


def test_others_adapt_to_a_pinned_number_of_threads(tmp_path: Path) -> None:
    first, second = CoreLease(0, tmp_path, 4), CoreLease(0, tmp_path, 4)
    first.acquire()
    second.acquire()
    first.pin(3)
    assert (first.share(), second.share()) == (3, 1)
    first.release()
    first.pin(0)
    assert first.acquire() == second.share() == 2


def test_an_explorer_without_a_lease_computes_with_what_is_left(tmp_path: Path) -> None:
    training, explorer = CoreLease(0, tmp_path, 2), CoreLease(0, tmp_path, 2, interactive=True)
    assert explorer.share() == 2
    assert training.acquire() == 2 and explorer.share() == 1
    assert explorer.acquire() == 1 and training.share() == 1
    training.release()
    assert explorer.share() == 2


@pytest.mark.process
def test_a_killed_holder_is_reclaimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RESCAN_INTERVAL_S", 0.05)  # a crash does not change the folder
    lease = CoreLease(0, tmp_path, 4)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"4\n"
        assert lease.acquire() == 2
        holder.kill()
        holder.wait()
    wait_until(lambda: lease.share() == 4)
    assert len(list(tmp_path.glob("*.lease"))) == 1


def test_files_that_are_no_leases_stay_and_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "00000000000000000001-zz.t0.lease").mkdir()
    assert CoreLease(0, tmp_path, 4).acquire() == 4
    assert (tmp_path / "notes.txt").exists()


def test_without_a_folder_that_can_be_written_a_training_takes_all(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lease = CoreLease(0, tmp_path / "file" / "cores", 4)
    assert lease.acquire() == 4 and not lease.is_held
    lease.pin(2)
    lease.release()
    assert lease.share() == 2


def test_without_a_state_folder_a_training_takes_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GENEXPLORER_STATE", str(tmp_path / "file" / "state"))
    lease = CoreLease(0, cores=4)
    assert lease.acquire() == 4 and not lease.is_held
    assert CoreLease(cores=2, interactive=True).share() == 2
    assert "GENEXPLORER_STATE" in launcher._environment(adapts=True)


def test_a_folder_that_vanishes_gives_all_cores_back(tmp_path: Path) -> None:
    folder = tmp_path / "cores"
    first, second = CoreLease(0, folder, 4), CoreLease(0, folder, 4)
    first.acquire()
    assert second.acquire() == 2
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert second.share() == 4
    second.release()


def test_leases_are_of_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    one = CoreLease(cores=4)
    assert one.acquire() == 4
    monkeypatch.setattr(platform, "node", lambda: "another/machine")  # its home is the same
    other = CoreLease(cores=4)
    assert other.acquire() == 4 and one.share() == 4
    one.release()
    other.release()
