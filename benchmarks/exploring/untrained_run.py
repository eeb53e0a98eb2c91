"""A run with one snapshot of random weights: the time of requests does not depend on what was learned."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from genexplorer.runs import layout
from genexplorer.runs.store import RunStore
from trainers import config

_MNIST = {"name": "mnist", "binarization": "dynamic"}
MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"name": "vae", "latent_dim": 2, "hidden": [512, 512, 256], "activation": "gelu"},
    "conv": {"name": "vae", "latent_dim": 2, "architecture": "conv", "channels": [32, 64], "hidden": [256]},
    "flow": {"name": "flow", "preset": "uva2019-nf"},
}
_SNAPSHOT = """
import sys
from pathlib import Path
from trainers import registry
from trainers.storage import checkpoint
from trainers.model_card import DataCard, ModelCard
from trainers.config import parse
import json
run, place = Path(sys.argv[1]), Path(sys.argv[2])
config = parse(json.loads((run / "config.json").read_text()))
family, options, shape = registry.family(config.model.name), config.model_options(), (1, 28, 28)
model = registry.import_object(family.build)(options, shape)
arrays = {name: value.numpy() for name, value in model.state_dict().items()}
card = ModelCard(family=family.name, title=family.title, step=0, images_seen=0, image_shape=shape,
    latent_shape=tuple(model.latent_shape), capabilities=family.capabilities(options),
    data=DataCard(name="mnist", num_train=60000, num_test=10000),
    num_parameters=registry.parameter_count(family, options, shape))
checkpoint.save_snapshot(place, arrays, card)
"""


def write_run(runs: Path, architecture: str) -> Path:
    """Make a run folder that explorers can open; torch stays in a process of its own.

    Args:
        runs: The folder of runs.
        architecture: "mlp", the network of vae-2d; "conv", that of vae-conv with a plane; "flow", uva2019-nf.
    """
    model = dict(MODELS[architecture])
    if (preset := model.pop("preset", None)) is not None:
        from trainers import registry

        family = registry.family(model["name"])
        layers = next(known.settings for known in family.presets if known.name == preset)
        given = {"data": layers["data"], "model": {**model, **layers["model"]}, "schedule": {"steps": 1}}
    else:
        given = {"data": _MNIST, "model": model, "schedule": {"steps": 1}}
    run = RunStore(runs).create(config.parse(given), name=architecture)
    (run / layout.SNAPSHOTS).mkdir(exist_ok=True)
    place = layout.step_folder(run / layout.SNAPSHOTS, 0)
    subprocess.run([sys.executable, "-c", _SNAPSHOT, str(run), str(place)], check=True)
    return run
