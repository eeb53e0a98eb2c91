"""Whether Qt can open a window: it aborts where it cannot, so the display is contacted first, as Qt would.

Qt takes the first of its platforms that works: Wayland, then X11, or those that QT_QPA_PLATFORM names.
"""

import ctypes
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path

from genexplorer.errors import DisplayError
from genexplorer.runs.sanitize import one_line

VARIABLES = ("WAYLAND_DISPLAY", "DISPLAY", "QT_QPA_PLATFORM")
_CONNECT_TIMEOUT_S = 3.0
_LIBRARIES_HINT = (
    "on Debian: sudo apt-get install libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libegl1 libxkbcommon-x11-0"
)
_X_PORT = 6000
_X_AUTHORIZATION = b"MIT-MAGIC-COOKIE-1"
_X_LOCAL, _X_WILD = 256, 65535  # families of entries in the file of X authorities
_GET_REGISTRY = struct.pack("=III", 1, 12 << 16 | 1, 2)  # wl_display.get_registry, which every compositor answers


def has_display() -> bool:
    """Return whether the environment names a display or a platform of Qt."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in VARIABLES)


def require_display(command: str, *, load_plugins: bool = False) -> None:
    """Check that Qt can open a window.

    Args:
        command: The command that works without a window; it becomes the hint.
        load_plugins: Load Qt's plugin too, which fails if a system library is missing.

    Raises:
        DisplayError: if there is no display, it does not respond, or Qt's libraries for it are missing.
    """
    if sys.platform != "linux":
        return
    if problem := display_problem():
        raise DisplayError(f"no window can be opened ({problem})", command)
    platforms = [name for name in ("wayland", "xcb") if name in _platforms() and not _platform_problem(name)]
    if load_plugins and platforms and (problem := "; ".join(filter(None, map(_plugin_problem, platforms)))):
        raise DisplayError(f"Qt cannot open windows: {problem}", _LIBRARIES_HINT)


def display_problem() -> str:
    """Return why Qt can open no window, in one line; "" if it can, or if that is not known."""
    if sys.platform != "linux":
        return ""
    problems = []
    for platform in _platforms():
        problem = _platform_problem(platform)
        if not problem:
            return ""
        problems.append(problem)
    return "; ".join(problems) or "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"


def _platforms() -> list[str]:
    """Return the platforms that Qt tries, in order."""
    if requested := os.environ.get("QT_QPA_PLATFORM", ""):
        return [name.partition(":")[0] for name in requested.split(";")]
    variables = {"wayland": "WAYLAND_DISPLAY", "xcb": "DISPLAY"}
    return [platform for platform, variable in variables.items() if os.environ.get(variable)]


def _platform_problem(platform: str) -> str:
    """Return why a platform of Qt cannot be used."""
    if platform.startswith("wayland"):
        return _wayland_problem()
    if platform == "xcb":
        return _x11_problem(os.environ.get("DISPLAY", ""))
    names = sorted(re.sub(r"^libq|\.so$", "", path.name) for path in _plugins())
    if not names or platform in names or any(os.environ.get(n) for n in _PLUGIN_VARIABLES):
        return ""
    return f"QT_QPA_PLATFORM={one_line(platform, 40)} is not a platform of Qt; unset it"


_PLUGIN_VARIABLES = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_PLUGIN_PATH")


def _plugins() -> list[Path]:
    """Return the files of Qt's platforms; none if PyQt6 is not installed as usual."""
    spec = util.find_spec("PyQt6")
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    return [path for root in roots for path in (root / "Qt6" / "plugins" / "platforms").glob("libq*.so")]


def _plugin_problem(platform: str) -> str:
    """Return why a platform cannot be loaded, such as a missing library."""
    for path in _plugins():
        if path.name == f"libq{platform}.so":
            try:
                ctypes.CDLL(str(path))
            except OSError as error:
                return str(error)
    return ""


def _wayland_problem() -> str:
    """Connect to the Wayland compositor and wait for an answer; return why that failed."""
    name, folder = os.environ.get("WAYLAND_DISPLAY", "") or "wayland-0", os.environ.get("XDG_RUNTIME_DIR", "")
    place = f"WAYLAND_DISPLAY={one_line(name, 80)}"
    if not folder and not name.startswith("/"):
        return f"{place}: XDG_RUNTIME_DIR is not set"
    path = Path(folder) / name
    try:
        with _connect(socket.AF_UNIX, str(path)) as connection:
            connection.sendall(_GET_REGISTRY)
            return "" if connection.recv(1) else f"{place}: the compositor closes the connection"
    except (OSError, ValueError) as error:
        return f"{place}: {one_line(path, 120)} does not respond ({_reason(error)})"


def _x11_problem(display: str) -> str:
    """Open a connection to the X server as its clients do; return why that failed."""
    place = f"DISPLAY={one_line(display, 80)}"
    match = re.fullmatch(r"(?:\w+/)?(?P<host>.*?):(?P<number>\d+)(\.\d+)?", display)
    if match is None:
        return f"{place} is not the name of an X display, such as :0"
    host, number = match["host"], match["number"]
    errors: list[OSError | ValueError] = []
    for family, address in _x11_addresses(host, number):
        try:
            with _connect(family, address) as connection:
                return _x11_refusal(connection, place, host, number)
        except (OSError, ValueError, struct.error) as error:
            errors.append(error if isinstance(error, OSError) else ValueError(str(error)))
    return f"{place}: the X server does not respond ({_reason(errors[0])})"


def _x11_addresses(host: str, number: str) -> Iterator[tuple[socket.AddressFamily, str | tuple[str, int]]]:
    if host not in ("", "unix"):
        yield socket.AF_INET, (host.strip("[]"), _X_PORT + int(number))
        yield socket.AF_INET6, (host.strip("[]"), _X_PORT + int(number))
        return
    path = f"/tmp/.X11-unix/X{number}"
    yield socket.AF_UNIX, path
    yield socket.AF_UNIX, f"\0{path}"


def _x11_refusal(connection: socket.socket, place: str, host: str, number: str) -> str:
    """Send the setup request of X11 with the stored cookie; return why the server refuses it."""
    name, cookie = (_X_AUTHORIZATION, _cookie(host, number)) if _cookie(host, number) else (b"", b"")
    request = struct.pack("=BxHHHHxx", ord("l" if sys.byteorder == "little" else "B"), 11, 0, len(name), len(cookie))
    connection.sendall(request + name + bytes(-len(name) % 4) + cookie + bytes(-len(cookie) % 4))
    answer = connection.recv(8, socket.MSG_WAITALL)
    if len(answer) < 8:
        return f"{place}: the X server closes the connection"
    if answer[0] == 1:
        return ""
    reason = connection.recv(answer[1] or 200).decode("latin-1").strip(" \0\n")
    file = os.environ.get("XAUTHORITY", "") or "~/.Xauthority"
    cookie_problem = f"{one_line(file, 120)} has no {'valid ' if cookie else ''}cookie for it"
    return f"{place}: the X server refuses the connection ({one_line(reason, 120)}); {cookie_problem}"


def _cookie(host: str, number: str) -> bytes:
    """Return the cookie of a display from the file of X authorities; empty if there is none."""
    path = Path(os.environ.get("XAUTHORITY", "") or "~/.Xauthority").expanduser()
    try:
        data = path.read_bytes()[:1_000_000]
        local = socket.gethostname().encode()
    except (OSError, RuntimeError):
        return b""
    is_local, offset = host in ("", "unix", "localhost"), 0
    while offset + 2 <= len(data):
        # An entry: family, then address, display number, name and data, each with its length.
        family, fields = int.from_bytes(data[offset : offset + 2], "big"), []
        offset += 2
        for _ in range(4):
            length = int.from_bytes(data[offset : offset + 2], "big")
            fields.append(data[offset + 2 : offset + 2 + length])
            offset += 2 + length
        address, display, name, value = fields
        matches = family == _X_WILD or (family == _X_LOCAL and address == local) or not is_local
        if matches and display in (b"", number.encode()) and name == _X_AUTHORIZATION:
            return value
    return b""


def _connect(family: socket.AddressFamily, address: str | tuple[str, int]) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT_TIMEOUT_S)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_CONNECT_TIMEOUT_S:.0f} s"
    return one_line(getattr(error, "strerror", None) or str(error), 120)
