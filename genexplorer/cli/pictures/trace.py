"""`genexplorer trace`: intermediate values and log-determinants of every transform of a flow."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Step
from genexplorer.cli.pictures.query import ModelQuery, QueryResult
from genexplorer.errors import ConfigError

MAX_COUNT = 100
NUM_POINTS = 1500  # 2-D points traced together
FEW_POINTS = 100  # fewer points than this are drawn as larger dots


class Direction(StrEnum):
    """Direction through the flow."""

    FORWARD = "forward"
    INVERSE = "inverse"


def trace(
    run: Run,
    out: OutFile,
    index: Annotated[int | None, typer.Option("--index", min=0, help="Index of a test image (0).")] = None,
    direction: Annotated[
        Direction, typer.Option("--direction", help="forward: data to z; inverse: z to data.")
    ] = Direction.FORWARD,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="With inverse: seed of z (0).")] = None,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", min=0.0, max=10.0, help="Standard deviation of that z; 1 is the base distribution."
        ),
    ] = 1.0,
    count: Annotated[
        int, typer.Option("--count", min=1, max=MAX_COUNT, help="Number of consecutive images, a row each.")
    ] = 1,
    step: Step = None,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the image after every transform of a flow, and print each log-determinant."""
    if seed is not None and (index is not None or direction is Direction.FORWARD):
        raise ConfigError("--seed is for a sampled z", "use it with --direction inverse and without --index")
    with ModelQuery(run, out, step, runs_dir, needs="trace") as query:
        if index is not None and index + count > query.num_test:
            raise ConfigError(f"the test set has {query.num_test:,} images", "lower --index or --count")
        if query.is_points and index is None and count == 1:
            count = NUM_POINTS
        result = _trace(query, index, seed, temperature, min(count, max(1, query.num_test)), direction)
        _draw(query, result, scale)
    _print_log_dets(result)


def _trace(
    query: ModelQuery, index: int | None, seed: int | None, temperature: float, count: int, direction: Direction
) -> QueryResult:
    if direction is Direction.INVERSE and index is None:
        return query.send("trace", {"seed": seed or 0, "temperature": temperature, "count": count})
    first = index or 0
    forward = query.send("trace", {"indices": list(range(first, first + count))})
    if direction is Direction.FORWARD:
        return forward
    return query.send("trace", {}, {"z": forward.arrays["z"]})


def _draw(query: ModelQuery, result: QueryResult, scale: int) -> None:
    """Write a row for each image with a column for each stage; 2-D points get a panel for each stage."""
    import numpy as np

    from genexplorer.jobs import point_images

    stages: Any = result.arrays["stages"]
    if query.is_points:
        batch = stages if stages.ndim == 3 else stages[:, None]  # (K + 1, N, 2)
        bounds = point_images.bounds_of(*batch)  # all panels on one scale
        panels = []
        for points in batch:
            picture = point_images.PointImage(bounds, 224)
            picture.draw_points(points, point_images.SAMPLES_COLOR, 1.0 if len(points) > FEW_POINTS else 3.0)
            panels.append(picture.to_array())
        query.write(np.stack(panels), min(len(panels), 6), scale, result.about)
        return
    batch = stages if stages.ndim == 5 else stages[:, None]  # (K + 1, N, H, W, C)
    rows = np.swapaxes(batch, 0, 1)
    query.write(rows.reshape(-1, *rows.shape[2:]), rows.shape[1], scale, result.about)


def _print_log_dets(result: QueryResult) -> None:
    import numpy as np

    labels, ladj = result.meta["labels"], np.asarray(result.arrays["ladj"], np.float64)
    mean_ladj = ladj.reshape(len(labels) - 1, -1).mean(1)
    cells = []
    for i, (label, mean, std) in enumerate(zip(labels, result.arrays["mean"], result.arrays["std"], strict=True)):
        printable = "".join(c for c in str(label)[:40] if c.isprintable())
        cells.append([printable, f"{mean_ladj[i - 1]:+.2f}" if i else "", f"{mean:.3f}", f"{std:.3f}"])
    output.table(["stage", "log|det| nats", "mean", "std"], cells, right=(1, 2, 3))
    output.print_message(
        f"total log|det| {mean_ladj.sum():+.2f} nats; round-trip error: max |x − f⁻¹(f(x))| {result.meta['error']:.2g}"
    )
