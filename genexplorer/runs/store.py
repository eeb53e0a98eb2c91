"""The runs folder: create, list, find, rename, delete and restore runs."""

import contextlib
import os
import secrets
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer import kernel_lock
from genexplorer.errors import ConfigError, NoSuchRunError, RunStateError
from genexplorer.runs import layout, notes
from genexplorer.runs.command_hints import run_command
from genexplorer.runs.record import RunStatus, State
from genexplorer.runs.sanitize import one_line, slug
from genexplorer.runs.status import heartbeat, run_status
from genexplorer.runs.status.run_status import (
    HeartbeatTracker,
    SummaryCache,
    is_elsewhere,
    is_run_folder,
    read_config,
    read_settled_status,
    read_status,
    stamp,
)
from trainers.storage import atomic_files

if TYPE_CHECKING:
    from genexplorer.runs.initial import InitialSource
    from trainers.config import RunConfig

EXIT_TIMEOUT_S = 2.0  # from the recorded outcome to the exit of the worker
Runs = list[RunStatus]
_NEW_PREFIX = ".new-"  # of a folder that becomes a run when it is complete
_ABANDONED_AFTER_S = 24 * 3600.0  # without a new file in it
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


class RunStore:
    """All runs under one folder. It caches their statuses: use one store for repeated lists.

    Args:
        runs_dir: The folder; created with the first run.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._summaries = SummaryCache()
        self._heartbeats = HeartbeatTracker()
        self._finished: dict[Path, tuple[object, RunStatus]] = {}

    def create(
        self,
        config: "RunConfig",
        *,
        name: str = "",
        tags: Iterable[str] = (),
        initial: "InitialSource | None" = None,
    ) -> Path:
        """Create the folder of a new run atomically.

        Args:
            config: Its configuration.
            name: A random one when empty.
            tags: For the list of runs.
            initial: Weights of another run to start from.

        Raises:
            ConfigError: if the name is empty, too long, or selects another run.
            OSError: if the disk refuses.
        """
        run_notes = self.new_notes(name, tags)
        self.runs_dir.mkdir(parents=True, exist_ok=True)
        random_name = "" if name else run_notes.name  # a name that was typed never becomes part of a path
        folder = self.runs_dir / _new_id(config.preset or config.model.name, random_name)
        temporary = self.runs_dir / f"{_NEW_PREFIX}{folder.name}"
        temporary.mkdir()
        try:
            atomic_files.write_json(temporary / layout.CONFIG, config.model_dump(mode="json"))
            notes.write(temporary, run_notes)
            heartbeat.create(temporary / layout.LIVE, heartbeat.LiveRecord(created=run_notes.created))
            (temporary / layout.CONTROL).mkdir()
            if initial is not None:
                from genexplorer.runs import initial as initial_weights  # imports NumPy, which lists do not need

                initial_weights.write(temporary, initial)
            atomic_files.rename_folder(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return folder

    def new_notes(self, name: str, tags: Iterable[str] = ()) -> notes.Notes:
        """Return the notes of a new run.

        Args:
            name: A random one when empty.
            tags: For the list of runs.

        Raises:
            ConfigError: if the name is empty, too long, or selects another run.
        """
        self._require_selectable(name)
        return notes.new(name, tags, () if name else {run.name for run in self.list()})

    def new_temporary_folder(self) -> Path:
        """Create a hidden folder for a run that is not complete yet; `move_in` makes it a run."""
        self.runs_dir.mkdir(parents=True, exist_ok=True)
        # Remove those of processes that were killed on the way.
        for abandoned in self.runs_dir.glob(f"{_NEW_PREFIX}*"):
            with contextlib.suppress(OSError):
                if time.time() - abandoned.lstat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(abandoned, ignore_errors=True)
        folder = self.runs_dir / f"{_NEW_PREFIX}{_random(12)}"
        folder.mkdir()
        return folder

    def move_in(self, temporary: Path, random_name: str = "") -> Path:
        """Move a complete run folder from a hidden name in this store to a new id.

        Args:
            temporary: The folder.
            random_name: A part of the id: a name that no person typed.

        Raises:
            DamagedRunError: if its configuration cannot be read.
            OSError: if the disk refuses.
        """
        config = read_config(temporary)
        folder = self.runs_dir / _new_id(config.preset or config.model.name, random_name)
        atomic_files.rename_folder(temporary, folder)
        return folder

    def is_own(self, folder: Path) -> bool:
        """Return whether a run is in this store: runs elsewhere are read-only."""
        return self.runs_dir.resolve() in (folder.resolve().parent, folder.parent.resolve())

    def require_own(self, folder: Path) -> None:
        """Raise unless a run is in this store: runs elsewhere are read-only.

        Raises:
            RunStateError: with the command that imports it.
        """
        if not self.is_own(folder):
            raise RunStateError(
                f"{folder} is outside of {self.runs_dir} and read-only",
                f"import it: genexplorer runs import {shlex.quote(str(folder))}, or pass its folder with --runs-dir",
            )

    def list(self) -> Runs:
        """Return every run, newest first; damaged ones are included with the reason."""
        runs = [run for run in map(self._cached_or_read, self._run_folders()) if run is not None]
        return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)

    def _run_folders(self) -> tuple[Path, ...]:
        """Return the folders that may be runs."""
        try:
            with os.scandir(self.runs_dir) as entries:
                return tuple(self.runs_dir / entry.name for entry in entries if _may_be_run(entry))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def list_after_observing(self) -> Runs:
        """Return every run as `list` does; silent workers on other machines are observed until it is clear that they
        are lost.
        """
        runs = self.list()
        if any(is_elsewhere(run) and not run.is_responding for run in runs):
            time.sleep(run_status.LOST_AFTER_S + 0.1)
            runs = self.list()
        return runs

    def _cached_or_read(self, folder: Path) -> RunStatus | None:
        """Return the status of a run, None for another folder; one that has ended is read again only if it changed."""
        current = stamp(folder)
        cached = self._finished.get(folder)
        if cached is not None and cached[0] == current:
            return cached[1]
        if not is_run_folder(folder):
            return None
        run = self.status(folder)
        if run.state in (State.SUCCEEDED, State.STOPPED, State.FAILED):
            self._finished[folder] = (current, run)
        return run

    def status(self, folder: Path) -> RunStatus:
        """Return the status of one run."""
        return read_status(folder, self._heartbeats, self._summaries)

    def find(self, selector: str) -> Path:
        """Return the run selected by an id, a name, a unique prefix of either, "latest", or a path.

        Raises:
            NoSuchRunError: if there is none, or more than one.
        """
        # Prefer an exact id, then an exact name, then a path, then a unique prefix.
        runs, name = self.list(), one_line(selector, notes.MAX_NAME_LENGTH)
        with_name = [run for run in runs if name and run.name == name]
        if selector == notes.LATEST and runs and runs[0] not in with_name:
            with_name.insert(0, runs[0])  # older versions accepted the name 'latest'
        path = Path(selector).expanduser()
        is_path = os.sep in selector or selector in (".", "..")
        prefixed = [run for run in runs if name and (run.id.startswith(selector) or run.name.startswith(name))]
        for match in ([run for run in runs if run.id == selector], with_name, [] if is_path else prefixed):
            if len(match) == 1:
                return match[0].folder
            if match:
                raise NoSuchRunError(f"'{one_line(selector, 64)}' is ambiguous: {_summary(match)}", "use the id")
        if is_run_folder(path):
            return path.resolve()
        if is_path and len(prefixed) == 1:
            return prefixed[0].folder
        if is_path:
            raise NoSuchRunError(
                f"{one_line(selector)} is neither a run nor a run folder", f"it has no {layout.CONFIG}"
            )
        hint = f"the runs are {_summary(runs)}" if runs else "start one with 'genexplorer train'"
        raise NoSuchRunError(f"no run '{one_line(selector, 64)}' in {self.runs_dir}", hint)

    def _require_selectable(self, name: str, folder: Path | None = None) -> None:
        """Raise a ConfigError if a new name of a run is the id of another."""
        for other in self._run_folders():
            if other != folder and other.name == one_line(name, notes.MAX_NAME_LENGTH):
                raise ConfigError(f"'{other.name}' is the id of another run", "choose another name")

    def same_name_notice(self, folder: Path) -> str:
        """Return which other runs have the name of a run, with the ids that tell them apart; empty if none has."""
        own = self.status(folder)
        others = [run.id for run in self.list() if run.name == own.name and run.folder != folder]
        if not others:
            return ""
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        noun = "another run is" if len(others) == 1 else f"{len(others)} other runs are"
        return f"{noun} named {own.name} ({', '.join(others[:3])}{more}); this one is {own.id}: use the ids"

    def rename(self, folder: Path, name: str) -> None:
        """Give a run another name; its id and folder stay.

        Raises:
            ConfigError: if the name is empty, too long, or selects another run.
        """
        self.require_own(folder)
        self._require_selectable(name, folder)
        notes.change(folder, name=notes.clean_name(name))

    def set_tags(self, folder: Path, tags: Iterable[str]) -> None:
        """Replace a run's tags."""
        self.require_own(folder)
        notes.change(folder, tags=notes.clean_tags(tags))

    def set_note(self, folder: Path, text: str) -> None:
        """Replace a run's note."""
        self.require_own(folder)
        notes.change(folder, note=text)

    def delete(self, folder: Path) -> Path:
        """Move a run to the trash and return its folder there; `restore` undoes it.

        Raises:
            RunStateError: if it has a worker.
            NoSuchRunError: if it is not a run of this store.
        """
        if folder.parent != self.runs_dir or folder.name.startswith("."):
            raise NoSuchRunError(f"{folder} is not a run of {self.runs_dir}", "delete folders elsewhere by hand")
        if not folder.is_symlink() and not is_run_folder(folder):
            raise NoSuchRunError(f"{one_line(folder.name, 80)} is not a run", "it has no configuration")
        trash = self.runs_dir / f"{layout.TRASH_PREFIX}{folder.name}"
        if folder.is_symlink() and not is_run_folder(folder):
            return self._move(folder, trash)
        # Hold the lock while the folder is moved, so that no worker starts.
        status = read_settled_status(folder, self._heartbeats, self._summaries)
        busy = status.state in (State.RUNNING, State.PAUSED, State.STOPPING)
        with kernel_lock.KernelLock(folder / layout.LOCK) as lock:
            try:
                is_free = not busy and lock.acquire(patience_s=EXIT_TIMEOUT_S)
            except OSError:  # a read-only folder, where none can start
                is_free = not busy
            if not is_free:
                raise RunStateError(
                    f"{status.name} is {status.state}: it has a worker",
                    f"stop it first: {run_command('runs stop', folder)}",
                )
            return self._move(folder, trash)

    def trash(self) -> tuple[Path, ...]:
        """Return the runs in the trash, the last deleted first."""
        if not self.runs_dir.is_dir():
            return ()
        deleted = [path for path in self.runs_dir.iterdir() if path.name.startswith(layout.TRASH_PREFIX)]
        return tuple(sorted(deleted, key=lambda path: path.lstat().st_ctime_ns, reverse=True))

    def restore(self, trash: Path) -> Path:
        """Restore a deleted run and return its folder.

        Raises:
            NoSuchRunError: if it is no longer in the trash.
        """
        if trash.parent != self.runs_dir or not trash.name.startswith(layout.TRASH_PREFIX) or not trash.is_dir():
            raise NoSuchRunError(f"'{one_line(trash.name, 80)}' is not in the trash", "it may have been emptied")
        return self._move(trash, self.runs_dir / trash.name.removeprefix(layout.TRASH_PREFIX))

    def empty_trash(self) -> int:
        """Permanently delete the runs in the trash and return how many. Links are removed, never followed."""
        deleted = self.trash()
        for path in deleted:
            if path.is_symlink() or not path.is_dir():
                path.unlink()
            else:
                shutil.rmtree(path)
        return len(deleted)

    def _move(self, source: Path, target: Path) -> Path:
        while target.exists() or target.is_symlink():
            target = target.with_name(f"{target.name}-{_random(3)}")
        source.rename(target)
        atomic_files.sync_folder(self.runs_dir)
        return target


def _may_be_run(entry: os.DirEntry[str]) -> bool:
    try:
        if entry.name.startswith(".") or not entry.is_dir():
            return False
        # A link to a run on another disk is a run; one to a run beside it is only another name.
        path = Path(entry.path)
        return not entry.is_symlink() or path.resolve().parent != path.parent.resolve()
    except OSError:
        return False


def _new_id(preset: str, random_name: str) -> str:
    parts = [slug(preset, 24) or "run", random_name, _random(5)]
    return "-".join(part for part in parts if part)


def _random(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _summary(runs: Sequence[RunStatus]) -> str:
    """Return the names of a few runs, with the ids of those that share a name."""
    counts = Counter(run.name for run in runs)
    labels = [run.name if counts[run.name] == 1 else f"{run.name} ({run.id})" for run in runs]
    return ", ".join(labels[:4]) + (f" and {len(labels) - 4} more" if len(labels) > 4 else "")
