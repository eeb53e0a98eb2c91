"""`genexplorer invert`: test images above what the nearest latent draws, searched for where there is no encoder."""

from collections.abc import Sequence
from typing import Annotated

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Seed, Step
from genexplorer.cli.pictures.images import Columns, chosen_indices, interleave
from genexplorer.cli.pictures.query import Asked

MAX_COUNT = 1000
STEPS, RESTARTS = 200, 8


def invert(
    run: Run,
    out: OutFile,
    step: Step = None,
    first: Annotated[int, typer.Option("--first", min=0, help="Place of the first test image.")] = 0,
    count: Annotated[int, typer.Option("--count", min=1, max=MAX_COUNT, help="How many.")] = 10,
    steps: Annotated[int, typer.Option("--steps", min=1, max=10_000, help="Steps of the search.")] = STEPS,
    restarts: Annotated[int, typer.Option("--restarts", min=1, max=64, help="Starts of each search.")] = RESTARTS,
    prior: Annotated[
        float | None,
        typer.Option("--prior", min=0, max=100, help="Pull towards the prior; 0 is none. [default: keeps z likely]"),
    ] = None,
    seed: Seed = 0,
    columns: Columns = 10,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Search the latents of test images by gradient descent; draw each image above what its latent draws."""
    asked = Asked(run, out, step, runs_dir, needs="invert")
    indices = chosen_indices(count, first, None, asked.num_test)
    draw_inversions(
        asked, indices, steps=steps, restarts=restarts, prior=prior, seed=seed, columns=columns, scale=scale
    )


def draw_inversions(
    asked: Asked,
    indices: Sequence[int],
    *,
    steps: int = STEPS,
    restarts: int = RESTARTS,
    prior: float | None = None,
    seed: int = 0,
    columns: int = 10,
    scale: int = 1,
) -> None:
    """Write test images, each above what the latent that was found for it draws, and say how near that is."""
    params: dict[str, object] = {"indices": list(indices), "steps": steps, "restarts": restarts, "seed": seed}
    if prior is not None:
        params["prior"] = prior
    found = asked.answer("invert", params)
    error = found.arrays["error"]
    what = "coordinates" if asked.of_points else "pixels"
    output.say(f"mean squared error of {what}: mean {error.mean():.4g}, largest {error.max():.4g}")
    if asked.of_points:
        from genexplorer.cli.pictures.images import draw_pairs

        draw_pairs(asked, found.arrays["x"], found.arrays["recon"], scale, found.about)
        return
    pairs = interleave(found.arrays["x"], found.arrays["recon"], columns)
    asked.write(pairs, min(columns, len(indices)), scale, found.about)
