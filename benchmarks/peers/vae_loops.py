"""Plain loops of VAEs, as tutorials write them. Needs torch."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import mnist, stepping
from benchmarks.peers.loop import Loop, Setting, conv, dense, learning

BATCH = 128
FLAT = learning(dense(784, 400, 40) + dense(20, 400, 784), dense(784, 400))
CONV = learning(
    conv(14, 3, 1, 32) + conv(7, 3, 32, 64) + dense(3136, 256, 40) + dense(20, 256, 3136)
    + conv(7, 4, 64, 32) + conv(14, 4, 32, 1),
    conv(14, 3, 1, 32),
)  # fmt: skip


class FlatVae(nn.Module):
    """784-400-20-400-784, ReLU, a sigmoid at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.logvar = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.from_z, self.out = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return reconstruction, mean and log-variance."""
        h = F.relu(self.hidden(x.view(-1, 784)))
        mu, logvar = self.mean(h), self.logvar(h)
        std = torch.exp(0.5 * logvar)
        z = mu + torch.randn_like(std) * std
        return torch.sigmoid(self.out(F.relu(self.from_z(z)))), mu, logvar


def tutorial(setting: Setting) -> Loop:
    """Return the loop as the examples of PyTorch have it: a loader image by image, probabilities, Adam as it comes."""

    def steps() -> Iterator[float]:
        model = FlatVae().to(setting.device)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for x in mnist.loaded(BATCH, setting.device):
            optimizer.zero_grad()
            recon, mu, logvar = model(x)
            cost = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
            loss = cost - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
            loss.backward()  # type: ignore[no-untyped-call]
            value = loss.item()
            optimizer.step()
            yield value

    return stepping.of(steps(), setting, BATCH, FLAT)


class ConvVae(nn.Module):
    """Convolutions 1-32-64 of stride 2, a hidden layer of 256, 20 latent dimensions, mirrored back to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(),
            nn.Linear(3136, 256), nn.ReLU(), nn.Linear(256, 40),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return the negative ELBO."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        cost = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        return (cost - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())) / len(x)


def convolutional(setting: Setting) -> Loop:
    """Return a careful plain loop of the convolutional VAE: resident data, logits, fused Adam."""
    torch.set_num_threads(setting.threads)
    return stepping.of(_careful(stepping.placed(ConvVae(), setting), setting), setting, BATCH, CONV)


def _careful(model: nn.Module, setting: Setting) -> Iterator[float]:
    optimizer = stepping.fused_adam(model, 1e-3)
    loss_of = stepping.prepared(model, setting)
    for x in mnist.resident(BATCH, setting.device):
        optimizer.zero_grad()
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        yield loss.item()
