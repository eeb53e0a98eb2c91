"""The real child with a real model: a few steps of training, then questions through the pipes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genexplorer.errors import UserError
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Answer, Progress, Result
from genexplorer.runs import layout
from trainers import checkpoint, durable
from trainers.config import RunConfig, parse
from trainers.events import SnapshotReady

CONFIG = {
    "model": {"name": "vae", "latent_dim": 2, "hidden": [16]},
    "data": {"name": "mnist", "limit": 256},
    "schedule": {"steps": 3},
    "execution": {"threads": 1, "device": "cpu"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainers.loop import train

    folder = tmp_path_factory.mktemp("runs") / "run"
    (folder / layout.SNAPSHOTS).mkdir(parents=True)
    config: RunConfig = parse(CONFIG)
    durable.write_json(folder / layout.CONFIG, config.model_dump(mode="json"))
    for event in train(config):
        if isinstance(event, SnapshotReady):
            place = layout.step_folder(folder / layout.SNAPSHOTS, event.step)
            checkpoint.save_snapshot(place, event.arrays, event.card)
    return folder


@pytest.fixture(scope="module")
def client(run: Path) -> Iterator[ExplorerClient]:
    with ExplorerClient(lambda answer: None, lambda words: None) as made:
        yield made


def result(answer: Answer) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    assert isinstance(answer.body, Result)
    return dict(answer.body.arrays), dict(answer.body.meta)


@pytest.mark.process
def test_a_trained_model_answers_through_the_pipes(client: ExplorerClient, run: Path) -> None:
    told: list[Progress] = []
    described = client.call(run, "describe", on_progress=told.append)
    assert "warming up" in [progress.message for progress in told]
    assert described.snapshot_step == 3
    assert result(described)[1]["card"]["latent_shape"] == [2]
    params = {"rows": 6, "columns": 5, "bounds": [0, 1, 0, 1], "coords": "u"}
    tiles, _ = result(client.call(run, "manifold", params=params, lane="drag"))
    assert (tiles["images"].shape, tiles["images"].dtype) == ((6, 5, 28, 28, 1), np.uint8)
    from genexplorer.session.plane import Plane

    z = Plane.home("u").grid(6, 5).reshape(-1, 2)
    decoded, _ = result(client.call(run, "decode", arrays={"z": z}))
    gap = np.abs(decoded["images"].reshape(tiles["images"].shape).astype(int) - tiles["images"].astype(int))
    assert gap.max() <= 1  # the tiles of the plane and the images under its cursor are the same


def test_codes_samples_and_the_past(client: ExplorerClient, run: Path) -> None:
    codes, _ = result(client.call(run, "encode", params={"indices": [3, 5]}))
    assert (codes["mu"].shape, codes["labels"].shape) == ((2, 2), (2,))
    one, _ = result(client.call(run, "sample", params={"count": 4, "seed": 7}))
    two, _ = result(client.call(run, "sample", params={"count": 4, "seed": 7}))
    np.testing.assert_array_equal(one["images"], two["images"])
    past = client.call(run, "sample", params={"count": 4, "seed": 7}, snapshot_step=0)
    assert past.snapshot_step == 0
    assert not np.array_equal(result(past)[0]["z"], np.zeros(8))
    gone = client.call(run, "sample", params={"count": 4, "seed": 7}, snapshot_step=10**6)
    assert 0 < gone.snapshot_step < 10**6


@pytest.mark.parametrize(
    ("op", "params", "message"),
    [
        ("trace", {}, "no operation"),
        ("manifold", {"rows": 10**9}, "rows"),
        ("decode", {}, "z:"),
        ("encode", {"indices": [10**6]}, "beyond the test set"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    client: ExplorerClient, run: Path, op: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as told:
        client.call(run, op, params=params)
    assert "\n" not in str(told.value)
