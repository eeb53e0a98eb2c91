"""Environment variables of processes that compute, workers and model processes: how threads wait and memory is kept."""

import sys
from collections.abc import Mapping
from importlib import metadata

from genexplorer import paths

_PASSIVE_WAIT = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}  # KMP: LLVM and Intel
_FULL_TEAMS = {"OMP_DYNAMIC": "FALSE", "OMP_MAX_ACTIVE_LEVELS": "1"}  # see `trainers.openmp`
_SPINS, _SPINS_ADAPTING = 1_000, 10_000  # of libgomp; 100 take about a microsecond
_PREFERRED = {
    "MIMALLOC_PURGE_DELAY": "60000",  # ms
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),  # without mimalloc
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}
_MIMALLOC = ("cmeel-mimalloc", "libmimalloc.so")  # distribution and its library


def compute_environment(base: Mapping[str, str], *, adapts: bool = False) -> dict[str, str]:
    """Return an environment for computing; variables that the user has set stay.

    Waiting threads spin for some microseconds and then sleep: another run may start at any time, and threads that
    spin for long while another process holds their core are ten times slower; threads that never spin make a single
    run a third slower. Processes that adapt their threads may spin ten times as long, which makes small networks a
    fifth faster.

    Freed memory stays with the process for a minute: otherwise the activations of each step are returned to the
    kernel and faulted in again, a sixth of the time of small convolutional networks. On Linux, mimalloc allocates: a
    single matmul allocates some two hundred small blocks, for which the C library needs 4 to 10 % of a step
    (docs/log.md).

    Args:
        base: The environment so far.
        adapts: Whether the process adapts its number of threads to others (`leases`, `contention`).
    """
    spins = {"GOMP_SPINCOUNT": str(_SPINS_ADAPTING if adapts else _SPINS)}
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(paths.cache_dir() / "compiled")}  # not in /tmp, where others write
    return {**spins, **_PREFERRED, **_allocator(), **compiled, **base, **_PASSIVE_WAIT, **_FULL_TEAMS}


def _allocator() -> dict[str, str]:
    """Return the variables that make mimalloc the allocator; empty if it is not installed."""
    distribution, library = _MIMALLOC
    if sys.platform != "linux":
        return {}
    try:
        path = next(str(file.locate()) for file in metadata.files(distribution) or () if file.name == library)
    except (metadata.PackageNotFoundError, StopIteration):
        return {}
    return {} if set(path) & set(": \t") else {"LD_PRELOAD": path}  # these characters separate the paths of LD_PRELOAD
