"""Polls runs in a background thread, up to four times a second, so that the screen never waits for a disk."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from genexplorer.dashboard.details import ComparedRun, DashboardDetails, DetailsRequest, RunDetails
from genexplorer.dashboard.run_details_builder import RunDetailsBuilder
from genexplorer.errors import UserError
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.store import RunStore
from genexplorer.session.run_poller import IdleTracker

_LIST_INTERVAL_S = 1.0  # shortest pause between two readings of the folder of runs
_LIST_PAUSE_FACTOR = 5  # on a slow disk, the pause is this many times as long as the reading


class DetailsPoller:
    """Reads the `DashboardDetails` that the current `DetailsRequest` describes, again and again.

    `run` belongs to one thread; the other methods may be called from any.

    Args:
        runs_dir: The folder of runs.
        on_details: Called in the polling thread after each poll; must return at once.
        clock: Unix time; tests freeze it.
        idle_tracker: Tracks when the dashboard was last used; polls are rarer while it is idle.
    """

    def __init__(
        self,
        runs_dir: Path,
        on_details: Callable[[DashboardDetails], None],
        *,
        clock: Callable[[], float] = time.time,
        idle_tracker: IdleTracker | None = None,
    ) -> None:
        self._store = RunStore(runs_dir)
        self._on_details = on_details
        self._clock = clock
        self._idle_tracker = idle_tracker or IdleTracker()
        self._request = DetailsRequest()
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._details_builders: dict[Path, RunDetailsBuilder] = {}  # of the displayed runs, by folder
        self._runs: tuple[RunStatus, ...] = ()
        # Why the database of a run cannot be read, by run folder: the list opens no databases.
        self._read_errors: dict[Path, str] = {}
        self._loaded = False  # whether the folder of runs has been read
        self._list_error = ""
        self._list_due = 0.0  # monotonic time of the next reading of the folder of runs

    def request(self, request: DetailsRequest) -> None:
        """Set the displayed data; a changed request wakes the poller at once."""
        if request != self._request:
            self._request = request
            self._idle_tracker.record_input()
            self._wake.set()

    def refresh_list(self) -> None:
        """Read the folder of runs again now: a run was started, deleted or restored."""
        self._list_due = 0.0
        self._idle_tracker.record_input()
        self._wake.set()

    def record_input(self) -> None:
        """Record that the dashboard is in use; wakes an idle poller at once."""
        if self._idle_tracker.is_idle:
            self._wake.set()
        self._idle_tracker.record_input()

    def close(self) -> None:
        """End `run` soon."""
        self._closed.set()
        self._wake.set()

    def run(self) -> None:
        """Poll until `close`."""
        while not self._closed.is_set():
            details = self.poll(self._request)
            if not self._closed.is_set():
                self._on_details(details)
            self._wake.wait(self._idle_tracker.poll_interval_s)
            self._wake.clear()

    def poll(self, request: DetailsRequest) -> DashboardDetails:
        """Return the requested details, of the newest run where none is selected."""
        self._read_list()
        if request.selected is None and self._runs:
            request = replace(request, selected=self._runs[0].folder)
        # Forget the runs that are no longer displayed.
        displayed = {request.selected, *request.compared}
        for folder in self._details_builders.keys() - displayed:
            del self._details_builders[folder]
        # Read the displayed ones.
        run = self._build_run(request)
        compared = [self._build_compared(folder, request) for folder in request.compared]
        if run is not None:
            self._update_status(run.status)
        # Assemble the details.
        readable = tuple(entry for entry in compared if entry is not None)
        return DashboardDetails(self._runs, run, readable, self._loaded, self._list_error, self._clock())

    def _read_list(self) -> None:
        """Read the folder of runs, if its next reading is due."""
        started = time.monotonic()
        if started < self._list_due:
            return
        try:
            runs = tuple(self._with_read_error(status) for status in self._store.list())
            self._list_error = ""
            self._runs = self._runs if runs == self._runs else runs
        except (UserError, OSError) as error:
            self._runs, self._list_error = (), str(error)
        self._loaded = True
        # Schedule the next reading.
        duration = time.monotonic() - started
        self._list_due = started + duration + max(_LIST_INTERVAL_S, _LIST_PAUSE_FACTOR * duration)

    def _with_read_error(self, status: RunStatus) -> RunStatus:
        """Return a status as damaged, if its run has ended and could not be read."""
        reason = self._read_errors.get(status.folder)
        return status if reason is None or status.state.active else replace(status, state=State.DAMAGED, reason=reason)

    def _update_status(self, status: RunStatus) -> None:
        """Put the selected run's fresher status into the list, which stays the same object if nothing changed."""
        if status.state is State.DAMAGED:
            self._read_errors[status.folder] = status.reason
        else:
            self._read_errors.pop(status.folder, None)
        index = next((i for i, old in enumerate(self._runs) if old.folder == status.folder), None)
        if index is not None and self._runs[index] != status:
            self._runs = (*self._runs[:index], status, *self._runs[index + 1 :])

    def _build_run(self, request: DetailsRequest) -> RunDetails | None:
        status = self._status_of(request.selected)
        if status is None:
            return None
        try:
            return self._details_builder(status.folder, is_watched=True).build(request, self._clock())
        except Exception as error:  # the folder may be deleted or damaged while it is read
            self._details_builders.pop(status.folder, None)
            return RunDetails(status.folder, status, error=str(error) or type(error).__name__)

    def _build_compared(self, folder: Path, request: DetailsRequest) -> ComparedRun | None:
        if self._status_of(folder) is None:
            return None
        try:
            return self._details_builder(folder, is_watched=folder == request.selected).build_compared(request)
        except Exception:  # the list of runs shows what is wrong with it
            self._details_builders.pop(folder, None)
            return None

    def _status_of(self, folder: Path | None) -> RunStatus | None:
        return next((status for status in self._runs if status.folder == folder), None)

    def _details_builder(self, folder: Path, *, is_watched: bool) -> RunDetailsBuilder:
        """Return the builder of a displayed run, set to report to the worker whether the run is watched."""
        if folder not in self._details_builders:
            self._details_builders[folder] = RunDetailsBuilder(folder)
        self._details_builders[folder].set_watched(is_watched=is_watched, is_idle=self._idle_tracker.is_idle)
        return self._details_builders[folder]
