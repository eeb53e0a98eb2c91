"""Photograph every tab of both faces for every family, from real runs; and with them take the README's pictures.

    python -m tests.screenshots [--runs-dir DIR] [--only gan] [--album build/look] [--out assets/pictures]

Everything is real: the command line, the worker, tmux inside xterm, the window; keys are pressed as a person would. A
run that the folder has already is photographed as it is, others are trained first.
"""

import argparse
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

VIEWER_PX = (1400, 900)
LIVE_AT = 0.4  # of the training: when the dashboard is photographed
DASHBOARD_TABS = ("curves", "samples", "config", "log", "walk", "theory")
VIEWER_TABS = (
    *("manifold", "density", "samples", "encode", "interpolate", "flow", "progress", "curves", "theory"),
)  # by their keys, from 1


@dataclass(frozen=True)
class Subject:
    """A run to photograph."""

    preset: str
    minutes: float
    readme: tuple[str, ...]  # of its pictures, those that the README shows


SUBJECTS = (
    Subject(
        "vae-2d",
        4.0,
        (
            *("dashboard-curves", "dashboard-samples", "dashboard-theory"),
            *("viewer-manifold", "viewer-samples", "viewer-encode", "viewer-curves", "viewer-theory"),
        ),
    ),
    Subject("vae", 1.5, ("viewer-manifold",)),
    Subject("gan", 4.0, ("viewer-progress", "viewer-interpolate", "dashboard-curves")),
    Subject("realnvp", 6.0, ("viewer-flow",)),
    Subject("vae-toy", 1.0, ("viewer-density",)),
    Subject("gan-toy", 1.0, ("viewer-density",)),
    Subject("flow-toy", 1.0, ("viewer-density",)),
)


def main() -> int:
    """Take every picture; return the exit code."""
    arguments = parsed()
    if packages := missing_packages():
        print(f"make screenshots needs: sudo apt-get install {' '.join(packages)}", file=sys.stderr)  # noqa: T201
        return 1
    chosen = [subject for subject in SUBJECTS if not arguments.only or subject.preset in arguments.only]
    with tempfile.TemporaryDirectory() as folder, virtual_screen() as screen:
        runs = arguments.runs_dir or Path(folder) / "runs"
        for subject in chosen:
            photograph(screen, subject, run_of(runs, subject), arguments.album, Path(folder))
            publish(subject, arguments.album, arguments.out)
    return 0


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.screenshots", description=__doc__)
    parser.add_argument("--runs-dir", type=Path, help="where runs are looked for, and trained if they are not there")
    parser.add_argument("--only", action="append", help="a preset; repeat for more")
    parser.add_argument("--album", type=Path, default=Path("build/look"), help="where every picture goes")
    parser.add_argument("--out", type=Path, default=Path("assets/pictures"), help="where the README's go")
    return parser.parse_args()


def genexplorer(*arguments: str) -> list[str]:
    """Return the command line of our own installation."""
    return [str(Path(sys.executable).with_name("genexplorer")), *arguments]


def run_of(runs: Path, subject: Subject) -> Path:
    """Return the folder's newest run of a preset, or start one."""
    store = RunStore(runs)
    there = [status.folder for status in store.list() if status.preset == subject.preset] if runs.is_dir() else []
    if there:
        return there[0]
    name = f"look-{subject.preset}"
    asked = ("--minutes", f"{subject.minutes}", "--name", name, "--detach", "--runs-dir", str(runs))
    subprocess.run(genexplorer("train", subject.preset, *asked), check=True)
    return store.find(name)


def photograph(screen: Screen, subject: Subject, run: Path, album: Path, state: Path) -> None:
    """Take every picture of a run: the dashboard while it trains, the viewer when it is done."""
    wait_until(run, LIVE_AT)
    photograph_dashboard(screen, run, album / subject.preset)
    wait_until(run, 1.0)
    photograph_viewer(screen, run, album / subject.preset, state)


def publish(subject: Subject, album: Path, out: Path) -> None:
    """Copy those of its pictures that the README shows."""
    out.mkdir(parents=True, exist_ok=True)
    for name in subject.readme:
        shutil.copyfile(album / subject.preset / f"{name}.png", out / f"{subject.preset}-{name}.png")


def wait_until(run: Path, progress: float) -> None:
    """Wait until a run has done this share, or is over."""
    while (status := read_status(run)).state.live and status.progress < progress:
        time.sleep(0.5)


def photograph_dashboard(screen: Screen, run: Path, out: Path) -> None:
    """Photograph the dashboard's tabs in a real terminal of 140 by 40 cells."""
    dashboard = subprocess.list2cmdline(genexplorer("dashboard", run.name, "--runs-dir", str(run.parent)))
    terminal = screen.start(
        *("xterm", "-T", "look", "-geometry", "140x40+0+0", "-fa", "DejaVu Sans Mono", "-fs", "10", "-bg", "#101418"),
        *(
            "-fg",
            "#d8dee4",
            "-xrm",
            "xterm*termName: xterm-256color",
            "-xrm",
            "xterm*allowTitleOps: false",
            "-b",
            "0",
            "-e",
            dashboard,
        ),
        COLORTERM="truecolor",
    )
    try:
        for key, name in enumerate(DASHBOARD_TABS, start=1):
            screen.type_keys("look", str(key))
            screen.photograph(out / f"dashboard-{name}.png", "look")
    finally:
        terminal.terminate()
        terminal.wait(10)


def photograph_viewer(screen: Screen, run: Path, out: Path, state: Path) -> None:
    """Photograph the viewer's tabs."""
    command = (sys.executable, "-P", "-m", "genexplorer.viewer.main", str(run))  # `view` would let go of it
    viewer = screen.start(*command, GENEXPLORER_STATE=str(state / "state"))
    try:
        screen.resize("genexplorer", *VIEWER_PX)
        for key, name in enumerate(VIEWER_TABS, start=1):
            screen.type_keys("genexplorer", str(key))
            screen.photograph(out / f"viewer-{name}.png", "genexplorer", first_s=6.0 if key == 1 else 2.5)
    finally:
        viewer.terminate()
        viewer.wait(10)


if __name__ == "__main__":
    sys.exit(main())
