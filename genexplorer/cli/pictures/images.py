"""`genexplorer manifold | sample | reconstruct`: ask a run's model and write the answer as a picture."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Seed, Step
from genexplorer.cli.pictures import planes
from genexplorer.cli.pictures.query import Answered, Asked, new_client
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_COUNT = 10_000
MAX_SIDE = 100
FEW_POINTS = 300  # are drawn as larger dots
FULL_PLANE = {"u": (0.0, 1.0, 0.0, 1.0), "z": (-3.0, 3.0, -3.0, 3.0)}


class Coords(StrEnum):
    """In which coordinates the latent plane is cut into even cells."""

    U = "u"
    Z = "z"


Bounds = Annotated[
    str | None,
    typer.Option(
        "--bounds", metavar="X0,X1,Y0,Y1", help="Part of the plane (u: 0,1,0,1; z: -3,3,-3,3).", show_default=False
    ),
]
Rows = Annotated[int, typer.Option("--rows", min=1, max=MAX_SIDE, help="Images from top to bottom.")]
Columns = Annotated[int, typer.Option("--columns", min=1, max=MAX_SIDE, help="Images from left to right.")]


def manifold(
    run: Run,
    out: OutFile,
    step: Step = None,
    coords: Annotated[
        Coords | None,
        typer.Option(
            "--coords", help="Even steps in u = Φ(z), by probability, or in z itself (u).", show_default=False
        ),
    ] = None,
    bounds: Bounds = None,
    axes: Annotated[
        str | None,
        typer.Option(
            "--axes",
            metavar="I,J",
            help="The plane of two latent axes, counted from 0 (0,3: z₁ and z₄).",
            show_default=False,
        ),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            "--through",
            metavar="A,B,C",
            help="The plane of three latents: seeds, test:N, or numbers with ; between the three.",
            show_default=False,
        ),
    ] = None,
    principal: Annotated[bool, typer.Option("--principal", help="The plane along which most varies.")] = False,
    rows: Rows = 20,
    columns: Columns = 20,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the latent plane, or a plane through more dimensions: the image decoded at each of its cells."""
    plane = planes.parse(axes, through, principal=principal)
    if plane is not None and coords is Coords.U:
        raise ConfigError("--coords u: a plane through many dimensions is cut in z", "leave out --coords")
    coords = coords or (Coords.U if plane is None else Coords.Z)
    area = parse_bounds(bounds, coords) if bounds or plane is None else None
    if plane is None:
        asked = Asked(run, out, step, runs_dir, needs="manifold")
        draw_manifold(asked, area or FULL_PLANE[coords], coords, rows=rows, columns=columns, scale=scale)
        return
    with new_client() as client:
        asked = Asked(run, out, step, runs_dir, needs="plane", client=client)
        planes.draw(asked, plane, area, rows=rows, columns=columns, scale=scale)


def sample(
    run: Run,
    out: OutFile,
    step: Step = None,
    count: Annotated[int, typer.Option("--count", min=1, max=MAX_COUNT, help="How many.")] = 64,
    columns: Columns = 8,
    seed: Seed = 0,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, max=10.0, help="Spread of z; 1 is the prior.")
    ] = 1.0,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw samples of the model: z from the prior, decoded."""
    asked = Asked(run, out, step, runs_dir, needs="sample")
    draw_samples(asked, count=count, columns=columns, seed=seed, temperature=temperature, scale=scale)


def reconstruct(
    run: Run,
    out: OutFile,
    step: Step = None,
    count: Annotated[int, typer.Option("--count", min=1, max=MAX_COUNT, help="How many test images.")] = 10,
    first: Annotated[int, typer.Option("--first", min=0, help="Place of the first of them in the test set.")] = 0,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Choose test images at random instead.", show_default=False)
    ] = None,
    columns: Columns = 10,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw test images and, below each, what the model makes of its code; without an encoder it is searched for."""
    from genexplorer.cli.pictures import invert

    asked = Asked(run, out, step, runs_dir, needs=("encode", "invert"))
    indices = chosen_indices(count, first, seed, asked.num_test)
    draw = draw_reconstructions if asked.can("encode") else invert.draw_inversions
    draw(asked, indices, columns=columns, scale=scale)


def draw_manifold(
    asked: Asked,
    area: Sequence[float] = FULL_PLANE["u"],
    coords: Coords = Coords.U,
    *,
    rows: int = 20,
    columns: int = 20,
    scale: int = 1,
) -> None:
    """Write the images at the cells of a part of the latent plane."""
    params = {"rows": rows, "columns": columns, "bounds": list(area), "coords": coords.value}
    drawn = asked.answer("manifold", params)
    images = drawn.arrays["images"]
    asked.write(images.reshape(-1, *images.shape[2:]), columns, scale, drawn.about)


def draw_samples(
    asked: Asked, *, count: int = 64, columns: int = 8, seed: int = 0, temperature: float = 1.0, scale: int = 1
) -> None:
    """Write samples of the model; points of the plane over the data."""
    drawn = asked.answer("sample", {"count": count, "seed": seed, "temperature": temperature})
    if asked.of_points:
        draw_over_data(asked, drawn, scale)
    else:
        asked.write(drawn.arrays["images"], min(columns, count), scale, drawn.about)


def draw_over_data(asked: Asked, drawn: Answered, scale: int) -> None:
    """Write points that were drawn, over the data."""
    from genexplorer.jobs import point_images

    data = asked.answer("points", {"count": 4000})
    picture = point_images.PointPicture(tuple(data.meta["bounds"]))
    picture.dots(data.arrays["points"], point_images.DATA)
    few = len(drawn.arrays["images"]) < FEW_POINTS
    picture.dots(drawn.arrays["images"], point_images.SAMPLES, 3.0 if few else 1.6)
    asked.write(picture.pixels()[None], 1, scale, drawn.about)


def draw_reconstructions(asked: Asked, indices: Sequence[int], *, columns: int = 10, scale: int = 1) -> None:
    """Write test images, each above its reconstruction, and say the figures of both."""
    encoded = asked.answer("encode", {"indices": list(indices)})
    x, recon = encoded.arrays["x"], encoded.arrays["recon"]
    for name, words in encoded.meta.get("figures", {}).items():
        values, (title, unit) = encoded.arrays[name], words
        output.say(f"{title}: mean {values.mean():.4g}, largest {values.max():.4g} {unit}".rstrip())
    if asked.of_points:
        draw_pairs(asked, x, recon, scale, encoded.about)
    else:
        asked.write(interleave(x, recon, columns), min(columns, len(indices)), scale, encoded.about)


def draw_pairs(asked: Asked, x: Any, recon: Any, scale: int, about: Mapping[str, str]) -> None:
    """Write points (N, 2), each joined to its reconstruction, over the data."""
    import numpy as np

    from genexplorer.jobs import point_images

    data: Any = asked.answer("points", {"count": 4000}).arrays["points"]
    picture = point_images.PointPicture(point_images.holding(x, recon, data))
    picture.dots(data, point_images.DATA)
    for pair in np.stack((x, recon), axis=1):
        picture.way(pair, point_images.WAY)
    picture.dots(x, point_images.SAMPLES, 4.0)
    picture.dots(recon, point_images.WAY, 2.0)
    asked.write(picture.pixels()[None], 1, scale, about)


def interleave(above: "NDArray[np.uint8]", below: "NDArray[np.uint8]", columns: int) -> "NDArray[np.uint8]":
    """Return rows of images, each followed by the row that belongs below it; both (N, H, W, C)."""
    import numpy as np

    columns = min(columns, len(above))
    rows = [part[i : i + columns] for i in range(0, len(above), columns) for part in (above, below)]
    empty = np.zeros((columns, *above.shape[1:]), np.uint8)
    return np.concatenate([np.concatenate([row, empty[len(row) :]]) for row in rows])


def parse_bounds(text: str | None, coords: Coords) -> tuple[float, float, float, float]:
    """Return the bounds that a text names; by default all of the plane that matters.

    Raises:
        ConfigError: if they are no window.
    """
    if text is None:
        return FULL_PLANE[coords.value]
    try:
        x0, x1, y0, y1 = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--bounds {text}: not four numbers", "for instance --bounds=-2,2,-2,2") from None
    if not (-1e6 < x0 < x1 < 1e6 and -1e6 < y0 < y1 < 1e6):
        raise ConfigError(f"--bounds {text}: not X0 < X1 and Y0 < Y1", "for instance --bounds=-2,2,-2,2")
    if coords is Coords.U and (min(x0, y0) < 0 or max(x1, y1) > 1):
        raise ConfigError(f"--bounds {text}: u lies between 0 and 1", "take --coords z for other bounds")
    return x0, x1, y0, y1


def chosen_indices(count: int, first: int, seed: int | None, num_test: int) -> list[int]:
    """Return places in the test set: in order, or by a seed.

    Raises:
        ConfigError: if they go beyond it.
    """
    if seed is not None:
        import numpy as np

        return [int(i) for i in np.random.default_rng(seed).permutation(num_test)[:count]]
    if first + count > num_test:
        raise ConfigError(f"the test set has {num_test:,} images", "lower --first or --count")
    return list(range(first, first + count))
