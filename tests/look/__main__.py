"""Take the README's pictures: train a real 2-D VAE, then photograph the dashboard in a terminal and the viewer.

    python -m tests.look [--run RUN_FOLDER] [--out assets/pictures] [--minutes 4]

Everything is real: the command line, the worker, tmux inside xterm, the window; keys are pressed as a person would.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from genexplorer.runs.status import read_status
from genexplorer.runs.store import RunStore
from tests.look.screen import Screen, missing_packages, virtual_screen

VIEWER_PX = (1400, 900)
LIVE_AT = 0.4  # of the training: when the dashboard is photographed
DASHBOARD_SHOTS = {"dashboard": ("1",), "dashboard-samples": ("2",), "dashboard-theory": ("6",)}
VIEWER_SHOTS = {
    "viewer-manifold": ("1",),
    "viewer-samples": ("2",),
    "viewer-encode": ("3",),
    "viewer-curves": ("6",),
    "viewer-theory": ("7",),
}


def main() -> int:
    """Take every picture; return the exit code."""
    arguments = parsed()
    if packages := missing_packages():
        print(f"make look needs: sudo apt-get install {' '.join(packages)}", file=sys.stderr)  # noqa: T201
        return 1
    with tempfile.TemporaryDirectory() as folder, virtual_screen() as screen:
        run = arguments.run or start(Path(folder), arguments.minutes)
        wait_until(run, LIVE_AT)
        photograph_dashboard(screen, run, arguments.out)
        wait_until(run, 1.0)
        photograph_viewer(screen, run, arguments.out, Path(folder))
    return 0


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.look", description=__doc__)
    parser.add_argument("--run", type=Path, help="a run folder to photograph instead of training one")
    parser.add_argument("--out", type=Path, default=Path("assets/pictures"))
    parser.add_argument("--minutes", type=float, default=4.0)
    return parser.parse_args()


def genexplorer(*arguments: str) -> list[str]:
    """Return the command line of our own installation."""
    return [str(Path(sys.executable).with_name("genexplorer")), *arguments]


def start(folder: Path, minutes: float) -> Path:
    """Start training a 2-D VAE and return its run folder."""
    asked = ("--minutes", f"{minutes}", "--name", "first-light", "--detach", "--runs-dir", str(folder))
    subprocess.run(genexplorer("train", "vae-2d", *asked), check=True)
    return RunStore(folder).find("first-light")


def wait_until(run: Path, progress: float) -> None:
    """Wait until a run has done this share, or is over."""
    while (status := read_status(run)).state.live and status.progress < progress:
        time.sleep(0.5)


def photograph_dashboard(screen: Screen, run: Path, out: Path) -> None:
    """Photograph the dashboard's tabs in a real terminal of 140 by 40 cells."""
    dashboard = subprocess.list2cmdline(genexplorer("dashboard", "--runs-dir", str(run.parent)))
    terminal = screen.start(
        *("xterm", "-T", "look", "-geometry", "140x40+0+0", "-fa", "DejaVu Sans Mono", "-fs", "10", "-bg", "#101418"),
        *("-fg", "#d8dee4", "-xrm", "xterm*termName: xterm-256color", "-b", "0", "-e", dashboard),
        COLORTERM="truecolor",
    )
    try:
        for name, keys in DASHBOARD_SHOTS.items():
            screen.type_keys("look", *keys)
            screen.photograph(out / f"{name}.png", "look")
    finally:
        terminal.terminate()
        terminal.wait(10)


def photograph_viewer(screen: Screen, run: Path, out: Path, state: Path) -> None:
    """Photograph the viewer's tabs."""
    viewer = screen.start(*genexplorer("view", str(run)), GENEXPLORER_STATE=str(state / "state"))
    try:
        screen.resize("genexplorer", *VIEWER_PX)
        for name, keys in VIEWER_SHOTS.items():
            screen.type_keys("genexplorer", *keys)
            screen.photograph(out / f"{name}.png", "genexplorer", first_s=8.0)
    finally:
        viewer.terminate()
        viewer.wait(10)


if __name__ == "__main__":
    sys.exit(main())
