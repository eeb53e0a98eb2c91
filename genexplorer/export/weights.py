"""The weights of a run as a plain safetensors file, whose names are those of the modules' parameters and buffers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from genexplorer.errors import CheckpointError
from genexplorer.runs import layout
from genexplorer.runs.artifacts import retention
from genexplorer.runs.reader import RunReader
from genexplorer.runs.settings import config_at
from trainers.storage import atomic_files, checkpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Weights = Literal["ema", "raw"]


def write_safetensors(folder: Path, out: Path, *, step: int | None = None, weights: Weights = "ema") -> tuple[int, int]:
    """Write weights with what they are of as metadata: family, options and shapes as JSON, the step.

    Args:
        folder: The run folder.
        out: The file; an existing one is replaced.
        step: The newest snapshot at or before it, or, for "raw", the newest checkpoint; None for the newest of all.
        weights: "ema", the averaged weights that snapshots have, or the weights themselves where the run does not
            average them; "raw", the weights themselves, which only checkpoints have as well.

    Returns:
        The step, and the number of arrays.

    Raises:
        CheckpointError: if there is no such snapshot or checkpoint, or it is damaged.
        OSError: if the disk refuses.
    """
    from safetensors.numpy import save

    reader = RunReader(folder)
    card = reader.card()
    if weights == "ema":
        parent, available = folder / layout.SNAPSHOTS, reader.snapshots()
    else:
        parent = folder / layout.CHECKPOINTS
        available = retention.steps(parent, layout.MANIFEST)
    at = max((each for each in available if step is None or each <= step), default=None)
    if at is None:
        noun = "snapshot" if weights == "ema" else "checkpoint, which raw weights need"
        place = "" if step is None else f" at or before step {step:,}"
        listed = ", ".join(f"{each:,}" for each in available[-5:]) or "none"
        raise CheckpointError(f"{reader.status().name} has no {noun}{place}", f"steps with one: {listed}")
    arrays: dict[str, NDArray[np.generic]]
    if weights == "ema":
        arrays = dict(checkpoint.load_snapshot(layout.step_folder(parent, at))[0])
    else:
        state = checkpoint.load(layout.step_folder(parent, at))
        prefix = "raw/"
        arrays = {name[len(prefix) :]: array for name, array in state.arrays.items() if name.startswith(prefix)}
    config = config_at(folder, at)
    metadata = {
        "format": "pt",
        "family": card.family,
        "options": config.model_options().model_dump_json(),
        "image_shape": json.dumps(list(card.image_shape)),
        "latent_shape": json.dumps(list(card.latent_shape)),
        "step": str(at),
        "weights": weights,
    }
    atomic_files.write_bytes(out, save(dict(sorted(arrays.items())), metadata))
    return at, len(arrays)
