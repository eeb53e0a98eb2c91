"""Take screenshots of dashboard and viewer from real runs of every family, and update the README's images from them.

    python -m tests.screenshots [--runs-dir DIR] [--only gan] [--readme] [--folder DIR] [--out assets/pictures]

The command line, the workers, the terminal and the window are real, and keys are pressed by xdotool. Presets without a
run in the runs folder are trained first; of several runs the newest is taken. With --readme, only the sizes that the
README shows are taken. To take screenshots of runs that exist: `--runs-dir runs --only vae-2d --out build/readme`.
"""

import argparse
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from genexplorer.runs.status.run_status import read_status
from genexplorer.runs.store import RunStore
from tests.screenshots.screen import Screen, missing_packages, virtual_screen

README_VIEWER_PX = (1400, 900)
VIEWER_PX = ((1600, 1000), (1280, 720))
THEMES = ("light", "dark")
README_CELLS = (140, 40)
TERMINAL_CELLS = ((80, 24), (120, 36), (200, 50))
DASHBOARD_PROGRESS = 0.4  # fraction of the training after which the dashboard is taken, while the run is active
DASHBOARD_TABS = ("curves", "samples", "config", "log", "latent", "theory")  # by their keys, from 1
VIEWER_TABS = ("manifold", "density", "samples", "encode", "interpolate", "flow", "progress", "curves", "theory")


@dataclass(frozen=True)
class Subject:
    """A run to take screenshots of.

    Args:
        preset: The preset to train.
        readme: The screenshots that the README shows, such as "viewer-manifold".
    """

    preset: str
    readme: tuple[str, ...]


SUBJECTS = (
    Subject("vae-2d", ("dashboard-curves", "viewer-manifold")),
    Subject("vae", ()),
    Subject("gan", ("viewer-progress",)),
    Subject("realnvp", ("viewer-flow",)),
    Subject("vae-toy", ()),
    Subject("gan-toy", ()),
    Subject("flow-toy", ("viewer-density",)),
)


def main() -> int:
    """Take every screenshot; return the exit code."""
    arguments = parse_arguments()
    if packages := missing_packages():
        print(f"make screenshots needs: sudo apt-get install {' '.join(packages)}", file=sys.stderr)  # noqa: T201
        return 1
    with tempfile.TemporaryDirectory() as folder:
        runs_dir = arguments.runs_dir or Path(folder) / "runs"
        for subject in SUBJECTS:
            if subject.preset not in (arguments.only or [subject.preset]) or (arguments.readme and not subject.readme):
                continue
            run, images = find_or_train(runs_dir, subject), arguments.folder / subject.preset
            # The dashboard while the run trains, if it still does.
            wait_for_progress(run, DASHBOARD_PROGRESS)
            with virtual_screen() as screen:
                for cells in (README_CELLS, *(() if arguments.readme else TERMINAL_CELLS)):
                    take_dashboard(screen, run, images, cells)
            # The viewer when it has ended.
            wait_for_progress(run, 1.0)
            take_viewer(run, images, README_VIEWER_PX, "light", Path(folder), modes=("normal",))
            if not arguments.readme:
                for size_px, theme in itertools.product(VIEWER_PX, THEMES):
                    take_viewer(run, images, size_px, theme, Path(folder), modes=("normal", "presentation"))
            publish(subject, images, arguments.out)
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--runs-dir", type=Path, help="folder of runs; presets without a run there are trained")
    parser.add_argument("--only", action="append", help="a preset; repeat for more")
    parser.add_argument("--readme", action="store_true", help="only the sizes that the README shows")
    parser.add_argument("--folder", type=Path, default=Path("build/screenshots"), help="folder for all screenshots")
    parser.add_argument("--out", type=Path, default=Path("assets/pictures"), help="folder for those of the README")
    return parser.parse_args()


def genexplorer(*arguments: str) -> list[str]:
    """Return the command line of this installation."""
    return [str(Path(sys.executable).with_name("genexplorer")), *arguments]


def find_or_train(runs_dir: Path, subject: Subject) -> Path:
    """Return the newest run of a preset, or start one."""
    store = RunStore(runs_dir)
    if runs_dir.is_dir():
        for status in store.list():
            if status.preset == subject.preset:
                return status.folder
    name = f"screenshots-{subject.preset}"
    options = ("--name", name, "--detach", "--runs-dir", str(runs_dir))
    subprocess.run(genexplorer("train", subject.preset, *options), check=True)
    return store.find(name)


def wait_for_progress(run: Path, progress: float) -> None:
    """Wait until a fraction of the training is done, or the run has ended."""
    while (status := read_status(run)).state.active and status.progress < progress:
        time.sleep(0.5)


def publish(subject: Subject, images: Path, out: Path) -> None:
    """Copy the screenshots that the README shows."""
    out.mkdir(parents=True, exist_ok=True)
    sizes = {"dashboard": README_CELLS, "viewer": README_VIEWER_PX}
    for name in subject.readme:
        front_end, tab = name.split("-", 1)
        width, height = sizes[front_end]
        theme = "" if front_end == "dashboard" else "-light-normal"
        source = images / f"{front_end}-{width}x{height}{theme}" / f"{tab}.png"
        shutil.copyfile(source, out / f"{subject.preset}-{name}.png")


def take_dashboard(screen: Screen, run: Path, images: Path, cells: tuple[int, int]) -> None:
    """Take the dashboard's tabs in a terminal of the given columns and rows."""
    columns, rows = cells
    dashboard = subprocess.list2cmdline(genexplorer("dashboard", run.name, "--runs-dir", str(run.parent)))
    options = ("-fa", "DejaVu Sans Mono", "-fs", "10", "-bg", "#101418", "-fg", "#d8dee4", "-b", "0")
    resources = ("-xrm", "xterm*termName: xterm-256color", "-xrm", "xterm*allowTitleOps: false")
    command = ("xterm", "-T", "dashboard", "-geometry", f"{columns}x{rows}+0+0", *options, *resources, "-e", dashboard)
    terminal = screen.start(*command, COLORTERM="truecolor")
    try:
        screen.wait_until_drawn("dashboard")
        for key, tab in enumerate(DASHBOARD_TABS, start=1):
            screen.type_keys("dashboard", str(key))
            path = images / f"dashboard-{columns}x{rows}" / f"{tab}.png"
            screen.take(path, "dashboard", terminal)
    finally:
        terminal.terminate()
        terminal.wait(10)


def take_viewer(
    run: Path, images: Path, size_px: tuple[int, int], theme: str, state: Path, *, modes: tuple[str, ...]
) -> None:
    """Take the viewer's tabs on a screen of one size: "normal" in a window, "presentation" in full-screen mode."""
    width, height = size_px
    settings = state / f"viewer-{width}-{theme}"
    settings.mkdir(exist_ok=True)
    (settings / "viewer.json").write_text(json.dumps({"theme": theme}))
    with virtual_screen(width, height) as screen:
        # `genexplorer view` would return and leave the window to another process.
        command = (sys.executable, "-P", "-m", "genexplorer.viewer.main", str(run))
        viewer = screen.start(*command, GENEXPLORER_STATE=str(settings))
        try:
            screen.resize("genexplorer", width, height)
            for mode in modes:
                if mode == "presentation":
                    screen.type_keys("genexplorer", "F11")
                for key, tab in enumerate(VIEWER_TABS, start=1):
                    screen.type_keys("genexplorer", str(key))
                    path = images / f"viewer-{width}x{height}-{theme}-{mode}" / f"{tab}.png"
                    screen.take(path, "genexplorer", viewer)
        finally:
            viewer.terminate()
            viewer.wait(10)


if __name__ == "__main__":
    sys.exit(main())
