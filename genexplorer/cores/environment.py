"""The environment of processes that compute, workers and explorers: how threads wait, how memory is kept."""

import sys
from collections.abc import Mapping
from importlib import metadata

from genexplorer import paths

_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}  # KMP: of LLVM and Intel
_SPINS, _SPINS_ADAPTING = 1_000, 10_000  # of libgomp; 100 take about a microsecond
_PREFERRED = {
    "MIMALLOC_PURGE_DELAY": "60000",  # ms
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),  # where mimalloc is not
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}
_MIMALLOC = ("cmeel-mimalloc", "libmimalloc.so")  # a distribution, and its library for any program


def computing(base: Mapping[str, str], *, adapts: bool = False) -> dict[str, str]:
    """Return an environment for computing; what the person has set on purpose stays.

    Threads that wait spin for some microseconds and then sleep: another run may start at any time, and threads that
    spin for long while another process holds their core cost a factor of ten; threads that never spin cost a lone run
    a third. Those that give up a core where somebody else wants it may spin ten times as long, which makes small
    networks a fifth faster.

    Memory that is let go stays with the process for a minute: the activations of each step would else be given back
    to the kernel and faulted in anew, which costs small convolutional networks a sixth of their time. On Linux it is
    handed out by mimalloc: a library's matrix product alone asks for some two hundred small pieces, and the C library
    takes four hundredths to a tenth of a step to find them (docs/log.md has the figures).

    Args:
        base: The environment so far.
        adapts: Whether the process changes its number of threads with what others want (`leases`, `contention`).
    """
    spins = {"GOMP_SPINCOUNT": str(_SPINS_ADAPTING if adapts else _SPINS)}
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(paths.cache_dir() / "compiled")}  # else in /tmp, where others write too
    return {**spins, **_PREFERRED, **_allocator(), **compiled, **base, **_WAITING}


def _allocator() -> dict[str, str]:
    """Return what has a program's memory handed out by mimalloc; nothing where that is not installed."""
    distribution, library = _MIMALLOC
    if sys.platform != "linux":
        return {}
    try:
        path = next(str(file.locate()) for file in metadata.files(distribution) or () if file.name == library)
    except (metadata.PackageNotFoundError, StopIteration):
        return {}
    return {} if set(path) & set(": \t") else {"LD_PRELOAD": path}  # a list, which those characters part
