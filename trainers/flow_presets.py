"""The presets of the family `flow`. `expected` is written from a run that was seen."""

from trainers.registry import Preset

UVA2019_NF = Preset(
    name="uva2019-nf",
    family="flow",
    summary="the normalizing flow of the UvA deep learning course of 2019, as published",
    layers={
        "data": {"name": "mnist", "binarisation": "none"},
        "model": {"couplings": 8, "hidden": [1024, 1024], "activation": "relu", "alpha": 1e-5},
        "optim": {"name": "adam", "lr": 1e-3, "batch_size": 128, "ema_decay": 0},
        "schedule": {"epochs": 40, "lr": "constant"},
        "execution": {
            "eval_every": 468,
            "checkpoint_every_s": 300,
            "snapshot_every_s": 300,
            "watched_every_s": 20,
            "snapshot_budget_mb": 1500,
        },
    },
    expected="test 1.85 bits/dim (raw weights, uniform dequantisation, 256 levels) after 40 epochs",
    minutes=80,
    source="UvA Deep Learning 2019, assignment 3, part 3",
    frozen=("model", "optim", "schedule", "data.name", "data.binarisation"),
)

FLOW_TOY = Preset(
    name="flow-toy",
    family="flow",
    summary="a flow of splines on a density of the plane, on which everything can be seen",
    layers={
        "data": {"name": "moons"},
        "model": {
            "couplings": 8,
            "hidden": [64, 64],
            "activation": "silu",
            "coupling": "spline",
            "bins": 16,
            "bound": 4.0,
            "mixing": "lu",
            "dequantisation": "none",
        },
        "optim": {"lr": 2e-3, "batch_size": 512, "ema_decay": 0.998},
        "schedule": {"steps": 2000, "lr": "cosine", "warmup_steps": 100},
    },
    expected="not yet measured",
    minutes=1,
)

PRESETS = (UVA2019_NF, FLOW_TOY)
