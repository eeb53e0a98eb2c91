"""`genexplorer density`: the log-density of a model of points as a map, with samples over it."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Seed, Step
from genexplorer.cli.pictures.images import Coords, parse_bounds
from genexplorer.cli.pictures.query import Asked, new_client

MAX_SAMPLES = 20_000


class Of(StrEnum):
    """Whose density is the ground of the map."""

    MODEL = "model"
    TRUTH = "truth"
    NOTHING = "nothing"


def density(
    run: Run,
    out: OutFile,
    of: Annotated[
        Of | None,
        typer.Option("--of", help="Whose density (the model's, where it has one).", show_default=False),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option(
            "--bounds", metavar="X0,X1,Y0,Y1", help="Part of the data's plane (all of it).", show_default=False
        ),
    ] = None,
    side: Annotated[int, typer.Option("--side", min=64, max=4096, help="Pixels of the picture's longer side.")] = 512,
    count: Annotated[int, typer.Option("--count", min=0, max=MAX_SAMPLES, help="Samples drawn over it.")] = 1000,
    seed: Seed = 0,
    step: Step = None,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the log-density of a model of points as a map, with its samples over it."""
    area = list(parse_bounds(bounds, Coords.Z)) if bounds else None
    with new_client() as client:
        asked = Asked(run, out, step, runs_dir, needs="density", client=client)
        draw_density(asked, of, area, side=side, count=count, seed=seed)


def draw_density(
    asked: Asked, of: Of | None, area: list[float] | None, *, side: int = 512, count: int = 1000, seed: int = 0
) -> None:
    """Write a map: a log-density where there is one, else the data, and samples over it."""
    from genexplorer.jobs import point_images

    data = asked.answer("points", {"count": 4000})
    x0, x1, y0, y1 = area or data.meta["bounds"]
    picture = point_images.PointPicture((x0, x1, y0, y1), side)
    of = of or (Of.MODEL if asked.can("log_prob") else Of.NOTHING)
    about = data.about | {"picture": "density", "of": of.value, "seed": str(seed)}
    if of is Of.NOTHING:
        picture.dots(data.arrays["points"], point_images.DATA)
    else:
        wide = (x1 - x0) / (y1 - y0)
        rows, columns = (round(min(1.0, 1 / wide) * _cells(side)), round(min(1.0, wide) * _cells(side)))
        params: dict[str, Any] = {"of": of.value, "rows": max(rows, 1), "columns": max(columns, 1)}
        mapped = asked.answer("density", params | {"bounds": [x0, x1, y0, y1]})
        picture.map(mapped.arrays["log_prob"])
        output.say(f"log-density: {mapped.meta['how']}")
    if count:
        samples = asked.answer("sample", {"count": count, "seed": seed})
        picture.dots(samples.arrays["images"], point_images.SAMPLES)
    asked.write(picture.pixels()[None], 1, 1, about)


def _cells(side: int) -> int:
    return min(side // 2, 256)
