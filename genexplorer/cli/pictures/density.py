"""`genexplorer density`: the log-density over 2-D data as a heat map, with samples."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Seed, Step
from genexplorer.cli.pictures.images import Coords, parse_bounds
from genexplorer.cli.pictures.query import ModelQuery, new_client

MAX_SAMPLES = 20_000


class Of(StrEnum):
    """Density shown as the heat map."""

    MODEL = "model"
    TRUTH = "truth"
    NOTHING = "nothing"


def density(
    run: Run,
    out: OutFile,
    of: Annotated[
        Of | None,
        typer.Option("--of", help="Density to show (the model's, if it has one).", show_default=False),
    ] = None,
    bounds: Annotated[
        str | None,
        typer.Option("--bounds", metavar="X0,X1,Y0,Y1", help="Range of the 2-D data (all).", show_default=False),
    ] = None,
    side: Annotated[int, typer.Option("--side", min=64, max=4096, help="Pixels of the image's longer side.")] = 512,
    count: Annotated[
        int, typer.Option("--count", min=0, max=MAX_SAMPLES, help="Number of samples drawn over it.")
    ] = 1000,
    seed: Seed = 0,
    step: Step = None,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the log-density of a model of 2-D data as a heat map, with samples."""
    area = list(parse_bounds(bounds, Coords.Z)) if bounds else None
    with new_client() as client:
        query = ModelQuery(run, out, step, runs_dir, needs="density", client=client)
        draw_density(query, of, area, side=side, count=count, seed=seed)


def draw_density(
    query: ModelQuery, of: Of | None, area: list[float] | None, *, side: int = 512, count: int = 1000, seed: int = 0
) -> None:
    """Write a heat map: a log-density if there is one, else the data; with samples over it."""
    from genexplorer.jobs import point_images

    data = query.send("points", {"count": 4000})
    x0, x1, y0, y1 = area or data.meta["bounds"]
    picture = point_images.PointImage((x0, x1, y0, y1), side)
    of = of or (Of.MODEL if query.can("log_prob") else Of.NOTHING)
    about = data.about | {"picture": "density", "of": of.value, "seed": str(seed)}
    if of is Of.NOTHING:
        picture.draw_points(data.arrays["points"], point_images.DATA)
    else:
        aspect = (x1 - x0) / (y1 - y0)
        cells = min(side // 2, 256)
        rows, columns = round(min(1.0, 1 / aspect) * cells), round(min(1.0, aspect) * cells)
        params: dict[str, Any] = {"of": of.value, "rows": max(rows, 1), "columns": max(columns, 1)}
        density_map = query.send("density", params | {"bounds": [x0, x1, y0, y1]})
        picture.draw_density(density_map.arrays["log_prob"])
        output.print_message(f"log-density: {density_map.meta['how']}")
    if count:
        samples = query.send("sample", {"count": count, "seed": seed})
        picture.draw_points(samples.arrays["images"], point_images.SAMPLES)
    query.write(picture.pixels()[None], 1, 1, about)
