"""Environment variables of processes that compute, workers and model processes: how threads wait and memory is kept."""

import sys
from collections.abc import Mapping
from importlib import metadata

from genexplorer import paths

# These replace what the user has set. Waiting threads sleep; the OpenMP of LLVM and Intel reads the second variable.
_PASSIVE_WAIT = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
_FULL_TEAMS = {"OMP_DYNAMIC": "FALSE", "OMP_MAX_ACTIVE_LEVELS": "1"}  # OpenMP starts all threads: see `trainers.openmp`
# Loops in which a waiting thread of libgomp spins before it sleeps; 100 take about 1 µs.
_SPIN_COUNT = 1_000
_ADAPTING_SPIN_COUNT = 10_000  # in a process that adapts its number of threads to others
_MEMORY_DEFAULTS = {
    "MIMALLOC_PURGE_DELAY": "60000",  # freed memory is returned to the kernel after these milliseconds
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),  # the C library reads these two, where mimalloc is missing
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}
_MIMALLOC = ("cmeel-mimalloc", "libmimalloc.so")  # the distribution on PyPI and the library in it


def compute_environment(base: Mapping[str, str], *, adapts: bool = False) -> dict[str, str]:
    """Return an environment for computing. Variables that the user has set stay, except for the four below.

    `OMP_WAIT_POLICY`, `KMP_BLOCKTIME`, `OMP_DYNAMIC` and `OMP_MAX_ACTIVE_LEVELS` are always set: with other values,
    waiting threads slow down other runs, or fewer threads start than the libraries below torch expect.

    Waiting threads spin for some microseconds and then sleep: another run may start at any time, and threads that
    spin for long while another process holds their core are ten times slower; threads that never spin make a single
    run a third slower. Processes that adapt their threads may spin ten times as long, which makes small networks a
    fifth faster.

    Freed memory stays with the process for a minute: otherwise the activations of each step are returned to the
    kernel and faulted in again, a sixth of the time of small convolutional networks. On Linux, mimalloc allocates: a
    single matmul allocates some two hundred small blocks, for which the C library needs 4 to 10 % of a step
    (docs/log.md).

    Args:
        base: The environment to start from, such as `os.environ`.
        adapts: Whether the process adapts its number of threads to others (`leases`, `contention`).
    """
    spins = {"GOMP_SPINCOUNT": str(_ADAPTING_SPIN_COUNT if adapts else _SPIN_COUNT)}
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(paths.cache_dir() / "compiled")}  # not in /tmp, where others write
    defaults = {**spins, **_MEMORY_DEFAULTS, **_allocator(), **compiled}
    return {**defaults, **base, **_PASSIVE_WAIT, **_FULL_TEAMS}  # the later ones replace the earlier ones


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
