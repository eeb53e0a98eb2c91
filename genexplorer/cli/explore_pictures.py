"""`genexplorer manifold | sample | reconstruct`: ask a run's model and write the answer as a picture."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genexplorer.cli import output
from genexplorer.cli.options import OutFile, Run, RunsDir, Scale, Seed, Step
from genexplorer.errors import ConfigError, RunStateError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.explore.client import ExplorerClient
    from genexplorer.runs.reader import RunReader

MAX_COUNT = 10_000
MAX_SIDE = 100
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
        Coords, typer.Option("--coords", help="Even steps in u = Φ(z), by probability, or in z itself.")
    ] = Coords.U,
    bounds: Bounds = None,
    rows: Rows = 20,
    columns: Columns = 20,
    scale: Scale = 1,
    runs_dir: RunsDir = None,
) -> None:
    """Draw the latent plane of a 2-D model: the image decoded at each of its cells."""
    area = _parse_bounds(bounds, coords)
    asked = Asked(run, out, step, runs_dir, needs="manifold")
    draw_manifold(asked, area, coords, rows=rows, columns=columns, scale=scale)


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
    """Draw test images and, below each, what the model makes of its code."""
    asked = Asked(run, out, step, runs_dir, needs="encode")
    draw_reconstructions(asked, _indices(count, first, seed, asked.num_test), columns=columns, scale=scale)


def draw_manifold(
    asked: "Asked",
    area: Sequence[float] = FULL_PLANE["u"],
    coords: Coords = Coords.U,
    *,
    rows: int = 20,
    columns: int = 20,
    scale: int = 1,
) -> None:
    """Write the images at the cells of a part of the latent plane."""
    params = {"rows": rows, "columns": columns, "bounds": list(area), "coords": coords.value}
    arrays, about = asked.answer("manifold", params)
    images = arrays["images"]
    asked.write(images.reshape(-1, *images.shape[2:]), columns, scale, about)


def draw_samples(
    asked: "Asked", *, count: int = 64, columns: int = 8, seed: int = 0, temperature: float = 1.0, scale: int = 1
) -> None:
    """Write samples of the model."""
    arrays, about = asked.answer("sample", {"count": count, "seed": seed, "temperature": temperature})
    asked.write(arrays["images"], min(columns, count), scale, about)


def draw_reconstructions(asked: "Asked", indices: Sequence[int], *, columns: int = 10, scale: int = 1) -> None:
    """Write test images, each above its reconstruction."""
    arrays, about = asked.answer("encode", {"indices": list(indices)})
    asked.write(interleave(arrays["x"], arrays["recon"], columns), min(columns, len(indices)), scale, about)


def new_client() -> "ExplorerClient":
    """Return a client whose child leaves most of the machine to trainings."""
    from genexplorer.explore.client import ExplorerClient

    return ExplorerClient(lambda answer: None, lambda words: None, threads=_threads())


def interleave(above: "NDArray[np.uint8]", below: "NDArray[np.uint8]", columns: int) -> "NDArray[np.uint8]":
    """Return rows of images, each followed by the row that belongs below it; both (N, H, W, C)."""
    import numpy as np

    columns = min(columns, len(above))
    rows = [part[i : i + columns] for i in range(0, len(above), columns) for part in (above, below)]
    empty = np.zeros((columns, *above.shape[1:]), np.uint8)
    return np.concatenate([np.concatenate([row, empty[len(row) :]]) for row in rows])


class Asked:
    """One question to the model of a run, checked before the model is loaded.

    Args:
        run: As it was named.
        out: The file to write.
        step: The newest snapshot at or before it is asked; None is the newest.
        runs_dir: As it was given.
        needs: The ability that the model must have.
        client: Serves several questions; None starts one for this question.

    Raises:
        ConfigError: if the file cannot be written as named.
        NoSuchRunError: if there is no such run.
        RunStateError: if the run has no snapshot yet.
        UserError: if the model lacks the ability.
    """

    def __init__(
        self,
        run: str,
        out: Path,
        step: int | None,
        runs_dir: Path | None,
        *,
        needs: str,
        client: "ExplorerClient | None" = None,
    ) -> None:
        from genexplorer.cli.runs_shown import find
        from genexplorer.jobs import picture_files
        from genexplorer.runs.reader import RunReader

        picture_files.format_of(out, picture_files.STILL_FORMATS)
        self._out, self._client = out, client
        self._folder = find(run, runs_dir)
        with RunReader(self._folder) as reader:
            self._name = reader.status().name
            self._step = snapshot_at(reader, step)
            card = reader.card(self._step)
        ability = card.ability(needs)
        if not ability.available:
            raise UserError(
                f"{self._name} cannot do this: {ability.reason}", "'genexplorer sample' works for all models"
            )
        self.num_test = card.data.num_test

    def answer(self, op: str, params: Mapping[str, object]) -> "tuple[Mapping[str, Any], dict[str, str]]":
        """Ask and wait; return the arrays and what the picture's metadata says."""
        from genexplorer.explore.protocol import Result

        with output.progress_bar(op) as bar, nullcontext(self._client) if self._client else new_client() as client:
            bar.show(0.0, "loading the model")
            answer = client.call(
                self._folder,
                op,
                params=params,
                snapshot_step=self._step,
                on_progress=lambda progress: bar.show(progress.fraction, progress.message),
            )
        assert isinstance(answer.body, Result)
        about = {"Software": "genexplorer", "run": self._folder.name, "step": str(answer.snapshot_step), "picture": op}
        return answer.body.arrays, about | {key: str(value) for key, value in params.items() if key != "indices"}

    def write(self, images: "NDArray[np.uint8]", columns: int, scale: int, about: Mapping[str, str]) -> None:
        """Write images (N, H, W, C) in rows of `columns` and say where."""
        from genexplorer.jobs import picture_files

        picture = picture_files.to_picture(picture_files.grid(images, columns), scale)
        picture_files.write_picture(self._out, picture, about)
        step = int(about["step"])
        output.say(f"wrote {self._out}: {self._name} at step {step:,}, {picture.width}×{picture.height} px")


def snapshot_at(reader: "RunReader", step: int | None) -> int:
    """Return the step of the newest snapshot, or of the newest one at or before a step.

    Raises:
        RunStateError: if there is none.
    """
    steps = [known for known in reader.snapshots() if step is None or known <= step]
    if steps:
        return max(steps)
    name = reader.status().name
    if step is not None and reader.snapshots():
        raise RunStateError(
            f"{name} has no snapshot at or before step {step:,}", f"the first is {min(reader.snapshots()):,}"
        )
    raise RunStateError(f"{name} has no snapshot yet", "the first comes when its training begins")


def _threads() -> int:
    import os

    return max(1, min(4, (os.cpu_count() or 2) // 2))  # a training is not to be starved


def _parse_bounds(text: str | None, coords: Coords) -> tuple[float, float, float, float]:
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


def _indices(count: int, first: int, seed: int | None, num_test: int) -> list[int]:
    if seed is not None:
        import numpy as np

        return [int(i) for i in np.random.default_rng(seed).permutation(num_test)[:count]]
    if first + count > num_test:
        raise ConfigError(f"the test set has {num_test:,} images", "lower --first or --count")
    return list(range(first, first + count))
