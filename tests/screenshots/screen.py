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

    def take(self, path: Path, window: str, *, first_s: float = 0.7, deadline_s: float = 8.0) -> None:
        """Save a window at the top left of the screen, once two images in a row are nearly equal.

        Args:
            path: The PNG.
            window: A part of the window's name.
            first_s: Seconds before the first image: a model may have to be loaded.
            deadline_s: Seconds after which the newest image is saved: an active run keeps changing.
        """
        time.sleep(first_s)
        width, height = self.size(window)
        image, end = self._grab(width, height), time.monotonic() + deadline_s
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
