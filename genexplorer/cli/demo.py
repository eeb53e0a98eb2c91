"""`genexplorer demo`, run by `make demo`: train a 2-D VAE, watch it, explore its latent plane."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from genexplorer import paths
from genexplorer.cli import open_ui, output
from genexplorer.cli.options import RunsDir

DEMO_PRESET = "vae-2d"
MIN_VIEWER_STEP = 100  # before this step, the decoded images are a uniform gray
POLL_INTERVAL_S = 0.5


def demo(
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="Training time instead of the preset's length.")
    ] = None,
    out_dir: Annotated[
        Path, typer.Option("--out-dir", metavar="DIR", help="Folder for images, on a machine without a display.")
    ] = Path("demo-pictures"),
    runs_dir: RunsDir = None,
) -> None:
    """Train a 2-D VAE on MNIST with the live dashboard, and open the viewer on it.

    Without a terminal it prints progress lines; without a display it writes images.
    """
    from genexplorer.cli import follow, settings, train
    from genexplorer.session import display
    from trainers import registry

    config = settings.resolve(DEMO_PRESET, flags={"--minutes": minutes}).config
    status = train.launch(config, runs_dir, tags=("demo",))
    length = f"{minutes:g} minutes" if minutes else f"about {registry.preset(DEMO_PRESET).minutes:g} minutes"
    output.print_stderr(
        f"{status.name}: training a VAE with a 2-D latent space on MNIST for {length} in {status.folder}"
    )
    problem = display.display_problem()
    opener = None if problem else _ViewerOpener(status.folder, paths.runs_dir(runs_dir))
    try:
        if output.can_show_dashboard():
            open_ui.open_dashboard(runs_dir, status.folder)
        else:
            follow.follow_detachable(status.folder)
    finally:
        if opener:
            opener.cancel()
    if opener and opener.has_opened:
        output.print_stderr("the viewer is open")
    failure = opener.failure if opener else f"no window can be opened ({problem})"
    if failure:
        output.print_stderr(f"{failure}; writing images instead")
        write_images(status.folder, out_dir, runs_dir)


def write_images(folder: Path, out_dir: Path, runs_dir: Path | None) -> None:
    """Write the manifold, samples, reconstructions and the animation of a run."""
    from genexplorer.cli.pictures import images, reconstruct
    from genexplorer.cli.pictures.image_command import ImageCommand, new_client

    out_dir.mkdir(parents=True, exist_ok=True)
    run = str(folder)
    with new_client() as client:

        def image_command(name: str, capability: str) -> ImageCommand:
            return ImageCommand(run, out_dir / name, None, runs_dir, capability=capability, client=client)

        images.draw_manifold(image_command("manifold.png", "manifold"))
        images.draw_samples(image_command("samples.png", "sample"))
        reconstruct.draw_reconstructions(image_command("reconstructions.png", "encode"), range(10))
    images.draw_progress(folder, out_dir / "manifold.gif")
    output.print_stderr(f"the images are in {out_dir.resolve()}")


class _ViewerOpener:
    """Opens the viewer, from a thread, as soon as the model has learned something.

    Attributes:
        has_opened: Whether the viewer has opened.
        failure: Why it did not open; empty if it did, or was not due yet.
    """

    def __init__(self, folder: Path, runs_dir: Path) -> None:
        self._folder = folder
        self._runs_dir = runs_dir
        self.has_opened = False
        self.failure = ""
        self._stop_event = threading.Event()
        self._thread = threading.Thread(target=self._open_when_due, name="viewer-opener", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Open no viewer from now on; one that is open stays open."""
        self._stop_event.set()
        self._thread.join()

    def _open_when_due(self) -> None:
        from genexplorer.runs.reader import RunReader
        from genexplorer.session import actions

        reader = RunReader(self._folder)
        while not self._stop_event.wait(POLL_INTERVAL_S):
            status = reader.status()
            if (status.snapshot_step or 0) >= MIN_VIEWER_STEP or not status.state.active:
                result = actions.open_viewer(self._folder, self._runs_dir)
                self.has_opened, self.failure = result.ok, "" if result.ok else result.message
                return
