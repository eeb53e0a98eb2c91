"""`genexplorer progress`: a run's recorded pictures as a film through training."""

from typing import Annotated

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir


def progress(
    run: Run,
    out: OutFile,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", metavar="KIND", help="manifold, samples, reconstructions, trace or density (the first there is)."
        ),
    ] = "",
    scale: Annotated[
        int, typer.Option("--scale", min=0, max=32, metavar="K", help="Enlarge each pixel to K × K (0: readable).")
    ] = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Write the training as a film: .gif, .webp or .mp4 moves, .png lays a dozen steps side by side."""
    from genexplorer.cli.runs.show import find
    from genexplorer.jobs import progress_gif

    folder = find(run, runs_dir)
    with output.progress_bar("film") as bar:
        film = progress_gif.export(folder, out, kind=kind, scale=scale, tell=bar.show)
    width, height = film.size_px
    steps = f"steps {film.first_step:,} to {film.last_step:,}"
    output.say(f"wrote {film.path}: {film.kind}, {film.frames} frames of {width}×{height} px, {steps}")
