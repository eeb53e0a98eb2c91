"""Questions that a command puts to a run's model: checked first, asked with progress, the answer as a picture."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genexplorer.cli import output
from genexplorer.errors import RunStateError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from genexplorer.explore.client import ExplorerClient
    from genexplorer.runs.reader import RunReader

FILM_PX = 280  # the shorter side of a film that is enlarged to be seen
PATIENCE_S = 3600.0  # an inversion of many images takes minutes; ctrl-c ends it


@dataclass(frozen=True)
class Answered:
    """An answer: arrays, meta, and what the picture's own metadata says."""

    arrays: Mapping[str, Any]
    meta: Mapping[str, Any]
    about: dict[str, str]


def new_client() -> "ExplorerClient":
    """Return a client whose child shares the cores with the trainings of this machine."""
    from genexplorer.explore.client import ExplorerClient

    return ExplorerClient(lambda answer: None, lambda words: None)


class Asked:
    """One question to the model of a run, checked before the model is loaded.

    Args:
        run: As it was named.
        out: The file to write.
        step: The newest snapshot at or before it is asked; None is the newest.
        runs_dir: As it was given.
        needs: The capability that the model must have; of several, one.
        formats: What can be written, by ending; none is the still pictures.
        client: Serves several questions; None starts one for this question.

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
        from genexplorer.cli.runs.show import find
        from genexplorer.jobs import image_files
        from genexplorer.runs.reader import RunReader

        self.format = image_files.format_of(out, formats or image_files.STILL_FORMATS)
        self._out, self._client = out, client
        self._folder = find(run, runs_dir)
        with RunReader(self._folder) as reader:
            self._name = reader.status().name
            self._step = snapshot_at(reader, step)
            self.card = reader.card(self._step)
        wanted = [self.card.capability(name) for name in ((needs,) if isinstance(needs, str) else needs)]
        if not any(capability.available for capability in wanted):
            raise UserError(f"{self._name} cannot do this: {wanted[0].reason}", self._instead_of(needs))
        self.num_test = self.card.data.num_test

    def _instead_of(self, needs: str | tuple[str, ...]) -> str:
        """Return what this model can do in the place of what it cannot."""
        if needs == "manifold" and self.can("plane"):
            return "--axes, --through or --principal lay a plane"
        if needs in ("manifold", "plane") and self.can("density"):
            return "'genexplorer density' draws their plane"
        if needs == "invert" and self.can("encode"):
            return "'genexplorer reconstruct' encodes and decodes"
        return "'genexplorer sample' works for all models"

    def can(self, capability: str) -> bool:
        """Whether the model has a capability."""
        return self.card.capability(capability).available

    @property
    def of_points(self) -> bool:
        """Whether the data are points of the plane."""
        return self.card.data.kind == "points"

    def answer(self, op: str, params: Mapping[str, object], arrays: Mapping[str, Any] | None = None) -> Answered:
        """Ask and wait."""
        from genexplorer.explore.protocol import Result

        with output.progress_bar(op) as bar, nullcontext(self._client) if self._client else new_client() as client:
            bar.show(0.0, "loading the model")
            answer = client.call(
                self._folder,
                op,
                params=params,
                arrays=arrays,
                snapshot_step=self._step,
                timeout_s=PATIENCE_S,
                on_progress=lambda progress: bar.show(progress.fraction, progress.message),
            )
        assert isinstance(answer.body, Result)
        about = {"Software": "genexplorer", "run": self._folder.name, "step": str(answer.snapshot_step), "picture": op}
        said = {key: str(value) for key, value in params.items() if key != "indices"}
        _complain_of_flaws(answer.body.meta)
        return Answered(answer.body.arrays, answer.body.meta, about | said)

    def write(self, images: "NDArray[np.uint8]", columns: int, scale: int, about: Mapping[str, str]) -> None:
        """Write images (N, H, W, C) in rows of `columns` and say where."""
        from genexplorer.jobs import image_files

        picture = image_files.to_picture(image_files.grid(images, columns), scale)
        image_files.write_picture(self._out, picture, about)
        self.said(picture.width, picture.height, int(about["step"]))

    def write_film(self, frames: "Sequence[NDArray[np.uint8]]", scale: int, about: Mapping[str, str]) -> None:
        """Write frames (H, W, C) as a film that goes to and fro, and say where; scale 0 makes it large enough."""
        from genexplorer.jobs import animations, image_files

        scale = scale or max(1, -(-FILM_PX // min(frames[0].shape[:2])))
        pictures = [image_files.to_picture(frame, scale) for frame in frames]
        image_files.replace_file(self._out, animations.encode(*animations.mirrored(pictures), self.format))
        self.said(pictures[0].width, pictures[0].height, int(about["step"]), f", {len(pictures)} frames")

    def said(self, width: int, height: int, step: int, more: str = "") -> None:
        """Say what was written."""
        output.say(f"wrote {self._out}: {self._name} at step {step:,}, {width}×{height} px{more}")


def _complain_of_flaws(meta: Mapping[str, Any]) -> None:
    share = meta.get("not_finite")
    if isinstance(share, float):
        output.say(
            f"{output.style('warning', 'warning')}: {share:.0%} of the values are not finite; they are left black"
        )


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
