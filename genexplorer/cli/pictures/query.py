"""Requests of a command to a run's model, checked before the model is loaded; the result is written as an image."""

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
    from genexplorer.runs.reader import RunReader

ANIMATION_PX = 280  # the shorter side of an animation that is enlarged automatically
TIMEOUT_S = 3600.0  # an inversion of many images takes minutes; Ctrl+C ends it


@dataclass(frozen=True)
class QueryResult:
    """Result of a request: arrays, metadata, and text fields for the image file."""

    arrays: Mapping[str, Any]
    meta: Mapping[str, Any]
    about: dict[str, str]


def new_client() -> "ExplorerClient":
    """Return a client for requests; its child process shares the cores with trainings."""
    from genexplorer.explore.client import ExplorerClient

    return ExplorerClient(lambda answer: None, lambda line: None)


class ModelQuery:
    """A model and the file that its images are written to; a context manager that ends the model process.

    Args:
        run: Id, name or prefix of the run.
        out: The file to write.
        step: Use the newest snapshot at or before this step; None is the newest of all.
        runs_dir: Value of --runs-dir.
        needs: Capability that the model must have; of several, at least one.
        formats: File formats by suffix; still images by default.
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
        needs: str | tuple[str, ...],
        formats: Mapping[str, str] | None = None,
        client: "ExplorerClient | None" = None,
    ) -> None:
        from genexplorer.jobs import image_files
        from genexplorer.runs.command_hints import run_command
        from genexplorer.runs.reader import RunReader

        self.format = image_files.format_of(out, formats or image_files.STILL_FORMATS)
        self._out, self._client = out, client or new_client()
        self._folder = find_run(run, runs_dir)
        reader = RunReader(self._folder)
        self._name = reader.status().name
        self._step = snapshot_at(reader, step)
        self.card = reader.card(self._step)
        capabilities = [self.card.capability(name) for name in ((needs,) if isinstance(needs, str) else needs)]
        if not any(capability.available for capability in capabilities):
            # Suggest what this model can do instead.
            hint = f"'{run_command('sample', self._folder)}' works for all models"
            if needs == "manifold" and self.can("plane"):
                hint = "choose a plane with --axes, --through or --principal"
            elif needs in ("manifold", "plane") and self.can("density"):
                hint = f"'{run_command('density', self._folder)}' draws 2-D data"
            elif needs == "invert" and self.can("encode"):
                hint = f"'{run_command('reconstruct', self._folder)}' encodes and decodes"
            raise UserError(f"{self._name} cannot do this: {capabilities[0].reason}", hint)
        self.num_test = self.card.data.num_test

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def can(self, capability: str) -> bool:
        """Whether the model has a capability."""
        return self.card.capability(capability).available

    @property
    def is_points(self) -> bool:
        """Whether the data are 2-D points."""
        return self.card.data.kind == "points"

    def send(self, op: str, params: Mapping[str, object], arrays: Mapping[str, Any] | None = None) -> QueryResult:
        """Send a request, show its progress and return the result."""
        from genexplorer.explore.protocol import Result

        with output.progress_bar(op) as show_progress:
            show_progress(0.0, "loading the model")
            answer = self._client.call(
                self._folder,
                op,
                params=params,
                arrays=arrays,
                snapshot_step=self._step,
                timeout_s=TIMEOUT_S,
                on_progress=lambda progress: show_progress(progress.fraction, progress.message),
            )
        assert isinstance(answer.body, Result)
        share = answer.body.meta.get("not_finite")
        if isinstance(share, float):
            warning = output.style("warning", "warning")
            output.print_message(f"{warning}: {share:.0%} of the values are not finite and shown black")
        about = {"Software": "genexplorer", "run": self._folder.name, "step": str(answer.snapshot_step), "picture": op}
        about |= {key: str(value) for key, value in params.items() if key != "indices"}
        return QueryResult(answer.body.arrays, answer.body.meta, about)

    def write(self, images: "NDArray[np.uint8]", columns: int, scale: int, about: Mapping[str, str]) -> None:
        """Write images (N, H, W, C) in rows of `columns`."""
        from genexplorer.jobs import image_files
        from genexplorer.runs.artifacts.images import make_grid

        picture = image_files.to_image(make_grid(images, columns), scale)
        image_files.write_image(self._out, picture, about)
        self._report(picture.width, picture.height, about)

    def write_animation(self, frames: "Sequence[NDArray[np.uint8]]", scale: int, about: Mapping[str, str]) -> None:
        """Write frames (H, W, C) as an animation that plays forth and back; scale 0 is automatic."""
        from genexplorer.jobs import animations, image_files

        scale = scale or max(1, -(-ANIMATION_PX // min(frames[0].shape[:2])))
        pictures = [image_files.to_image(frame, scale) for frame in frames]
        image_files.replace_file(self._out, animations.encode(*animations.append_reversed(pictures), self.format))
        self._report(pictures[0].width, pictures[0].height, about, f", {len(pictures)} frames")

    def _report(self, width: int, height: int, about: Mapping[str, str], suffix: str = "") -> None:
        step = int(about["step"])
        output.print_message(f"wrote {self._out}: {self._name} at step {step:,}, {width}×{height} px{suffix}")


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
