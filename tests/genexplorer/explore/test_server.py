"""The real child with a real model: a few steps of training, then questions through the pipes."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genexplorer.errors import UserError
from genexplorer.explore.client import ExplorerClient
from genexplorer.explore.protocol import Progress, Response, Result
from genexplorer.runs import layout
from trainers.config import RunConfig, parse
from trainers.events import SnapshotReady
from trainers.storage import atomic_files, checkpoint

CONFIG: dict[str, Any] = {
    "model": {"name": "vae", "latent_dim": 2, "hidden": [16]},
    "data": {"name": "mnist", "limit": 256, "limit_test": 64},
    "schedule": {"steps": 3},
    "execution": {"threads": 1, "device": "cpu"},
}


GAN: dict[str, Any] = {
    **CONFIG,
    "model": {"name": "gan", "latent_dim": 4, "hidden_g": [8], "hidden_d": [8]},
    "data": {**CONFIG["data"], "binarization": "none"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "run", CONFIG)


def trained(folder: Path, given: dict[str, Any]) -> Path:
    """A run folder with the snapshots of a few steps."""
    from trainers.training.loop import train

    (folder / layout.SNAPSHOTS).mkdir(parents=True)
    config: RunConfig = parse(given)
    atomic_files.write_json(folder / layout.CONFIG, config.model_dump(mode="json"))
    for event in train(config):
        if isinstance(event, SnapshotReady):
            place = layout.step_folder(folder / layout.SNAPSHOTS, event.step)
            checkpoint.save_snapshot(place, event.arrays, event.card)
    return folder


@pytest.fixture(scope="module")
def client(run: Path) -> Iterator[ExplorerClient]:
    with ExplorerClient(lambda response: None, lambda reason: None) as made:
        yield made


def result(response: Response) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    assert isinstance(response.body, Result)
    return dict(response.body.arrays), dict(response.body.meta)


@pytest.mark.process
def test_a_trained_model_responds_through_the_pipes(client: ExplorerClient, run: Path) -> None:
    told: list[Progress] = []
    described = client.call(run, "describe", on_progress=told.append)
    assert "warming up" in [progress.message for progress in told]
    assert described.snapshot_step == 3
    assert result(described)[1]["card"]["latent_shape"] == [2]
    params = {"rows": 6, "columns": 5, "bounds": [0, 1, 0, 1], "coords": "u"}
    tiles, _ = result(client.call(run, "manifold", params=params, lane="drag"))
    assert (tiles["images"].shape, tiles["images"].dtype) == ((6, 5, 28, 28, 1), np.uint8)
    from genexplorer.session.plane import Plane

    across, down = np.meshgrid((np.arange(5) + 0.5) / 5, (np.arange(6) + 0.5) / 6)
    z = Plane("u").to_z(np.stack([across, 1 - down], -1)).reshape(-1, 2)
    decoded, _ = result(client.call(run, "decode", arrays={"z": z}))
    gap = np.abs(decoded["images"].reshape(tiles["images"].shape).astype(int) - tiles["images"].astype(int))
    assert gap.max() <= 1  # the tiles of the plane and the images under its cursor are the same


def test_encodings_samples_and_older_snapshots(client: ExplorerClient, run: Path) -> None:
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


@pytest.mark.process
def test_an_inversion_reports_its_error_and_can_be_canceled(run: Path, tmp_path: Path) -> None:
    forger = trained(tmp_path / "gan", GAN)
    told, searching, answered = [], threading.Event(), []

    def on_answer(response: Response) -> None:
        if response.op == "invert" and isinstance(response.body, Progress) and "error" in response.body.message:
            told.append(response.body)
            searching.set()
        elif not isinstance(response.body, Progress):
            answered.append(response.op)

    with ExplorerClient(on_answer, lambda reason: None) as client:
        client.send("job", forger, "invert", params={"indices": list(range(60)), "steps": 10_000}, topic="z")
        assert searching.wait(60)
        drawn, _ = result(client.call(forger, "sample", params={"count": 1}, lane="drag"))
        assert drawn["z"].shape == (1, 4), "what is urgent goes before"
        client.cancel("job", "z")
        matching, _ = result(client.call(forger, "invert", params={"index": 0, "steps": 5}))
        assert matching["history"].shape == (5, 1)
    assert told[0].fraction < 1 and not answered, "what was given up is never answered"


@pytest.mark.parametrize(
    ("op", "params", "message"),
    [
        ("paint", {}, "unknown operation"),
        ("trace", {}, "'trace' is not available"),
        ("manifold", {"rows": 10**9}, "rows"),
        ("decode", {}, "z:"),
        ("encode", {"indices": [10**6]}, "out of range of the test set"),
    ],
)
def test_invalid_requests_fail_in_one_line(
    client: ExplorerClient, run: Path, op: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as told:
        client.call(run, op, params=params)
    assert "\n" not in str(told.value)
