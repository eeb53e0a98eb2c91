"""The public API of runs: start, find, watch, read, steer and load them; the quickstart notebook."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np
import pytest

import genexplorer
import trainers
from genexplorer import api, notebook
from genexplorer.errors import NoSuchRunError, WorkerError
from genexplorer.runs.store import RunStore
from genexplorer.session import actions
from genexplorer.session.actions import ActionResult
from genexplorer.session.run_poller import RunPoller
from tests.fixtures.fake_run import running_run, write_run
from tests.trainers import idx_files
from trainers import presets, registry

ROOT = Path(__file__).resolve().parents[2]
TINY: dict[str, Any] = {
    "data.limit": 256,
    "data.limit_test": 32,
    "model.hidden": [8],
    "optim.batch_size": 16,
    "execution.threads": 1,
    "execution.eval_every": 100_000,
}


@pytest.fixture
def runs_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "runs"
    yield folder
    for status in RunStore(folder).list():
        if status.pid and status.state.active:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.pid, signal.SIGKILL)


def test_runs_are_found_by_name_id_path_and_as_the_latest(runs_dir: Path) -> None:
    older = write_run(runs_dir, steps=20, name="old-elm", pictures=False)
    newer = write_run(runs_dir, steps=20, name="red-fox", pictures=False)
    assert [run.name for run in genexplorer.list_runs(runs_dir=runs_dir)] == ["red-fox", "old-elm"]
    for selector, folder in {"latest": newer, "old-elm": older, newer.name: newer, str(older): older}.items():
        assert genexplorer.open(selector, runs_dir=runs_dir).folder == folder
    assert genexplorer.open(older, runs_dir=str(runs_dir)).folder == older
    with pytest.raises(NoSuchRunError, match="no run 'nothing'"):
        genexplorer.open("nothing", runs_dir=runs_dir)


def test_the_runs_folder_comes_from_the_environment(runs_dir: Path) -> None:
    assert genexplorer.list_runs() == []
    write_run(Path(os.environ["GENEXPLORER_RUNS"]), steps=20, pictures=False)
    assert len(genexplorer.list_runs()) == 1


def test_metrics_are_tidy_rows(runs_dir: Path) -> None:
    run = genexplorer.Run(write_run(runs_dir, steps=1000, pictures=False))
    losses = run.metrics("train/loss")
    assert [row.step for row in losses] == list(range(1, 1001)) and {row.metric for row in losses} == {"train/loss"}
    everything = run.metrics()
    assert len({row.metric for row in everything}) == len(run.metric_specs) and len(everything) > 5000
    assert {row.metric for row in run.metrics("test/elbo*")} == {"test/elbo_ema", "test/elbo_raw"}
    assert len(run.metrics("train/loss", max_points=100)) <= 100
    assert run.metrics("no/such") == []


def test_pandas_is_optional(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = genexplorer.Run(write_run(runs_dir, steps=20, pictures=False)).metrics()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(trainers.UserError, match="pandas is not installed: pip install pandas"):
        rows.to_pandas()


def test_a_finished_run_is_shown_once_in_a_terminal(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = genexplorer.Run(write_run(runs_dir, steps=500, name="red-fox"))
    run.watch()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("red-fox: succeeded  step 500  100%  test ELBO")
    assert run.wait().state == "succeeded" and "red-fox: vae-2d on mnist, succeeded, step 500" in repr(run)


def test_an_interrupted_watch_leaves_the_run_alone(
    runs_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with running_run(runs_dir, steps=50) as fake:
        run = genexplorer.Run(fake.folder)
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", interrupt)
            run.watch()
        assert "keeps training" in capsys.readouterr().out and run.status.state == "running"
        run.watch(timeout_s=0)  # attaches again
        assert "running" in capsys.readouterr().out
        with pytest.raises(WorkerError, match="is running after 0 s"):
            run.wait(timeout_s=0)


def test_a_notebook_cell_shows_progress_curves_and_samples(runs_dir: Path) -> None:
    folder = write_run(runs_dir, steps=1000, name="<script>")
    poller = RunPoller(folder)
    poller.poll()
    html = notebook.run_html(poller)
    assert html.count("<svg") == 3 and "data:image/png;base64," in html and "width:100.0%" in html
    assert "<script>" not in html and "nan" not in html
    empty = RunPoller(write_run(runs_dir, state="queued"))
    empty.poll()
    assert "<svg" not in notebook.run_html(empty) and "<img" not in notebook.run_html(empty)


def test_a_run_elsewhere_is_read_but_not_steered(runs_dir: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "received", steps=20, pictures=False)
    run = genexplorer.open(folder, runs_dir=runs_dir)
    assert len(run.metrics()) > 0
    for action in (run.pause, run.resume, run.stop):
        with pytest.raises(trainers.UserError, match="genexplorer runs import"):
            action()


def test_a_finished_run_cannot_be_paused(runs_dir: Path) -> None:
    run = genexplorer.Run(write_run(runs_dir, steps=20, pictures=False))
    with pytest.raises(trainers.UserError, match="is succeeded"):
        run.pause()


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("vae-2d", {"data": np.zeros((9, 8, 8))}, "cannot see the ndarray of this process: write images with"),
        (object(), {}, "needs the name of a preset, got object"),
        ("vea-2d", {}, "did you mean 'vae-2d'"),
        ("vae-2d", {"epochs": -1}, r"schedule\.epochs"),
        ("vae-2d", {"settings": {"model.bteta": 4}}, "did you mean 'beta'"),
        ("vae-2d", {"data": "/no/such/folder"}, "'/no/such/folder' is neither a data set nor a folder or file"),
        ("vae-2d", {"tags": "abc"}, r'tags: expected a list such as \["baseline"\], got \'abc\''),
        ("vae-2d", {"tags": [3]}, "tags: expected texts"),
        ("vae-2d", {"tags": [" "]}, "a tag cannot be empty"),
        ("vae-2d", {"tags": ["x" * 33]}, "has more than 32 characters"),
        ("vae-2d", {"tags": [f"t{i}" for i in range(33)]}, "33 tags: a run has at most 32"),
        ("vae-2d", {"name": 3}, "name: expected text, got 3"),
        ("vae-2d", {"runs_dir": 3}, "runs_dir: expected a folder, got 3"),
        ("vae-2d", {"settings": "optim.lr=1"}, "settings: expected a mapping"),
        ("vae-2d", {"settings": {"preset": "gan"}}, "'gan' cannot be a setting of a run that is based on 'vae-2d'"),
        ("vae-2d", {"settings": {"preset": 3}}, "preset: 3 cannot be a setting"),
        (presets.assemble("vae-2d"), {"settings": {"preset": "gan"}}, "preset: 'gan' cannot be a setting"),
    ],
)
def test_misuse_is_reported_before_a_run_is_created(
    runs_dir: Path, model: Any, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(trainers.ConfigError, match=message):
        genexplorer.train(model, **{"runs_dir": runs_dir, **arguments})
    assert not runs_dir.exists()


def test_a_run_that_ends_with_its_container_warns(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = ActionResult(True, "started", folder=write_run(runs_dir, steps=20, pictures=False))
    monkeypatch.setattr(actions, "start_run", lambda *_, **__: started)
    monkeypatch.setattr(api, "lifetime_warning", lambda remedy: f"process 1 of this container is python; {remedy}")
    with pytest.warns(RuntimeWarning, match=r"process 1 of this container is python; call wait\(\) of the run"):
        genexplorer.train("vae-2d", runs_dir=runs_dir)


def test_arguments_of_a_run_are_rejected_by_name(runs_dir: Path) -> None:
    run: Any = genexplorer.Run(write_run(runs_dir, steps=20, pictures=False))
    for points in (0, -1, 1.5, "x", True):
        with pytest.raises(trainers.ConfigError, match="max_points: expected 1 to"):
            run.metrics(max_points=points)
    for call, message in (
        (lambda: run.metrics(3), "pattern: expected text"),
        (lambda: run.model("x"), "step: expected 0 to"),
        (lambda: run.wait("x"), "timeout_s: expected seconds or None, got 'x'"),
        (lambda: run.watch(timeout_s=float("nan")), "timeout_s: expected seconds"),
        (lambda: genexplorer.open(None), "selector: expected a name"),  # type: ignore[arg-type]
        (lambda: genexplorer.Run(3), "folder: expected a run folder"),  # type: ignore[arg-type]
        (lambda: genexplorer.list_runs(runs_dir=runs_dir / "none"), "runs_dir: there is no folder .*/none"),
        (lambda: genexplorer.list_runs(runs_dir=__file__), "runs_dir: there is no folder"),
    ):
        with pytest.raises(trainers.ConfigError, match=message):
            call()


def test_what_only_this_process_knows_is_not_trained_in_the_background(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "registered_names", lambda: {"mnist"})
    with pytest.raises(trainers.ConfigError, match="'mnist' is registered in this process only"):
        genexplorer.train("vae-2d", runs_dir=runs_dir)


def test_importing_genexplorer_imports_next_to_nothing() -> None:
    code = "import sys, genexplorer; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'pydantic', 'textual')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert all(getattr(genexplorer, name) is not None for name in genexplorer.__all__)


@pytest.mark.process
def test_a_background_run_is_paused_resumed_stopped_and_loaded(runs_dir: Path, tmp_path: Path) -> None:
    images, labels = idx_files.blobs(300, 9, 7, 1, seed=0)
    data = trainers.save_images(tmp_path / "blobs", images[..., 0], labels)
    settings = {key: value for key, value in TINY.items() if not key.startswith("data.limit")}
    run = genexplorer.train("vae-2d", data=data, steps=100_000, settings=settings, name="tiny", runs_dir=runs_dir)
    run.pause()
    assert run.status.state == "paused"
    run.resume()
    run.stop()
    assert run.status.state == "stopped" and run.wait().step == run.status.step
    model = run.model()
    assert model.sample(4).shape == (4, 1, 9, 7) and model.step == run.status.step
    assert run.model(step=0).step == 0 and run.config.data.name == "idx"
    with pytest.raises(trainers.CheckpointError, match="no snapshot at step 7,777,777"):
        run.model(step=7_777_777)


@pytest.mark.process
@pytest.mark.timeout(300)
def test_the_quickstart_notebook_runs(tmp_path: Path) -> None:
    cells = nbformat.read(ROOT / "examples" / "quickstart.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(
        cells, timeout=100, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [output for cell in cells.cells for output in cell.get("outputs", ())]
    shown = "".join(output["data"].get("text/html", "") for output in outputs if "data" in output)
    assert "quickstart: succeeded" in shown and "<svg" in shown
    assert any("image/png" in output.get("data", {}) for output in outputs)
    (run,) = genexplorer.list_runs()
    assert run.name == "quickstart"
