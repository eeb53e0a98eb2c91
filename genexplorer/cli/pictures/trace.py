"""`genexplorer trace`: the image, or the points, after every transform of a flow, with each log-determinant."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Step
from genexplorer.cli.pictures.query import Answered, Asked, new_client
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_COUNT = 100
CLOUD = 1500  # points that are followed together
FEW_POINTS = 100  # are drawn as larger dots


class Direction(StrEnum):
    """Which way."""

    FORWARD = "forward"
    INVERSE = "inverse"


def trace(
    run: Run,
    out: OutFile,
    index: Annotated[
        int | None, typer.Option("--index", min=0, help="A test image by its place (0).", show_default=False)
    ] = None,
    direction: Annotated[
        Direction, typer.Option("--direction", help="From the data to z, or from z to the data.")
    ] = Direction.FORWARD,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="inverse: z of this sample (0).", show_default=False)
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, max=10.0, help="Spread of that z; 1 is the base distribution.")
    ] = 1.0,
    count: Annotated[int, typer.Option("--count", min=1, max=MAX_COUNT, help="Rows: images from there on.")] = 1,
    step: Step = None,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the image after every transform of a flow, and print what each does to the volume."""
    if seed is not None and (index is not None or direction is Direction.FORWARD):
        raise ConfigError("--seed names a z", "take it with --direction inverse and without --index")
    with new_client() as client:
        asked = Asked(run, out, step, runs_dir, needs="trace", client=client)
        if index is not None and index + count > asked.num_test:
            raise ConfigError(f"the test set has {asked.num_test:,} images", "lower --index or --count")
        together = CLOUD if asked.of_points and index is None and count == 1 else count
        followed = _followed(asked, index, seed, temperature, min(together, max(1, asked.num_test)), direction)
        _draw(asked, followed, scale)
    _tell(followed)


def _followed(
    asked: Asked, index: int | None, seed: int | None, temperature: float, count: int, direction: Direction
) -> Answered:
    drawn = direction is Direction.INVERSE and index is None
    if drawn:
        return asked.answer("trace", {"seed": seed or 0, "temperature": temperature, "count": count})
    first = index or 0
    there = asked.answer("trace", {"indices": list(range(first, first + count))})
    if direction is Direction.FORWARD:
        return there
    return asked.answer("trace", {}, {"z": there.arrays["z"]})


def _draw(asked: Asked, followed: Answered, scale: int) -> None:
    """Write one row an image and one column a stage; points of the plane are drawn together, a panel a stage."""
    import numpy as np

    stages: Any = followed.arrays["stages"]
    if asked.of_points:
        panels = _panels(stages if stages.ndim == 3 else stages[:, None])
        asked.write(panels, min(len(panels), 6), scale, followed.about)
        return
    batch = stages if stages.ndim == 5 else stages[:, None]  # (K + 1, N, H, W, C)
    rows = np.swapaxes(batch, 0, 1)
    asked.write(rows.reshape(-1, *rows.shape[2:]), rows.shape[1], scale, followed.about)


def _panels(stages: "NDArray[np.float32]") -> "NDArray[np.uint8]":
    """Return a picture of each stage of points (K + 1, N, 2), all to one scale."""
    import numpy as np

    from genexplorer.jobs import point_images

    bounds = point_images.holding(*stages)
    drawn = []
    for points in stages:
        picture = point_images.PointPicture(bounds, 224)
        picture.dots(points, point_images.SAMPLES, 1.0 if len(points) > FEW_POINTS else 3.0)
        drawn.append(picture.pixels())
    return np.stack(drawn)


def _tell(followed: Answered) -> None:
    import numpy as np

    labels, ladj = followed.meta["labels"], np.asarray(followed.arrays["ladj"], np.float64)
    volume = ladj.reshape(len(labels) - 1, -1).mean(1)
    cells = [
        [
            "".join(sign for sign in str(label)[:40] if sign.isprintable()),
            f"{volume[place - 1]:+.2f}" if place else "",
            f"{followed.arrays['mean'][place]:.3f}",
            f"{followed.arrays['std'][place]:.3f}",
        ]
        for place, label in enumerate(labels)
    ]
    output.table(["stage", "log|det| nats", "mean", "std"], cells, right=(1, 2, 3))
    output.say(
        f"log|det| in all {volume.sum():+.2f} nats; round trip: max |x − f⁻¹(f(x))| {followed.meta['error']:.2g}"
    )
