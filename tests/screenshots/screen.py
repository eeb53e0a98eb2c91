"""A virtual screen whose windows can be resized, typed into and captured."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageChops, ImageGrab

TOOLS = {"Xvfb": "xvfb", "xterm": "xterm", "xdotool": "xdotool", "tmux": "tmux"}
STILL_FRACTION = 0.02  # of the window's area: a smaller changed box counts as no change
STILL_S = 0.5  # between the two images that are compared
IDLE_POLLS = 25  # in a row in which no thread of the program runs or waits for a core
IDLE_POLL_S = 0.1
MIN_COLORS = 24  # of a window that a program has drawn; smoothed letters have as many
DRAWN_DEADLINE_S = 60.0


def missing_packages() -> list[str]:
    """Return the Debian packages of the tools that are not installed."""
    return [package for tool, package in TOOLS.items() if shutil.which(tool) is None]


class Screen:
    """An X server without a monitor.

    Args:
        display: Its name, such as ":87".
    """

    def __init__(self, display: str) -> None:
        self.display = display
        self.environment = {**os.environ, "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.environment.pop("QT_QPA_PLATFORM", None)

    def start(self, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start a program on this screen, with additional environment variables."""
        return subprocess.Popen(command, env={**self.environment, **variables}, stdin=subprocess.DEVNULL)

    def type_keys(self, window: str, *keys: str) -> None:
        """Press keys, as xdotool names them, in the first window whose name contains `window`."""
        window_id = self.window(window)
        self._xdotool("windowfocus", window_id, check=False)
        for key in keys:
            self._xdotool("key", "--window", window_id, key)

    def window(self, name: str, deadline_s: float = 60.0) -> str:
        """Return the id of a window, once it is visible.

        Raises:
            TimeoutError: if it does not appear in time.
        """
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if ids := self._xdotool("search", "--onlyvisible", "--name", name, check=False).split():
                return ids[0]
            time.sleep(0.2)
        raise TimeoutError(f"no window '{name}' on {self.display}")

    def resize(self, window: str, width_px: int, height_px: int) -> None:
        """Move a window to the top left and give it this size."""
        window_id = self.window(window)
        self._xdotool("windowmove", window_id, "0", "0")
        self._xdotool("windowsize", window_id, str(width_px), str(height_px))

    def size(self, window: str) -> tuple[int, int]:
        """Return the width and height of a window in pixels."""
        geometry = self._xdotool("getwindowgeometry", "--shell", self.window(window))
        values = dict(line.split("=") for line in geometry.split())
        return int(values["WIDTH"]), int(values["HEIGHT"])

    def wait_until_drawn(self, window: str) -> None:
        """Wait until a window is more than a cursor on its background: on a busy machine a program starts slowly.

        Raises:
            TimeoutError: if it stays empty.
        """
        width, height = self.size(window)
        end = time.monotonic() + DRAWN_DEADLINE_S
        while time.monotonic() < end:
            if len(self._grab(width, height).getcolors(width * height) or []) >= MIN_COLORS:
                return
            time.sleep(0.2)
        raise TimeoutError(f"'{window}' on {self.display} stays empty")

    def take(self, path: Path, window: str, program: subprocess.Popen[bytes], *, deadline_s: float = 60.0) -> None:
        """Save a window at the top left of the screen, once its program is idle and two images are nearly equal.

        Args:
            path: The PNG.
            window: A part of the window's name.
            program: The program of the window; it and its children, such as the model process, must be idle.
            deadline_s: Seconds after which the newest image is saved: an active run keeps changing.
        """
        end = time.monotonic() + deadline_s
        self.wait_until_drawn(window)
        wait_until_idle(program.pid, deadline_s)
        width, height = self.size(window)
        image = self._grab(width, height)
        while time.monotonic() < end:
            time.sleep(STILL_S)
            previous, image = image, self._grab(width, height)
            box = ImageChops.difference(previous, image).getbbox()
            if box is None or (box[2] - box[0]) * (box[3] - box[1]) < STILL_FRACTION * width * height:
                break
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, optimize=True)

    def _xdotool(self, *arguments: str, check: bool = True) -> str:
        command = ["xdotool", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=check).stdout

    def _grab(self, width: int, height: int) -> Image.Image:
        return ImageGrab.grab(bbox=(0, 0, width, height), xdisplay=self.display).convert("RGB")


def wait_until_idle(process_id: int, deadline_s: float) -> bool:
    """Wait until no thread of a process and its children wants a core; return whether that is so in time.

    Unlike a pause, this is right on a busy machine as well: a thread that waits for a core is runnable.
    """
    end, idle_polls = time.monotonic() + deadline_s, 0
    while time.monotonic() < end:
        idle_polls = 0 if _is_busy(process_id) else idle_polls + 1
        if idle_polls == IDLE_POLLS:
            return True
        time.sleep(IDLE_POLL_S)
    return False


def _is_busy(process_id: int) -> bool:
    """Return whether a thread of a process or of its children is runnable, or waits for the disk."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _stat_fields(folder / "stat"):
            parents[int(folder.name)] = int(fields[1])
    family = {process_id}
    while children := {child for child, parent in parents.items() if parent in family} - family:
        family |= children
    threads = (stat for member in family for stat in Path(f"/proc/{member}/task").glob("*/stat"))
    return any(fields[0] in "RD" for stat in threads if (fields := _stat_fields(stat)))


def _stat_fields(stat: Path) -> list[str]:
    """Return the fields of /proc/*/stat from the state on, or none if the process has ended."""
    try:
        return stat.read_text().rpartition(") ")[2].split()
    except OSError:
        return []


@contextmanager
def virtual_screen(width_px: int = 1920, height_px: int = 1200, display: str = ":87") -> Iterator[Screen]:
    """Run an X server inside the block.

    Raises:
        TimeoutError: if it does not start.
    """
    size = f"{width_px}x{height_px}x24"
    socket = Path(f"/tmp/.X11-unix/X{display[1:]}")
    server = subprocess.Popen(["Xvfb", display, "-screen", "0", size, "-nolisten", "tcp"], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while not socket.exists():
            if time.monotonic() > end or server.poll() is not None:
                raise TimeoutError(f"Xvfb does not start on {display}")
            time.sleep(0.1)
        yield Screen(display)
    finally:
        server.terminate()
        server.wait(10)
