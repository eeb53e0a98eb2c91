"""`genexplorer interpolate`: the images between two latents, as rows of an image or as an animation."""

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Seed, Step
from genexplorer.cli.pictures import latents
from genexplorer.cli.pictures.image_command import ImageCommand, default_file, new_point_image
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_COUNT, MAX_ROWS = 200, 100
FRAMES_PER_IMAGE = 8  # of an animation, from one image to the next
DEFAULT_NUM_PATHS = 5


class Mode(StrEnum):
    """Path between two latents."""

    SPHERICAL = "spherical"
    LINEAR = "linear"


def interpolate(
    run: Run,
    out: OutFile = None,
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
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the images between two latents: rows in a .png; an animation in a .gif, .webp or .mp4."""
    import numpy as np

    from genexplorer.jobs import animations, image_files
    from genexplorer.runs.artifacts.images import make_grid

    given_ends = ((start, "--from"), (end, "--to"))
    ends = [latents.parse(text, option) if text is not None else None for text, option in given_ends]
    both_given = None not in ends
    rows = rows or (1 if both_given else DEFAULT_NUM_PATHS)
    if both_given and rows > 1:
        raise ConfigError(f"--rows {rows}: two given ends have one path", "omit --from or --to")
    formats = image_files.MOVING_FORMATS | image_files.STILL_FORMATS
    out = out or default_file("interpolation.png")
    with ImageCommand(run, out, step, runs_dir, capability="decode", formats=formats) as command:
        animations.require_encoder(command.format)
        # Find the two ends of each row, (rows, 2, d); ends that are not given are samples.
        (size,) = command.card.latent_shape
        pairs = np.empty((rows, 2, size), np.float32)
        if not both_given:
            pairs[:] = command.request("sample", {"count": 2 * rows, "seed": seed}).arrays["z"].reshape(rows, 2, size)
        for i, latent_ref in enumerate(ends):
            if latent_ref is not None:
                pairs[:, i] = latents.resolve(command, latent_ref)
        # Decode the paths between them.
        is_animation = command.format in ("GIF", "WEBP", "MP4")
        frames = (count - 1) * FRAMES_PER_IMAGE + 1 if is_animation else count
        results = [command.request("interpolate", {"count": frames, "mode": mode.value}, {"z": pair}) for pair in pairs]
        paths = np.stack([result.arrays["images"] for result in results])  # (rows, frames, …)
        # Write them.
        file_metadata = results[0].file_metadata | {"count": str(count)}
        if command.is_point_data:
            _draw_point_paths(command, paths, is_animation=is_animation, scale=scale, file_metadata=file_metadata)
        elif is_animation:
            # Each frame shows one image of each path, arranged in about a square.
            columns = math.isqrt(rows - 1) + 1
            command.write_animation([make_grid(paths[:, i], columns) for i in range(frames)], scale, file_metadata)
        else:
            command.write(paths.reshape(-1, *paths.shape[2:]), count, scale, file_metadata)


def _draw_point_paths(
    command: ImageCommand,
    paths: "NDArray[np.float32]",
    *,
    is_animation: bool,
    scale: int,
    file_metadata: dict[str, str],
) -> None:
    """Draw paths of 2-D points, (rows, count, 2), over the data."""
    from genexplorer.jobs import point_images

    data = command.request("points", {"count": 2000})

    def draw_first(count: int) -> Any:
        bounds = tuple(data.meta["bounds"])
        image = point_images.PointImage(bounds) if is_animation else new_point_image(bounds, scale)
        image.draw_points(data.arrays["points"], point_images.DATA_COLOR)
        for path in paths:
            image.draw_path(path[:count])
        return image.to_array()

    if is_animation:
        command.write_animation([draw_first(count) for count in range(1, paths.shape[1] + 1)], scale, file_metadata)
    else:
        command.write(draw_first(paths.shape[1])[None], 1, 1, file_metadata)
