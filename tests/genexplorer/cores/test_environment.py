"""What processes that compute get to see."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from genexplorer.cores import environment
from genexplorer.cores.environment import compute_environment
from trainers import openmp

MAPPED = "print(any('mimalloc' in line for line in open('/proc/self/maps')))"


def test_openmp_always_starts_as_many_threads_as_it_is_asked_for() -> None:
    made = compute_environment({"OMP_DYNAMIC": "true", "OMP_MAX_ACTIVE_LEVELS": "0", "OMP_THREAD_LIMIT": "3"})
    assert openmp.thread_limit(made) == (3, "OMP_THREAD_LIMIT=3")


@pytest.mark.skipif(sys.platform != "linux", reason="the library is for Linux")
def test_memory_of_processes_that_compute_is_handed_out_by_mimalloc() -> None:
    for base, expected in ({}, "True"), ({"LD_PRELOAD": ""}, "False"):  # a person's word goes first
        asked = subprocess.run(
            [sys.executable, "-c", MAPPED], env=compute_environment(base), capture_output=True, text=True
        )
        assert (asked.stdout.strip(), asked.stderr) == (expected, "")


def test_without_that_library_and_where_its_path_would_be_two_the_c_library_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "_MIMALLOC", ("no-such-distribution", "libmimalloc.so"))
    assert "LD_PRELOAD" not in compute_environment({})
    monkeypatch.setattr(environment, "_MIMALLOC", ("pytest", "no-such-library.so"))
    assert "LD_PRELOAD" not in compute_environment({})
    info = tmp_path / "my models" / "odd-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: odd\nVersion: 1.0\n")
    (info / "RECORD").write_text("lib/libodd.so,,\n")
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.setattr(environment, "_MIMALLOC", ("odd", "libodd.so"))
    assert metadata.files("odd") and "LD_PRELOAD" not in compute_environment({})
