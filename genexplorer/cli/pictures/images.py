"""`genexplorer manifold | sample | density | progress`: images of a latent plane, samples, a density or a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import Columns, OutFile, Rows, Run, RunsDir, Scale, Seed, Step, find_run
from genexplorer.cli.pictures import latents
from genexplorer.cli.pictures.query import ModelQuery, new_client
from genexplorer.errors import ConfigError

MAX_COUNT = 10_000
FEW_POINTS = 300  # fewer samples than this are drawn as larger dots
_MARGIN = 0.25  # around the three points of a plane, as a share of its side
FULL_PLANE = {"u": (0.0, 1.0, 0.0, 1.0), "z": (-3.0, 3.0, -3.0, 3.0)}
MAX_SAMPLES = 20_000


@dataclass(frozen=True)
class PlaneSpec:
    """A plane in latent space, given in one of three ways."""

    axes: tuple[int, int] | None = None
    through: tuple[latents.LatentRef, ...] = ()
    principal: bool = False


class Coords(StrEnum):
    """Coordinates in which the grid over the latent plane is regular."""

    U = "u"
    Z = "z"


Bounds = Annotated[
    str | None,
    typer.Option(
        "--bounds", metavar="X0,X1,Y0,Y1", help="Part of the plane (u: 0,1,0,1; z: -3,3,-3,3).", show_default=False
    ),
]


def manifold(
    run: Run,
    out: OutFile,
    step: Step = None,
    coords: Annotated[
        Coords | None,
        typer.Option(
            "--coords", help="Regular grid in u = Φ(z), the normal quantiles, or in z (u).", show_default=False
        ),
    ] = None,
    bounds: Bounds = None,
    axes: Annotated[
        str | None,
        typer.Option(
            "--axes",
            metavar="I,J",
            help="Plane of two latent dimensions, counted from 0 (0,3: z₁ and z₄).",
            show_default=False,
        ),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            "--through",
            metavar="A,B,C",
            help="Plane through three latents: seeds, test:N, or numbers; separate them with ';'.",
            show_default=False,
        ),
    ] = None,
    principal: Annotated[bool, typer.Option("--principal", help="Plane of the two principal components.")] = False,
    rows: Rows = 20,
    columns: Columns = 20,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Decode a regular grid on the latent plane, or on a plane in a larger latent space."""
    plane = parse_plane(axes, through, principal=principal)
    if plane is not None and coords is Coords.U:
        raise ConfigError("--coords u: only for a 2-D latent space", "omit --coords")
    coords = coords or (Coords.U if plane is None else Coords.Z)
    area = parse_bounds(bounds, coords) if bounds or plane is None else None
    if plane is None:
        query = ModelQuery(run, out, step, runs_dir, needs="manifold")
        draw_manifold(query, area or FULL_PLANE[coords], coords, rows=rows, columns=columns, scale=scale)
        return
    with new_client() as client:
        query = ModelQuery(run, out, step, runs_dir, needs="plane", client=client)
        draw_plane(query, plane, area, rows=rows, columns=columns, scale=scale)


def sample(
    run: Run,
    out: OutFile,
    step: Step = None,
    count: Annotated[int, typer.Option("--count", min=1, max=MAX_COUNT, help="Number of samples.")] = 64,
    columns: Columns = 8,
    seed: Seed = 0,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, max=10.0, help="Standard deviation of z; 1 is the prior.")
    ] = 1.0,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw samples: z from the prior, decoded."""
    query = ModelQuery(run, out, step, runs_dir, needs="sample")
    draw_samples(query, count=count, columns=columns, seed=seed, temperature=temperature, scale=scale)


def draw_manifold(
    query: ModelQuery,
    area: Sequence[float] = FULL_PLANE["u"],
    coords: Coords = Coords.U,
    *,
    rows: int = 20,
    columns: int = 20,
    scale: int = 1,
) -> None:
    """Write the images decoded on a grid over part of the latent plane."""
    params = {"rows": rows, "columns": columns, "bounds": list(area), "coords": coords.value}
    result = query.send("manifold", params)
    images = result.arrays["images"]
    query.write(images.reshape(-1, *images.shape[2:]), columns, scale, result.about)


def draw_samples(
    query: ModelQuery, *, count: int = 64, columns: int = 8, seed: int = 0, temperature: float = 1.0, scale: int = 1
) -> None:
    """Write samples; 2-D points are drawn over the data."""
    result = query.send("sample", {"count": count, "seed": seed, "temperature": temperature})
    samples = result.arrays["images"]
    if not query.is_points:
        query.write(samples, min(columns, count), scale, result.about)
        return
    from genexplorer.jobs import point_images

    data = query.send("points", {"count": 4000})
    picture = point_images.PointImage(tuple(data.meta["bounds"]))
    picture.draw_points(data.arrays["points"], point_images.DATA)
    picture.draw_points(samples, point_images.SAMPLES, 3.0 if len(samples) < FEW_POINTS else 1.6)
    query.write(picture.pixels()[None], 1, scale, result.about)


def parse_plane(axes: str | None, through: str | None, *, principal: bool) -> PlaneSpec | None:
    """Return the plane given by the options, or None.

    Raises:
        ConfigError: if several are given, or one is malformed.
    """
    if sum((axes is not None, through is not None, principal)) > 1:
        raise ConfigError("--axes, --through and --principal exclude each other", "give one of them")
    if axes is not None:
        parts = axes.split(",")
        if len(parts) != 2 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
            raise ConfigError(f"--axes {axes[:60]}: not two axes", "for instance --axes 3,7")
        return PlaneSpec(axes=(int(parts[0]), int(parts[1])))
    if through is not None:
        texts = through.split(";" if ";" in through else ",")
        if len(texts) != 3:
            raise ConfigError(f"--through {through[:60]}: not three latents", "for instance --through 0,1,test:7")
        return PlaneSpec(through=tuple(latents.parse(text, "--through") for text in texts))
    return PlaneSpec(principal=True) if principal else None


def draw_plane(
    query: ModelQuery, plane: PlaneSpec, area: Sequence[float] | None, *, rows: int, columns: int, scale: int
) -> None:
    """Write the images decoded on a grid over part of a plane in a larger latent space."""
    import numpy as np

    # Let the model compute origin and directions of the plane.
    if plane.axes is not None:
        basis = query.send("plane", {"kind": "axes", "indices": list(plane.axes)})
    elif plane.principal:
        basis = query.send("plane", {"kind": "principal"})
    else:
        z = np.stack([latents.find(query, latent) for latent in plane.through])
        basis = query.send("plane", {"kind": "points"}, {"z": z})
    title = str(basis.meta["title"])
    output.print_message(f"plane: {title}")

    # Decode the grid.
    area = area or _area(basis.meta.get("points"))
    params = {"rows": rows, "columns": columns, "bounds": list(area), "coords": "z"}
    result = query.send("manifold", params, dict(basis.arrays))
    images = result.arrays["images"]
    query.write(images.reshape(-1, *images.shape[2:]), columns, scale, result.about | {"plane": title})


def _area(points: Any) -> tuple[float, float, float, float]:
    """Return a square (x0, x1, y0, y1) around the points of a plane; the default range without points."""
    if not points:
        return FULL_PLANE["z"]
    a, b = [point[0] for point in points], [point[1] for point in points]
    center = (min(a) + max(a)) / 2, (min(b) + max(b)) / 2
    half = max(max(a) - min(a), max(b) - min(b)) * (0.5 + _MARGIN)
    return center[0] - half, center[0] + half, center[1] - half, center[1] + half


def parse_bounds(text: str | None, coords: Coords) -> tuple[float, float, float, float]:
    """Return (x0, x1, y0, y1) from a text; the default range without one.

    Raises:
        ConfigError: if it is malformed or empty.
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
        raise ConfigError(f"--bounds {text}: u is between 0 and 1", "use --coords z for other bounds")
    return x0, x1, y0, y1


class DensityChoice(StrEnum):
    """The log-density shown as a heat map: the model's, or that of the distribution the data come from."""

    MODEL = "model"
    TRUTH = "truth"
    NOTHING = "nothing"


def density(
    run: Run,
    out: OutFile,
    of: Annotated[
        DensityChoice | None,
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
    query: ModelQuery,
    of: DensityChoice | None,
    area: list[float] | None,
    *,
    side: int = 512,
    count: int = 1000,
    seed: int = 0,
) -> None:
    """Write a heat map: a log-density if there is one, else the data; with samples over it."""
    from genexplorer.jobs import point_images

    data = query.send("points", {"count": 4000})
    x0, x1, y0, y1 = area or data.meta["bounds"]
    picture = point_images.PointImage((x0, x1, y0, y1), side)
    of = of or (DensityChoice.MODEL if query.can("log_prob") else DensityChoice.NOTHING)
    about = data.about | {"picture": "density", "of": of.value, "seed": str(seed)}
    if of is DensityChoice.NOTHING:
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
