"""Checks for a display before Qt would abort the process."""

import ctypes
import os
import socket
import sys
from pathlib import Path

from genexplorer.errors import DisplayError

_CONNECT_TIMEOUT_S = 3.0
_LIBRARIES_HINT = (
    "on Debian: sudo apt-get install libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libegl1 libxkbcommon-x11-0"
)


def require_display(command: str) -> None:
    """Check that Qt can open a window.

    Args:
        command: The command that works without a window; it becomes the hint.
    Raises:
        DisplayError: if there is no display, it does not respond, or Qt's libraries for it are missing.
    """
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(":")[0]
    if sys.platform != "linux" or platform not in ("", "xcb", "wayland"):
        return  # another platform was named, such as "offscreen"
    wayland, folder = os.environ.get("WAYLAND_DISPLAY", ""), os.environ.get("XDG_RUNTIME_DIR", "")
    if platform != "xcb" and wayland and _connects(socket.AF_UNIX, str(Path(folder) / wayland)):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise DisplayError("no display to open a window on", command)
    if not _x_server_responds(display):
        raise DisplayError(f"the display {display[:40]} does not answer", command)
    # Load Qt's X11 plug-in, as Qt would; a library that is missing makes Qt abort, but raises here.
    from PyQt6.QtCore import QLibraryInfo

    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms" / "libqxcb.so"
    try:
        if plugin.exists():
            ctypes.CDLL(str(plugin))
    except OSError as error:
        raise DisplayError(f"Qt cannot open windows: {error}", _LIBRARIES_HINT) from None


def _x_server_responds(display: str) -> bool:
    host, _, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not number.isdigit():
        return False
    if host not in ("", "unix"):
        return _connects(socket.AF_INET, (host, 6000 + int(number)))
    path = f"/tmp/.X11-unix/X{number}"
    return _connects(socket.AF_UNIX, path) or _connects(socket.AF_UNIX, f"\0{path}")


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(_CONNECT_TIMEOUT_S)
            connection.connect(address)
    except (OSError, OverflowError):
        return False
    return True
