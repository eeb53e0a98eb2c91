"""`genexplorer progress`: the images recorded during training as an animation."""

from typing import Annotated

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, find_run


def progress(
    run: Run,
    out: OutFile,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", metavar="KIND", help="manifold, samples, reconstructions, trace or density (first available)."
        ),
    ] = "",
    scale: Annotated[
        int, typer.Option("--scale", min=0, max=32, metavar="K", help="Enlarge each pixel to K × K (0: automatic).")
    ] = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Write the progress of a training: an animation as .gif, .webp or .mp4; a dozen steps side by side as .png."""
    from genexplorer.jobs import progress_gif

    folder = find_run(run, runs_dir)
    with output.progress_bar("animation") as show_progress:
        animation = progress_gif.export(folder, out, kind=kind, scale=scale, on_progress=show_progress)
    width, height = animation.size_px
    steps = f"steps {animation.first_step:,} to {animation.last_step:,}"
    size = f"{animation.frames} frames of {width}×{height} px"
    output.print_message(f"wrote {animation.path}: {animation.kind}, {size}, {steps}")
