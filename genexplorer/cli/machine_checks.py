"""The single checks of `genexplorer doctor`. Each returns what it found and, if need be, what to do."""

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal

from genexplorer import __version__, paths
from genexplorer.cli import qt_libraries
from genexplorer.cores import environment

LOW_DISK_BYTES = 2_000_000_000
LOW_MEMORY_BYTES = 1_500_000_000
PACKAGES = ("numpy", "pillow", "pydantic", "safetensors", "textual", "typer", "pyqtgraph")
TORCH_SCRIPT = """
import json, torch
from trainers.compiled import policy, precision
mps = getattr(torch.backends, "mps", None)
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__,
    "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
    "mps": bool(mps and mps.is_available()),
    "compiles": policy.has_compiler(),
    "bfloat16": precision.has_bfloat16(torch.device("cuda" if cuda else "cpu")),
}))
"""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    name: str
    level: Literal["ok", "warning", "broken"]
    found: str
    advice: str = ""


def all_checks(runs_dir: Path) -> Iterator[Finding]:
    """Run every check, in the order in which a person reads them."""
    checks: tuple[Callable[[], Finding], ...] = (
        python_version,
        packages,
        torch_and_device,
        steps,
        bundled_data,
        threads,
        memory,
        database,
        lambda: writable("runs folder", runs_dir),
        lambda: writable("state folder", paths.state_dir()),
        lambda: disk(runs_dir),
        terminal,
        display,
        qt,
    )
    for check in checks:
        yield check()


def python_version() -> Finding:
    """The interpreter and the version of genexplorer."""
    found = f"genexplorer {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.platform == "win32":
        return Finding("python", "warning", found, "Windows has not been tried; WSL works as Linux does")
    return Finding("python", "ok", found)


def packages() -> Finding:
    """The packages that are not torch or Qt."""
    versions, missing = [], []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "broken", f"missing: {', '.join(missing)}", "install genexplorer again")
    return Finding("packages", "ok", ", ".join(versions))


def torch_and_device() -> Finding:
    """Whether torch can be imported, in a process of its own, and on what it computes."""
    told = told_by_torch()
    if isinstance(told, Finding):
        return told
    devices = [*told["cuda"], *(["Apple GPU (mps)"] if told["mps"] else [])]
    return Finding("torch", "ok", f"torch {told['version']}, computes on {', '.join(devices) or 'the processor (cpu)'}")


def steps() -> Finding:
    """What makes the steps of a training fast here: compiling, products in bfloat16, an allocator."""
    told = told_by_torch()
    if isinstance(told, Finding):
        return Finding("steps", "warning", "nobody can tell without torch")
    found = [
        "compiled where that pays" if told["compiles"] else "not compiled, there is no C++ compiler",
        "products in bfloat16 where figures stay" if told["bfloat16"] else "products in float32",
        "memory by mimalloc"
        if "mimalloc" in environment.computing(os.environ).get("LD_PRELOAD", "")
        else "memory by the system",
    ]
    advice = "" if told["compiles"] else "install g++: small networks then train 1.4 to 4 times as fast"
    return Finding("steps", "ok" if told["compiles"] else "warning", ", ".join(found), advice)


@cache
def told_by_torch() -> dict[str, Any] | Finding:
    """Return what torch tells in a process of its own, or what is wrong with it."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", TORCH_SCRIPT], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("torch", "broken", "importing it took more than 2 minutes", "is the disk very slow?")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Finding("torch", "broken", last[:200], "install torch again: pip install --force-reinstall torch")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def bundled_data() -> Finding:
    """The bundled MNIST."""
    from genexplorer.errors import DataError
    from trainers import bundled_data as mnist_assets
    from trainers.data import idx, idx_folder

    try:
        files = idx_folder.find(mnist_assets.folder("mnist"))
        counts = [idx.peek_images(path)[0] for path in (files.train_images, files.test_images)]
    except DataError as error:
        return Finding("data", "broken", error.message, error.hint)
    return Finding("data", "ok", f"bundled MNIST, {counts[0]:,} + {counts[1]:,} images")


def threads() -> Finding:
    """How many processors there are for this process."""
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    quota = _cpu_quota()
    found = f"{usable} of {total} processors"
    if quota is not None and quota < usable:
        found += f", limited to the time of {quota:g}"
    set_to = os.environ.get("OMP_NUM_THREADS")
    if set_to:
        found += f", OMP_NUM_THREADS={set_to}"
    return Finding("threads", "ok", found)


def memory() -> Finding:
    """How much memory is free."""
    import psutil

    state = psutil.virtual_memory()
    found = f"{state.available / 1e9:.1f} of {state.total / 1e9:.1f} GB free"
    if state.available < LOW_MEMORY_BYTES:
        return Finding("memory", "warning", found, "a training with a viewer takes about 1.5 GB; close something")
    return Finding("memory", "ok", found)


def database() -> Finding:
    """The SQLite that records runs."""
    return Finding("database", "ok", f"SQLite {sqlite3.sqlite_version}")


def writable(name: str, folder: Path) -> Finding:
    """Whether a folder can be made and written to."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"genexplorer")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        advice = (
            "name another with --runs-dir or GENEXPLORER_RUNS" if name == "runs folder" else "check its permissions"
        )
        return Finding(name, "broken", f"{existing}: {error.strerror}", advice)
    note = "" if existing == folder else " (made when first needed)"
    return Finding(name, "ok", f"{folder}{note}")


def disk(folder: Path) -> Finding:
    """How much room there is for runs."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1e9:.1f} GB free for runs"
    if free < LOW_DISK_BYTES:
        return Finding("disk", "warning", found, "a run takes up to 0.3 GB; 'genexplorer runs empty-trash' makes room")
    return Finding("disk", "ok", found)


def terminal() -> Finding:
    """What the dashboard would have to draw on."""
    if not sys.stdout.isatty():
        return Finding("terminal", "ok", "none here; commands print plain lines")
    columns, rows = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "unknown")
    colors = (
        "no colors (NO_COLOR)" if os.environ.get("NO_COLOR") else os.environ.get("COLORTERM", "256 colors or fewer")
    )
    found = f"{columns}×{rows}, {kind}, {colors}"
    if kind == "dumb":
        return Finding(
            "terminal", "warning", found, "TERM=dumb cannot show the dashboard; set TERM to your terminal's name"
        )
    if columns < 80 or rows < 24:
        return Finding("terminal", "warning", found, "the dashboard is drawn for 80×24 and more")
    return Finding("terminal", "ok", found)


def display() -> Finding:
    """Where the viewer would open its window."""
    if sys.platform == "darwin":
        return Finding("display", "ok", "macOS")
    named = [
        f"{name}={os.environ[name]}"
        for name in ("WAYLAND_DISPLAY", "DISPLAY", "QT_QPA_PLATFORM")
        if os.environ.get(name)
    ]
    if named:
        return Finding("display", "ok", ", ".join(named))
    advice = "the viewer cannot open here; 'genexplorer manifold RUN --out FILE.png' writes what it would show"
    return Finding("display", "warning", "none (neither DISPLAY nor WAYLAND_DISPLAY is set)", advice)


def qt() -> Finding:
    """Whether Qt and the system's libraries that its window needs are here."""
    try:
        versions = metadata.version("PyQt6"), metadata.version("PyQt6-Qt6")
    except metadata.PackageNotFoundError as error:
        return Finding("qt", "broken", f"{error.name} is not installed", "install genexplorer again")
    found = f"PyQt6 {versions[0]} with Qt {versions[1]}"
    if versions[0].split(".")[:2] != versions[1].split(".")[:2]:
        return Finding("qt", "broken", found, "the two must match: pip install --force-reinstall PyQt6")
    if util.find_spec("PyQt6.QtWidgets") is None:
        return Finding("qt", "broken", f"{found}, without QtWidgets", "pip install --force-reinstall PyQt6")
    if not sys.platform.startswith("linux"):
        return Finding("qt", "ok", found)
    missing = qt_libraries.missing()
    if not missing:
        return Finding("qt", "ok", f"{found}, its system libraries are here")
    level: Literal["warning", "broken"] = "broken" if display().level == "ok" else "warning"
    return Finding("qt", level, f"{found}, lacks {', '.join(missing)}", qt_libraries.how_to_install(missing))


def _cpu_quota() -> float | None:
    """Return the processors' worth of time that a container may use, None where there is no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None
