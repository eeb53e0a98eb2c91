"""Base of the commands that request something of a run's model and write the result as an image."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from genexplorer.cli import output
from genexplorer.cli.options import find_run
from genexplorer.errors import RunStateError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.explore.client import ExplorerClient
    from genexplorer.jobs.point_images import Bounds, PointImage
    from genexplorer.runs.reader import RunReader

MIN_ANIMATION_PX = 280  # smaller animations are enlarged until their shorter side has so many pixels
REQUEST_TIMEOUT_S = 3600.0  # an inversion of many images takes minutes; Ctrl+C ends it


@dataclass(frozen=True)
class OperationResult:
    """Result of an operation on a model; `genexplorer.explore.protocol` describes arrays and metadata of each."""

    arrays: Mapping[str, Any]
    meta: Mapping[str, Any]
    file_metadata: dict[str, str]  # text fields that a PNG file stores beside the image


def new_client() -> "ExplorerClient":
    """Return a client for requests; its child process shares the cores with trainings."""
    from genexplorer.explore.client import ExplorerClient

    return ExplorerClient(lambda response: None, lambda line: None)


class ImageCommand:
    """The run, snapshot, client and output file of a command; a context manager that ends the model process.

    Args:
        run: Id, name or prefix of the run.
        out: Path of the image or animation to write; an existing file is replaced.
        step: Use the newest snapshot at or before this step; None is the newest of all.
        runs_dir: Value of --runs-dir.
        capability: Capability that the model must have; of several, at least one.
        formats: File formats by suffix, such as {".png": "PNG"}; those of still images by default.
        client: Client for all requests; a new one by default.

    Raises:
        ConfigError: if the file cannot be written as named.
        NoSuchRunError: if there is no such run.
        RunStateError: if the run has no snapshot yet.
        UserError: if the model lacks the capability.
    """

    def __init__(
        self,
        run: str,
        out: Path,
        step: int | None,
        runs_dir: Path | None,
        *,
        capability: str | tuple[str, ...],
        formats: Mapping[str, str] | None = None,
        client: "ExplorerClient | None" = None,
    ) -> None:
        from genexplorer.jobs import image_files
        from genexplorer.runs.command_hints import run_command
        from genexplorer.runs.reader import RunReader
        from trainers.model_card import NEEDS_TWO_DIMENSIONS

        # Check the file name, the run and the capability before the model is loaded.
        self.format = image_files.format_of(out, formats or image_files.STILL_FORMATS)
        self._out_file, self._client = out, client or new_client()
        self._folder = find_run(run, runs_dir)
        reader = RunReader(self._folder)
        self._name = reader.status().name
        self._step = snapshot_at(reader, step)
        self.card = reader.card(self._step)
        names = (capability,) if isinstance(capability, str) else capability
        if not any(map(self.has_capability, names)):
            # Suggest what this model can do instead.
            reason = self.card.capability(names[0]).reason
            hint = f"'{run_command('sample', self._folder)}' works for all models"
            if capability == "manifold" and self.has_capability("plane") and reason.startswith(NEEDS_TWO_DIMENSIONS):
                hint = "choose a plane with --axes, --through or --principal"
            elif capability in ("manifold", "plane") and self.has_capability("density"):
                hint = f"'{run_command('density', self._folder)}' draws 2-D data"
            elif capability == "invert" and self.has_capability("encode"):
                hint = f"'{run_command('reconstruct', self._folder)}' encodes and decodes"
            raise UserError(f"{self._name} cannot do this: {reason}", hint)
        self.num_test = self.card.data.num_test

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def has_capability(self, capability: str) -> bool:
        """Whether the model has a capability."""
        return self.card.capability(capability).available

    @property
    def is_point_data(self) -> bool:
        """Whether the data are 2-D points."""
        return self.card.data.kind == "points"

    def request(
        self, op: str, params: Mapping[str, object], arrays: Mapping[str, Any] | None = None
    ) -> OperationResult:
        """Send a request, show its progress and return the result."""
        from genexplorer.explore.protocol import Result

        with output.progress_bar(op) as show_progress:
            show_progress(0.0, "loading the model")
            response = self._client.call(
                self._folder,
                op,
                params=params,
                arrays=arrays,
                snapshot_step=self._step,
                timeout_s=REQUEST_TIMEOUT_S,
                on_progress=lambda progress: show_progress(progress.fraction, progress.message),
            )
        assert isinstance(response.body, Result)
        not_finite_fraction = response.body.meta.get("not_finite")
        if isinstance(not_finite_fraction, float):
            warning = output.style("warning", "warning")
            output.print_stderr(f"{warning}: {not_finite_fraction:.0%} of the values are not finite and shown black")
        file_metadata = {
            "Software": "genexplorer",
            "run": self._folder.name,
            "step": str(response.snapshot_step),
            "picture": op,
        }
        file_metadata |= {key: str(value) for key, value in params.items() if key != "indices"}
        return OperationResult(response.body.arrays, response.body.meta, file_metadata)

    def write(self, images: "NDArray[np.uint8]", columns: int, scale: int, file_metadata: Mapping[str, str]) -> None:
        """Write images (N, H, W, C) as one image, in rows of `columns`, each pixel enlarged to `scale` × `scale`.

        Scale 0 is automatic.
        """
        from genexplorer.jobs import image_files
        from genexplorer.runs.artifacts.images import make_grid

        grid = make_grid(images, columns)
        image = image_files.to_image(grid, scale or image_files.automatic_scale(grid.shape[1], grid.shape[0]))
        image_files.write_image(self._out_file, image, file_metadata)
        self._report(image.width, image.height, file_metadata)

    def write_animation(
        self, frames: "Sequence[NDArray[np.uint8]]", scale: int, file_metadata: Mapping[str, str]
    ) -> None:
        """Write frames (H, W, C) as an animation that plays back and forth; scale 0 is automatic."""
        from genexplorer.jobs import animations, image_files

        scale = scale or max(1, -(-MIN_ANIMATION_PX // min(frames[0].shape[:2])))
        images = [image_files.to_image(frame, scale) for frame in frames]
        image_files.replace_file(self._out_file, animations.encode(*animations.append_reversed(images), self.format))
        self._report(images[0].width, images[0].height, file_metadata, f", {len(images)} frames")

    def _report(self, width: int, height: int, file_metadata: Mapping[str, str], suffix: str = "") -> None:
        step = int(file_metadata["step"])
        output.print_stderr(f"wrote {self._out_file}: {self._name} at step {step:,}, {width}×{height} px{suffix}")


def default_file(name: str) -> Path:
    """Return a file name in the working folder that does not exist yet: 'samples.png', 'samples-2.png', …"""
    path = first = Path(name)
    number = 2
    while os.path.lexists(path):
        path, number = first.with_name(f"{first.stem}-{number}{first.suffix}"), number + 1
    return path


def new_point_image(bounds: "Bounds", scale: int) -> "PointImage":
    """Return an image of 2-D points, drawn at `scale` times the usual size; scale 0 is automatic."""
    from genexplorer.jobs import image_files, point_images

    zoom = scale or image_files.TARGET_PX / point_images.DEFAULT_SIDE_PX
    return point_images.PointImage(bounds, zoom=zoom)


def snapshot_at(reader: "RunReader", step: int | None) -> int:
    """Return the step of the newest snapshot, or of the newest one at or before a step.

    Raises:
        RunStateError: if there is none.
    """
    snapshots = reader.snapshots()
    steps = [snapshot for snapshot in snapshots if step is None or snapshot <= step]
    if steps:
        return max(steps)
    name = reader.status().name
    if step is not None and snapshots:
        raise RunStateError(f"{name} has no snapshot at or before step {step:,}", f"the first is {min(snapshots):,}")
    raise RunStateError(f"{name} has no snapshot yet", "the first is written when training starts")
