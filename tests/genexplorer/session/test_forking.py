"""Branches: bit for bit what their parent would have become, whole without it, and refused with a reason."""

import errno
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import genexplorer
from genexplorer.errors import CheckpointError, ConfigError, UserError
from genexplorer.runs import initial, layout, settings
from genexplorer.runs import parent as parent_record
from genexplorer.runs.artifacts import retention
from genexplorer.runs.branch import branch_point
from genexplorer.runs.database import sqlite
from genexplorer.runs.import_run import import_run
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import Parent, State
from genexplorer.runs.status.run_status import read_config, read_status
from genexplorer.runs.store import RunStore
from genexplorer.runs.writer import RunWriter
from genexplorer.session import forking
from genexplorer.session.change_marks import change_marks
from genexplorer.workers import launcher
from genexplorer.workers import main as worker
from tests.fault_injection import tiny_runs
from tests.fixtures.fake_run import write_run
from tests.trainers import idx_files, tiny
from trainers import presets
from trainers.config import RunConfig
from trainers.events import Command, Set, Stop
from trainers.storage import branching, checkpoint, fault_injection
from trainers.training.loop import train


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Branches are created, and get no worker."""
    monkeypatch.setattr(launcher, "start", read_status)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return idx_files.write_folder(tmp_path_factory.mktemp("data") / "blobs")


def deterministic(data: Path, steps: int, **schedule: Any) -> RunConfig:
    execution = {"deterministic": True, "eval_every": 7}
    layers: list[dict[str, Any]] = [{"execution": execution}, {"schedule": {"steps": steps, **schedule}}]
    return tiny.config(data, *layers)


def attempt(folder: Path, commands: Mapping[int, Sequence[Command]] | None = None) -> None:
    """Train a run as its worker does, in this process."""
    config = read_config(folder)
    writer = RunWriter(folder, config, threads=1, threaded=False)
    resume = worker._newest_checkpoint(writer)
    control = tiny.Script(commands or {})
    changes, weights = settings.read_changes(folder), initial.read(folder) if resume is None else None
    for event in train(config, resume=resume, control=control, changes=changes, initial=weights):
        writer.record(event)
    writer.close()


def fork(folder: Path, **options: Any) -> Path:
    result = forking.fork(folder, folder.parent, **options)
    assert result.ok and result.folder is not None, str(result)
    return result.folder


def last_state(folder: Path) -> Mapping[str, np.ndarray]:
    newest, _ = retention.newest_complete(folder / layout.CHECKPOINTS, checkpoint.verify)
    assert newest is not None
    return checkpoint.load(newest).arrays


def curves(folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    reader = RunReader(folder)
    series = {name: reader.series(name) for name in reader.metric_specs() if not name.startswith("speed/")}
    return {name: (curve.x.tolist(), curve.mean.tolist()) for name, curve in series.items()}


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("family", ["vae", "gan", "flow"])
def test_a_fork_of_a_fork_resumed_equals_the_uninterrupted_run_bit_for_bit(
    data: Path, tmp_path: Path, family: str
) -> None:
    store = RunStore(tmp_path / "runs")
    key, value = ("model.beta", 0.5) if family == "vae" else ("optim.lr", 5e-4)
    changes: dict[int, list[Command]] = {5: [Set({key: value})]}

    def create() -> Path:
        if family == "vae":
            return store.create(deterministic(data, 24, lr="cosine"))
        return tiny_runs.create(store, family, {"schedule": {"lr": "cosine"}, "execution": {"eval_every": 7}}, steps=24)

    whole = create()
    attempt(whole, changes)
    # Stopped at step 8, where its setting has changed; branched; stopped again; branched; stopped, and resumed.
    parent = create()
    attempt(parent, {**changes, 8: [Stop()]})
    first = fork(parent)
    attempt(first, {13: [Stop()]})
    second = fork(first)
    attempt(second, {19: [Stop()]})
    shutil.rmtree(parent)
    shutil.rmtree(first)
    attempt(second)
    assert read_status(second).state is State.SUCCEEDED
    assert not tiny.unequal(last_state(whole), last_state(second))
    assert curves(second) == curves(whole), "its curves begin with those of its parents"
    config = read_config(second)
    assert presets.flatten(config.model_dump())[key] == value and config == settings.config_at(whole, 24)
    history = RunReader(second).command_history()
    assert [(row.step, row.path, row.value) for row in history if row.path] == [(5, key, value)]


@pytest.mark.usefixtures("no_worker")
def test_settings_change_at_the_first_step_of_a_branch(data: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    # What a run does whose settings change at step 8 …
    whole = store.create(deterministic(data, 24, lr="cosine"))
    attempt(whole, {8: [Set({"schedule.steps": 16, "model.beta": 2.0}, "restart")]})
    # … a branch from there does as well.
    parent = store.create(deterministic(data, 24, lr="cosine"))
    attempt(parent, {8: [Stop()]})
    values = {"schedule.steps": 16, "model.beta": 2.0}
    result = forking.fork(parent, store.runs_dir, values=values, lr_continuation="restart")
    assert "from checkpoint 8 (exact), with schedule.steps 24 → 16, model.beta 1 → 2" in result.message
    assert result.folder is not None
    attempt(result.folder)
    assert not tiny.unequal(last_state(whole), last_state(result.folder))
    assert {(row.step, row.path) for row in RunReader(result.folder).command_history()} >= {(8, "model.beta")}
    assert settings.config_at(parent).schedule.steps == 24, "the parent stays as it was"


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize("family", ["gan", "flow"])
def test_every_family_starts_from_weights_alone(tmp_path: Path, family: str) -> None:
    store = RunStore(tmp_path)
    parent = tiny_runs.create(store, family, steps=24)
    attempt(parent)
    branch = fork(parent, at_step=10)
    attempt(branch)
    status = read_status(branch)
    assert (status.state, status.step) == (State.SUCCEEDED, 24)
    arrays, _ = checkpoint.load_snapshot(layout.step_folder(branch / layout.SNAPSHOTS, 24))
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.usefixtures("no_worker")
def test_a_branch_from_a_snapshot_has_its_weights_and_a_new_optimizer(data: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    parent = store.create(deterministic(data, 24))
    attempt(parent)
    result = forking.fork(parent, store.runs_dir, at_step=5)
    assert "from the weights of step 5: the optimizer starts anew" in result.message
    assert result.folder is not None and read_status(result.folder).step == 5
    arrays, _ = checkpoint.load_snapshot(layout.step_folder(parent / layout.SNAPSHOTS, 5))
    state = checkpoint.load(layout.step_folder(result.folder / layout.CHECKPOINTS, 5))
    assert state.meta[branching.WEIGHTS_ONLY] is True
    assert not tiny.unequal(arrays, {name.removeprefix("raw/"): array for name, array in state.arrays.items()})
    attempt(result.folder, {15: [Stop()]})
    attempt(result.folder)
    status = read_status(result.folder)
    assert (status.state, status.step) == (State.SUCCEEDED, 24)
    optimizer = {name: array for name, array in last_state(result.folder).items() if name.endswith("/step")}
    assert optimizer and all(float(count) == 19 for count in optimizer.values()), "updates since step 5"
    steps, _ = curves(result.folder)["train/loss"]
    assert steps == list(range(1, 25))


@pytest.mark.usefixtures("no_worker")
def test_a_branch_is_whole_without_its_parent(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    parent = write_run(store, steps=1500, state="stopped", name="calm-owl")
    folder = fork(parent, name="brave-fox", tags=("try",))
    expected_curve = RunReader(parent).series("train/elbo", max_points=100)
    pictures = {(image.kind, image.step): image.path.read_bytes() for image in RunReader(parent).images()}
    store.rename(parent, "other-name")
    store.delete(parent)
    assert store.empty_trash() == 1
    # Its record, curves, pictures and snapshots are there.
    status = read_status(folder)
    assert status.parent == Parent("fork", parent.name, "calm-owl", 1500, exact=True)
    assert (status.name, status.tags, status.state, status.step) == ("brave-fox", ("try",), State.QUEUED, 1500)
    assert (status.primary_metric, status.num_alerts) == ("test/elbo_ema", 1)
    reader = RunReader(folder)
    curve = reader.series("train/elbo", max_points=100)
    assert np.array_equal(curve.mean, expected_curve.mean) and np.array_equal(curve.x, expected_curve.x)
    assert {(image.kind, image.step): image.path.read_bytes() for image in reader.images()} == pictures
    assert reader.snapshots()[-1] == 1500 and len(reader.snapshots()) > 5
    for step in reader.snapshots():
        checkpoint.verify(layout.step_folder(folder / layout.SNAPSHOTS, step))


@pytest.mark.usefixtures("no_worker")
def test_an_earlier_step_has_the_records_up_to_it_alone(tmp_path: Path) -> None:
    parent = write_run(tmp_path, steps=4000)
    folder = fork(parent, at_step=500)
    reader, original = RunReader(folder), RunReader(parent)
    assert reader.latest() == original.latest(500)
    bounds = (0.0, 500.0)
    for points in (10, 100, 1000):  # read from buckets of several levels
        curve, expected = (
            each.series("train/elbo", "step", points, bounds if each is original else None)
            for each in (reader, original)
        )
        assert curve.x[-1] <= 500 and curve.num_values == 500
        if points == 1000:
            assert np.array_equal(curve.mean, expected.mean)
    assert reader.snapshots()[-1] == 500 == max(image.step for image in reader.images())
    assert reader.alerts() == [], "they came later"
    (mark,) = change_marks(reader.command_history())
    assert (mark.step, mark.text) == (500, "from brave-fox at step 500")
    assert mark.elapsed_s == pytest.approx(original.elapsed_s(500))
    assert read_status(folder).num_alerts == 0


@pytest.mark.usefixtures("no_worker")
def test_records_are_the_same_whether_the_parent_is_trusted_or_not(tmp_path: Path) -> None:
    """One database is attached, the other one read row by row."""
    parent = write_run(tmp_path / "runs", steps=1300, state="lost", name="calm-owl", pictures=False)
    shutil.copytree(parent, tmp_path / "theirs" / parent.name)
    own = fork(parent, at_step=1000)
    result = forking.fork(tmp_path / "theirs" / parent.name, tmp_path / "runs", at_step=1000)
    assert result.folder is not None, str(result)
    tables = ("metrics", "ticks", "scalars", "buckets", "alerts", "changes", "pictures")
    dumps = []
    for folder in (own, result.folder):
        with sqlite.open_for_reading(folder) as database:
            dumps.append({table: database.execute(f"SELECT * FROM {table}").fetchall() for table in tables})
    assert dumps[0] == dumps[1]
    assert dumps[0]["scalars"] and dumps[0]["alerts"] and len(dumps[0]["ticks"]) == 1001


@pytest.mark.usefixtures("no_worker")
@pytest.mark.parametrize(
    ("options", "expected", "exit_code"),
    [
        ({"at_step": 1234}, "neither a checkpoint nor a snapshot at step 1,234: the nearest are 1,500 (checkpoint)", 4),
        ({"values": {"model.latent_dim": 3}}, "model.latent_dim: a branch goes on with the weights", 2),
        ({"values": {"optim.batch_size": 32}}, "optim.batch_size: a branch goes on with the optimizer", 2),
        ({"values": {"model.latent_dmi": 3}}, "did you mean 'latent_dim'", 2),
        ({"values": {"model.beta": -1.0}}, "model.beta: must be at least 0", 2),
        ({"name": "latest"}, "cannot be named 'latest'", 2),
        ({"values": {"schedule.steps": 1500}}, "ends at step 1,500", 2),
    ],
)
def test_what_is_refused_leaves_nothing(
    tmp_path: Path, options: dict[str, Any], expected: str, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = write_run(tmp_path / "runs", steps=1500, state="stopped", pictures=False)
    meta = {"step": 1500, "images_seen": 1500 * 128, "elapsed_s": 9.0, "data": {"num_train": 60_000}}
    checkpoint.save(layout.step_folder(parent / layout.CHECKPOINTS, 1500), {"weights": np.ones(8)}, meta)
    result = forking.fork(parent, parent.parent, **options)
    assert not result.ok and expected in str(result) and result.exit_code == exit_code, str(result)
    assert [path.name for path in parent.parent.iterdir()] == [parent.name]


@pytest.mark.usefixtures("no_worker")
def test_a_failing_disk_leaves_no_half_made_branch(tmp_path: Path) -> None:
    parent = write_run(tmp_path / "runs", steps=200, state="stopped", pictures=False)
    with fault_injection.inject_faults(fault_injection.FaultPlan(10**9, errno.ENOSPC)) as plan:
        fork(parent)
    assert len(plan.calls) > 20
    store = RunStore(parent.parent)
    for nth in range(1, len(plan.calls) + 1):
        before = {run.id for run in store.list()}
        with fault_injection.inject_faults(fault_injection.FaultPlan(nth, errno.ENOSPC)):
            result = forking.fork(parent, parent.parent)
        new = [run for run in store.list() if run.id not in before]
        assert not result.ok, f"call {nth}, {plan.calls[nth - 1]}"
        # Only the sync of the runs folder, after the rename, can fail when the run is complete.
        assert [run.id for run in new if run.state is State.DAMAGED] == []
        for run in new:
            assert branch_point(run.folder).step == 200 and nth >= len(plan.calls) - 1
        assert not [path for path in parent.parent.iterdir() if path.name.startswith(".new-")]


@pytest.mark.usefixtures("no_worker")
def test_a_run_elsewhere_is_copied_and_not_linked(tmp_path: Path) -> None:
    foreign = write_run(tmp_path / "theirs", steps=200, state="stopped")
    result = forking.fork(foreign, tmp_path / "mine")
    assert result.ok and result.folder is not None and result.folder.parent == tmp_path / "mine"
    weights = layout.step_folder(result.folder / layout.SNAPSHOTS, 200) / layout.WEIGHTS
    assert weights.stat().st_nlink == 1
    own = fork(result.folder)
    assert (layout.step_folder(own / layout.SNAPSHOTS, 200) / layout.WEIGHTS).stat().st_nlink == 2


@pytest.mark.usefixtures("no_worker")
def test_damaged_and_hostile_parents(tmp_path: Path) -> None:
    parent = write_run(tmp_path / "runs", steps=200, state="stopped")
    # A picture that is a link is not followed.
    picture = next((parent / layout.PICTURES / "samples").iterdir())
    picture.unlink()
    picture.symlink_to("/etc/hostname")
    images = RunReader(fork(parent)).images()
    assert images and ("samples", picture.name) not in {(image.kind, image.path.name) for image in images}
    # A damaged checkpoint is no start.
    (layout.step_folder(parent / layout.CHECKPOINTS, 200) / "state.safetensors").write_bytes(b"x")
    result = forking.fork(parent, parent.parent)
    assert not result.ok and "no complete checkpoint" in result.message and "--at 200" in result.hint
    assert "state.safetensors: has 1 bytes" in forking.fork(parent, parent.parent, at_step=200).message


@pytest.mark.usefixtures("no_worker")
def test_a_branch_whose_checkpoint_is_damaged_does_not_start_anew(tmp_path: Path) -> None:
    folder = fork(write_run(tmp_path, steps=200, state="stopped"))
    (layout.step_folder(folder / layout.CHECKPOINTS, 200) / "state.safetensors").unlink()
    writer = RunWriter(folder, read_config(folder), threaded=False)
    with pytest.raises(CheckpointError, match="fork it again"):
        worker._newest_checkpoint(writer)
    writer.close("failed")


@pytest.mark.usefixtures("no_worker")
def test_an_imported_branch_names_its_parent(tmp_path: Path) -> None:
    folder = fork(write_run(tmp_path / "runs", steps=200, state="stopped", name="calm-owl"))
    imported = read_status(import_run(folder, RunStore(tmp_path / "others")).folder)
    assert imported.parent is not None and (imported.parent.name, imported.parent.step) == ("calm-owl", 200)
    # What is no record of a parent is none.
    records: list[Any] = [
        [],
        {"kind": "fork", "id": "x", "step": -1},
        {"kind": "x", "id": "x", "step": 1},
        {"kind": "fork"},
    ]
    for values in records:
        (folder / layout.PARENT).write_text(json.dumps(values))
        assert parent_record.read(folder) is None
    (folder / layout.PARENT).write_text(json.dumps({"kind": "fork", "id": "a\x1b[2Jb", "step": 1, "name": "n\nm"}))
    assert parent_record.read(folder) == Parent("fork", "ab", "n m", 1)


@pytest.mark.usefixtures("no_worker")
def test_runs_of_the_api_fork(tmp_path: Path) -> None:
    parent = write_run(tmp_path, steps=1500, state="stopped", name="calm-owl", pictures=False)
    run = genexplorer.open("calm-owl", runs_dir=tmp_path).fork(500, settings={"model.beta": 2}, name="b", tags=["x"])
    origin = run.status.parent
    assert origin is not None and (origin.id, origin.step, origin.exact) == (parent.name, 500, False)
    assert origin.changes == "model.beta 1 → 2" and settings.config_at(run.folder).model.options["beta"] == 2
    for arguments in ({"at_step": 7}, {"at_step": "x"}, {"settings": {"model.latent_dim": 3}}, {"settings": "x"}):
        with pytest.raises(UserError):
            run.fork(**arguments)


def test_the_command_of_a_branch(tmp_path: Path) -> None:
    folder = write_run(tmp_path, steps=200, name="calm-owl", pictures=False)
    command = forking.fork_command(folder, at_step=100, values={"model.beta": 1.0})
    assert command == f"genexplorer fork calm-owl --runs-dir {tmp_path} --at 100 --set model.beta=1"


def test_the_fields_of_the_form_are_parsed() -> None:
    assert forking.parse_request("", "", " ") == forking.BranchRequest()
    request = forking.parse_request(" 4,000 ", "model.beta=4 optim.lr=1e-3", "new-oak")
    assert request == forking.BranchRequest(4000, {"model.beta": 4, "optim.lr": 1e-3}, "new-oak")
    for at_step, line in (("now", ""), ("-1", ""), ("1.5", ""), ("²", ""), ("", "model.beta")):
        with pytest.raises(ConfigError):
            forking.parse_request(at_step, line, "")


def test_the_form_offers_the_snapshot_up_to_the_selected_step() -> None:
    config = presets.assemble("vae-2d")
    step, keys = forking.form_defaults(config, (0, 100, 200), 150)
    assert step == 100 and {"optim.lr", "model.beta"} <= set(keys)
    assert forking.form_defaults(None, (100,), None) == (None, ())
    assert forking.form_defaults(None, (100,), 50) == (None, ()), "no snapshot is that early"
