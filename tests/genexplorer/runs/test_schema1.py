"""A run folder of the first schema, made by a real training and kept as it was: it must always open.

Its eight steps were trained on 7×7 digits in two attempts, the first of which was paused, changed, saved and killed.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genexplorer.runs import layout
from genexplorer.runs.database import sqlite
from genexplorer.runs.reader import RunReader
from genexplorer.runs.record import State
from genexplorer.runs.store import RunStore
from trainers.storage import checkpoint

KEPT = Path(__file__).parents[2] / "fixtures" / "schema1_run"


@pytest.fixture
def reader(tmp_path: Path) -> RunReader:
    shutil.copytree(KEPT, tmp_path / "run")
    return RunReader(tmp_path / "run")


def test_the_list_knows_it(reader: RunReader) -> None:
    (run,) = RunStore(reader.folder.parent).list()
    assert (run.state, run.name, run.tags, run.preset, run.dataset) == (
        *(State.SUCCEEDED, "old-timer", ("schema-1",), "vae-2d", "small-digits"),
    )
    assert (run.step, run.total_steps, run.attempt, run.images_seen) == (8, 8, 2, 2048)
    assert run.primary_metric == "test/elbo_ema" and run.primary_value == pytest.approx(-35.3464, abs=1e-3)
    assert run.note == "A run of the first schema. It must always open."


def test_curves_log_changes_and_attempts(reader: RunReader) -> None:
    delta = reader.read_new()
    assert delta.status.state is State.SUCCEEDED
    assert delta.latest["test/elbo_ema"].step == 8 and delta.metric_specs["test/elbo_ema"].unit == "nats"
    series = reader.series("train/elbo")
    assert series.x.tolist() == [1, 2, 3, 4, 5, 6, 7, 8] and np.isfinite(series.mean).all()
    assert [change.command for change in delta.command_history] == ["pause", "set", "save_now"]
    assert [attempt.outcome for attempt in reader.attempts()] == ["lost", "succeeded"]
    assert any("checkpoint 8 saved" in line.message for line in delta.log) and len(delta.alerts) == 1


def test_pictures_snapshots_and_checkpoints(reader: RunReader) -> None:
    assert reader.snapshots() == [0, 1, 2, 5, 8] and reader.checkpoints() == [0, 8]
    assert {picture.kind for picture in reader.images()} == {"samples", "reconstructions", "manifold"}
    manifold = reader.images("manifold")[-1]
    assert Image.open(manifold.path).size == (20 * 7, 20 * 7) and manifold.tile_px == (7, 7)
    card = reader.card(5)
    assert (card.step, card.latent_shape, card.image_shape) == (5, (2,), (1, 7, 7)) and card.capability(
        "encode"
    ).available
    for step in reader.snapshots():
        arrays, _ = checkpoint.load_snapshot(layout.step_folder(reader.folder / layout.SNAPSHOTS, step))
        assert arrays
    assert checkpoint.load(layout.step_folder(reader.folder / layout.CHECKPOINTS, 8)).step == 8


def test_its_configuration_is_understood(reader: RunReader) -> None:
    config = reader.config()
    assert config.execution.deterministic and config.schedule.steps == 8 and config.optim.batch_size == 256
    assert config.model_options().latent_dim == 2


def test_reading_changes_nothing(reader: RunReader) -> None:
    def content() -> dict[str, bytes]:
        files = (path for path in reader.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(reader.folder)): path.read_bytes() for path in files}

    before = content()
    reader.read_new()
    reader.series("train/elbo", "time", 3)
    reader.latest(4)
    assert content() == before


def test_what_came_later_is_added_when_it_is_written_again(reader: RunReader) -> None:
    assert {spec.chart for spec in reader.metric_specs().values()} == {""}
    connection = sqlite.open_for_writing(reader.folder)
    connection.execute("UPDATE metrics SET chart = 'costs', label = 'KL' WHERE name = 'train/kl'")
    connection.close()
    specs = RunReader(reader.folder).metric_specs()
    assert (specs["train/kl"].chart, specs["train/kl"].label, specs["train/elbo"].chart) == ("costs", "KL", "")
