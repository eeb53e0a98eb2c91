"""`genexplorer manifold | sample | density | progress`: images of a latent plane, samples, a density or a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import Columns, OutFile, Rows, Run, RunsDir, Scale, Seed, Step, find_run
from genexplorer.cli.pictures import latents
from genexplorer.cli.pictures.image_command import ImageCommand, OperationResult, default_file, new_point_image
from genexplorer.errors import ConfigError

MAX_NUM_SAMPLES = 10_000  # samples in one image
MIN_SMALL_DOTS = 300  # so many 2-D samples, or more, are drawn as smaller dots
_PLANE_MARGIN_FRACTION = 0.25  # margin around the three points of a plane, as a fraction of their range
# The part of the latent plane that is drawn by default, (x0, x1, y0, y1), by its coordinates.
FULL_PLANE_BOUNDS = {"u": (0.0, 1.0, 0.0, 1.0), "z": (-3.0, 3.0, -3.0, 3.0)}
MAX_DRAWN_SAMPLES = 20_000  # samples drawn over a density


@dataclass(frozen=True)
class PlaneSpec:
    """A plane in latent space, given by two axes, by three latents, or by the two principal components."""

    axes: tuple[int, int] | None = None
    through: tuple[latents.LatentRef, ...] = ()
    principal: bool = False


class Coords(StrEnum):
    """Coordinates in which the grid over the latent plane is regular."""

    U = "u"
    Z = "z"


def manifold(
    run: Run,
    out: OutFile = None,
    step: Step = None,
    coords: Annotated[
        Coords | None, typer.Option("--coords", help="Regular grid in u = Φ(z), the normal quantiles, or in z (u).")
    ] = None,
    bounds_text: Annotated[
        str | None,
        typer.Option("--bounds", metavar="X0,X1,Y0,Y1", help="Part of the plane (u: 0,1,0,1; z: -3,3,-3,3)."),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option("--axes", metavar="I,J", help="Plane of two latent dimensions, counted from 0 (0,3: z₁ and z₄)."),
    ] = None,
    through: Annotated[
        str | None,
        typer.Option(
            "--through",
            metavar="A,B,C",
            help="Plane through three latents: seeds, test:N, or numbers; separate them with ';'.",
        ),
    ] = None,
    principal: Annotated[bool, typer.Option("--principal", help="Plane of the two principal components.")] = False,
    rows: Rows = 20,
    columns: Columns = 20,
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Decode a regular grid on the latent plane, or on a plane in a larger latent space."""
    plane = parse_plane(axes, through, principal=principal)
    if plane is not None and coords is Coords.U:
        raise ConfigError("--coords u: only for a 2-D latent space", "omit --coords")
    coords = coords or (Coords.U if plane is None else Coords.Z)
    bounds = parse_bounds(bounds_text, coords)
    out = out or default_file("manifold.png")
    with ImageCommand(run, out, step, runs_dir, capability="manifold" if plane is None else "plane") as command:
        basis = None if plane is None else request_basis(command, plane)
        if bounds is None:
            bounds = FULL_PLANE_BOUNDS[coords] if basis is None else bounds_around(basis.meta.get("points"))
        draw_manifold(command, bounds, coords, rows=rows, columns=columns, scale=scale, basis=basis)


def sample(
    run: Run,
    out: OutFile = None,
    step: Step = None,
    count: Annotated[int, typer.Option("--count", min=1, max=MAX_NUM_SAMPLES, help="Number of samples.")] = 64,
    columns: Columns = 8,
    seed: Seed = 0,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, max=10.0, help="Standard deviation of z; 1 is the prior.")
    ] = 1.0,
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Draw samples: z from the prior, decoded; for 2-D data x from p(x|z)."""
    with ImageCommand(run, out or default_file("samples.png"), step, runs_dir, capability="sample") as command:
        draw_samples(command, count=count, columns=columns, seed=seed, temperature=temperature, scale=scale)


def draw_manifold(
    command: ImageCommand,
    bounds: Sequence[float] = FULL_PLANE_BOUNDS["u"],
    coords: Coords = Coords.U,
    *,
    rows: int = 20,
    columns: int = 20,
    scale: int = 0,
    basis: OperationResult | None = None,
) -> None:
    """Write images decoded on a grid within bounds (x0, x1, y0, y1) of the latent plane, or of the plane of a basis."""
    params = {"rows": rows, "columns": columns, "bounds": list(bounds), "coords": coords.value}
    result = command.request("manifold", params, dict(basis.arrays) if basis else None)
    images = result.arrays["images"]
    file_metadata = result.file_metadata | ({"plane": str(basis.meta["title"])} if basis else {})
    command.write(images.reshape(-1, *images.shape[2:]), columns, scale, file_metadata)


def draw_samples(
    command: ImageCommand, *, count: int = 64, columns: int = 8, seed: int = 0, temperature: float = 1.0, scale: int = 0
) -> None:
    """Write samples; 2-D points are drawn over the data."""
    result = command.request("sample", {"count": count, "seed": seed, "temperature": temperature})
    samples = result.arrays["images"]
    if how := result.meta.get("how"):
        output.print_stderr(f"samples: {how}")
    if not command.is_point_data:
        command.write(samples, min(columns, count), scale, result.file_metadata)
        return
    from genexplorer.jobs import point_images

    data = command.request("points", {"count": 4000})
    image = new_point_image(tuple(data.meta["bounds"]), scale)
    image.draw_points(data.arrays["points"], point_images.DATA_COLOR)
    image.draw_points(samples, point_images.SAMPLES_COLOR, 3.0 if len(samples) < MIN_SMALL_DOTS else 1.6)
    command.write(image.to_array()[None], 1, 1, result.file_metadata)


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


def request_basis(command: ImageCommand, plane: PlaneSpec) -> OperationResult:
    """Return origin and directions of a plane in a larger latent space, and print its title."""
    import numpy as np

    if plane.axes is not None:
        basis = command.request("plane", {"kind": "axes", "indices": list(plane.axes)})
    elif plane.principal:
        basis = command.request("plane", {"kind": "principal"})
    else:
        z = np.stack([latents.resolve(command, latent_ref) for latent_ref in plane.through])
        basis = command.request("plane", {"kind": "points"}, {"z": z})
    output.print_stderr(f"plane: {basis.meta['title']}")
    return basis


def bounds_around(points: Any) -> tuple[float, float, float, float]:
    """Return a square (x0, x1, y0, y1) around the points of a plane; the default range without points."""
    if not points:
        return FULL_PLANE_BOUNDS["z"]
    a, b = [point[0] for point in points], [point[1] for point in points]
    center = (min(a) + max(a)) / 2, (min(b) + max(b)) / 2
    half = max(max(a) - min(a), max(b) - min(b)) * (0.5 + _PLANE_MARGIN_FRACTION)
    return center[0] - half, center[0] + half, center[1] - half, center[1] + half


def parse_bounds(text: str | None, coords: Coords) -> tuple[float, float, float, float] | None:
    """Return (x0, x1, y0, y1) from a text; None without one.

    Raises:
        ConfigError: if it is malformed or an empty range.
    """
    if text is None:
        return None
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
    out: OutFile = None,
    density_choice: Annotated[
        DensityChoice | None, typer.Option("--of", help="Density to show (the model's, if it has one).")
    ] = None,
    bounds_text: Annotated[
        str | None, typer.Option("--bounds", metavar="X0,X1,Y0,Y1", help="Range of the 2-D data (all).")
    ] = None,
    side: Annotated[int, typer.Option("--side", min=64, max=4096, help="Pixels of the image's longer side.")] = 900,
    count: Annotated[
        int, typer.Option("--count", min=0, max=MAX_DRAWN_SAMPLES, help="Number of samples drawn over it.")
    ] = 1000,
    seed: Seed = 0,
    step: Step = None,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the log-density of a model of 2-D data as a heat map, with samples."""
    from genexplorer.jobs import point_images

    bounds = parse_bounds(bounds_text, Coords.Z)
    with ImageCommand(run, out or default_file("density.png"), step, runs_dir, capability="density") as command:
        data = command.request("points", {"count": 4000})
        x0, x1, y0, y1 = bounds or data.meta["bounds"]
        zoom = max(side / point_images.DEFAULT_SIDE_PX, 1.0)
        image = point_images.PointImage((x0, x1, y0, y1), round(side / zoom), zoom)
        if density_choice is None:
            density_choice = DensityChoice.MODEL if command.has_capability("log_prob") else DensityChoice.NOTHING
            if density_choice is DensityChoice.NOTHING:
                content = "data in gray, samples in blue" if count else "data in gray"
                reason = command.card.capability("log_prob").reason
                output.print_stderr(f"no density to draw: {reason}; the image shows {content}")
        # Draw a log-density, on a grid with the aspect ratio of the bounds; or the data.
        if density_choice is DensityChoice.NOTHING:
            image.draw_points(data.arrays["points"], point_images.DATA_COLOR)
        else:
            aspect, cells = (x1 - x0) / (y1 - y0), min(side // 2, 256)
            rows, columns = round(min(1.0, 1 / aspect) * cells), round(min(1.0, aspect) * cells)
            params: dict[str, Any] = {"of": density_choice.value, "rows": max(rows, 1), "columns": max(columns, 1)}
            density_map = command.request("density", params | {"bounds": [x0, x1, y0, y1]})
            image.draw_density(density_map.arrays["log_prob"])
            output.print_stderr(f"log-density: {density_map.meta['how']}")
        # Draw samples over it.
        if count:
            samples = command.request("sample", {"count": count, "seed": seed})
            image.draw_points(samples.arrays["images"], point_images.SAMPLES_COLOR)
        file_metadata = data.file_metadata | {"picture": "density", "of": density_choice.value, "seed": str(seed)}
        command.write(image.to_array()[None], 1, 1, file_metadata)


def progress(
    run: Run,
    out: OutFile = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", metavar="KIND", help="manifold, samples, reconstructions, trace or density (first available)."
        ),
    ] = "",
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Write the progress of a training: an animation as .gif, .webp or .mp4; a dozen steps side by side as .png."""
    draw_progress(find_run(run, runs_dir), out or default_file("progress.gif"), kind=kind, scale=scale)


def draw_progress(folder: Path, out: Path, *, kind: str = "", scale: int = 0) -> None:
    """Write the recorded images of a run as an animation, or side by side."""
    from genexplorer.jobs import progress_gif

    with output.progress_bar("animation") as show_progress:
        animation = progress_gif.export(folder, out, image_kind=kind, scale=scale, on_progress=show_progress)
    width, height = animation.size_px
    steps = f"steps {animation.first_step:,} to {animation.last_step:,}"
    size = f"{animation.num_frames} frames of {width}×{height} px"
    output.print_stderr(f"wrote {animation.path}: {animation.image_kind}, {size}, {steps}")
