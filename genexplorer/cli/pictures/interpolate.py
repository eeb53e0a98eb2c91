"""`genexplorer interpolate`: the images between two latents, as rows of an image or as an animation."""

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli.options import AutoScale, OutFile, Run, RunsDir, Seed, Step
from genexplorer.cli.pictures import latents
from genexplorer.cli.pictures.query import ModelQuery
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_COUNT, MAX_ROWS = 200, 100
ANIMATION_STEPS = 8  # frames from one image to the next
RANDOM_ROWS = 5


class Mode(StrEnum):
    """Path between two latents."""

    SPHERICAL = "spherical"
    LINEAR = "linear"


def interpolate(
    run: Run,
    out: OutFile,
    start: Annotated[
        str | None, typer.Option("--from", metavar="LATENT", help=f"First latent: {latents.HELP} (random).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="LATENT", help="Last latent, likewise (random).")] = None,
    count: Annotated[
        int, typer.Option("--count", min=2, max=MAX_COUNT, help="Number of images, both ends included.")
    ] = 9,
    mode: Annotated[
        Mode, typer.Option("--mode", help="Great circle, which keeps |z| typical of the prior, or straight line.")
    ] = Mode.SPHERICAL,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=1, max=MAX_ROWS, help="Number of paths (5; 1 if both ends are given)."),
    ] = None,
    seed: Seed = 0,
    step: Step = None,
    scale: AutoScale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the images between two latents: rows in a .png; an animation in a .gif, .webp or .mp4."""
    import numpy as np

    from genexplorer.jobs import animations, image_files
    from genexplorer.runs.artifacts.images import make_grid

    ends = [latents.parse(text, option) if text else None for text, option in ((start, "--from"), (end, "--to"))]
    fixed = None not in ends
    rows = rows or (1 if fixed else RANDOM_ROWS)
    if fixed and rows > 1:
        raise ConfigError(f"--rows {rows}: two given ends have one path", "omit --from or --to")
    formats = {**image_files.MOVING_FORMATS, **{e: f for e, f in image_files.STILL_FORMATS.items() if e != ".webp"}}
    with ModelQuery(run, out, step, runs_dir, needs="decode", formats=formats) as query:
        animations.require_encoder(query.format)
        # Find the two ends of each row, (rows, 2, d); ends that are not given are samples.
        (size,) = query.card.latent_shape
        pairs = np.empty((rows, 2, size), np.float32)
        if not fixed:
            pairs[:] = query.send("sample", {"count": 2 * rows, "seed": seed}).arrays["z"].reshape(rows, 2, size)
        for i, latent in enumerate(ends):
            if latent is not None:
                pairs[:, i] = latents.find(query, latent)
        # Decode the paths between them.
        animated = query.format in ("GIF", "WEBP", "MP4")
        frames = (count - 1) * ANIMATION_STEPS + 1 if animated else count
        answers = [query.send("interpolate", {"count": frames, "mode": mode.value}, {"z": pair}) for pair in pairs]
        paths = np.stack([answer.arrays["images"] for answer in answers])  # (rows, frames, …)
        # Write them.
        about = answers[0].about | {"count": str(count)}
        if query.is_points:
            _draw_point_paths(query, paths, animated=animated, scale=scale, about=about)
        elif animated:
            # Each frame shows one image of each path, arranged in about a square.
            columns = math.isqrt(rows - 1) + 1
            query.write_animation([make_grid(paths[:, i], columns) for i in range(frames)], scale, about)
        else:
            query.write(paths.reshape(-1, *paths.shape[2:]), count, scale or 1, about)


def _draw_point_paths(
    query: ModelQuery, paths: "NDArray[np.float32]", *, animated: bool, scale: int, about: dict[str, str]
) -> None:
    """Draw paths of 2-D points, (rows, count, 2), over the data."""
    from genexplorer.jobs import point_images

    data = query.send("points", {"count": 2000})

    def draw(count: int) -> Any:
        picture = point_images.PointImage(tuple(data.meta["bounds"]))
        picture.draw_points(data.arrays["points"], point_images.DATA_COLOR)
        for path in paths:
            picture.draw_path(path[:count])
        return picture.to_array()

    if animated:
        query.write_animation([draw(count) for count in range(1, paths.shape[1] + 1)], scale, about)
    else:
        query.write(draw(paths.shape[1])[None], 1, scale or 1, about)
