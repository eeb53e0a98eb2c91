"""What the keys do to runs, as one small interface, so that the screen can be tried without a process."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus
from genexplorer.session import actions, command_lines
from genexplorer.session.actions import Outcome

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.model_card import ModelCard


class Deeds(Protocol):
    """Each tells its outcome in one line, may take seconds and is called in a thread; but for `command_lines`."""

    def start(self, config: "RunConfig", name: str) -> Outcome:
        """Create a run and start its worker."""
        ...

    def pause(self, folder: Path) -> Outcome:
        """Pause a run."""
        ...

    def resume(self, folder: Path) -> Outcome:
        """Un-pause a run, or begin a new attempt."""
        ...

    def stop(self, folder: Path) -> Outcome:
        """Stop a run."""
        ...

    def delete(self, folder: Path) -> Outcome:
        """Move a run to the trash; the outcome's folder is its place there."""
        ...

    def restore(self, trash: Path) -> Outcome:
        """Bring a run back; the outcome's folder is the run's."""
        ...

    def open_viewer(self, folder: Path) -> Outcome:
        """Open the desktop viewer on a run."""
        ...

    def command_lines(
        self, status: RunStatus, config: "RunConfig | None", step: int | None, card: "ModelCard | None"
    ) -> list[tuple[str, str]]:
        """Return commands for a run, as (what it does, command line); pictures are of a step, or of the newest.

        Args:
            status: Of the run.
            config: What was asked for, where it can be read.
            step: Of the pictures; None for the newest.
            card: What the model can do; None before the first snapshot.
        """
        ...


class SessionDeeds:
    """The deeds of `genexplorer.session.actions`, on one folder of runs."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir

    def start(self, config: "RunConfig", name: str) -> Outcome:
        """Create a run and start its worker."""
        return actions.start_run(self._runs_dir, config, name=name)

    def pause(self, folder: Path) -> Outcome:
        """Pause a run."""
        return actions.pause(folder, self._runs_dir)

    def resume(self, folder: Path) -> Outcome:
        """Un-pause a run, or begin a new attempt."""
        return actions.resume(folder, self._runs_dir)

    def stop(self, folder: Path) -> Outcome:
        """Stop a run."""
        return actions.stop(folder, self._runs_dir)

    def delete(self, folder: Path) -> Outcome:
        """Move a run to the trash; the outcome's folder is its place there."""
        return actions.delete(folder, self._runs_dir)

    def restore(self, trash: Path) -> Outcome:
        """Bring a run back; the outcome's folder is the run's."""
        return actions.restore(trash)

    def open_viewer(self, folder: Path) -> Outcome:
        """Open the desktop viewer on a run."""
        return actions.open_viewer(folder, self._runs_dir)

    def command_lines(
        self, status: RunStatus, config: "RunConfig | None", step: int | None, card: "ModelCard | None"
    ) -> list[tuple[str, str]]:
        """Return commands for a run, as (what it does, command line); pictures are of a step, or of the newest.

        Args:
            status: Of the run.
            config: What was asked for, where it can be read.
            step: Of the pictures; None for the newest.
            card: What the model can do; None before the first snapshot.
        """
        lines = [*_of_any(status.id), *(_of_card(status.id, card, step) if card is not None else [])]
        placed = [(name, command_lines.with_runs_dir(line, self._runs_dir)) for name, line in lines]
        return [*_train(config), *placed]


def _of_any(run: str) -> list[tuple[str, str]]:
    return [("show", command_lines.show(run)), ("view", command_lines.view(run)), ("film", command_lines.progress(run))]


def _of_card(run: str, card: "ModelCard", step: int | None) -> list[tuple[str, str]]:
    """Return the pictures that a model can make, by its capabilities."""
    plane = command_lines.manifold(run, bounds=(-3, 3, -3, 3), coords="z", principal=True, step=step)
    lines = {
        "manifold": ("manifold", command_lines.manifold(run, bounds=(0, 1, 0, 1), step=step)),
        "plane": ("plane", plane),
        "sample": ("samples", command_lines.sample(run, step=step)),
        "encode": ("reconstructions", command_lines.reconstruct(run, step=step)),
        "invert": ("inversions", command_lines.invert(run, step=step)),
        "decode": ("interpolation", command_lines.interpolate(run, start="1", end="2", step=step)),
        "trace": ("trace", command_lines.trace(run, index=0, step=step)),
        "density": ("density", command_lines.density(run, step=step)),
    }
    return [line for capability, line in lines.items() if card.capability(capability).available]


def _train(config: "RunConfig | None") -> list[tuple[str, str]]:
    try:
        return [("train the same", command_lines.train(config))] if config is not None else []
    except UserError:
        return []  # a preset of a package that is not installed here
