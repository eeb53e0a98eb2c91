"""The presets of the family `gan`. `expected` and `minutes` are measured."""

from trainers.registry import Preset

_TOY_MODEL = {
    "latent_dim": 2,
    "hidden_g": [128, 128, 128],
    "hidden_d": [128, 128],
    "batch_norm": False,
    "output": "linear",
}

UVA2019_GAN = Preset(
    name="uva2019-gan",
    summary="the GAN of the UvA deep learning course of 2019, as published",
    settings={
        "data": {"name": "mnist", "binarization": "none"},
        "model": {"latent_dim": 100, "hidden_g": [128, 256, 512, 1024], "hidden_d": [512, 256]},
        "optim": {"name": "adam", "lr": 2e-4, "batch_size": 64, "ema_decay": 0},
        "schedule": {"epochs": 200, "lr": "constant"},
        "execution": {"precision": "float32"},
    },
    expected="readable digits (raw weights, 256 gray levels) after 200 epochs",
    minutes=80,
    publication="UvA Deep Learning 2019, assignment 3, part 2",
    frozen=("model", "optim", "schedule", "data.name", "data.binarization"),
)

GAN = Preset(
    name="gan",
    summary="a small GAN with R1 and an EMA generator",
    settings={
        "data": {"name": "mnist", "binarization": "none"},
        "model": {"latent_dim": 64, "hidden_g": [256, 512], "hidden_d": [512, 256], "r1": 1.0, "r1_every": 8},
        "optim": {"lr": 1e-3, "beta1": 0.5, "batch_size": 64, "ema_decay": 0.999},
        "schedule": {"epochs": 20, "lr": "cosine"},
    },
    expected="readable digits (EMA weights, 256 gray levels) after 20 epochs",
    minutes=5,
)

DCGAN = Preset(
    name="dcgan",
    summary="a small convolutional GAN, for images of any size and color",
    settings={
        "data": {"name": "mnist", "binarization": "none"},
        "model": {"latent_dim": 64, "architecture": "conv", "channels": [32, 64], "r1": 1.0, "r1_every": 8},
        "optim": {"lr": 2e-3, "beta1": 0.5, "batch_size": 64, "ema_decay": 0.999},
        "schedule": {"epochs": 6, "lr": "cosine"},
    },
    expected="readable digits (EMA weights, 256 gray levels) after 6 epochs",
    minutes=4,
)

GAN_COLLAPSE = Preset(
    name="gan-collapse",
    summary="a GAN whose modes collapse, on purpose: discriminator learning rate 30× too low",
    settings={
        "data": {"name": "eight-gaussians"},
        "model": {**_TOY_MODEL, "lr_d_scale": 0.03},
        "optim": {"lr": 1e-3, "beta1": 0.5, "batch_size": 256, "ema_decay": 0},
        "schedule": {"steps": 5000, "lr": "constant"},
        "execution": {"snapshot_every_s": 1},
    },
    expected="0 or 1 of 8 modes covered, diversity mostly below 0.3 (raw weights, 2,500 samples) for 5,000 steps",
    minutes=0.5,
    expected_failure="all samples collapse to one spot, whatever their z; once the discriminator has learned that "
    "this spot is fake, they all move together to the next one: diversity stays near 0 and few modes are covered. Set "
    "model.lr_d_scale to 1, while it trains or after its end: within 5,000 steps the points spread over all eight",
)

GAN_TOY = Preset(
    name="gan-toy",
    summary="a GAN on eight 2-D Gaussians: samples, discriminator surface and gradients",
    settings={
        "data": {"name": "eight-gaussians"},
        "model": _TOY_MODEL,
        "optim": {"lr": 1e-3, "beta1": 0.5, "batch_size": 256, "ema_decay": 0.999},
        "schedule": {"steps": 8000, "lr": "constant"},
    },
    expected="8 of 8 modes covered, 95 % of the samples within 3 standard deviations of one (EMA weights, "
    "2,500 samples) after 8,000 steps",
    minutes=1,
)

PRESETS = (GAN, DCGAN, GAN_TOY, GAN_COLLAPSE, UVA2019_GAN)
