"""`genexplorer play`: a latent path, drawn in the viewer, as an animation of any run with the same latent size."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Step
from genexplorer.cli.pictures.image_command import ImageCommand, default_file, new_point_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_FRAMES = 2000


def play(
    path: Annotated[Path, typer.Argument(metavar="PATH.json", help="The path, as the viewer saves it.")],
    run: Run,
    out: OutFile = None,
    frames: Annotated[int, typer.Option("--frames", min=2, max=MAX_FRAMES, help="Images along the path.")] = 60,
    step: Step = None,
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Play a latent path: an animation in a .gif, .webp or .mp4, of any run with the same latent size."""
    from math import prod

    import numpy as np

    from genexplorer.jobs import animations, image_files
    from genexplorer.session.latent_path import read_json

    formats = image_files.MOVING_FORMATS
    with ImageCommand(
        run, out or default_file("path.gif"), step, runs_dir, capability="decode", formats=formats
    ) as command:
        animations.require_encoder(command.format)
        z = read_json(path, prod(command.card.latent_shape)).frames(frames).astype(np.float32)
        result = command.request("decode", {}, {"z": z})
        images = result.arrays["images"]
        if command.is_point_data:
            images = _draw_points(command, images)
        command.write_animation(list(images), scale if not command.is_point_data else 1, result.file_metadata)


def _draw_points(command: ImageCommand, path: "NDArray[np.float32]") -> "list[NDArray[np.uint8]]":
    """Return a picture for each point of a path of 2-D points, (N, 2): the path until there, over the data."""
    from genexplorer.jobs import point_images

    data = command.request("points", {"count": 2000})
    pictures = []
    for count in range(1, len(path) + 1):
        image = new_point_image(tuple(data.meta["bounds"]), 0)
        image.draw_points(data.arrays["points"], point_images.DATA_COLOR)
        image.draw_path(path[:count])
        pictures.append(image.to_array())
    return pictures
