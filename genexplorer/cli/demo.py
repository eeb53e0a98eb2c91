"""`genexplorer demo`: what `make demo` runs. Train a 2-D VAE, watch it, walk through its latent plane."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import open_ui, output
from genexplorer.cli.options import RunsDir

PRESET = "vae-2d"
SOMETHING_TO_SEE = 100  # steps: before them the plane is gray
POLL_S = 0.5


def demo(
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="Train this long instead of the preset's length.")
    ] = None,
    out_dir: Annotated[
        Path, typer.Option("--out-dir", metavar="DIR", help="Where pictures go on a machine without a display.")
    ] = Path("demo-pictures"),
    runs_dir: RunsDir = None,
) -> None:
    """Train a 2-D VAE on MNIST with the live dashboard, and open the viewer on it.

    Without a terminal it prints progress lines; without a display it writes pictures.
    """
    from genexplorer.cli import settings, start
    from genexplorer.session import actions
    from trainers import registry

    config = settings.resolve(PRESET, flags={"--minutes": minutes})
    status = start.launch(config, runs_dir, tags=("demo",))
    length = f"{minutes:g} minutes" if minutes else f"about {registry.preset(PRESET).minutes:g} minutes"
    output.say(f"{status.name}: a VAE with a latent plane learns MNIST for {length}; it is kept in {status.folder}")
    opener = _ViewerOpener(status.folder, paths.runs_dir(runs_dir)) if actions.has_display() else None
    try:
        _watch(status.folder, runs_dir)
    finally:
        failure = opener.close() if opener else "there is no display"
    if opener and opener.opened:
        output.say("the viewer shows it")
    if failure:
        output.say(f"{failure}, so the viewer's pictures are written as files")
        write_pictures(status.folder, out_dir, runs_dir)


def write_pictures(folder: Path, out_dir: Path, runs_dir: Path | None) -> None:
    """Write the manifold, samples, reconstructions and the film of a run, and say where."""
    from genexplorer.cli.pictures import images as pictures
    from genexplorer.cli.pictures import query
    from genexplorer.cli.pictures.progress import progress

    out_dir.mkdir(parents=True, exist_ok=True)
    run = str(folder)
    with query.new_client() as client:

        def asked(name: str, needs: str) -> query.Asked:
            return query.Asked(run, out_dir / name, None, runs_dir, needs=needs, client=client)

        pictures.draw_manifold(asked("manifold.png", "manifold"))
        pictures.draw_samples(asked("samples.png", "sample"), scale=2)
        pictures.draw_reconstructions(asked("reconstructions.png", "encode"), range(10), scale=2)
    progress(run, out_dir / "manifold.gif", runs_dir=runs_dir)
    output.say(f"the pictures are in {out_dir.resolve()}")


def _watch(folder: Path, runs_dir: Path | None) -> None:
    from genexplorer.cli import follow

    if output.full_screen():
        open_ui.open_dashboard(runs_dir, folder)
    else:
        follow.follow_detachable(folder)


class _ViewerOpener:
    """Opens the viewer, from a thread, as soon as there is something to see."""

    def __init__(self, folder: Path, runs_dir: Path) -> None:
        self._folder = folder
        self._runs_dir = runs_dir
        self._failure = ""
        self.opened = False
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._wait, name="viewer-opener", daemon=True)
        self._thread.start()

    def close(self) -> str:
        """Stop waiting; return why there is no viewer, or nothing if there is one or it was not time for it yet."""
        self._left.set()
        self._thread.join()
        return self._failure

    def _wait(self) -> None:
        from genexplorer.runs.reader import RunReader
        from genexplorer.session import actions

        with RunReader(self._folder) as reader:
            while not self._left.wait(POLL_S):
                status = reader.status()
                if (status.snapshot_step or 0) >= SOMETHING_TO_SEE or not status.state.live:
                    outcome = actions.open_viewer(self._folder, self._runs_dir)
                    self.opened, self._failure = outcome.ok, "" if outcome.ok else outcome.line
                    return
