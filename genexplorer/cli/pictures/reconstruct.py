"""`genexplorer reconstruct | invert`: test images above their reconstructions, by the encoder or by latent search."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import Columns, OutFile, Run, RunsDir, Scale, Seed, Step
from genexplorer.cli.pictures.image_command import ImageCommand, default_file, new_point_image
from genexplorer.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_COUNT = 10_000
DEFAULT_COUNT = 10
MAX_INVERSIONS = 1000
DEFAULT_SEARCH_STEPS, DEFAULT_RESTARTS = 200, 8
DEFAULT_SEARCH: Mapping[str, object] = {"steps": DEFAULT_SEARCH_STEPS, "restarts": DEFAULT_RESTARTS, "seed": 0}


def reconstruct(
    run: Run,
    out: OutFile = None,
    step: Step = None,
    count: Annotated[
        int | None, typer.Option("--count", min=1, max=MAX_COUNT, help="How many test images. [default: 10, or all]")
    ] = None,
    first: Annotated[int, typer.Option("--first", min=0, help="Index of the first one in the test set.")] = 0,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Choose test images at random instead.")] = None,
    columns: Columns = 10,
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Draw test images above their reconstructions; a model without encoder is inverted by optimization."""
    out = out or default_file("reconstructions.png")
    with ImageCommand(run, out, step, runs_dir, capability=("encode", "invert")) as command:
        indices = choose_test_images(count, first, seed, command.num_test)
        draw = draw_reconstructions if command.has_capability("encode") else draw_inversions
        draw(command, indices, columns=columns, scale=scale)


def invert(
    run: Run,
    out: OutFile = None,
    step: Step = None,
    first: Annotated[int, typer.Option("--first", min=0, help="Index of the first test image.")] = 0,
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, max=MAX_INVERSIONS, help="Number of test images. [default: 10, or all]"),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, max=10_000, help="Optimization steps.")
    ] = DEFAULT_SEARCH_STEPS,
    restarts: Annotated[
        int, typer.Option("--restarts", min=1, max=64, help="Random restarts for each image.")
    ] = DEFAULT_RESTARTS,
    prior: Annotated[
        float | None,
        typer.Option(
            "--prior", min=0, max=100, help="Weight of the prior penalty; 0 is none. [default: keeps z likely]"
        ),
    ] = None,
    seed: Seed = 0,
    columns: Columns = 10,
    scale: Scale = 0,
    runs_dir: RunsDir = None,
) -> None:
    """Find latents of test images by gradient descent; draw each image above its reconstruction."""
    params: dict[str, object] = {"steps": steps, "restarts": restarts, "seed": seed}
    if prior is not None:
        params["prior"] = prior
    with ImageCommand(run, out or default_file("inversions.png"), step, runs_dir, capability="invert") as command:
        indices = choose_test_images(count, first, None, command.num_test)
        draw_inversions(command, indices, columns=columns, scale=scale, params=params)


def draw_reconstructions(command: ImageCommand, indices: Sequence[int], *, columns: int = 10, scale: int = 0) -> None:
    """Write test images above their reconstructions and print their metrics."""
    encoded = command.request("encode", {"indices": list(indices)})
    x, recon = encoded.arrays["x"], encoded.arrays["recon"]
    if encoded.meta.get("metric_labels"):
        count = "1 test image" if len(x) == 1 else f"{len(x):,} test images"
        count = count.replace("image", "point") if command.is_point_data else count
        output.print_stderr(", ".join(filter(None, (count, command.card.data.setup))))
        log_prob = command.card.capability("log_prob")
        if log_prob.available:
            output.print_stderr(f"log p(x): {log_prob.how}")
    for name, (title, unit) in encoded.meta.get("metric_labels", {}).items():
        values = encoded.arrays[name]
        output.print_stderr(f"{title}: mean {values.mean():.4g}, largest {values.max():.4g} {unit}".rstrip())
    _write_pairs(command, x, recon, columns, scale, encoded.file_metadata)


def draw_inversions(
    command: ImageCommand,
    indices: Sequence[int],
    *,
    columns: int = 10,
    scale: int = 0,
    params: Mapping[str, object] = DEFAULT_SEARCH,
) -> None:
    """Write test images above their reconstructions by a latent search with parameters, and print the error."""
    result = command.request("invert", {"indices": list(indices), **params})
    x, recon, error = result.arrays["x"], result.arrays["recon"], result.arrays["error"]
    unit = "coordinate" if command.is_point_data else "pixel"
    output.print_stderr(f"mean squared error per {unit}: mean {error.mean():.4g}, largest {error.max():.4g}")
    _write_pairs(command, x, recon, columns, scale, result.file_metadata)


def _write_pairs(
    command: ImageCommand, x: Any, recon: Any, columns: int, scale: int, file_metadata: Mapping[str, str]
) -> None:
    """Write images above their reconstructions; points (N, 2) are joined to their reconstructions, over the data."""
    if not command.is_point_data:
        command.write(interleave(x, recon, columns), min(columns, len(x)), scale, file_metadata)
        return
    import numpy as np

    from genexplorer.jobs import point_images

    data: Any = command.request("points", {"count": 4000}).arrays["points"]
    image = new_point_image(point_images.bounds_of(x, recon, data), scale)
    image.draw_points(data, point_images.DATA_COLOR)
    for pair in np.stack((x, recon), axis=1):
        image.draw_path(pair, point_images.PATH_COLOR)
    image.draw_points(x, point_images.SAMPLES_COLOR, 4.0)
    image.draw_points(recon, point_images.PATH_COLOR, 2.0)
    command.write(image.to_array()[None], 1, 1, file_metadata)


def interleave(above: "NDArray[np.uint8]", below: "NDArray[np.uint8]", columns: int) -> "NDArray[np.uint8]":
    """Return images (N, H, W, C) in rows of `columns`, each row of `above` followed by its row of `below`."""
    import numpy as np

    columns = min(columns, len(above))
    rows = [part[i : i + columns] for i in range(0, len(above), columns) for part in (above, below)]
    empty = np.zeros((columns, *above.shape[1:]), np.uint8)
    return np.concatenate([np.concatenate([row, empty[len(row) :]]) for row in rows])


def choose_test_images(count: int | None, first: int, seed: int | None, num_test: int) -> list[int]:
    """Return indices of test images: consecutive ones, or random ones by a seed; without a count ten, if there are.

    Raises:
        ConfigError: if there are not as many.
    """
    if count is None:
        count = max(1, min(DEFAULT_COUNT, num_test - first))
    if seed is not None:
        import numpy as np

        return [int(i) for i in np.random.default_rng(seed).permutation(num_test)[:count]]
    if first + count > num_test:
        raise ConfigError(f"the test set has {num_test:,} images", "lower --first or --count")
    return list(range(first, first + count))
