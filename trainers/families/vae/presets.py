"""The presets of the family `vae`. `expected` and `minutes` are measured."""

from trainers.registry import Preset

_OPTIM = {"lr": 2e-3, "batch_size": 128, "ema_decay": 0.998}

VAE_2D = Preset(
    name="vae-2d",
    summary="a VAE with a 2-D latent space to explore",
    settings={
        "data": {"name": "mnist", "binarization": "dynamic"},
        "model": {"latent_dim": 2, "hidden": [512, 512, 256], "activation": "gelu"},
        "optim": _OPTIM,
        "schedule": {"epochs": 40, "lr": "cosine", "warmup_steps": 500},
    },
    expected="test ELBO −132.5 nats (EMA weights, dynamic binarization, 1 sample of z) after 40 epochs",
    minutes=4,
)

VAE = Preset(
    name="vae",
    summary="a VAE with 20 latent dimensions, for sharper samples",
    settings={
        "data": {"name": "mnist", "binarization": "dynamic"},
        "model": {"latent_dim": 20, "hidden": [512, 256], "activation": "gelu", "kl_warmup": 2000},
        "optim": _OPTIM,
        "schedule": {"epochs": 40, "lr": "cosine", "warmup_steps": 500},
    },
    expected="test ELBO −91.8 nats (EMA weights, dynamic binarization, 1 sample of z) after 40 epochs",
    minutes=2.5,
)

VAE_CONV = Preset(
    name="vae-conv",
    summary="a small convolutional VAE",
    settings={
        "data": {"name": "mnist", "binarization": "dynamic"},
        "model": {
            "latent_dim": 20,
            "architecture": "conv",
            "channels": [32, 64],
            "hidden": [256],
            "activation": "relu",
        },
        "optim": _OPTIM,
        "schedule": {"epochs": 10, "lr": "cosine", "warmup_steps": 500},
        "execution": {"eval_every": 468},
    },
    expected="test ELBO −94.1 nats (EMA weights, dynamic binarization, 1 sample of z) after 10 epochs",
    minutes=2.5,
)

UVA2019_VAE = Preset(
    name="uva2019-vae",
    summary="the VAE of the UvA deep learning course of 2019; its images differ: 60,000 for training instead of "
    "50,000 (data.limit=50000 takes as many), binarized here instead of by Larochelle",
    settings={
        "data": {"name": "mnist", "binarization": "static"},
        "model": {"latent_dim": 20, "hidden": [500], "activation": "relu"},
        "optim": {"name": "adam", "lr": 1e-3, "batch_size": 128, "ema_decay": 0},
        "schedule": {"epochs": 40, "lr": "constant"},
        "execution": {"precision": "float32"},
    },
    expected="test ELBO −99.1 ± 0.3 nats (3 seeds; raw weights, static binarization, 1 sample of z) after 40 epochs, "
    "−99.8 with data.limit=50000; −101.3 by epoch 12. The course has no target, a student's report about −100 nats by "
    "epoch 12",
    minutes=1.5,
    publication="UvA Deep Learning 2019, assignment 3, part 1",
    frozen=("model", "optim", "schedule", "data.name", "data.binarization"),
)

VAE_TOY = Preset(
    name="vae-toy",
    summary="a VAE on a 2-D density: encoder and decoder can be watched",
    settings={
        "data": {"name": "pinwheel"},
        "model": {"latent_dim": 2, "hidden": [128, 128], "activation": "silu", "likelihood": "normal"},
        "optim": {"lr": 4e-3, "batch_size": 512, "ema_decay": 0.998},
        "schedule": {"steps": 10000, "lr": "cosine", "warmup_steps": 100},
    },
    expected="test ELBO −2.68 nats, 0.262 ± 0.010 nats from the true density (EMA weights, importance-weighted "
    "estimate, 64 samples for each point) after 10,000 steps",
    minutes=1,
)

VAE_COLLAPSE = Preset(
    name="vae-collapse",
    summary="a VAE whose posterior collapses, on purpose, with beta = 50",
    settings={
        "data": {"name": "mnist", "binarization": "dynamic"},
        "model": {"latent_dim": 2, "hidden": [256], "activation": "gelu", "beta": 50},
        "optim": _OPTIM,
        "schedule": {"steps": 3000, "lr": "constant"},
        "execution": {"eval_every": 150, "snapshot_every_s": 5},
    },
    expected="test KL below 0.01 nats, test ELBO −206 nats (EMA weights, dynamic binarization) after 3,000 steps",
    minutes=0.5,
    expected_failure="the KL falls to 0 within 150 steps and every sample, reconstruction and manifold cell is one "
    "gray average: with beta = 50 the KL penalty outweighs reconstruction, so z carries no information. Set "
    "model.beta to 1, while it trains or after its end: within 3,000 steps the KL is about 5 nats, and digits are "
    "distinct",
)

PRESETS = (VAE_2D, VAE, VAE_CONV, VAE_TOY, VAE_COLLAPSE, UVA2019_VAE)
