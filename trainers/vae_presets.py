"""The presets of the family `vae`. `expected` is written from a run that was seen."""

from trainers.registry import Preset

_OURS = {"lr": 2e-3, "batch_size": 128, "ema_decay": 0.998}

VAE_2D = Preset(
    name="vae-2d",
    family="vae",
    summary="a VAE with a latent plane, to be walked through",
    layers={
        "data": {"name": "mnist", "binarisation": "dynamic"},
        "model": {"latent_dim": 2, "hidden": [512, 512, 256], "activation": "gelu"},
        "optim": _OURS,
        "schedule": {"epochs": 40, "lr": "cosine", "warmup_steps": 500},
    },
    expected="test ELBO −132.5 nats (EMA weights, dynamic binarisation, 1 sample of z) after 40 epochs",
    minutes=4,
)

VAE = Preset(
    name="vae",
    family="vae",
    summary="a VAE with 20 latent dimensions, for sharper samples",
    layers={
        "data": {"name": "mnist", "binarisation": "dynamic"},
        "model": {"latent_dim": 20, "hidden": [512, 256], "activation": "gelu", "kl_warmup": 2000},
        "optim": _OURS,
        "schedule": {"epochs": 40, "lr": "cosine", "warmup_steps": 500},
    },
    expected="test ELBO −91.8 nats (EMA weights, dynamic binarisation, 1 sample of z) after 40 epochs",
    minutes=2.5,
)

VAE_CONV = Preset(
    name="vae-conv",
    family="vae",
    summary="a small convolutional VAE",
    layers={
        "data": {"name": "mnist", "binarisation": "dynamic"},
        "model": {
            "latent_dim": 20,
            "architecture": "conv",
            "channels": [32, 64],
            "hidden": [256],
            "activation": "relu",
        },
        "optim": _OURS,
        "schedule": {"epochs": 10, "lr": "cosine", "warmup_steps": 500},
        "execution": {"eval_every": 468},
    },
    expected="test ELBO −94.1 nats (EMA weights, dynamic binarisation, 1 sample of z) after 10 epochs",
    minutes=2.5,
)

UVA2019_VAE = Preset(
    name="uva2019-vae",
    family="vae",
    summary="the VAE of the UvA deep learning course of 2019, as published",
    layers={
        "data": {"name": "mnist", "binarisation": "static"},
        "model": {"latent_dim": 20, "hidden": [500], "activation": "relu"},
        "optim": {"name": "adam", "lr": 1e-3, "batch_size": 128, "ema_decay": 0},
        "schedule": {"epochs": 40, "lr": "constant"},
    },
    expected="test ELBO −99.3 nats (raw weights, static binarisation, 1 sample of z) after 40 epochs",
    minutes=1.5,
    source="UvA Deep Learning 2019, assignment 3, part 1",
    frozen=("model", "optim", "schedule", "data.name", "data.binarisation"),
)

PRESETS = (VAE_2D, VAE, VAE_CONV, UVA2019_VAE)
