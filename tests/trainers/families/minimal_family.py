"""A complete family in one short file: a linear autoencoder. Every front end can train and explore it."""

from collections.abc import Iterator, Sequence
from math import prod

import torch
from pydantic import Field
from torch import Tensor, nn

from trainers.config import Section
from trainers.events import MetricSpec
from trainers.families.interface import Evaluator, Model, Objective, StepContext
from trainers.model_card import Capability
from trainers.registry import Family, ImageShape, Preset
from trainers.theory import Stage, Term, Theory


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

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"autoencoder": list(self.parameters())}

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        error = context.compute(self.squared_error, batch).mean()
        yield Objective("autoencoder", error, {"error": error.detach()})

    def metrics(self) -> Sequence[MetricSpec]:
        names = {"train/error": "train", "test/error_ema": "test (EMA weights)", "test/error_raw": "test (raw weights)"}
        return [
            MetricSpec(name, "error", f"squared error, {split}", "", "lower", "objective")
            for name, split in names.items()
        ]

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        return AutoencoderEvaluator(self)


class AutoencoderEvaluator(Evaluator):
    def __init__(self, model: Autoencoder) -> None:
        self._model, self._errors = model, list[Tensor]()

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        self._errors.append(self._model.squared_error(x))

    def result(self) -> dict[str, float]:
        return {"error": float(torch.cat(self._errors).mean())}


def capabilities(options: AutoencoderOptions) -> dict[str, Capability]:
    yes = Capability(available=True, how="linear")
    return dict.fromkeys(("sample", "decode", "encode"), yes)


AUTOENCODER = Family(
    name="autoencoder",
    title="linear autoencoder",
    options=AutoencoderOptions,
    build=Autoencoder,
    presets=(
        Preset(
            name="autoencoder",
            family="autoencoder",
            summary="a linear autoencoder",
            layers={"data": {"binarization": "none"}, "schedule": {"epochs": 1}},
            expected="the squared error of as many principal components",
            minutes=0.1,
        ),
    ),
    theory=Theory(
        total="error",
        total_name="squared error",
        unit="",
        equation="‖x − W z − b‖²",
        terms=(Term("‖x − x̂‖²", "error", 1, "error", "The squared error of the reconstruction."),),
        stages=(Stage("x", "image", "An image.", "x"),),
        reference="Baldi & Hornik 1989",
    ),
    latent_shape=lambda options, shape: (options.latent_dim,),
    capabilities=capabilities,
    check=lambda options, data_options, shape, kind: None,
)
