"""Checkpoints: round trip, reports of damage, and failures while writing, which leave the old or the new state."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load as load_safetensors

from trainers.errors import CheckpointError
from trainers.model_card import DataCard, ModelCard
from trainers.storage import checkpoint, fault_injection

OLD: dict[str, NDArray[Any]] = {
    "raw/w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "random/training": np.arange(5, dtype=np.uint8),
}
NEW: dict[str, NDArray[Any]] = {"raw/w": np.ones((2, 3), dtype=np.float32), "step": np.array(3, dtype=np.int64)}
CARD_FILE = ModelCard(
    family="vae",
    title="variational autoencoder",
    step=7,
    images_seen=70,
    latent_shape=(2,),
    image_shape=(1, 9, 7),
    data=DataCard(name="blobs", num_train=256, num_test=60),
    num_parameters=6,
)


def same(left: object, right: dict[str, NDArray[Any]]) -> bool:
    assert isinstance(left, dict)
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and np.array_equal(left[name], right[name]) for name in right
    )


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_state_round_trips(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "step-7", OLD, {"step": 7, "changes": []})
    state = checkpoint.load(tmp_path / "step-7")
    assert state.step == 7 and state.meta == {"step": 7, "changes": []}
    assert same(state.arrays, OLD)
    checkpoint.verify(tmp_path / "step-7")
    assert entries(tmp_path) == ["step-7"]


def test_views_are_saved_like_contiguous_arrays(tmp_path: Path) -> None:
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    checkpoint.save(tmp_path / "c", {"w": turned}, {"step": 0})
    assert np.array_equal(checkpoint.load(tmp_path / "c").arrays["w"], turned)


def test_a_snapshot_round_trips_with_its_card(tmp_path: Path) -> None:
    checkpoint.save_snapshot(tmp_path / "step-7", OLD, CARD_FILE)
    arrays, card = checkpoint.load_snapshot(tmp_path / "step-7")
    assert same(arrays, OLD) and card == CARD_FILE == checkpoint.load_card(tmp_path / "step-7")
    checkpoint.verify(tmp_path / "step-7")


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", OLD, {"step": 1})
    checkpoint.save(tmp_path / "c", NEW, {"step": 1})
    assert same(checkpoint.load(tmp_path / "c").arrays, NEW)
    assert entries(tmp_path) == ["c"]


def number_of_calls(folder: Path) -> int:
    folder.mkdir()
    checkpoint.save(folder / "c", OLD, {"step": 1})
    with fault_injection.inject_faults(fault_injection.FaultPlan(10**6, errno.ENOSPC)) as plan:
        checkpoint.save(folder / "c", NEW, {"step": 2})
    return len(plan.calls)


@pytest.mark.parametrize("before", [False, True], ids=["fresh", "over an old one"])
@pytest.mark.parametrize("persistent", [False, True], ids=["once", "persistent"])
def test_a_fault_at_any_call_leaves_the_old_or_the_new(tmp_path: Path, before: bool, persistent: bool) -> None:
    calls = number_of_calls(tmp_path / "count")
    assert calls >= 10
    for nth in range(1, calls + 1):
        parent = tmp_path / str(nth)
        parent.mkdir()
        if before:
            checkpoint.save(parent / "c", OLD, {"step": 1})
        plan = fault_injection.FaultPlan(nth, errno.ENOSPC, persistent=persistent)
        with fault_injection.inject_faults(plan), pytest.raises(OSError, match="No space"):
            checkpoint.save(parent / "c", NEW, {"step": 2})  # it never says saved when it is not
        if before:
            state = checkpoint.load(parent / "c")
            assert state.step == 1 and same(state.arrays, OLD)
        assert entries(parent) == (["c"] if before else [])


class Power(BaseException):
    """The power goes: nothing is cleaned up."""


class PowerCut(fault_injection.FaultPlan):
    """The nth call never comes back."""

    def count_call(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self.nth:
            raise Power


def test_a_power_failure_leaves_no_partial_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = number_of_calls(tmp_path / "count")
    monkeypatch.setattr("trainers.storage.checkpoint.shutil.rmtree", lambda *_, **__: None)
    for nth in range(1, calls + 1):
        parent = tmp_path / str(nth)
        parent.mkdir()
        with fault_injection.inject_faults(PowerCut(nth, errno.EIO)), pytest.raises(Power):
            checkpoint.save(parent / "c", NEW, {"step": 2})
        if (parent / "c").exists():
            assert checkpoint.load(parent / "c").step == 2
        assert all(name == "c" or name.startswith(".") for name in entries(parent))


def damage(path: Path, data: bytes) -> None:
    path.write_bytes(data)


FAULTS: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "a bit": (checkpoint.STATE_ARRAYS_FILE, lambda data: data[:-1] + bytes((data[-1] ^ 1,)), "damaged"),
    "cut": (checkpoint.STATE_ARRAYS_FILE, lambda data: data[:-1], "the manifest lists"),
    "longer": (checkpoint.STATE_ARRAYS_FILE, lambda data: data + b"\0", "the manifest lists"),
    "meta cut": (checkpoint.STATE_JSON_FILE, lambda data: data[:-2], "the manifest lists"),
    "manifest cut": (checkpoint.MANIFEST_FILE, lambda data: data[: len(data) // 2], "not valid JSON"),
    "manifest of a list": (checkpoint.MANIFEST_FILE, lambda data: b"[]", "not a JSON object"),
    "manifest deep": (checkpoint.MANIFEST_FILE, lambda data: b'{"a":' * 100_000, "not valid JSON"),
    "newer schema": (checkpoint.MANIFEST_FILE, lambda data: data.replace(b'"schema": 1', b'"schema": 9'), "schema 9"),
    "files unlisted": (checkpoint.MANIFEST_FILE, lambda data: b'{"schema": 1, "files": {}}', "does not list"),
    "a path": (checkpoint.MANIFEST_FILE, lambda data: data.replace(b"meta.json", b"../x.json"), "does not list"),
    "no size": (checkpoint.MANIFEST_FILE, lambda data: data.replace(b'"bytes"', b'"octets"'), "lacks size or SHA-256"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damage_is_reported_in_one_line(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "step-7"
    checkpoint.save(folder, OLD, {"step": 7})
    name, change, expected = FAULTS[fault]
    damage(folder / name, change((folder / name).read_bytes()))
    with pytest.raises(CheckpointError) as caught:
        checkpoint.load(folder)
    assert expected in caught.value.message and str(folder) in caught.value.message
    assert caught.value.hint and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [checkpoint.STATE_ARRAYS_FILE, checkpoint.STATE_JSON_FILE, checkpoint.MANIFEST_FILE])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    checkpoint.save(tmp_path / "c", OLD, {"step": 7})
    (tmp_path / "c" / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{name}: missing"):
        checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    checkpoint.save(tmp_path / "c", OLD, {"step": 7})
    path = tmp_path / "c" / checkpoint.STATE_JSON_FILE
    path.unlink()
    if kind == "link":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    with pytest.raises(CheckpointError, match="not a regular file"):
        checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize("meta", [{}, {"step": -1}, {"step": "7"}])
def test_a_state_without_a_step_is_rejected(tmp_path: Path, meta: dict[str, object]) -> None:
    checkpoint.save(tmp_path / "c", OLD, meta)
    with pytest.raises(CheckpointError, match="no valid 'step' field"):
        checkpoint.load(tmp_path / "c")


def test_an_invalid_card(tmp_path: Path) -> None:
    checkpoint.save_snapshot(tmp_path / "s", OLD, CARD_FILE)
    card = json.loads((tmp_path / "s" / checkpoint.CARD_FILE).read_text())
    card["step"] = "many"
    damage(tmp_path / "s" / checkpoint.CARD_FILE, json.dumps(card).encode())
    with pytest.raises(CheckpointError, match=r"card\.json: step"):
        checkpoint.load_card(tmp_path / "s")


def test_a_missing_folder(tmp_path: Path) -> None:
    for read in (checkpoint.load, checkpoint.load_snapshot, checkpoint.verify):
        with pytest.raises(CheckpointError, match="no such folder"):
            read(tmp_path / "nowhere")


def test_every_dtype_is_written_as_safetensors_reads_it() -> None:
    kinds = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", ">f4", ">i8")
    arrays: dict[str, NDArray[Any]] = {
        f"{kind}/{shape}": np.arange(np.prod(shape, dtype=int)).astype(kind).reshape(shape)
        for kind in kinds
        for shape in ((), (0, 3), (7,), (3, 5))
    }
    arrays["transposed"] = np.arange(12.0).reshape(3, 4).T
    read = load_safetensors(b"".join(checkpoint.serialize(arrays)))
    assert set(read) == set(arrays)
    for name, array in arrays.items():
        assert read[name].dtype == array.dtype.newbyteorder("=") and read[name].shape == array.shape
        np.testing.assert_array_equal(read[name], array)
    with pytest.raises(TypeError):
        b"".join(checkpoint.serialize({"words": np.array(["a"])}))
