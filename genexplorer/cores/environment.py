"""The environment of processes that compute, workers and explorers: how threads wait, how memory is kept."""

from collections.abc import Mapping

from genexplorer import paths

_WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}  # KMP: of LLVM and Intel
_PREFERRED = {
    "GOMP_SPINCOUNT": "1000",
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
}


def computing(base: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for computing; what the person has set on purpose stays.

    Threads that wait spin for some microseconds and then sleep: another run may start at any time, and threads that
    spin for long while another process holds their core cost a factor of ten; threads that never spin cost a lone run
    a third. Memory that is let go stays with the process, up to 256 MB: the activations of each step would else be
    given back to the kernel and faulted in anew, which costs small convolutional networks a sixth of their time
    (docs/log.md has the figures of both). Other C libraries than GNU's do not read those two.
    """
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(paths.cache_dir() / "compiled")}  # else in /tmp, where others write too
    return {**_PREFERRED, **compiled, **base, **_WAITING}
