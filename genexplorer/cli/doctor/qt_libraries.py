"""System libraries that Qt lacks, determined without starting Qt, which would abort the process."""

import re
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

PLUGIN = "Qt6/plugins/platforms/libqxcb.so"
PARTS = (PLUGIN, "Qt6/lib/libQt6Gui.so.6", "Qt6/lib/libQt6XcbQpa.so.6")
LOAD_SCRIPT = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"

# Debian and Ubuntu packages by library.
PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}


def missing() -> list[str]:
    """Return the file names of missing libraries that Qt needs on X11."""
    root = _pyqt_root()
    if root is None or not (root / PLUGIN).exists():
        return []
    return sorted(set(_missing_by_ldd(root) if shutil.which("ldd") else _missing_by_loading(root)))


def how_to_install(libraries: list[str]) -> str:
    """Return the command that installs libraries on Debian and Ubuntu, and the libraries without a known package."""
    packages = sorted({PACKAGES[name] for name in libraries if name in PACKAGES})
    unknown = [name for name in libraries if name not in PACKAGES]
    parts = [f"sudo apt install {' '.join(packages)}"] if packages else []
    if unknown:
        parts.append(f"find the packages that contain {', '.join(unknown)}")
    return "; ".join(parts)


def _pyqt_root() -> Path | None:
    spec = util.find_spec("PyQt6")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _missing_by_ldd(root: Path) -> list[str]:
    missing: list[str] = []
    for part in PARTS:
        if not (root / part).exists():
            continue
        done = subprocess.run(["ldd", str(root / part)], capture_output=True, text=True, timeout=30, check=False)
        missing += re.findall(r"^\s*(\S+) => not found", done.stdout, re.MULTILINE)
    return missing


def _missing_by_loading(root: Path) -> list[str]:
    """Load the plugin in a child process; its error names the first missing library."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD_SCRIPT, str(root / PLUGIN)], capture_output=True, text=True, timeout=30, check=False
    )
    return re.findall(r"(lib\S+?\.so[.\d]*): cannot open shared object", done.stderr)
