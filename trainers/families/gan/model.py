"""The generative adversarial network: a generator G that draws, a discriminator D that tells its images from real ones.

Reference: Goodfellow et al. 2014, arXiv:1406.2661.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from trainers.data.preprocess import FIXED_SEED
from trainers.errors import ConfigError
from trainers.events import MetricSpec
from trainers.families.gan import metrics as gan_metrics
from trainers.families.gan.evaluation import AdversarialEvaluator
from trainers.families.gan.losses import LOSSES, gradient_penalty, squared_gradient
from trainers.families.gan.networks import (
    ConvDiscriminator,
    ConvGenerator,
    FlatDiscriminator,
    FlatGenerator,
    frozen,
    normalize_spectrally,
    re_estimate_batch_norms,
)
from trainers.families.gan.spec import GanOptions
from trainers.families.interface import Evaluator, Model, ModelWarning, Objective, StepContext, WarningContext
from trainers.registry import DataKind, ImageShape

_SETTLING = (4, 256)  # batches of fixed latents that the averaged generator's statistics are estimated from


class Gan(Model):
    """A generator and a discriminator, each with an optimizer of its own: "g" and "d".

    D sees images in [−1, 1], which is where a tanh ends, and points of the plane as they are.

    Args:
        options: The family's options.
        image_shape: (C, H, W); (2, 1, 1) for points of the plane.
    """

    settable = frozenset({"gp_weight", "r1", "r1_every", "lr_d_scale"})

    def __init__(self, options: GanOptions, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape
        self.latent_shape = (options.latent_dim,)
        self.batches_per_step = options.d_steps
        self.loss = LOSSES[options.loss]
        self.options = options
        flat = options.architecture == "mlp"
        self.supports_bf16 = flat and options.output == "tanh"  # of others nobody has looked (docs/performance.md)
        self.compile_speedup = 0.3 if flat else 0.08
        self.generator, self.discriminator = _networks(options, image_shape)

    def lr_scale(self, optimizer: str, options: GanOptions) -> float:
        """Return D's factor on the learning rate, as it is now."""
        return options.lr_d_scale if optimizer == "d" else 1.0

    def generate(self, z: Tensor) -> Tensor:
        """Return G(z) as D sees it: images in [−1, 1], or points, (N, C, H, W)."""
        outputs: Tensor = self.generator(z).to(z.dtype)
        return torch.tanh(outputs) if self.options.output == "tanh" else outputs

    def decode(self, z: Tensor) -> Tensor:
        """Return the images of latents, (N, C, H, W) in [0, 1], or points."""
        generated = self.generate(z)
        return 0.5 * generated + 0.5 if self.options.output == "tanh" else generated

    def discriminator_logits(self, x: Tensor) -> Tensor:
        """Return the logits, (B,), of images (B, C, H, W) in [0, 1], or points."""
        return self.judge(self._seen(x))

    def judge(self, seen: Tensor) -> Tensor:
        """Return D's logits, (B,), of what it sees: images in [−1, 1], or points, (B, C, H, W)."""
        logits: Tensor = self.discriminator(seen).to(seen.dtype)
        return logits

    def pipeline(self, x: Tensor, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return z, its image, the real image and both logits, (1, 1); the losses of this one pair."""
        z = torch.randn((1, *self.latent_shape), generator=generator)
        fake = self.generate(z)
        with torch.inference_mode(False), torch.enable_grad():  # a penalty is a gradient
            seen, made = self._seen(x).clone(), fake.clone()
            penalty = self.penalty(seen, made, StepContext(0, generator, self.options), every=1)
        real_logits, fake_logits = self.discriminator_logits(x), self.discriminator(fake)
        terms = {
            "loss_d_real": self.loss.real(real_logits),
            "loss_d_fake": self.loss.fake(fake_logits),
            "loss_d_penalty": penalty.detach(),
        }
        figures = {name: float(value) for name, value in terms.items()}
        figures |= {"loss_d": sum(figures.values()), "loss_g": float(self.loss.generator(fake_logits))}
        figures |= {"real_logits": float(real_logits), "fake_logits": float(fake_logits)}
        stations = {"z": z, "fake": self.decode(z), "x": x}
        return stations | {"real_logits": real_logits[:, None], "fake_logits": fake_logits[:, None]}, figures

    def optimizer_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of D and of G."""
        return {"d": list(self.discriminator.parameters()), "g": list(self.generator.parameters())}

    def scalars(self, options: GanOptions, step: int) -> dict[str, float]:
        """Return the weights of both penalties."""
        return {"gp_weight": options.gp_weight, "r1": options.r1}

    def graph_key(self, options: GanOptions, step: int) -> tuple[bool, bool, int]:
        """Return which penalties D pays, and how often R1 is taken."""
        return bool(options.gp_weight), options.r1 > 0 and step % options.r1_every == 0, options.r1_every

    def training_step(self, batch: Tensor, context: StepContext) -> Iterator[Objective]:
        """Yield D's loss on each of its batches, then G's loss on the last batch's samples, judged by the new D."""
        chunks = batch.chunk(self.batches_per_step)
        for number, real in enumerate(chunks, 1):
            count = max(2, len(real))  # a batch norm needs two
            z = torch.randn((count, *self.latent_shape), generator=context.generator, device=batch.device)
            with torch.set_grad_enabled(number == len(chunks)):
                fake = context.compute(self.generate, z)
            yield self._of_d(self._seen(real), fake.detach(), context)
        with frozen(self.discriminator):
            loss = self.loss.generator(context.compute(self.judge, fake))
        yield Objective("g", loss)

    def penalty(self, real: Tensor, fake: Tensor, context: StepContext, every: int) -> Tensor:
        """Return what D pays for its slope: the gradient penalty and R1, where chosen, a scalar with a graph.

        R1 is taken every so many steps and is then that many times as heavy (Karras et al. 2020, section 4,
        arXiv:1912.04958, "lazy regularization").

        Args:
            real: As D sees them, (B, C, H, W).
            fake: Likewise.
            context: Of the step.
            every: Steps between R1 penalties.
        """
        options, total = context.options, real.new_zeros(())
        scalars = self.step_scalars(context)
        if options.loss == "wasserstein-gp" and options.gp_weight:
            count = min(len(real), len(fake))
            share = torch.rand((count, 1, 1, 1), generator=context.generator, device=real.device)
            total = total + scalars["gp_weight"] * gradient_penalty(
                self.discriminator, real[:count], fake[:count], share
            )
        if options.r1 and context.step % every == 0:
            total = total + every * 0.5 * scalars["r1"] * squared_gradient(self.discriminator, real)
        return total

    def metrics(self) -> Sequence[MetricSpec]:
        """Return the declared metrics."""
        kind: DataKind = "images" if self.options.output == "tanh" else "points"  # as the check insists
        return gan_metrics.specs(self.loss.unit, kind)

    def evaluator(self, num_images: int, seed: int) -> Evaluator:
        """Return an accumulator of the samples' diversity and the discriminator's accuracy."""
        return AdversarialEvaluator(self, num_images, seed)

    def recalibrate(self) -> None:
        """Re-estimate the generator's batch norms from fixed latents: an average of weights does not carry them."""
        device = next(self.parameters()).device
        generator = torch.Generator().manual_seed(FIXED_SEED)
        batches, count = _SETTLING
        latents = torch.randn((batches * count, *self.latent_shape), generator=generator).to(device)
        re_estimate_batch_norms(self.generator, torch.split(latents, count))

    def warnings(self, figures: Mapping[str, float], context: WarningContext) -> Iterator[ModelWarning]:
        """Yield what has gone wrong between the two players."""
        diversity = figures.get("diversity", 1.0)
        if diversity < gan_metrics.COLLAPSED:
            message = (
                f"mode collapse: samples differ only {diversity:.0%} as much as the data do, "
                "the generator makes nearly the same of every z"
            )
            yield ModelWarning("mode_collapse", message)
        right = min(figures.get("d_accuracy_real", 0.0), figures.get("d_accuracy_fake", 0.0))
        if right > gan_metrics.OUTRIGHT and self.options.loss != "wasserstein-gp":  # there a sharp critic is wanted
            message = (
                f"the discriminator wins outright, it is right about {right:.1%} of real images and of samples: "
                "the generator learns little from a rival it never fools (lower model.lr_d_scale or raise model.r1)"
            )
            yield ModelWarning("discriminator_wins", message)

    def _of_d(self, real: Tensor, fake: Tensor, context: StepContext) -> Objective:
        logits = context.compute(self.judge, torch.cat((real, fake)))
        real_logits, fake_logits = logits[: len(real)], logits[len(real) :]
        on_real, on_fake = self.loss.real(real_logits), self.loss.fake(fake_logits)
        penalty = self.penalty(real, fake, context, context.options.r1_every)
        border = self.loss.border(real_logits, fake_logits)
        values = {
            "loss_d_real": on_real,
            "loss_d_fake": on_fake,
            "loss_d_penalty": penalty,
            "real_logits": real_logits.mean(),
            "fake_logits": fake_logits.mean(),
            "d_accuracy_real": (real_logits > border).float().mean(),
            "d_accuracy_fake": (fake_logits <= border).float().mean(),
        }
        loss = on_real + on_fake + penalty
        return Objective("d", loss, {name: value.detach() for name, value in values.items()})

    def _seen(self, x: Tensor) -> Tensor:
        return 2 * x - 1 if self.options.output == "tanh" else x


def build(options: GanOptions, image_shape: ImageShape) -> Gan:
    """Return a GAN with weights drawn from torch's global generator, which the caller seeds.

    Raises:
        ConfigError: if the memory does not suffice.
    """
    try:
        return Gan(options, image_shape)
    except RuntimeError as error:
        raise ConfigError(f"model: cannot be built ({str(error).splitlines()[0]})", "make it smaller") from None


def _networks(options: GanOptions, shape: ImageShape) -> tuple[nn.Module, nn.Module]:
    d, batch_norm = options.latent_dim, options.batch_norm
    generator: nn.Module
    discriminator: nn.Module
    if options.architecture == "conv":
        generator = ConvGenerator(shape, d, options.channels, batch_norm)
        discriminator = ConvDiscriminator(shape, options.channels)
    else:
        generator = FlatGenerator(shape, d, options.hidden_g, batch_norm)
        discriminator = FlatDiscriminator(shape, options.hidden_d)
    if options.spectral_norm:
        normalize_spectrally(discriminator)
    return generator, discriminator
