"""Plain loops of GANs, as tutorials write them. Needs torch."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import mnist, stepping
from benchmarks.peers.loop import Loop, Setting, conv, dense, learning

BATCH = 64
_G, _D = dense(100, 128, 256, 512, 1024, 784), dense(784, 512, 256, 1)
_CONV_G = dense(64, 3136) + conv(7, 4, 64, 32) + conv(14, 4, 32, 1)
_CONV_D = conv(14, 5, 1, 32) + conv(7, 5, 32, 64) + dense(3136, 1)


def _game(g: int, first_g: int, d: int, first_d: int) -> float:
    """G forward and backward; D so on real and drawn images; D forward and back to its input for G."""
    return learning(g, first_g) + 2 * learning(d, first_d) + 4.0 * d


FLAT = _game(_G, dense(100, 128), _D, dense(784, 512))
FLAT_TUTORIAL = FLAT + 2.0 * _D  # it also computes the gradient of D's weights for G, and throws it away
CONV = _game(_CONV_G, dense(64, 3136), _CONV_D, conv(14, 5, 1, 32))


def _generator() -> nn.Sequential:
    layers: list[nn.Module] = [nn.Linear(100, 128), nn.LeakyReLU(0.2)]
    for inputs, outputs in ((128, 256), (256, 512), (512, 1024)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(1024, 784), nn.Tanh())


def _discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(784, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Sigmoid()
    )


def tutorial(setting: Setting) -> Loop:
    """Return the loop as the best-known collection of PyTorch GANs has it: loader, probabilities, Adam as it comes."""

    def steps() -> Iterator[float]:
        g, d = _generator().to(setting.device), _discriminator().to(setting.device)
        of_g, of_d = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999)) for net in (g, d))
        cost = nn.BCELoss()
        for x in mnist.loaded(BATCH, setting.device, centered=True):
            real, valid, fake = x.view(len(x), -1), torch.ones(len(x), 1).to(x), torch.zeros(len(x), 1).to(x)
            # Update the generator.
            of_g.zero_grad()
            fake = g(torch.from_numpy(np.random.normal(0, 1, (len(x), 100))).float().to(x))
            loss_g = cost(d(fake), valid)
            loss_g.backward()
            of_g.step()
            # Update the discriminator.
            of_d.zero_grad()
            loss_d = (cost(d(real), valid) + cost(d(fake.detach()), fake)) / 2
            loss_d.backward()
            of_d.step()
            yield loss_d.item() + loss_g.item()

    return stepping.of(steps(), setting, BATCH, FLAT_TUTORIAL)


class ConvGenerator(nn.Module):
    """64 latent dimensions, a linear layer to 64×7×7, two transposed convolutions with batch norm before each."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 3136), nn.Unflatten(1, (64, 7, 7)), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        """Return images in [−1, 1]."""
        fake: Tensor = self.layers(z)
        return fake


def _conv_discriminator() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, 2, 2), nn.LeakyReLU(0.2), nn.Conv2d(32, 64, 5, 2, 2), nn.LeakyReLU(0.2), nn.Flatten(),
        nn.Linear(3136, 1),
    )  # fmt: skip


def convolutional(setting: Setting) -> Loop:
    """Return a careful plain loop of a DCGAN: resident data, logits, fused Adam, no unneeded gradient."""
    torch.set_num_threads(setting.threads)
    g, d = stepping.placed(ConvGenerator(), setting), stepping.placed(_conv_discriminator(), setting)
    return stepping.of(_careful(g, d, setting), setting, BATCH, CONV)


def _careful(g: nn.Module, d: nn.Module, setting: Setting) -> Iterator[float]:
    of_g, of_d = (stepping.fused_adam(net, 2e-3, betas=(0.5, 0.999)) for net in (g, d))
    draw, discriminate = stepping.prepared(g, setting), stepping.prepared(d, setting)
    for x in mnist.resident(BATCH, setting.device):
        of_d.zero_grad()
        fake = draw(torch.randn(BATCH, 64, device=setting.device))
        logits = discriminate(torch.cat((2 * x - 1, fake.detach())))
        loss_d = F.softplus(-logits[:BATCH]).mean() + F.softplus(logits[BATCH:]).mean()
        loss_d.backward()  # type: ignore[no-untyped-call]
        of_d.step()
        of_g.zero_grad()
        d.requires_grad_(False)
        loss_g = F.softplus(-discriminate(fake)).mean()
        loss_g.backward()  # type: ignore[no-untyped-call]
        of_g.step()
        d.requires_grad_(True)
        yield loss_d.item() + loss_g.item()
