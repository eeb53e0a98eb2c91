"""A model that needs no torch: stands in for `trainers.inference.session` in the child."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainers.config import RunConfig
from trainers.errors import CheckpointError
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.model_card import Capability, DataCard, ModelCard

CONFIG: dict[str, Any] = {"model": {"name": "vae", "latent_dim": 2}, "schedule": {"steps": 1}}


class FakeModel:
    def __init__(self, step: int) -> None:
        self.card = ModelCard(
            family="stand-in",
            title="stand-in",
            step=step,
            images_seen=step,
            latent_shape=(2,),
            image_shape=(1, 28, 28),
            capabilities={"decode": Capability(available=True)},
            data=DataCard(name="none", num_train=0, num_test=0),
            num_parameters=0,
        )

    def answer(self, op: str, params: Mapping[str, Any], arrays: Mapping[str, Any]) -> Iterator[Chunk]:
        match op:
            case "describe":
                yield Result({}, {"card": self.card.model_dump(mode="json")})
            case "decode":
                yield Result({"images": np.full((len(arrays["z"]), 28, 28, 1), 7, np.uint8)}, dict(params))
            case "long":
                for part in range(int(params["parts"])):
                    yield Progress(part / int(params["parts"]), f"part {part}")
                yield Result()
            case "refused":
                raise CheckpointError("this model cannot do that", "ask something else")
            case "broken":
                raise ZeroDivisionError("a bug\nin two lines")
            case "print":
                print("a library prints where frames travel", flush=True)  # noqa: T201
                yield Result()
            case "float64":
                yield Result({"x": np.zeros(3)}, {})
            case "unfinished":
                yield Progress(0.5, "half")
            case "die":
                print("the last words", file=sys.stderr, flush=True)  # noqa: T201
                os._exit(3)
            case "environment":
                names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY")
                yield Result({}, {name: os.environ.get(name) for name in names} | {"torch": "torch" in sys.modules})


def load(folder: Path, config: RunConfig) -> FakeModel:
    del config
    if (folder / "damaged").exists():
        raise CheckpointError("the snapshot is damaged", "take another one")
    return FakeModel(int(folder.name.removeprefix("step-")))


def make_run(folder: Path, steps: list[int]) -> Path:
    for step in steps:
        (folder / "snapshots" / f"step-{step:08d}").mkdir(parents=True)
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder
