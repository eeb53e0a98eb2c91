"""`genexplorer interpolate`: the images between two latents, as rows of a picture or as a film."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli.options import OutFile, Run, RunsDir, Seed, Step
from genexplorer.cli.pictures import latents
from genexplorer.cli.pictures.query import Asked, new_client
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_COUNT, MAX_ROWS = 200, 100
FILM_STEPS = 8  # frames of a film from one image to the next
RANDOM_ROWS = 5


class Mode(StrEnum):
    """How the way goes from one latent to the other."""

    SPHERICAL = "spherical"
    LINEAR = "linear"


def interpolate(
    run: Run,
    out: OutFile,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="LATENT", help=f"One end: {latents.HELP} (random).", show_default=False),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="LATENT", help="The other end, likewise (random).", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option("--count", min=2, max=MAX_COUNT, help="Images, both ends included.")] = 9,
    mode: Annotated[
        Mode, typer.Option("--mode", help="Along a great circle, which keeps |z| typical, or in a straight line.")
    ] = Mode.SPHERICAL,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows",
            min=1,
            max=MAX_ROWS,
            help="Ways, one below the other (5; 1 between given ends).",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    step: Step = None,
    scale: Annotated[
        int,
        typer.Option("--scale", min=0, max=32, metavar="K", help="Enlarge each pixel to K × K (0: films to be seen)."),
    ] = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the images between two latents: a row each in a .png, a film in a .gif, .webp or .mp4."""
    from genexplorer.jobs import animations, image_files

    named = [latents.parse(text, option) if text else None for text, option in ((start, "--from"), (end, "--to"))]
    given = len([one for one in named if one])
    rows = rows or (1 if given == 2 else RANDOM_ROWS)
    if given == 2 and rows > 1:
        raise ConfigError(f"--rows {rows}: there is one way between two given ends", "leave out --from or --to")
    formats = {**image_files.MOVING_FORMATS, **{e: f for e, f in image_files.STILL_FORMATS.items() if e != ".webp"}}
    with new_client() as client:
        asked = Asked(run, out, step, runs_dir, needs="decode", formats=formats, client=client)
        animations.check(asked.format)
        draw_ways(asked, _pairs(asked, named, rows, seed), count=count, mode=mode, scale=scale)


def _pairs(asked: Asked, named: list[latents.End | None], rows: int, seed: int) -> "NDArray[np.float32]":
    """Return the two ends of each row, (rows, 2, d); those that are not named are samples, by the seed."""
    import numpy as np

    (size,) = asked.card.latent_shape
    pairs = np.empty((rows, 2, size), np.float32)
    if None in named:
        pairs[:] = asked.answer("sample", {"count": 2 * rows, "seed": seed}).arrays["z"].reshape(rows, 2, size)
    for place, one in enumerate(named):
        if one is not None:
            pairs[:, place] = latents.find(asked, one)
    return pairs


def draw_ways(
    asked: Asked, pairs: "NDArray[np.float32]", *, count: int = 9, mode: Mode = Mode.SPHERICAL, scale: int = 0
) -> None:
    """Write the ways between pairs of latents, (rows, 2, d), as a picture or as a film."""
    import numpy as np

    film = asked.format in ("GIF", "WEBP", "MP4")
    frames = (count - 1) * FILM_STEPS + 1 if film else count
    answers = [asked.answer("interpolate", {"count": frames, "mode": mode.value}, {"z": pair}) for pair in pairs]
    about = answers[0].about | {"count": str(count)}
    ways = np.stack([answer.arrays["images"] for answer in answers])  # (rows, frames, …)
    if asked.of_points:
        _draw_on_plane(asked, ways, film=film, scale=scale, about=about)
    elif film:
        asked.write_film([_in_a_square(ways[:, place]) for place in range(frames)], scale, about)
    else:
        asked.write(ways.reshape(-1, *ways.shape[2:]), count, scale or 1, about)


def _in_a_square(images: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Return a frame of a film: one image of each row, side by side in about a square."""
    from genexplorer.jobs import image_files

    columns = next(side for side in range(1, len(images) + 1) if side * side >= len(images))
    return image_files.grid(images, columns)


def _draw_on_plane(asked: Asked, ways: "NDArray[np.float32]", *, film: bool, scale: int, about: dict[str, str]) -> None:
    """Draw ways of points, (rows, count, 2), over the data."""
    from genexplorer.jobs import point_images

    data = asked.answer("points", {"count": 2000})

    def drawn(count: int) -> Any:
        picture = point_images.PointPicture(tuple(data.meta["bounds"]))
        picture.dots(data.arrays["points"], point_images.DATA)
        for way in ways:
            picture.way(way[:count])
        return picture.pixels()

    if film:
        asked.write_film([drawn(count) for count in range(1, ways.shape[1] + 1)], scale, about)
    else:
        asked.write(drawn(ways.shape[1])[None], 1, scale or 1, about)
