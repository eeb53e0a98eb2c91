"""A complete family in one short file: a linear autoencoder. Every front end can train and explore it."""

from collections.abc import Iterator, Sequence
from math import prod

import torch
from pydantic import Field
from torch import Tensor, nn

from trainers.config import Section
from trainers.events import MetricSpec, eval_metrics, train_metric
from trainers.families.interface import Evaluator, MeanEvaluator, Model, Objective, StepContext
from trainers.model_card import Capability
from trainers.registry import Family, ImageShape, Preset
from trainers.theory import Theory


class AutoencoderOptions(Section):
    latent_dim: int = Field(8, ge=1, le=4096)


class Autoencoder(Model):
    """x̂ = W z + b with z = W⁺ (x − b), trained on the squared error: principal component analysis."""

    def __init__(self, options: AutoencoderOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape, self.latent_shape = image_shape, (options.latent_dim,)
        self.encoder = nn.Linear(prod(image_shape), options.latent_dim)
        self.decoder = nn.Linear(options.latent_dim, prod(image_shape))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z: Tensor = self.encoder(x.flatten(1))
        return z, torch.full_like(z, -torch.inf)

    def decode(self, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(z)
        return x.view(-1, *self.image_shape).clamp(0, 1)

    def squared_error(self, x: Tensor) -> Tensor:
        x_hat: Tensor = self.decoder(self.encoder(x.flatten(1)))
        return (x_hat - x.flatten(1)).square().sum(1)

    def reconstruct_with_metrics(self, x: Tensor) -> dict[str, Tensor]:
        z, logvar = self.encode(x)
        return {"mu": z, "logvar": logvar, "recon": self.decode(z), "error": self.squared_error(x)}

    def metric_labels(self) -> dict[str, tuple[str, str]]:
        return {"error": ("squared error", "")}

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        error = context.compute(self.squared_error, batch).mean()
        yield Objective("model", error, {"error": error.detach()})

    def metrics(self) -> Sequence[MetricSpec]:
        return [
            train_metric("error", "squared error", "", "lower"),
            *eval_metrics("error", "test squared error", "", "lower"),
        ]

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        return MeanEvaluator(lambda x: {"error": self.squared_error(x)})


AUTOENCODER = Family(
    name="autoencoder",
    title="linear autoencoder",
    options=AutoencoderOptions,
    build=Autoencoder,
    presets=(
        Preset(
            name="autoencoder",
            summary="a linear autoencoder",
            settings={"data": {"binarization": "none"}, "schedule": {"epochs": 1}},
            expected="the squared error of as many principal components",
            minutes=0.1,
        ),
    ),
    theory=Theory(
        objective_quantity="error",
        objective_name="squared error",
        equation="‖x − W z − b‖²",
        reference="Baldi & Hornik 1989",
    ),
    capabilities=lambda options: dict.fromkeys(
        ("sample", "decode", "encode"), Capability(available=True, how="linear")
    ),
)
