"""What the keys do to runs, as one small interface, so that the screen can be tried without a process."""

from pathlib import Path
from typing import Protocol

from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus
from genexplorer.session import actions, command_lines
from genexplorer.session.actions import Outcome
from trainers.config import RunConfig


class Deeds(Protocol):
    """Each tells its outcome in one line, may take seconds and is called in a thread; but for `command_lines`."""

    def start(self, config: RunConfig, name: str) -> Outcome:
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

    def command_lines(self, status: RunStatus, config: RunConfig | None, step: int | None) -> list[tuple[str, str]]:
        """Return commands for a run, as (what it does, command line); pictures are of a step, or of the newest."""
        ...


class SessionDeeds:
    """The deeds of `genexplorer.session.actions`, on one folder of runs."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir

    def start(self, config: RunConfig, name: str) -> Outcome:
        """Create a run and start its worker."""
        return actions.start_run(self._runs_dir, config, name=name)

    def pause(self, folder: Path) -> Outcome:
        """Pause a run."""
        return actions.pause(folder)

    def resume(self, folder: Path) -> Outcome:
        """Un-pause a run, or begin a new attempt."""
        return actions.resume(folder)

    def stop(self, folder: Path) -> Outcome:
        """Stop a run."""
        return actions.stop(folder)

    def delete(self, folder: Path) -> Outcome:
        """Move a run to the trash; the outcome's folder is its place there."""
        return actions.delete(folder)

    def restore(self, trash: Path) -> Outcome:
        """Bring a run back; the outcome's folder is the run's."""
        return actions.restore(trash)

    def open_viewer(self, folder: Path) -> Outcome:
        """Open the desktop viewer on a run."""
        return actions.open_viewer(folder, self._runs_dir)

    def command_lines(self, status: RunStatus, config: RunConfig | None, step: int | None) -> list[tuple[str, str]]:
        """Return commands for a run, as (what it does, command line); pictures are of a step, or of the newest."""
        run = status.id
        lines = [
            ("show", command_lines.show(run)),
            ("view", command_lines.view(run)),
            ("samples", command_lines.sample(run, step=step)),
            ("reconstructions", command_lines.reconstruct(run, step=step)),
            ("film", command_lines.progress(run)),
        ]
        if config is not None and config.model.options.get("latent_dim") == 2:
            lines.insert(2, ("manifold", command_lines.manifold(run, bounds=(0, 1, 0, 1), step=step)))
        placed = [(name, command_lines.with_runs_dir(line, self._runs_dir)) for name, line in lines]
        return [*_train(config), *placed]


def _train(config: RunConfig | None) -> list[tuple[str, str]]:
    try:
        return [("train the same", command_lines.train(config))] if config is not None else []
    except UserError:
        return []  # a preset of a package that is not installed here
