"""The checks of `genexplorer doctor`. Each returns a finding and, if needed, a hint."""

import contextlib
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal

from genexplorer import __version__, paths
from genexplorer.cores import environment
from genexplorer.errors import LOCAL_DISK_HINT, UserError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs.database import sqlite
from genexplorer.session import display
from trainers.storage import atomic_files

LOW_DISK_BYTES = 2_000_000_000
LOW_MEMORY_BYTES = 1_500_000_000
REPORTED_PACKAGES = ("numpy", "pillow", "pydantic", "safetensors", "textual", "typer", "pyqtgraph")
# Tables for compilation and export, a third of the time of the import, are left out.
SHORT_IMPORT = """
import sys, types
for name in ("torch._meta_registrations", "torch.export"):
    sys.modules[name] = types.ModuleType(name)
"""
TORCH_SCRIPT = """
import json, torch
from trainers.numerics import precision
mps = getattr(torch.backends, "mps", None)
cuda = torch.cuda.is_available()
print(json.dumps({
    "version": torch.__version__,
    "cuda": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
    "mps": bool(mps and mps.is_available()),
    "bfloat16": precision.has_bfloat16(torch.device("cuda" if cuda else "cpu")),
}))
"""

TOOLCHAIN_SCRIPT = """
import json
from trainers.compiled import toolchain
folder, problem, error, hint = "", "", "", ""
try:
    folder, problem = toolchain.prepare_folder()
    toolchain.require_toolchain()
except toolchain.ToolchainError as caught:
    error, hint = caught.message, caught.hint
print(json.dumps({"folder": str(folder), "problem": problem, "error": error, "hint": hint}))
"""
DISPLAY_SCRIPT = "from PyQt6.QtGui import QGuiApplication; QGuiApplication(['genexplorer']); print('connected')"
DISPLAY_TIMEOUT_S = 10.0
# Checks run at once; each probe runs once.
_PROBE_LOCK, _TOOLCHAIN_LOCK = threading.Lock(), threading.Lock()


@dataclass(frozen=True)
class Finding:
    """Result of one check."""

    name: str
    level: Literal["ok", "warning", "broken"]
    message: str
    hint: str = ""


def warn_if(condition: bool, name: str, message: str, hint: str) -> Finding:
    """Return a warning with a hint if a condition holds, else that all is well."""
    return Finding(name, "warning", message, hint) if condition else Finding(name, "ok", message)


def all_checks(runs_dir: Path) -> Iterator[Finding]:
    """Run all checks, in the order of the report."""
    checks: tuple[Callable[[], Finding], ...] = (
        python_version,
        packages,
        torch_and_device,
        steps,
        bundled_data,
        plugins,
        threads,
        memory,
        database,
        lambda: runs_folder(runs_dir),
        state_folder,
        compiled_code,
        lambda: disk(runs_dir),
        terminal,
        display_connection,
        qt,
    )
    with ThreadPoolExecutor(len(checks)) as pool:  # most of them wait for other processes
        yield from [future.result() for future in [pool.submit(check) for check in checks]]


def python_version() -> Finding:
    """Versions of genexplorer and Python."""
    message = (
        f"genexplorer {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    return warn_if(sys.platform == "win32", "python", message, "Windows is untested; WSL works like Linux")


def packages() -> Finding:
    """Versions of the packages other than torch and Qt."""
    versions, missing = [], []
    for name in REPORTED_PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "broken", f"missing: {', '.join(missing)}", "reinstall genexplorer")
    return Finding("packages", "ok", ", ".join(versions))


def torch_and_device() -> Finding:
    """Version and devices of torch; broken if it cannot be imported."""
    with _PROBE_LOCK:
        report = probe_torch()
    if isinstance(report, Finding):
        return report
    devices = [*report["cuda"], *(["Apple GPU (mps)"] if report["mps"] else [])]
    return Finding("torch", "ok", f"torch {report['version']}, device: {', '.join(devices) or 'cpu'}")


def steps() -> Finding:
    """Compilation, bfloat16 matrix products and allocator, which make training steps fast."""
    with _PROBE_LOCK:
        report = probe_torch()
    if isinstance(report, Finding):
        return Finding("steps", "warning", "unknown: torch is not installed")
    with _TOOLCHAIN_LOCK:
        toolchain = probe_toolchain()
    preloaded = environment.compute_environment(os.environ).get("LD_PRELOAD", "")
    parts = [
        f"not compiled: {toolchain['error']}" if toolchain["error"] else "compiled where faster",
        "bfloat16 matmul where accuracy is unaffected" if report["bfloat16"] else "float32 matmul",
        "mimalloc allocator" if "mimalloc" in preloaded else "system allocator",
    ]
    return warn_if(bool(toolchain["error"]), "steps", ", ".join(parts), toolchain["hint"])


def compiled_code() -> Finding:
    """Folder for compiled code; a warning if it cannot be written and a temporary one is used."""
    with _TOOLCHAIN_LOCK:
        report = probe_toolchain()
    folder, problem = report["folder"], report["problem"]
    hint = "export XDG_CACHE_HOME=$HOME/.cache, or another folder that can be written"
    return warn_if(bool(problem), "compiled code", f"{problem}; stored in {folder}" if problem else folder, hint)


@cache
def probe_toolchain() -> dict[str, str]:
    """Compile and load a line of C++ in a child process, with the environment of a worker."""
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-c", TOOLCHAIN_SCRIPT],
            env=environment.compute_environment(os.environ),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        report: dict[str, str] = json.loads(process.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return {"folder": "", "problem": "", "error": f"the compiler could not be tried: {error}", "hint": ""}
    return report


@cache
def probe_torch() -> dict[str, Any] | Finding:
    """Import torch in a child process and return its report, or why that failed."""
    try:
        for script in (SHORT_IMPORT + TORCH_SCRIPT, TORCH_SCRIPT):  # all of it, if a part is not enough
            process = subprocess.run(
                [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=120, check=False
            )
            if process.returncode == 0:
                break
    except subprocess.TimeoutExpired:
        return Finding("torch", "broken", "importing it took more than 2 minutes", "is the disk very slow?")
    if process.returncode:
        last = (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
        return Finding("torch", "broken", last[:200], "reinstall torch: pip install --force-reinstall torch")
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return report


def bundled_data() -> Finding:
    """Number of images of the bundled MNIST; broken if it is incomplete."""
    from genexplorer.errors import DataError
    from trainers.data import idx, idx_folder
    from trainers.data.catalog import bundled_folder

    try:
        files = idx_folder.find(bundled_folder("mnist"))
        counts = [idx.peek_images(path)[0] for path in (files.train_images, files.test_images)]
    except DataError as error:
        return Finding("data", "broken", error.message, error.hint)
    return Finding("data", "ok", f"bundled MNIST, {counts[0]:,} + {counts[1]:,} images")


def plugins() -> Finding:
    """Installed families and data sets of other packages; a warning for each that is left out."""
    from importlib.metadata import entry_points

    from trainers import registry

    names = [entry.name for group in registry.PLUGIN_GROUPS for entry in entry_points(group=group)]
    failures = "; ".join(map(str, registry.plugin_failures()))
    hint = "mend or uninstall it; everything else works without it"
    return warn_if(bool(failures), "plug-ins", failures or ", ".join(names) or "none installed", hint)


def threads() -> Finding:
    """Number of processors available to this process."""
    total = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else total
    message = f"{usable} of {total} processors"
    with contextlib.suppress(OSError, ValueError):  # the CPU quota of a container; "max": none
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max" and int(quota) / int(period) < usable:
            message += f", limited to the time of {int(quota) / int(period):g}"
    if omp_threads := os.environ.get("OMP_NUM_THREADS"):
        message += f", OMP_NUM_THREADS={omp_threads}"
    return Finding("threads", "ok", message)


def memory() -> Finding:
    """Free memory."""
    import psutil

    state = psutil.virtual_memory()
    message = f"{state.available / 1e9:.1f} of {state.total / 1e9:.1f} GB free"
    hint = "a training with the viewer needs about 1.5 GB; close other programs"
    return warn_if(state.available < LOW_MEMORY_BYTES, "memory", message, hint)


def database() -> Finding:
    """Version of SQLite."""
    return Finding("database", "ok", f"SQLite {sqlite3.sqlite_version}")


def writable(name: str, folder: Path) -> Finding:
    """Location of a folder; broken if it cannot be created or written to."""
    existing = existing_part(folder)
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"genexplorer")
            file.flush()
            atomic_files.sync(file.fileno(), existing)
    except OSError as error:
        is_runs_dir = name == "runs folder"
        hint = "choose another with --runs-dir or GENEXPLORER_RUNS" if is_runs_dir else "check its permissions"
        return Finding(name, "broken", f"{existing}: {error.strerror}", hint)
    note = "" if existing == folder else " (created when needed)"
    return Finding(name, "ok", f"{folder}{note}")


def state_folder() -> Finding:
    """Location of the state folder; broken if it cannot be created or written to."""
    try:
        return writable("state folder", paths.state_dir())
    except OSError as error:
        hint = f"export {paths.STATE_VARIABLE}=/tmp/genexplorer-state, or another folder that can be written"
        return Finding("state folder", "broken", f"{error.filename}: {error.strerror}", hint)


def runs_folder(folder: Path) -> Finding:
    """Location of the runs folder; broken if it lacks what runs rely on: locks, databases, synced folders."""
    finding = writable("runs folder", folder)
    if finding.level == "broken":
        return finding
    part, mode = "a lock of a file", "wal"
    try:
        with tempfile.TemporaryDirectory(prefix=".genexplorer-doctor-", dir=existing_part(folder)) as created:
            with KernelLock(Path(created) / "lock") as lock:
                lock.acquire()
            part = "sync of a folder"
            atomic_files.sync_folder(Path(created))
            part = "a database"
            with contextlib.closing(sqlite.open_for_writing(Path(created))) as connection:
                mode = sqlite.journal_mode(connection)
                with sqlite.open_for_reading(Path(created)):  # as front ends do while it is written
                    pass
    except (OSError, UserError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return Finding("runs folder", "broken", f"{folder}: {part} does not work there ({reason})", LOCAL_DISK_HINT)
    note = "" if mode == "wal" else "; metrics are recorded with a rollback journal, as WAL does not work there"
    return Finding("runs folder", "ok", finding.message + note)


def existing_part(folder: Path) -> Path:
    """Return a folder, or the first of its parents that exists."""
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def disk(folder: Path) -> Finding:
    """Free disk space for runs."""
    free = shutil.disk_usage(existing_part(folder)).free
    message = f"{free / 1e9:.1f} GB free for runs"
    hint = "a run takes up to 0.3 GB; 'genexplorer runs empty-trash' frees space"
    return warn_if(free < LOW_DISK_BYTES, "disk", message, hint)


def terminal() -> Finding:
    """Size and colors of the terminal."""
    if not sys.stdout.isatty():
        return Finding("terminal", "ok", "none; commands print plain lines")
    columns, rows = shutil.get_terminal_size()
    kind = os.environ.get("TERM", "unknown")
    colors = os.environ.get("COLORTERM", "256 colors or fewer")
    if os.environ.get("NO_COLOR"):
        colors = "no colors (NO_COLOR)"
    message = f"{columns}×{rows}, {kind}, {colors}"
    hint = "the dashboard needs 80×24 or more"
    if kind == "dumb":
        hint = "TERM=dumb cannot show the dashboard; set TERM to your terminal's name"
    return warn_if(kind == "dumb" or columns < 80 or rows < 24, "terminal", message, hint)


def display_connection() -> Finding:
    """The display on which the viewer opens."""
    if sys.platform == "darwin":
        return Finding("display", "ok", "macOS")
    hint = "connect with 'ssh -X', or write an image: genexplorer manifold RUN --out FILE.png"
    message = ", ".join(f"{name}={os.environ[name]}" for name in display.VARIABLES if os.environ.get(name))
    if problem := display.display_problem():
        return Finding("display", "warning", problem, hint)
    error = connection_error()  # Qt itself may still fail
    return warn_if(bool(error), "display", f"{message}: {error}" if error else message, hint)


def connection_error() -> str:
    """Connect to the display in a child process, since Qt aborts where it cannot; return why that failed, or ""."""
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-c", DISPLAY_SCRIPT],
            capture_output=True, text=True, errors="replace", timeout=DISPLAY_TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it does not respond within {DISPLAY_TIMEOUT_S:.0f} s"
    if process.returncode == 0:
        return ""
    lines = [line.strip() for line in process.stderr.splitlines() if line.strip()]
    return (next((line for line in lines if "connect" in line), "") or (lines or ["Qt aborted"])[0])[:200]


def qt() -> Finding:
    """Versions of PyQt6 and Qt; broken if they, or system libraries of Qt, are missing."""
    try:
        versions = metadata.version("PyQt6"), metadata.version("PyQt6-Qt6")
    except metadata.PackageNotFoundError as error:
        return Finding("qt", "broken", f"{error.name} is not installed", "reinstall genexplorer")
    message = f"PyQt6 {versions[0]} with Qt {versions[1]}"
    if versions[0].split(".")[:2] != versions[1].split(".")[:2]:
        return Finding("qt", "broken", message, "the two must match: pip install --force-reinstall PyQt6")
    if util.find_spec("PyQt6.QtWidgets") is None:
        return Finding("qt", "broken", f"{message}, without QtWidgets", "pip install --force-reinstall PyQt6")
    if not sys.platform.startswith("linux"):
        return Finding("qt", "ok", message)
    missing = missing_qt_libraries()
    if not missing:
        return Finding("qt", "ok", f"{message}, all system libraries found")
    level: Literal["warning", "broken"] = "broken" if display.has_display() else "warning"
    return Finding("qt", level, f"{message}, missing {', '.join(missing)}", qt_install_command(missing))


QT_PLUGIN_FILE = "Qt6/plugins/platforms/libqxcb.so"
QT_LIBRARY_FILES = (QT_PLUGIN_FILE, "Qt6/lib/libQt6Gui.so.6", "Qt6/lib/libQt6XcbQpa.so.6")
LOAD_SCRIPT = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"

# Libraries that Debian and Ubuntu have in a package named after the library.
QT_NAMED_LIBRARIES = (
    *("libEGL.so.1", "libGL.so.1", "libOpenGL.so.0", "libxkbcommon.so.0", "libxkbcommon-x11.so.0", "libdbus-1.so.3"),
    *("libfontconfig.so.1", "libfreetype.so.6", "libX11.so.6", "libX11-xcb.so.1", "libSM.so.6", "libICE.so.6"),
    *("libxcb.so.1", "libxcb-cursor.so.0", "libxcb-glx.so.0", "libxcb-icccm.so.4", "libxcb-image.so.0"),
    *("libxcb-keysyms.so.1", "libxcb-randr.so.0", "libxcb-render.so.0", "libxcb-render-util.so.0"),
    *("libxcb-shape.so.0", "libxcb-shm.so.0", "libxcb-sync.so.1", "libxcb-util.so.1", "libxcb-xfixes.so.0"),
    "libxcb-xkb.so.1",
)
QT_PACKAGES = {"libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0"} | {
    library: re.sub(r"(\d)?\.so\.", lambda match: f"{match[1]}-" if match[1] else "", library).lower()
    for library in QT_NAMED_LIBRARIES
}  # libxcb-cursor.so.0: libxcb-cursor0; after a digit with a hyphen, libdbus-1.so.3: libdbus-1-3


def missing_qt_libraries() -> list[str]:
    """Return the file names of missing libraries that Qt needs on X11, without starting Qt, which would abort."""
    spec = util.find_spec("PyQt6")
    root = Path(next(iter(spec.submodule_search_locations or ()), "")) if spec else Path()
    if not (root / QT_PLUGIN_FILE).exists():
        return []
    if not shutil.which("ldd"):
        # Load the plugin in a child process; its error names the first missing library.
        errors = _output_of([sys.executable, "-P", "-c", LOAD_SCRIPT, str(root / QT_PLUGIN_FILE)])
        return sorted(set(re.findall(r"(lib\S+?\.so[.\d]*): cannot open shared object", errors)))
    listings = [_output_of(["ldd", str(root / part)]) for part in QT_LIBRARY_FILES if (root / part).exists()]
    return sorted(set(re.findall(r"^\s*(\S+) => not found", "\n".join(listings), re.MULTILINE)))


def _output_of(command: list[str]) -> str:
    """Return what a command writes to standard output and standard error."""
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False
    ).stdout


def qt_install_command(libraries: list[str]) -> str:
    """Return the command that installs libraries on Debian and Ubuntu, and the libraries without a known package."""
    packages = sorted({QT_PACKAGES[name] for name in libraries if name in QT_PACKAGES})
    unknown = [name for name in libraries if name not in QT_PACKAGES]
    parts = [f"sudo apt install {' '.join(packages)}"] if packages else []
    if unknown:
        parts.append(f"find the packages that contain {', '.join(unknown)}")
    return "; ".join(parts)
