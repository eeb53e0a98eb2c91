"""Durable writes, with a fault at every call."""

import contextlib
import errno
import json
from pathlib import Path

import pytest

from trainers.storage import atomic_files, fault_injection


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f"
    atomic_files.write_bytes(path, b"old")
    atomic_files.write_bytes(path, b"new" * 1_000_000)
    assert path.read_bytes() == b"new" * 1_000_000 and names(tmp_path) == ["f"]


@pytest.mark.parametrize("persistent", [False, True])
def test_a_fault_leaves_the_old_or_the_new(tmp_path: Path, persistent: bool) -> None:
    path = tmp_path / "f"
    with fault_injection.inject_faults(fault_injection.FaultPlan(10**6, errno.EIO)) as plan:
        atomic_files.write_bytes(path, b"x" * 3_000_000)
    for nth in range(1, len(plan.calls) + 1):
        path.write_bytes(b"old")
        with (
            fault_injection.inject_faults(fault_injection.FaultPlan(nth, errno.ENOSPC, persistent=persistent)),
            pytest.raises(OSError),
        ):
            atomic_files.write_bytes(path, b"x" * 3_000_000)
        assert path.read_bytes() in (b"old", b"x" * 3_000_000) and names(tmp_path) == ["f"]


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO])
def test_a_file_system_that_cannot_sync_is_passed_over_but_not_a_failing_disk(tmp_path: Path, error: int) -> None:
    path, fails = tmp_path / "f", error == errno.EIO
    with fault_injection.inject_faults(fault_injection.FaultPlan(10**6, errno.EIO)) as plan:
        atomic_files.write_bytes(path, b"x")
    syncs = [number for number, name in enumerate(plan.calls, 1) if name.startswith("fsync")]
    assert len(syncs) == 2  # of the file and of its folder
    for nth in syncs:
        with (
            fault_injection.inject_faults(fault_injection.FaultPlan(nth, error)),
            pytest.raises(OSError) if fails else contextlib.nullcontext(),
        ):
            atomic_files.write_bytes(path, b"new")
        assert fails or path.read_bytes() == b"new"


def test_json_has_no_nan(tmp_path: Path) -> None:
    atomic_files.write_json(tmp_path / "f", {"a": [1, None]})
    assert json.loads((tmp_path / "f").read_text()) == {"a": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic_files.write_json(tmp_path / "f", {"a": float("nan")})
    assert names(tmp_path) == ["f"]


def test_a_folder_never_replaces_another(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(name)
    with pytest.raises(OSError):
        atomic_files.rename_folder(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / "x").read_text() == "b"
    atomic_files.rename_folder(tmp_path / "a", tmp_path / "c")
    assert names(tmp_path) == ["b", "c"]
