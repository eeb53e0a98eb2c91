"""`genexplorer trace`: intermediate values and log-determinants of every transform of a flow."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Step
from genexplorer.cli.pictures.image_command import ImageCommand, OperationResult, default_file
from genexplorer.errors import ConfigError
from genexplorer.runs.sanitize import one_line

MAX_COUNT = 100
NUM_TRACED_POINTS = 1500  # 2-D points that are traced if none is chosen by --index
MAX_LARGE_DOTS = 100  # at most so many 2-D points are drawn as larger dots


class Direction(StrEnum):
    """Direction through the flow."""

    FORWARD = "forward"
    INVERSE = "inverse"


def trace(
    run: Run,
    out: OutFile = None,
    index: Annotated[int | None, typer.Option("--index", min=0, help="Index of a test image (0).")] = None,
    direction: Annotated[
        Direction, typer.Option("--direction", help="forward: data to z; inverse: z to data.")
    ] = Direction.FORWARD,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="With inverse: seed of z (0).")] = None,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            min=0.0,
            max=10.0,
            help="With inverse: standard deviation of z; 1 is the base distribution.",
        ),
    ] = 1.0,
    count: Annotated[
        int, typer.Option("--count", min=1, max=MAX_COUNT, help="Number of consecutive images, a row each.")
    ] = 1,
    step: Step = None,
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the image after every transform of a flow, and print each log-determinant."""
    if seed is not None and (index is not None or direction is Direction.FORWARD):
        raise ConfigError("--seed is for a sampled z", "use it with --direction inverse and without --index")
    with ImageCommand(run, out or default_file("trace.png"), step, runs_dir, capability="trace") as command:
        num_test, is_sampled = command.num_test, direction is Direction.INVERSE and index is None
        if command.is_point_data and index is None and count == 1:
            count = NUM_TRACED_POINTS if is_sampled else min(NUM_TRACED_POINTS, max(1, num_test))
        if not is_sampled and (index or 0) + count > max(1, num_test):
            raise ConfigError(f"the test set has {num_test:,} images", "lower --index or --count")
        result = _request_trace(command, index, seed, temperature, count, direction)
        _write_image(command, result, scale)
    _print_log_dets(result)


def _request_trace(
    command: ImageCommand, index: int | None, seed: int | None, temperature: float, count: int, direction: Direction
) -> OperationResult:
    """Trace test images forward, their z back, or, without an index, a sampled z."""
    if direction is Direction.INVERSE and index is None:
        return command.request("trace", {"seed": seed or 0, "temperature": temperature, "count": count})
    first = index or 0
    forward = command.request("trace", {"indices": list(range(first, first + count))})
    if direction is Direction.FORWARD:
        return forward
    return command.request("trace", {}, {"z": forward.arrays["z"]})


def _write_image(command: ImageCommand, result: OperationResult, scale: int) -> None:
    """Write a row for each image with a column for each transform; 2-D points get an image for each transform."""
    import numpy as np

    from genexplorer.jobs import point_images
    from genexplorer.session.latent_colors import latent_image

    # One image, or one point, comes without the axis of the batch.
    intermediates: Any = result.arrays["stages"]  # (K + 1, N, H, W, C), or (K + 1, N, 2)
    if intermediates.ndim < (3 if command.is_point_data else 5):
        intermediates = intermediates[:, None]
    if command.is_point_data:
        bounds = point_images.bounds_of(*intermediates)  # all images have one scale
        intermediate_images = []
        for points in intermediates:
            image = point_images.PointImage(bounds, 224, scale or 1)
            image.draw_points(points, point_images.SAMPLES_COLOR, 1.0 if len(points) > MAX_LARGE_DOTS else 3.0)
            intermediate_images.append(image.to_array())
        command.write(np.stack(intermediate_images), min(len(intermediate_images), 6), 1, result.file_metadata)
        return
    # The latents have the colors that they have in the viewer.
    height, width, channels = intermediates.shape[2:]
    latents = [latent_image(z, (channels, height, width)) for z in np.atleast_2d(result.arrays["z"])]
    colored = np.repeat(intermediates, 3, axis=-1) if channels == 1 else intermediates.copy()
    colored[-1 if result.meta["direction"] == "forward" else 0] = np.stack(latents)
    rows = np.swapaxes(colored, 0, 1)
    command.write(rows.reshape(-1, *rows.shape[2:]), rows.shape[1], scale, result.file_metadata)


def _print_log_dets(result: OperationResult) -> None:
    import numpy as np

    labels, ladj = result.meta["labels"], np.asarray(result.arrays["ladj"], np.float64)
    mean_ladj = ladj.reshape(len(labels) - 1, -1).mean(1)
    cells = []
    for i, (label, mean, std) in enumerate(zip(labels, result.arrays["mean"], result.arrays["std"], strict=True)):
        cells.append([one_line(str(label), 40), f"{mean_ladj[i - 1]:+.2f}" if i else "", f"{mean:.3f}", f"{std:.3f}"])
    log_det = "log|det| nats" if ladj.ndim == 1 else "mean log|det| nats"
    output.print_table(["stage", log_det, "mean", "std"], cells, right_aligned=(1, 2, 3))
    output.print_stderr(
        f"total log|det| {mean_ladj.sum():+.2f} nats; round-trip error: max |x − f⁻¹(f(x))| {result.meta['error']:.2g}"
    )
