from collections.abc import Callable
from math import log
from pathlib import Path

import numpy as np
import pytest

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.artifacts.files import FileWriter, Job
from genexplorer.runs.artifacts.retention import select_for_removal
from trainers.storage import checkpoint


def save(parent: Path, step: int) -> Path:
    parent.mkdir(exist_ok=True)
    folder = layout.step_folder(parent, step)
    checkpoint.save(folder, {"w": np.full(4, step)}, {"step": step})
    return folder


def damage(folder: Path) -> None:
    path = folder / checkpoint.STATE_ARRAYS_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_thinning_keeps_the_ends_and_an_even_logarithmic_spacing() -> None:
    sizes: dict[int, int] = {}
    for step in [0, 1, 2, 5, 10, 20, 50, *range(100, 50_000, 100)]:
        sizes[step] = 10
        for removed in select_for_removal(sizes, 200, 1000):
            del sizes[removed]
        assert max(sizes) == step and sum(sizes.values()) <= 200
    kept = sorted(sizes)
    assert kept[0] == 0 and len(kept) == 20
    gaps = np.diff([log(step + 1) for step in kept])
    assert gaps.max() < 1.8 and gaps[5:].max() < 3 * gaps[5:].mean()


def test_thinning_never_touches_the_newest_and_step_0_however_small_the_budget() -> None:
    assert select_for_removal({0: 100, 5: 100, 9: 100}, 1, 1) == [5]
    assert select_for_removal({0: 100}, 1, 1) == [] and select_for_removal({}, 0, 0) == []
    assert select_for_removal({3: 100, 9: 100}, 1, 10) == [3]


def test_thinning_leaves_the_last_few_while_others_can_go() -> None:
    sizes = dict.fromkeys((0, 1, 2, 5, 10, 1000, 1010, 1020, 1030), 100)
    assert not {1000, 1010, 1020, 1030} & set(select_for_removal(sizes, 500, 1000))


def test_pruning_keeps_the_newest_two_complete_and_pinned_checkpoints(tmp_path: Path) -> None:
    run, parent = tmp_path, tmp_path / layout.CHECKPOINTS
    for step in (10, 20, 30, 40, 50):
        save(parent, step)
    damage(layout.step_folder(parent, 40))
    retention.pin(run, 10)
    assert retention.prune_checkpoints(parent, checkpoint.verify, set()) == [20]
    assert retention.steps(parent) == [10, 30, 40, 50]
    retention.unpin(run, 10)
    assert retention.prune_checkpoints(parent, checkpoint.verify, {30, 50}) == [10]


def test_the_newest_complete_checkpoint_is_selected(tmp_path: Path) -> None:
    assert retention.newest_complete(tmp_path / "none", checkpoint.verify) == (None, [])
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    (tmp_path / ".step-00000009.x.tmp").mkdir()
    assert retention.newest_complete(tmp_path, checkpoint.verify) == (second, [])
    damage(second)
    assert retention.newest_complete(tmp_path, checkpoint.verify) == (first, [2])


def test_what_a_killed_worker_left_is_tidied(tmp_path: Path) -> None:
    kept = save(tmp_path, 1)
    aside = tmp_path / ".step-00000002.abc.old"
    aside.mkdir()
    save(tmp_path, 2).rename(aside / "step-00000002")  # killed while it was being replaced
    (tmp_path / ".step-00000003.x.tmp").mkdir()
    (tmp_path / ".gone-step-00000000").mkdir()
    retention.clean_up_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000001", "step-00000002"]
    checkpoint.verify(kept)
    checkpoint.verify(tmp_path / "step-00000002")


def test_a_folder_that_is_a_link_is_no_snapshot(tmp_path: Path) -> None:
    target = save(tmp_path / "elsewhere", 1)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "step-00000001").symlink_to(target)
    for name in ("step-1", "step-000000001", "step-" + "9" * 40, "step--0000001", "step-٠٠٠٠٠٠٠١"):
        (tmp_path / "here" / name).mkdir()  # names that no worker gives
    assert retention.steps(tmp_path / "here") == []
    with pytest.raises(CheckpointError):
        checkpoint.verify(tmp_path / "here" / "step-00000002")


class Recorder:
    """Jobs that say when they ran, and a disk that can be full."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[str] = []
        self.problems: list[str] = []
        self.full = False

    def job(self, name: str, *, lane: str = "a", size: int = 0, droppable: bool = True, replaces: bool = False) -> Job:
        def run() -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            self.done.append(name)

        return Job(name, lane, run, lambda _: self.failed.append(name), size, droppable, replaces)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def blocked(thread: FileWriter) -> Callable[[], None]:
    """Keep the thread busy until the returned function is called."""
    from threading import Event

    began, go = Event(), Event()

    def work() -> None:
        began.set()
        go.wait(10)

    thread.submit(Job("blocker", "x", work, lambda _: None))
    assert began.wait(10)
    return go.set


def test_jobs_run_in_order_and_a_pending_checkpoint_is_replaced_by_a_newer_one(recorder: Recorder) -> None:
    thread = FileWriter(recorder.problems.append)
    release = blocked(thread)
    for job in (
        recorder.job("picture 1", lane="p"),
        recorder.job("state 1", lane="c", replaces=True),
        recorder.job("asked", lane="c", replaces=True, droppable=False),
        recorder.job("state 2", lane="c", replaces=True),
        recorder.job("picture 2", lane="p"),
    ):
        thread.submit(job)
    release()
    thread.drain()
    thread.close()
    assert recorder.done == ["picture 1", "asked", "state 2", "picture 2"] and recorder.failed == []


def test_memory_is_bounded_by_dropping_replaced_jobs(recorder: Recorder) -> None:
    thread = FileWriter(recorder.problems.append)
    release = blocked(thread)
    for number in range(10):
        thread.submit(recorder.job(f"{number}", size=100 << 20))
    release()
    thread.drain()
    thread.close()
    assert recorder.done[-1] == "9" and len(recorder.done) <= 3


def test_a_full_disk_is_reported_and_waited_for_until_the_patience_ends(recorder: Recorder) -> None:
    thread = FileWriter(recorder.problems.append)
    recorder.full = True
    thread.submit(recorder.job("late"))
    thread.drain(patience_s=0.05)
    thread.close()
    assert recorder.failed == ["late"] and recorder.done == []
    assert recorder.problems[0] == "disk full: cannot write late" and recorder.problems[-1] == ""
