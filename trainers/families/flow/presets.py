"""The presets of the family `flow`. `expected` and `minutes` are measured."""

from trainers.registry import Preset

_CONV_MODEL = {"architecture": "conv", "channels": [32, 48, 48], "blocks": 1}
_CONV_OPTIM = {"lr": 2e-3, "batch_size": 64, "grad_clip": 1.0, "ema_decay": 0.998}

UVA2019_NF = Preset(
    name="uva2019-nf",
    summary="the normalizing flow of the UvA deep learning course of 2019, as published",
    settings={
        "data": {"name": "mnist", "binarization": "none"},
        "model": {"couplings": 8, "hidden": [1024, 1024], "activation": "relu", "alpha": 1e-5},
        "optim": {"name": "adam", "lr": 1e-3, "batch_size": 128, "ema_decay": 0},
        "schedule": {"epochs": 40, "lr": "constant"},
        "execution": {
            "eval_every": 468,
            "checkpoint_every_s": 300,
            "snapshot_every_s": 300,
            "watched_every_s": 20,
            "snapshot_budget_mb": 1500,
            "precision": "float32",
        },
    },
    expected="test 1.783 bits/dim (raw weights, uniform dequantization, 256 levels) after 40 epochs",
    minutes=40,
    publication="UvA Deep Learning 2019, assignment 3, part 3",
    frozen=("model", "optim", "schedule", "data.name", "data.binarization"),
)

REALNVP = Preset(
    name="realnvp",
    summary="a convolutional RealNVP with three levels, checkerboard and channel-wise masks",
    settings={
        "data": {"name": "mnist", "binarization": "none"},
        "model": {**_CONV_MODEL, "couplings": 6, "log_scale": "scaled-tanh"},
        "optim": _CONV_OPTIM,
        "schedule": {"epochs": 8, "lr": "cosine", "warmup_steps": 100},
        "execution": {"eval_every": 938, "snapshot_every_s": 60},
    },
    expected="test 1.227 bits/dim (EMA weights, uniform dequantization, 256 levels) after 8 epochs",
    minutes=14,
)

NSF = Preset(
    name="nsf",
    summary="a convolutional neural spline flow",
    settings={
        "data": {"name": "mnist", "binarization": "none"},
        "model": {**_CONV_MODEL, "couplings": 4, "coupling": "spline", "bins": 8, "bound": 8.0, "mixing": "stretch"},
        "optim": _CONV_OPTIM,
        "schedule": {"epochs": 6, "lr": "cosine", "warmup_steps": 100},
        "execution": {"eval_every": 938, "snapshot_every_s": 60},
    },
    expected="test 1.089 bits/dim (EMA weights, uniform dequantization, 256 levels) after 6 epochs",
    minutes=15,
)

FLOW_EXPLODE = Preset(
    name="flow-explode",
    summary="a flow that diverges, on purpose: unbounded log-scale and a growing learning rate",
    settings={
        "data": {"name": "mnist", "binarization": "none", "limit_test": 1000},
        "model": {"couplings": 8, "hidden": [128], "activation": "tanh", "log_scale": "free"},
        "optim": {"name": "adam", "lr": 0.1, "batch_size": 64, "ema_decay": 0},
        "schedule": {"steps": 20_000, "lr": "constant", "warmup_steps": 2000},
        "execution": {"eval_every": 10, "snapshot_every_s": 1},
    },
    expected="reaches about 2.3 test bits/dim (raw weights, uniform dequantization, 256 levels, first 1,000 test "
    "images), then diverges: stopped with a non-finite loss after 250 to 310 steps (3 seeds)",
    minutes=0.3,
    expected_failure="out-of-range samples come first: more and more samples are white noise, black or white while "
    "bits/dim still falls. Then the round-trip error leaves 0: float32 can no longer invert the flow. Then the loss "
    "spikes, becomes non-finite, and training stops. A bounded log-scale (model.log_scale=tanh) or a lower optim.lr "
    "prevents it",
)

FLOW_TOY = Preset(
    name="flow-toy",
    summary="a neural spline flow on a 2-D density: every layer can be watched",
    settings={
        "data": {"name": "moons"},
        "model": {
            "couplings": 8,
            "hidden": [64, 64],
            "activation": "silu",
            "coupling": "spline",
            "bins": 16,
            "bound": 4.0,
            "mixing": "lu",
            "dequantization": "none",
        },
        "optim": {"lr": 2e-3, "batch_size": 512, "ema_decay": 0.998},
        "schedule": {"steps": 2000, "lr": "cosine", "warmup_steps": 100},
    },
    expected="test negative log-likelihood 2.40 nats per point, 0.011 nats from the true density (EMA weights, "
    "exact) after 2,000 steps",
    minutes=1,
)

PRESETS = (REALNVP, NSF, FLOW_TOY, UVA2019_NF, FLOW_EXPLODE)
