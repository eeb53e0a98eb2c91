"""Runs for scripts and notebooks: start one in the background, find it again, watch, control and load it.

The same runs folder, workers and actions as in the command line: a run started here shows up in the dashboard and in
the viewer, and the other way round.
"""

import fnmatch
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from genexplorer import paths
from genexplorer.errors import (
    ConfigError,
    DataError,
    NoSuchRunError,
    RunStateError,
    TrainingError,
    UserError,
    WorkerError,
)
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import RunStatus
from genexplorer.runs.store import RunStore
from genexplorer.session import actions
from genexplorer.session.actions import ActionResult
from genexplorer.session.run_poller import RunPoller
from genexplorer.workers.container import lifetime_warning
from trainers import arguments
from trainers.events import MetricSpec

if TYPE_CHECKING:
    from trainers.config import RunConfig
    from trainers.inference.trained_model import TrainedModel

_ERRORS = {
    kind.exit_code: kind for kind in (ConfigError, DataError, TrainingError, NoSuchRunError, RunStateError, WorkerError)
}
_MAX_POINTS = 1_000_000_000
_POLL_INTERVAL_S = 0.1
_CELL_INTERVAL_S = 1.0  # between two updates of a notebook cell
_LINE_INTERVAL_S = 5.0  # between two lines in a terminal


class MetricRow(NamedTuple):
    """One value of one metric."""

    metric: str
    step: int
    value: float


class MetricRows(list[MetricRow]):
    """Metrics as tidy rows."""

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with the columns metric, step and value.

        Raises:
            UserError: if pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped]
        except ImportError:
            raise UserError(
                "to_pandas: pandas is not installed", "pip install pandas, or use the rows as they are"
            ) from None
        return pandas.DataFrame(list(self), columns=list(MetricRow._fields))


class Run:
    """A run in its folder: queued, active, paused or ended.

    Args:
        folder: The run folder.
        runs_dir: The runs folder; a run elsewhere can be read, but not controlled. None: the folder's parent.
    """

    def __init__(self, folder: Path, runs_dir: Path | None = None) -> None:
        arguments.instance("folder", folder, str | Path, "a run folder")
        self.folder = Path(folder)
        self._runs_dir = _runs_dir(runs_dir) if runs_dir is not None else self.folder.parent
        self._reader = RunReader(self.folder)

    def __repr__(self) -> str:
        status = self.status
        title = f"{status.preset or status.family} on {status.dataset}"
        return f"<Run {status.name}: {title}, {status.state}, step {status.step:,}>"

    @property
    def name(self) -> str:
        """The name of the run; `folder.name` is its id."""
        return self.status.name

    @property
    def status(self) -> RunStatus:
        """The state, progress, step and speed now."""
        return self._reader.status()

    @property
    def config(self) -> "RunConfig":
        """The configuration the run was started with.

        Raises:
            DamagedRunError: if it cannot be read.
        """
        return self._reader.config()

    @property
    def metric_specs(self) -> dict[str, MetricSpec]:
        """Title, unit and setup of each metric, by name."""
        return self._reader.metric_specs()

    def metrics(self, pattern: str = "*", *, max_points: int = 10_000) -> MetricRows:
        """Return recorded values, ordered by metric and step.

        Args:
            pattern: Selects metrics: "test/*", "train/elbo".
            max_points: Longer curves are reduced to this many means over equal ranges of steps.

        Raises:
            ConfigError: if an argument is of another type, or `max_points` is below 1.
            DamagedRunError: if the database cannot be read.
        """
        arguments.instance("pattern", pattern, str, "text such as 'test/*'")
        max_points = arguments.integer("max_points", max_points, 1, _MAX_POINTS, unit="points")
        rows = MetricRows()
        for name in self._reader.metric_specs():
            if fnmatch.fnmatchcase(name, pattern):
                curve = self._reader.series(name, "step", max_points)
                steps = (round(step) for step in curve.x.tolist())
                rows += map(MetricRow, [name] * len(curve.x), steps, curve.mean.tolist())
        return rows

    def model(self, step: int | None = None) -> "TrainedModel":
        """Load the newest snapshot, or the one at a step. Imports torch.

        Raises:
            CheckpointError: if there is no such snapshot yet, or it is damaged.
        """
        import trainers

        return trainers.load(self.folder, step=step)

    def watch(self, *, timeout_s: float | None = None) -> None:
        """Show live progress until the run ends; interrupting leaves it training, and calling again continues.

        In a notebook the cell shows progress, curves and the latest samples; in a terminal lines are printed.

        Args:
            timeout_s: Return after this time; None waits for the end.
        """
        timeout_s = arguments.seconds("timeout_s", timeout_s)
        poller = RunPoller(self.folder, watching=True)
        update, interval_s = _display_function()
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        next_update = 0.0
        try:
            while True:
                poller.poll()
                ended = not poller.status.state.active or time.monotonic() >= deadline
                if ended or time.monotonic() >= next_update:
                    update(poller)
                    next_update = time.monotonic() + interval_s
                if ended:
                    return
                time.sleep(_POLL_INTERVAL_S)
        except KeyboardInterrupt:
            sys.stdout.write(f"{poller.status.name} keeps training; watch() attaches again, stop() stops it\n")

    def wait(self, timeout_s: float | None = None) -> RunStatus:
        """Wait until the run has ended, and return its status.

        Raises:
            WorkerError: if it has not ended after `timeout_s`.
        """
        timeout_s = arguments.seconds("timeout_s", timeout_s)
        deadline = time.monotonic() + timeout_s if timeout_s is not None else float("inf")
        while (status := self.status).state.active:
            if time.monotonic() >= deadline:
                raise WorkerError(f"{status.name} is {status.state} after {timeout_s:g} s", "wait longer, or stop() it")
            time.sleep(_POLL_INTERVAL_S)
        return status

    def pause(self) -> None:
        """Pause the run; the worker keeps its memory and releases its cores.

        Raises:
            UserError: if no worker is active or it does not respond.
        """
        _raise_if_failed(actions.pause(self.folder, self._runs_dir, wait_for_state=True))

    def resume(self) -> None:
        """Resume a paused run, or restart a stopped, failed or lost one from its newest checkpoint.

        Raises:
            UserError: if it is running or complete, or the worker does not start.
        """
        _raise_if_failed(actions.resume(self.folder, self._runs_dir))

    def stop(self) -> None:
        """Stop the run and wait until it has ended; its state is saved, so that it can be resumed.

        Raises:
            UserError: if no worker is active or it does not respond.
        """
        _raise_if_failed(actions.stop(self.folder, self._runs_dir, wait_for_state=True))

    def fork(
        self,
        at_step: int | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
        name: str = "",
        tags: Iterable[str] = (),
        runs_dir: Path | str | None = None,
    ) -> "Run":
        """Start a branch: a new run that goes on from a step of this one, which is not touched.

        Args:
            at_step: Step of a checkpoint, or else of a snapshot, from whose weights alone it then starts; None for the
                newest checkpoint.
            settings: Settings of the branch by their dotted keys: {"model.beta": 2}.
            name: Name of the branch; an automatic one if empty.
            tags: Labels.
            runs_dir: The runs folder that receives it; None: that of this run.

        Raises:
            UserError: if there is neither a checkpoint nor a snapshot of that step.
            ConfigError: if a checkpoint cannot go on with a setting, or it is out of range.
            WorkerError: if the worker does not start.
        """
        from genexplorer.session import forking

        if at_step is not None:
            at_step = arguments.integer("at_step", at_step, 0, sys.maxsize)
        arguments.mapping("settings", settings, '{"model.beta": 2}')
        arguments.instance("name", name, str, "text")
        tags = arguments.texts("tags", tags, '["baseline"]')
        folder = self._runs_dir if runs_dir is None else _runs_dir(runs_dir)
        result = forking.fork(self.folder, folder, at_step=at_step, values=settings or {}, name=name, tags=tags)
        _raise_if_failed(result)
        assert result.folder is not None
        return Run(result.folder, folder)


def train(
    model: "str | RunConfig",
    *,
    data: str | Path | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "",
    tags: Iterable[str] = (),
    init: str = "",
    runs_dir: Path | str | None = None,
    detach: bool = True,
) -> Run:
    """Start a run in a background process, as `genexplorer train` does. It outlives this process.

    Args:
        model: Name of a preset, or a configuration.
        data: Name of a data set, or a path as for `--data`; None: the preset's. A background process cannot see arrays
            of this one: write images with `trainers.save_images`, or train here with `trainers.train`.
        epochs: Passes over the data. Give at most one of epochs, steps and minutes; None: as in the preset.
        steps: Optimizer updates.
        minutes: Training time.
        seed: Seed of all random numbers.
        settings: Any other settings by their dotted keys: {"optim.lr": 1e-3, "model.latent_dim": 8}.
        name: Name of the run; an automatic one if empty.
        tags: Labels.
        init: A run whose weights it starts from where they fit, "calm-owl" or "calm-owl@4000" with a step; random
            weights if empty.
        runs_dir: The runs folder; None: $GENEXPLORER_RUNS, else ./runs.
        detach: Return at once; False watches the run until it ends.

    Warns:
        RuntimeWarning: if the run ends with a container's first process, which may be this one.

    Raises:
        ConfigError: if a name is unknown, or a setting is out of range or contradicts another or the data.
        DataError: if data files cannot be read.
        WorkerError: if the worker does not start; the message has its last log lines.
    """
    from trainers import plan, presets, registry
    from trainers.config import RunConfig

    if not isinstance(model, str | RunConfig):
        raise ConfigError(
            f"model: a background run needs the name of a preset, got {type(model).__name__}",
            "train your own module in this process with trainers.train, or install its family as a package",
        )
    if data is not None and not isinstance(data, str | Path):
        raise ConfigError(
            f"data: a background run cannot see the {type(data).__name__} of this process",
            "write images with trainers.save_images and pass the folder, or train here with trainers.train",
        )
    arguments.instance("name", name, str, "text")
    arguments.instance("init", init, str, "the name of a run, with @STEP if it is not the newest")
    tags = arguments.texts("tags", tags, '["baseline"]')
    folder = _runs_dir(runs_dir)
    changes = presets.changes(data=data, epochs=epochs, steps=steps, minutes=minutes, seed=seed, settings=settings)
    resolved = plan.resolve(presets.configure(model, changes))
    config = resolved.config
    if local := registry.registered_names() & {config.model.name, config.data.name}:
        raise ConfigError(
            f"'{local.pop()}' is registered in this process only, a background run cannot load it",
            "install it as a package with an entry point, or train here with trainers.train",
        )
    source = None
    if init:
        from genexplorer.session import initial_weights

        source = initial_weights.find_source(RunStore(folder), init)
        initial_weights.require_fit(resolved, source)
    result = _raise_if_failed(actions.start_run(folder, config, name=name, tags=tags, initial=source))
    assert result.folder is not None
    run = Run(result.folder, folder)
    if not detach:
        run.watch()
    elif warning := lifetime_warning(remedy="call wait() of the run, or train with detach=False"):
        warnings.warn(warning, RuntimeWarning, stacklevel=2)
    return run


def open(selector: str | Path = "latest", *, runs_dir: Path | str | None = None) -> Run:  # noqa: A001
    """Return a run by its id, its name, a unique prefix of either, "latest", or the path of its folder.

    Raises:
        NoSuchRunError: if there is none, or more than one.
    """
    arguments.instance("selector", selector, str | Path, "a name, an id or a folder")
    store = RunStore(_runs_dir(runs_dir))
    return Run(store.find(str(selector)), store.runs_dir)


def list_runs(*, runs_dir: Path | str | None = None) -> list[Run]:
    """Return all runs of the runs folder, newest first.

    Raises:
        ConfigError: if `runs_dir` is given and no folder; the default one is created with the first run.
    """
    store = RunStore(_runs_dir(runs_dir))
    if runs_dir is not None and not store.runs_dir.is_dir():
        raise ConfigError(f"runs_dir: there is no folder {store.runs_dir}", "check the path")
    return [Run(status.folder, store.runs_dir) for status in store.list()]


def _runs_dir(folder: Path | str | None) -> Path:
    """Return the runs folder of an argument `runs_dir`, which may not exist yet."""
    arguments.instance("runs_dir", folder, str | Path | None, "a folder")
    return paths.runs_dir(None if folder is None else Path(folder))


def _raise_if_failed(result: ActionResult) -> ActionResult:
    if not result.ok:
        raise _ERRORS.get(result.exit_code, UserError)(result.message, result.hint)
    return result


def _display_function() -> tuple[Callable[[RunPoller], None], float]:
    """Return the function that displays a poll (in a notebook cell, else as a line), and its interval in seconds."""
    from genexplorer import notebook

    handle = notebook.new_cell_display()
    if handle is not None:
        return lambda poller: handle.update(notebook.Html(notebook.run_html(poller))), _CELL_INTERVAL_S

    def print_line(poller: RunPoller) -> None:
        sys.stdout.write(notebook.progress_text(poller) + "\n")
        sys.stdout.flush()

    return print_line, _LINE_INTERVAL_S
