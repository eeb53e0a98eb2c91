"""A virtual screen with programs on it that can be typed at and photographed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageChops, ImageGrab

TOOLS = {"Xvfb": "xvfb", "xterm": "xterm", "xdotool": "xdotool", "tmux": "tmux"}


def missing_packages() -> list[str]:
    """Return the Debian packages of the tools that are not here."""
    return [package for tool, package in TOOLS.items() if shutil.which(tool) is None]


class Screen:
    """An X server without a monitor."""

    def __init__(self, display: str) -> None:
        self.display = display
        self.environment = {**os.environ, "DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.environment.pop("WAYLAND_DISPLAY", None)
        self.environment.pop("QT_QPA_PLATFORM", None)

    def start(self, *command: str, **extra: str) -> subprocess.Popen[bytes]:
        """Start a program on this screen."""
        return subprocess.Popen(command, env={**self.environment, **extra}, stdin=subprocess.DEVNULL)

    def type_keys(self, window: str, *keys: str) -> None:
        """Press keys, as xdotool names them, in the first window whose name contains `window`."""
        found = self.window(window)
        subprocess.run(["xdotool", "windowfocus", found], env=self.environment, check=False)
        for key in keys:
            subprocess.run(["xdotool", "key", "--window", found, key], env=self.environment, check=True)

    def window(self, name: str, deadline_s: float = 60.0) -> str:
        """Return the id of a window, once it stands.

        Raises:
            TimeoutError: if it does not come in time.
        """
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            done = subprocess.run(
                ["xdotool", "search", "--onlyvisible", "--name", name],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.stdout.strip():
                return done.stdout.split()[0]
            time.sleep(0.2)
        raise TimeoutError(f"no window '{name}' on {self.display}")

    def resize(self, window: str, width_px: int, height_px: int) -> None:
        """Put a window at the top left with this size."""
        found = self.window(window)
        for action in (["windowmove", found, "0", "0"], ["windowsize", found, str(width_px), str(height_px)]):
            subprocess.run(["xdotool", *action], env=self.environment, check=True)

    def size(self, window: str) -> tuple[int, int]:
        """Return the width and height of a window in pixels."""
        done = subprocess.run(
            ["xdotool", "getwindowgeometry", "--shell", self.window(window)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        facts = dict(line.split("=") for line in done.stdout.split())
        return int(facts["WIDTH"]), int(facts["HEIGHT"])

    def photograph(self, path: Path, window: str, *, first_s: float = 0.7, deadline_s: float = 8.0) -> None:
        """Save a window at the top left of the screen, once two photographs in a row are nearly equal.

        Args:
            path: The PNG.
            window: A part of the window's name.
            first_s: How long to leave it alone first: a model may have to be loaded.
            deadline_s: When to take what there is; a live run never stands still.
        """
        size = self.size(window)
        time.sleep(first_s)
        now, end = self._grab(size), time.monotonic() + deadline_s
        while time.monotonic() < end:
            before, now = now, self._wait_and_grab(size)
            box = ImageChops.difference(before, now).getbbox()
            if box is None or (box[2] - box[0]) * (box[3] - box[1]) < 0.02 * size[0] * size[1]:
                break
        path.parent.mkdir(parents=True, exist_ok=True)
        now.save(path, optimize=True)

    def _wait_and_grab(self, size_px: tuple[int, int]) -> Image.Image:
        time.sleep(0.7)
        return self._grab(size_px)

    def _grab(self, size_px: tuple[int, int]) -> Image.Image:
        return ImageGrab.grab(bbox=(0, 0, *size_px), xdisplay=self.display).convert("RGB")


@contextmanager
def virtual_screen(width_px: int = 1920, height_px: int = 1200, display: str = ":87") -> Iterator[Screen]:
    """Run an X server for the time of the block."""
    server = subprocess.Popen(
        ["Xvfb", display, "-screen", "0", f"{width_px}x{height_px}x24", "-nolisten", "tcp"],
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 20
        while not Path(f"/tmp/.X11-unix/X{display[1:]}").exists() and time.monotonic() < end:
            time.sleep(0.1)
        yield Screen(display)
    finally:
        server.terminate()
        server.wait(10)
