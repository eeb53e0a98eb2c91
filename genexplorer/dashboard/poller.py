"""Reads runs in a thread of its own, up to four times a second, so that the screen never waits for a disk."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from genexplorer.dashboard.run_view_builder import RunViewBuilder
from genexplorer.dashboard.view import ComparedRun, DashboardView, RunView, ViewRequest
from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.store import RunStore
from genexplorer.session.idle import IdleTracker

_LIST_S = 1.0  # the whole folder of runs is read less often than the selected run
_LIST_SHARE = 5  # and, where that is slow, for at most a sixth of the time


class Lists(Protocol):
    """Where the list of runs comes from."""

    def list(self) -> list[RunStatus]:
        """Return every run, newest first."""
        ...


class Poller:
    """Turns what is wanted into a `DashboardView`, again and again. `run` belongs to one thread; the rest to any.

    Args:
        runs_dir: The folder of runs.
        tell: Called in the reading thread with each new view; must return at once.
        clock: Unix time; tests freeze it.
    """

    def __init__(
        self, runs_dir: Path, tell: Callable[[DashboardView], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store: Lists = RunStore(runs_dir)
        self._tell = tell
        self._clock = clock
        self._wanted = ViewRequest()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._readings: dict[Path, RunViewBuilder] = {}
        self._runs: tuple[RunStatus, ...] = ()
        self._damage: dict[Path, str] = {}  # found by a look inside, which the list does not take
        self._listed = False
        self._problem = ""
        self._list_again = 0.0
        self._attention = IdleTracker()

    def want(self, wanted: ViewRequest) -> None:
        """Say what is to be shown from now on; the next view follows at once."""
        if wanted != self._wanted:
            self._wanted = wanted
            self._rouse()

    def hurry(self) -> None:
        """Read the folder of runs again now: something was started, deleted or restored."""
        self._list_again = 0.0
        self._rouse()

    def touch(self) -> None:
        """Say that somebody is there, whatever they did; a view that was long in coming follows at once."""
        if self._attention.calm:
            self._wake.set()
        self._attention.touch()

    def close(self) -> None:
        """End `run` soon."""
        self._closed.set()
        self._wake.set()

    def run(self) -> None:
        """Read until `close`."""
        try:
            while not self._closed.is_set():
                view = self._look(self._wanted)
                if not self._closed.is_set():
                    self._tell(view)
                self._wake.wait(self._attention.look_s)
                self._wake.clear()
        finally:
            for reading in self._readings.values():
                reading.close()

    def _rouse(self) -> None:
        self._attention.touch()
        self._wake.set()

    def _look(self, wanted: ViewRequest) -> DashboardView:
        self._read_list()
        if wanted.selected is None and self._runs:
            wanted = replace(wanted, selected=self._runs[0].folder)
        self._let_go(wanted)
        run = self._run_view(wanted)
        compared = tuple(c for c in (self._compared(folder, wanted) for folder in wanted.compared) if c is not None)
        if run is not None:
            self._take_status(run.status)
        return DashboardView(self._runs, run, compared, self._listed, self._problem, self._clock())

    def _take_status(self, status: RunStatus) -> None:
        """Put the selected run's fresher status into the list; the list stays the same object where nothing changed."""
        if status.state is State.DAMAGED:
            self._damage[status.folder] = status.reason
        else:
            self._damage.pop(status.folder, None)
        place = next((i for i, known in enumerate(self._runs) if known.folder == status.folder), None)
        if place is not None and self._runs[place] != status:
            self._runs = (*self._runs[:place], status, *self._runs[place + 1 :])

    def _read_list(self) -> None:
        started = time.monotonic()
        if started < self._list_again:
            return
        try:
            runs, self._problem = tuple(self._as_known(status) for status in self._store.list()), ""
            self._runs = self._runs if runs == self._runs else runs
        except (UserError, OSError) as error:
            self._runs, self._problem = (), str(error)
        self._listed = True
        took = time.monotonic() - started
        self._list_again = started + took + max(_LIST_S, _LIST_SHARE * took)

    def _as_known(self, status: RunStatus) -> RunStatus:
        reason = self._damage.get(status.folder)
        return status if reason is None or status.state.live else replace(status, state=State.DAMAGED, reason=reason)

    def _let_go(self, wanted: ViewRequest) -> None:
        keep = {wanted.selected, *wanted.compared}
        for folder in [folder for folder in self._readings if folder not in keep]:
            self._readings.pop(folder).close()

    def _run_view(self, wanted: ViewRequest) -> RunView | None:
        if wanted.selected is None:
            return None
        status = self._status_of(wanted.selected)
        if status is None:
            return None
        try:
            return self._reading(wanted.selected, watching=True).look(wanted, self._clock())
        except Exception as error:  # a folder may vanish or be damaged while it is read: say so, and go on
            self._forget(wanted.selected)
            return RunView(wanted.selected, status, problem=str(error) or type(error).__name__)

    def _compared(self, folder: Path, wanted: ViewRequest) -> ComparedRun | None:
        status = self._status_of(folder)
        if status is None:
            return None
        try:
            return self._reading(folder, watching=folder == wanted.selected).compare(wanted)
        except Exception:  # the run list says what is wrong with it
            self._forget(folder)
            return None

    def _status_of(self, folder: Path) -> RunStatus | None:
        return next((status for status in self._runs if status.folder == folder), None)

    def _reading(self, folder: Path, *, watching: bool) -> RunViewBuilder:
        if folder not in self._readings:
            self._readings[folder] = RunViewBuilder(folder)
        self._readings[folder].watching = watching
        self._readings[folder].stay_calm(self._attention.calm)
        return self._readings[folder]

    def _forget(self, folder: Path) -> None:
        reading = self._readings.pop(folder, None)
        if reading is not None:
            reading.close()
