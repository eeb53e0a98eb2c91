"""The checks of `genexplorer doctor`. Each returns its result and, if needed, a hint."""

import contextlib
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal

from genexplorer import __version__, paths
from genexplorer.cli.doctor.qt_libraries import missing_qt_libraries, qt_install_command
from genexplorer.cores import environment
from genexplorer.errors import LOCAL_DISK_HINT, UserError
from genexplorer.kernel_lock import KernelLock
from genexplorer.runs.database import sqlite
from genexplorer.session import display
from trainers.storage import atomic_files

MAX_THREADS = 20  # so that no check waits for another
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


@dataclass(frozen=True)
class CheckResult:
    """Result of one check."""

    name: str
    level: Literal["ok", "warning", "broken"]
    message: str
    hint: str = ""


TorchReport = dict[str, Any] | CheckResult  # of `TORCH_SCRIPT`, or why torch cannot be imported
ToolchainReport = dict[str, str]  # of `TOOLCHAIN_SCRIPT`


def warn_if(condition: bool, name: str, message: str, hint: str) -> CheckResult:
    """Return a warning with a hint if a condition holds, else that all is well."""
    return CheckResult(name, "warning", message, hint) if condition else CheckResult(name, "ok", message)


def run_checks(runs_dir: Path) -> Iterator[CheckResult]:
    """Run all checks, in the order of the report."""
    with ThreadPoolExecutor(MAX_THREADS) as pool:  # most of them wait for other processes
        # Start the probes, whose reports several checks read.
        torch, toolchain = pool.submit(probe_torch), pool.submit(probe_toolchain)
        checks: tuple[Callable[[], CheckResult], ...] = (
            check_python,
            check_packages,
            lambda: check_torch(torch.result()),
            lambda: check_speed(torch.result(), toolchain.result()),
            check_data,
            check_plugins,
            check_processors,
            check_memory,
            check_database,
            lambda: check_runs_folder(runs_dir),
            check_state_folder,
            lambda: check_compiled_code(toolchain.result()),
            lambda: check_disk(runs_dir),
            check_terminal,
            check_display,
            check_qt,
        )
        yield from pool.map(lambda check: check(), checks)


def check_python() -> CheckResult:
    """Versions of genexplorer and Python."""
    message = (
        f"genexplorer {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    )
    return warn_if(sys.platform == "win32", "python", message, "Windows is untested; WSL works like Linux")


def check_packages() -> CheckResult:
    """Versions of the packages other than torch and Qt."""
    versions, missing = [], []
    for name in REPORTED_PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return CheckResult("packages", "broken", f"missing: {', '.join(missing)}", "reinstall genexplorer")
    return CheckResult("packages", "ok", ", ".join(versions))


def check_torch(report: TorchReport) -> CheckResult:
    """Version and devices of torch; broken if it cannot be imported."""
    if isinstance(report, CheckResult):
        return report
    devices = [*report["cuda"], *(["Apple GPU (mps)"] if report["mps"] else [])]
    return CheckResult("torch", "ok", f"torch {report['version']}, device: {', '.join(devices) or 'cpu'}")


def check_speed(report: TorchReport, toolchain: ToolchainReport) -> CheckResult:
    """Compilation, bfloat16 matrix products and allocator, which make training steps fast."""
    if isinstance(report, CheckResult):
        return CheckResult("speed", "warning", "unknown: torch is not installed")
    preloaded = environment.compute_environment(os.environ).get("LD_PRELOAD", "")
    parts = [
        f"not compiled: {toolchain['error']}" if toolchain["error"] else "compiled where faster",
        "bfloat16 matmul where accuracy is unaffected" if report["bfloat16"] else "float32 matmul",
        "mimalloc allocator" if "mimalloc" in preloaded else "system allocator",
    ]
    return warn_if(bool(toolchain["error"]), "speed", ", ".join(parts), toolchain["hint"])


def check_compiled_code(report: ToolchainReport) -> CheckResult:
    """Folder for compiled code; a warning if it cannot be written and a temporary one is used."""
    folder, problem = report["folder"], report["problem"]
    hint = "export XDG_CACHE_HOME=$HOME/.cache, or another folder that can be written"
    return warn_if(bool(problem), "compiled code", f"{problem}; stored in {folder}" if problem else folder, hint)


def probe_toolchain() -> ToolchainReport:
    """Compile and load a line of C++ in a child process, with the environment of a worker."""
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-c", TOOLCHAIN_SCRIPT],
            env=environment.compute_environment(os.environ),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        return {"folder": "", "problem": "", "error": f"the compiler could not be tried: {error}", "hint": ""}
    if process.returncode:
        reason = _last_line(process)
        return {"folder": "", "problem": "", "error": f"the compiler could not be tried: {reason}", "hint": ""}
    report: ToolchainReport = json.loads(process.stdout.splitlines()[-1])
    return report


def probe_torch() -> TorchReport:
    """Import torch in a child process and return its report, or why that failed."""
    try:
        for script in (SHORT_IMPORT + TORCH_SCRIPT, TORCH_SCRIPT):  # all of it, if a part is not enough
            process = subprocess.run(
                [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=120, check=False
            )
            if process.returncode == 0:
                break
    except subprocess.TimeoutExpired:
        return CheckResult("torch", "broken", "importing it took more than 2 minutes", "is the disk very slow?")
    if process.returncode:
        return CheckResult(
            "torch", "broken", _last_line(process), "reinstall torch: pip install --force-reinstall torch"
        )
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return report


def _last_line(process: "subprocess.CompletedProcess[str]") -> str:
    """Return the last line of the error output, such as an exception, or the exit code."""
    return (process.stderr.strip().splitlines() or [f"exit code {process.returncode}"])[-1][:200]


def check_data() -> CheckResult:
    """Number of images of the bundled MNIST; broken if it is incomplete."""
    from genexplorer.errors import DataError
    from trainers.data import idx, idx_folder
    from trainers.data.catalog import bundled_folder

    try:
        files = idx_folder.find(bundled_folder("mnist"))
        counts = [idx.peek_images(path)[0] for path in (files.train_images, files.test_images)]
    except DataError as error:
        return CheckResult("data", "broken", error.message, error.hint)
    return CheckResult("data", "ok", f"bundled MNIST, {counts[0]:,} + {counts[1]:,} images")


def check_plugins() -> CheckResult:
    """Installed families and data sets of other packages; a warning for each that is left out."""
    from importlib.metadata import entry_points

    from trainers import registry

    names = [entry.name for group in registry.PLUGIN_GROUPS for entry in entry_points(group=group)]
    failures = "; ".join(map(str, registry.plugin_failures()))
    hint = "fix or uninstall it; everything else works without it"
    return warn_if(bool(failures), "plug-ins", failures or ", ".join(names) or "none installed", hint)


def check_processors() -> CheckResult:
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
    return CheckResult("processors", "ok", message)


def check_memory() -> CheckResult:
    """Free memory."""
    import psutil

    state = psutil.virtual_memory()
    message = f"{state.available / 1e9:.1f} of {state.total / 1e9:.1f} GB free"
    hint = "a training with the viewer needs about 1.5 GB; close other programs"
    return warn_if(state.available < LOW_MEMORY_BYTES, "memory", message, hint)


def check_database() -> CheckResult:
    """Version of SQLite."""
    return CheckResult("database", "ok", f"SQLite {sqlite3.sqlite_version}")


def check_writable(name: str, folder: Path, hint: str) -> CheckResult:
    """Location of a folder; broken, with the hint, if it cannot be created or written to."""
    existing = nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"genexplorer")
            file.flush()
            atomic_files.sync(file.fileno(), existing)
    except OSError as error:
        return CheckResult(name, "broken", f"{existing}: {error.strerror}", hint)
    note = "" if existing == folder else " (created when needed)"
    return CheckResult(name, "ok", f"{folder}{note}")


def check_state_folder() -> CheckResult:
    """Location of the state folder; broken if it cannot be created or written to."""
    try:
        return check_writable("state folder", paths.state_dir(), "check its permissions")
    except OSError as error:
        hint = f"export {paths.STATE_VARIABLE}=/tmp/genexplorer-state, or another folder that can be written"
        return CheckResult("state folder", "broken", f"{error.filename}: {error.strerror}", hint)


def check_runs_folder(folder: Path) -> CheckResult:
    """Location of the runs folder; broken if it lacks what runs rely on: locks, databases, synced folders."""
    result = check_writable("runs folder", folder, "choose another with --runs-dir or GENEXPLORER_RUNS")
    if result.level == "broken":
        return result
    feature, mode = "a lock of a file", "wal"
    try:
        with tempfile.TemporaryDirectory(prefix=".genexplorer-doctor-", dir=nearest_existing(folder)) as created:
            with KernelLock(Path(created) / "lock") as lock:
                lock.acquire()
            feature = "sync of a folder"
            atomic_files.sync_folder(Path(created))
            feature = "a database"
            with contextlib.closing(sqlite.open_for_writing(Path(created))) as connection:
                mode = sqlite.journal_mode(connection)
                with sqlite.open_for_reading(Path(created)):  # as front ends do while it is written
                    pass
    except (OSError, UserError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return CheckResult(
            "runs folder", "broken", f"{folder}: {feature} does not work there ({reason})", LOCAL_DISK_HINT
        )
    note = "" if mode == "wal" else "; metrics are recorded with a rollback journal, as WAL does not work there"
    return CheckResult("runs folder", "ok", result.message + note)


def nearest_existing(folder: Path) -> Path:
    """Return a folder, or the first of its parents that exists."""
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def check_disk(folder: Path) -> CheckResult:
    """Free disk space for runs."""
    free = shutil.disk_usage(nearest_existing(folder)).free
    message = f"{free / 1e9:.1f} GB free for runs"
    hint = (
        "a run takes up to 0.3 GB, and up to 0.7 GB per hour of metrics ('genexplorer train PRESET --dry-run' estimates"
        " it); 'genexplorer runs empty-trash' frees space"
    )
    return warn_if(free < LOW_DISK_BYTES, "disk", message, hint)


def check_terminal() -> CheckResult:
    """Size and colors of the terminal."""
    if not sys.stdout.isatty():
        return CheckResult("terminal", "ok", "none; commands print plain lines")
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


def check_display() -> CheckResult:
    """The display on which the viewer opens."""
    if sys.platform == "darwin":
        return CheckResult("display", "ok", "macOS")
    hint = "connect with 'ssh -X', or write an image: genexplorer manifold RUN --out FILE.png"
    message = ", ".join(f"{name}={os.environ[name]}" for name in display.VARIABLES if os.environ.get(name))
    if problem := display.display_problem():
        return CheckResult("display", "warning", problem, hint)
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


def check_qt() -> CheckResult:
    """Versions of PyQt6 and Qt; broken if they, or system libraries of Qt, are missing."""
    try:
        versions = metadata.version("PyQt6"), metadata.version("PyQt6-Qt6")
    except metadata.PackageNotFoundError as error:
        return CheckResult("qt", "broken", f"{error.name} is not installed", "reinstall genexplorer")
    message = f"PyQt6 {versions[0]} with Qt {versions[1]}"
    if versions[0].split(".")[:2] != versions[1].split(".")[:2]:
        return CheckResult("qt", "broken", message, "the two must match: pip install --force-reinstall PyQt6")
    if util.find_spec("PyQt6.QtWidgets") is None:
        return CheckResult("qt", "broken", f"{message}, without QtWidgets", "pip install --force-reinstall PyQt6")
    if not sys.platform.startswith("linux"):
        return CheckResult("qt", "ok", message)
    missing = missing_qt_libraries()
    if not missing:
        return CheckResult("qt", "ok", f"{message}, all system libraries found")
    level: Literal["warning", "broken"] = "broken" if display.has_display() else "warning"
    return CheckResult("qt", level, f"{message}, missing {', '.join(missing)}", qt_install_command(missing))
