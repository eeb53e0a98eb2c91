"""System libraries that Qt needs on X11: which are missing, and the command that installs them."""

import re
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

QT_PLUGIN_FILE = "Qt6/plugins/platforms/libqxcb.so"
QT_LIBRARY_FILES = (QT_PLUGIN_FILE, "Qt6/lib/libQt6Gui.so.6", "Qt6/lib/libQt6XcbQpa.so.6")
LOAD_SCRIPT = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"

QT_PACKAGES = {  # of Debian and Ubuntu, by the library that they contain
    "libdbus-1.so.3": "libdbus-1-3",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libICE.so.6": "libice6",
    "libOpenGL.so.0": "libopengl0",
    "libSM.so.6": "libsm6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}


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
    """Return the standard output and standard error of a command."""
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
