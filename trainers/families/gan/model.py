"""The generative adversarial network: a generator G, and a discriminator D that classifies images as real or fake.

Reference: Goodfellow et al. 2014, arXiv:1406.2661.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from trainers.data.preprocess import EVALUATION_SEED
from trainers.events import MetricSpec
from trainers.families.gan import metrics, networks
from trainers.families.gan.augmentation import augment
from trainers.families.gan.losses import LOSSES, gradient_penalty, squared_gradient
from trainers.families.gan.spec import GanOptions
from trainers.families.interface import Evaluator, Model, ModelWarning, Objective, StepContext, WarningContext
from trainers.registry import ImageShape

_RECALIBRATION = (4, 256)  # batches and batch size of fixed latents for batch norm statistics of the EMA generator


class Gan(Model):
    """A generator and a discriminator with one optimizer each: "g" and "d".

    Both work on images in [−1, 1], the range of tanh, and on unscaled 2-D points.

    Args:
        options: The family's options.
        image_shape: (C, H, W); (2, 1, 1) for 2-D points.
    """

    def __init__(self, options: GanOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_shape = (options.latent_dim,)
        self.batches_per_step = options.d_steps
        self.loss = LOSSES[options.loss]
        self.options = options
        is_mlp = options.architecture == "mlp"
        self.supports_bf16 = is_mlp and options.output == "tanh"  # not measured for others, docs/performance.md
        self.compile_speedup = 0.3 if is_mlp else 0.08
        self.generator: nn.Module
        self.discriminator: nn.Module
        # Build both networks.
        d, batch_norm = options.latent_dim, options.batch_norm
        if is_mlp:
            self.generator = networks.MlpGenerator(image_shape, d, options.hidden_g, batch_norm)
            self.discriminator = networks.MlpDiscriminator(image_shape, options.hidden_d)
        else:
            self.generator = networks.ConvGenerator(image_shape, d, options.channels, batch_norm)
            self.discriminator = networks.ConvDiscriminator(image_shape, options.channels)
        if options.spectral_norm:
            networks.add_spectral_norm(self.discriminator)

    def lr_scale(self, optimizer: str, options: GanOptions) -> float:
        """Return the factor on `optim.lr`: `lr_d_scale` for D, 1 for G."""
        return options.lr_d_scale if optimizer == "d" else 1.0

    def generate(self, z: Tensor) -> Tensor:
        """Return G(z), (N, C, H, W): images in [−1, 1], or points."""
        outputs: Tensor = self.generator(z).to(z.dtype)
        return torch.tanh(outputs) if self.options.output == "tanh" else outputs

    def decode(self, z: Tensor) -> Tensor:
        """Return images, (N, C, H, W) in [0, 1], or points, for latents (N, d)."""
        generated = self.generate(z)
        return 0.5 * generated + 0.5 if self.options.output == "tanh" else generated

    def discriminator_logits(self, x: Tensor) -> Tensor:
        """Return D's logits, (B,), for images (B, C, H, W) in [0, 1], or points."""
        return self.logits_of_scaled(self._scale(x))

    def logits_of_scaled(self, x: Tensor) -> Tensor:
        """Return D's logits, (B,), for images (B, C, H, W) in [−1, 1], or points."""
        logits: Tensor = self.discriminator(x).to(x.dtype)
        return logits

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return z, the generated image, the real image and both logits, (1, 1); and the losses of this pair."""
        # Generate an image, and compute all terms of both losses.
        z = torch.randn((1, *self.latent_shape), generator=generator)
        fake = self.generate(z)
        with torch.inference_mode(False), torch.enable_grad():  # a penalty needs gradients
            context = StepContext(0, generator, self.options)
            penalty = self.penalty(self._scale(x).clone(), fake.clone(), context, interval=1)
        real_logits, fake_logits = self.discriminator_logits(x), self.discriminator(fake)
        real_loss, fake_loss = self.loss.real(real_logits), self.loss.fake(fake_logits)
        # Name them as the theory's terms and stages do.
        values = {
            "loss_d_real": real_loss,
            "loss_d_fake": fake_loss,
            "loss_d_penalty": penalty,
            "loss_d": real_loss + fake_loss + penalty,
            "loss_g": self.loss.generator(fake_logits),
            "real_logits": real_logits,
            "fake_logits": fake_logits,
        }
        tensors = {"z": z, "fake": self.decode(z), "x": x}
        tensors |= {"real_logits": real_logits[:, None], "fake_logits": fake_logits[:, None]}
        return tensors, {name: float(value.detach()) for name, value in values.items()}

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of D and of G."""
        return {"d": list(self.discriminator.parameters()), "g": list(self.generator.parameters())}

    def scalars(self, options: GanOptions, step: int) -> dict[str, float]:
        """Return the weights of both penalties."""
        return {"gp_weight": options.gp_weight, "r1": options.r1}

    def graph_key(self, options: GanOptions, step: int) -> tuple[bool, bool, int]:
        """Return the penalties that this step computes: the gradient penalty, R1, and the interval of R1."""
        return bool(options.gp_weight), options.r1 > 0 and step % options.r1_every == 0, options.r1_every

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield D's loss on each of its batches, then G's loss on the last batch's samples under the updated D."""
        # Update D on each of its batches; only the last batch's samples need a graph, for G.
        chunks = batch.chunk(self.batches_per_step)
        for number, real in enumerate(chunks, 1):
            count = max(2, len(real))  # batch norm needs at least two
            z = torch.randn((count, *self.latent_shape), generator=context.generator, device=batch.device)
            with torch.set_grad_enabled(number == len(chunks)):
                fake = context.compute(self.generate, z)
            real, augmented = (self._augment(images, context) for images in (self._scale(real), fake.detach()))
            yield self._discriminator_objective(real, augmented, context)
        # Update G against the updated D.
        with networks.frozen(self.discriminator):
            loss = self.loss.generator(context.compute(self.logits_of_scaled, self._augment(fake, context)))
        yield Objective("g", loss)

    def penalty(self, real: Tensor, fake: Tensor, context: StepContext, interval: int) -> Tensor:
        """Return the gradient penalty plus R1, each where enabled, a scalar with a graph.

        R1 is computed every `interval` steps and multiplied by `interval` (lazy regularization: Karras et al. 2020,
        section 4, arXiv:1912.04958).

        Args:
            real: Real images, scaled as for D, (B, C, H, W).
            fake: Generated images, likewise.
            context: Context of the step.
            interval: Steps between R1 penalties.
        """
        options, total = context.options, real.new_zeros(())
        scalars = self.step_scalars(context)
        # The gradient penalty, between real and fake images.
        if options.loss == "wasserstein-gp" and options.gp_weight:
            count = min(len(real), len(fake))
            mix = torch.rand((count, 1, 1, 1), generator=context.generator, device=real.device)
            penalty = gradient_penalty(self.discriminator, real[:count], fake[:count], mix)
            total = total + scalars["gp_weight"] * penalty
        # R1, on real images.
        if options.r1 and context.step % interval == 0:
            total = total + interval * 0.5 * scalars["r1"] * squared_gradient(self.discriminator, real)
        return total

    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declarations of losses, logits, accuracies and diversity."""
        options = self.options
        return metrics.specs(
            self.loss.unit,
            "images" if options.output == "tanh" else "points",
            loss=options.loss,
            centered=self.loss.centered,
            r1_every=options.r1_every if options.r1 else 1,
            diff_augment=options.diff_augment,
        )

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return a new evaluator of diversity and the discriminator's accuracy."""
        return GanEvaluator(self, num_images, seed)

    def recalibrate(self) -> None:
        """Recompute the generator's batch norm statistics on fixed latents: averaging weights does not average them."""
        device = next(self.parameters()).device
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        batches, count = _RECALIBRATION
        latents = torch.randn((batches * count, *self.latent_shape), generator=generator).to(device)
        networks.recompute_batch_norm_statistics(self.generator, torch.split(latents, count))

    def warnings(self, values: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield mode collapse, and a discriminator that has won."""
        # Mode collapse: samples are much less diverse than the data.
        diversity = values.get("diversity", 1.0)
        if diversity < metrics.COLLAPSED_DIVERSITY:
            yield ModelWarning(
                "mode_collapse",
                f"mode collapse: samples are only {diversity:.0%} as diverse as the data, almost independent of z",
            )
        # A discriminator that has won; a Wasserstein critic is meant to separate the two.
        accuracy = min(values.get("d_accuracy_real", 0.0), values.get("d_accuracy_fake", 0.0))
        if accuracy > metrics.WINNING_ACCURACY and self.options.loss != "wasserstein-gp":
            yield ModelWarning(
                "discriminator_wins",
                f"the discriminator classifies {accuracy:.1%} of real images and of fakes correctly, so the generator "
                "gets little gradient (lower model.lr_d_scale or raise model.r1)",
            )

    def _discriminator_objective(self, real: Tensor, fake: Tensor, context: StepContext) -> Objective:
        # Compute both parts of the loss in one pass of D, and the penalty.
        logits = context.compute(self.logits_of_scaled, torch.cat((real, fake)))
        real_logits, fake_logits = logits[: len(real)], logits[len(real) :]
        real_loss, fake_loss = self.loss.real(real_logits), self.loss.fake(fake_logits)
        penalty = self.penalty(real, fake, context, context.options.r1_every)
        # Record the parts of the loss and the accuracies.
        values = {"loss_d_real": real_loss, "loss_d_fake": fake_loss, "loss_d_penalty": penalty}
        values |= self.loss.logit_metrics(real_logits, fake_logits)
        loss = real_loss + fake_loss + penalty
        return Objective("d", loss, {name: value.detach() for name, value in values.items()})

    def _augment(self, images: Tensor, context: StepContext) -> Tensor:
        return augment(images, self.options.diff_augment, context.generator)

    def _scale(self, x: Tensor) -> Tensor:
        return 2 * x - 1 if self.options.output == "tanh" else x


class GanEvaluator(Evaluator):
    """Accumulates logits of the first test images and of as many samples of fixed latents.

    Args:
        model: The GAN with the weights to evaluate.
        num_images: Size of the test set.
        seed: Seed of the latents.
    """

    def __init__(self, model: Gan, num_images: int, seed: int) -> None:
        self._model = model
        generator = torch.Generator().manual_seed(seed)
        self._latents = torch.randn(
            (min(num_images, metrics.EVALUATED_IMAGES), *model.latent_shape), generator=generator
        )
        self._logits: dict[str, list[Tensor]] = {"real": [], "fake": []}
        self._images: dict[str, list[Tensor]] = {"real": [], "fake": []}

    @torch.inference_mode()
    def add(self, x: Tensor, start: int) -> None:
        """Add test images `start` to `start + len(x)`, (B, C, H, W)."""
        z = self._latents[start : start + len(x)].to(x.device)
        if not len(z):
            return
        for source, images in (("real", x[: len(z)]), ("fake", self._model.decode(z))):
            self._logits[source].append(self._model.discriminator_logits(images).cpu())
            if start < metrics.DIVERSITY_IMAGES:
                self._images[source].append(images[: metrics.DIVERSITY_IMAGES - start].cpu())

    @torch.inference_mode()
    def result(self) -> dict[str, float]:
        """Return mean logits and accuracies on both kinds, and diversity unless all test images are equal."""
        real, fake = torch.cat(self._logits["real"]), torch.cat(self._logits["fake"])
        result = {name: float(value) for name, value in self._model.loss.logit_metrics(real, fake).items()}
        # Diversity: how far apart samples are, relative to the data.
        data_distance = mean_distance(torch.cat(self._images["real"]))
        if data_distance > 0:
            result["diversity"] = mean_distance(torch.cat(self._images["fake"])) / data_distance
        return result


def mean_distance(images: Tensor) -> float:
    """Return the mean Euclidean distance between two different images of a batch (B, …); 0 for fewer than two."""
    if len(images) < 2:
        return 0.0
    return float(torch.pdist(images.flatten(1)).double().mean())
