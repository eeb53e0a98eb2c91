"""A folder of many long runs, quickly: one is written as a worker writes it, the others are its copies."""

import json
import shutil
from pathlib import Path

from genexplorer.runs import layout
from genexplorer.runs.store import RunStore
from tests.fixtures.fake_run import config, write_run
from trainers.events import SnapshotReady
from trainers.storage import checkpoint
from trainers.training.loop import train

CURVES = 7  # that the made-up run records each step


def make(folder: Path, runs: int, points: int) -> Path:
    """Write runs of so many points each and return the newest; its newest snapshot is a real network's."""
    steps = -(-points // CURVES)
    first = write_run(RunStore(folder), steps=steps, name="run-000")
    give_weights(first, steps)
    notes = json.loads((first / layout.NOTES).read_text())
    for number in range(1, runs):
        copy = folder / f"vae-2d-copy-{number:03}"
        shutil.copytree(first, copy)
        values = {**notes, "name": f"run-{number:03}", "created": notes["created"] - 60 * number}
        (copy / layout.NOTES).write_text(json.dumps(values))
    return first


def give_weights(run: Path, step: int) -> None:
    """Put a network as it is initialized in the place of a made-up snapshot, so that an explorer can show it."""
    made = next(event for event in train(config(steps=step)) if isinstance(event, SnapshotReady))
    place = layout.step_folder(run / layout.SNAPSHOTS, step)
    shutil.rmtree(place)
    checkpoint.save_snapshot(place, made.arrays, made.card.model_copy(update={"step": step}))
