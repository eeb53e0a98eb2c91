"""Creates the run folder of a branch: a new run that goes on from a checkpoint or a snapshot of another one.

It is whole without its parent: it has the checkpoint, and the curves, pictures and snapshots up to it. Inside one runs
folder pictures and snapshots are hard links, which take no space; nothing writes to them in place.
"""

import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout, notes, parent, settings
from genexplorer.runs.artifacts import retention
from genexplorer.runs.artifacts.images import image_path
from genexplorer.runs.database import sqlite, write
from genexplorer.runs.database.committer import PrimaryMetric
from genexplorer.runs.database.history import INHERITED_ATTEMPT, History, copy_history
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import FORK_COMMAND, Parent
from genexplorer.runs.status import heartbeat
from genexplorer.runs.store import RunStore
from genexplorer.runs.untrusted_files import open_file
from trainers.events import ON_RESUME, LrContinuation, ResumeState, SettingChange, SettingValue
from trainers.storage import atomic_files, branching, checkpoint

if TYPE_CHECKING:
    from trainers.config import RunConfig

_NO_FILE_ERRNOS = (errno.ENOENT, errno.ELOOP, errno.EINVAL)  # missing, a link, no regular file


@dataclass(frozen=True)
class BranchPoint:
    """Where a branch starts.

    Args:
        folder: The parent's run folder.
        step: Number of updates done.
        exact: Whether the parent has a checkpoint of that step; else its snapshot, which has weights alone.
    """

    folder: Path
    step: int
    exact: bool

    def __str__(self) -> str:
        if self.exact:
            return f"from checkpoint {self.step:,} (exact)"
        return f"from the weights of step {self.step:,}: the optimizer starts anew"


def branch_point(folder: Path, at_step: int | None = None) -> BranchPoint:
    """Return where a branch of a run starts: at a step, or at the newest complete checkpoint.

    Raises:
        CheckpointError: if the run has neither a checkpoint nor a snapshot there, with the nearest ones.
    """
    checkpoints = retention.steps(folder / layout.CHECKPOINTS, layout.MANIFEST)
    snapshots = retention.steps(folder / layout.SNAPSHOTS, layout.MANIFEST)
    name = notes.read(folder).name or folder.name
    if at_step is None:
        newest, _ = retention.newest_complete(folder / layout.CHECKPOINTS, checkpoint.verify)
        if newest is not None and (step := layout.step_of(newest)) is not None:
            return BranchPoint(folder, step, exact=True)
        hint = f"start from weights: --at {snapshots[-1]}" if snapshots else "wait until it has saved one"
        raise CheckpointError(f"{name} has no complete checkpoint", hint)
    if at_step in checkpoints or at_step in snapshots:
        return BranchPoint(folder, at_step, exact=at_step in checkpoints)
    nearest = []
    for steps, kind in ((checkpoints, "checkpoint"), (snapshots, "weights")):
        if steps:
            nearest.append(f"{min(steps, key=lambda step: abs(step - at_step)):,} ({kind})")
    hint = f"the nearest are {' and '.join(nearest)}" if nearest else "it has none yet"
    raise CheckpointError(f"{name} has neither a checkpoint nor a snapshot at step {at_step:,}", hint)


def load_state(point: BranchPoint) -> ResumeState:
    """Return the state from which a branch starts, verified.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    if point.exact:
        return branching.from_checkpoint(
            checkpoint.load(layout.step_folder(point.folder / layout.CHECKPOINTS, point.step))
        )
    arrays, card = checkpoint.load_snapshot(layout.step_folder(point.folder / layout.SNAPSHOTS, point.step))
    return branching.from_snapshot(arrays, card, RunReader(point.folder).elapsed_s(point.step))


def create_branch(
    store: RunStore,
    point: BranchPoint,
    state: ResumeState,
    config: "RunConfig",
    *,
    values: Mapping[str, SettingValue],
    lr_continuation: LrContinuation = "continue",
    changes: str = "",
    name: str = "",
    tags: Iterable[str] = (),
) -> Path:
    """Create the folder of a branch atomically; the parent is only read.

    Args:
        store: The store that receives it.
        point: Where it starts.
        state: The state there, from `load_state`.
        config: Its configuration: the parent's at that step.
        values: Settings that change at its first step.
        lr_continuation: How a learning rate that falls along a curve goes on after a change of the length.
        changes: All that differs from the parent, as text.
        name: A random one when empty.
        tags: For the list of runs.

    Raises:
        ConfigError: if the name is empty, too long, or selects another run.
        DamagedRunError: if the parent's records cannot be read.
        OSError: if the disk refuses.
    """
    run_notes = store.new_notes(name, tags)
    temporary = store.new_temporary_folder()
    try:
        # What it is.
        atomic_files.write_json(temporary / layout.CONFIG, config.model_dump(mode="json"))
        notes.write(temporary, run_notes)
        own_name = notes.read(point.folder).name or point.folder.name
        origin = Parent("fork", point.folder.name, own_name, point.step, exact=point.exact, changes=changes)
        parent.write(temporary, origin)
        (temporary / layout.CONTROL).mkdir()
        if values:
            settings.write_changes(temporary, [SettingChange(ON_RESUME, dict(values), lr_continuation)])
        # Where it starts, and what came before.
        checkpoints = temporary / layout.CHECKPOINTS
        checkpoints.mkdir()
        checkpoint.save(layout.step_folder(checkpoints, point.step), state.arrays, state.meta)
        is_own = point.folder.resolve().parent == store.runs_dir.resolve()  # others could write to linked files
        history = copy_history(point.folder, temporary, point.step, is_own=is_own)
        statements = _copy_pictures(point, temporary, may_link=is_own)
        row = {"attempt": INHERITED_ATTEMPT, "step": point.step, "elapsed_s": history.elapsed_s, "command_id": ""}
        row |= {"command": FORK_COMMAND, "path": "", "value": json.dumps(own_name), "error": ""}
        sqlite.execute_all(temporary, [*statements, write.insert_row("changes", row)])
        snapshot_step = _copy_snapshots(point, temporary, may_link=is_own)
        # How far it is.
        record = _live_record(config, state, history)
        record = replace(record, created=run_notes.created, snapshot_step=snapshot_step)
        heartbeat.create(temporary / layout.LIVE, record)
        return store.move_in(temporary, "" if name else run_notes.name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _live_record(config: "RunConfig", state: ResumeState, history: History) -> heartbeat.LiveRecord:
    record = heartbeat.LiveRecord(
        step=state.step,
        images_seen=_count(state.meta.get("images_seen")),
        recorded_step=state.step,
        checkpoint_step=state.step,
        num_alerts=history.num_alerts,
        elapsed_s=history.elapsed_s,
        updated=time.time(),
    )
    primary = PrimaryMetric(config)
    primary.declare(history.metric_specs.values())
    newest = primary.newest({name: point.value for name, point in history.latest.items()}, "")
    return record if newest is None else replace(record, primary_metric=newest[0], primary_value=newest[1])


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _copy_pictures(point: BranchPoint, folder: Path, *, may_link: bool) -> list[write.Row]:
    """Copy the recorded images up to the step; return statements that remove the records of those that are gone."""
    missing = []
    for image in RunReader(folder).images():
        original = image_path(point.folder / layout.PICTURES, image.kind, image.step)
        try:
            _copy_file(original, image.path, may_link=may_link)
        except OSError as error:
            if error.errno not in _NO_FILE_ERRNOS:
                raise
            missing.append(write.delete_picture_row(image.kind, image.step))
    return missing


def _copy_snapshots(point: BranchPoint, folder: Path, *, may_link: bool) -> int:
    """Copy the snapshots up to the step, and return the step of the newest one, -1 if there is none."""
    copied = -1
    (folder / layout.SNAPSHOTS).mkdir()
    for step in retention.steps(point.folder / layout.SNAPSHOTS, layout.MANIFEST):
        original = layout.step_folder(point.folder / layout.SNAPSHOTS, step)
        copy = layout.step_folder(folder / layout.SNAPSHOTS, step)
        if step > point.step:
            break
        try:
            for file in (layout.WEIGHTS, layout.CARD, layout.MANIFEST):
                _copy_file(original / file, copy / file, may_link=may_link)
        except OSError as error:  # such as thinned by its worker meanwhile
            if error.errno not in _NO_FILE_ERRNOS:
                raise
            shutil.rmtree(copy, ignore_errors=True)
        else:
            copied = step
    return copied


def _copy_file(original: Path, copy: Path, *, may_link: bool) -> None:
    """Link or copy a regular file.

    Raises:
        OSError: if it is missing or no regular file, or the disk refuses.
    """
    with open_file(original) as source:
        copy.parent.mkdir(parents=True, exist_ok=True)
        if may_link:
            with contextlib.suppress(OSError):  # a file system without links
                os.link(original, copy, follow_symlinks=False)
                return
        with copy.open("xb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
