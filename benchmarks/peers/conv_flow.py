"""A careful plain loop of the convolutional RealNVP at three scales. Needs torch."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import mnist, stepping
from benchmarks.peers.loop import Loop, Setting, conv, learning

BATCH, COUPLINGS, ALPHA = 64, 6, 1e-5
SCALES = ((1, 14, 32), (2, 7, 48), (4, 4, 48))  # channels before the squeeze, side after it, width of the networks


def _coupling_cost(side: int, half: int, width: int) -> int:
    return (
        conv(side, 3, half, width) + conv(side, 3, width, width)
        + conv(side, 1, width, width) + conv(side, 1, width, 2 * half)
    )  # fmt: skip


FLOPS = learning(COUPLINGS * sum(_coupling_cost(side, 2 * c, width) for c, side, width in SCALES), conv(14, 3, 2, 32))


def squeezed(x: Tensor) -> Tensor:
    """Return each two by two pixels as four channels; an odd side is padded with zeros."""
    x = F.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2))
    return torch.cat([x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=1)


class Network(nn.Module):
    """A convolution, one residual block, a convolution that starts at zero."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(inputs, width, 3, padding=1), nn.Conv2d(width, outputs, 1)
        self.block = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return log-scales and shifts, channels in a row."""
        x = self.first(x)
        shaped: Tensor = self.last(F.relu(x + self.block(x)))
        return shaped


class Coupling(nn.Module):
    """Some channels stay, a network reads them, the others are moved."""

    kept: Tensor
    moved: Tensor
    back: Tensor

    def __init__(self, groups: Tensor, number: int, width: int) -> None:
        super().__init__()
        kept, moved = ((groups == group).nonzero().flatten() for group in (number % 2, 1 - number % 2))
        self.register_buffer("kept", kept)
        self.register_buffer("moved", moved)
        self.register_buffer("back", torch.cat((kept, moved)).argsort())
        self.net = Network(len(kept), width, 2 * len(moved))
        self.reach = nn.Parameter(torch.ones(len(moved), 1, 1))

    def forward(self, x: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the coupling makes of x, and its log-determinant; `real` is 0 where there is but padding."""
        kept, moved = x.index_select(1, self.kept), x.index_select(1, self.moved)
        raw, shift = self.net(kept).chunk(2, dim=1)
        real = real.index_select(1, self.moved)
        log_scale = torch.tanh(raw) * self.reach * real
        moved = moved * torch.exp(log_scale) + shift * real
        return torch.cat((kept, moved), dim=1).index_select(1, self.back), log_scale.flatten(1).sum(1)


class ConvFlow(nn.Module):
    """At each scale checkerboards, then splits of the channels; half of the channels leave."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList()
        for channels, _, width in SCALES:
            place = torch.arange(4 * channels) // channels
            board = (place // 2 + place % 2 + torch.arange(4 * channels) % channels) % 2
            halves = (torch.arange(4 * channels) >= 2 * channels).long()
            groups = [board if number < COUPLINGS // 2 else halves for number in range(COUPLINGS)]
            self.scales.append(nn.ModuleList(Coupling(group, n, width) for n, group in enumerate(groups)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean cost in nats."""
        x = ALPHA + (1 - 2 * ALPHA) * (x * 255 + torch.rand_like(x)) / 256
        x = torch.log(x) - torch.log1p(-x)
        real, cost = torch.ones_like(x[:1]), x.new_zeros(len(x))
        for scale in self.scales:
            x, real = squeezed(x), squeezed(real)
            assert isinstance(scale, nn.ModuleList)
            for coupling in scale:
                x, ladj = coupling(x, real)
                cost = cost - ladj
            x, left = x.chunk(2, dim=1)
            real = real.chunk(2, dim=1)[0]
            cost = cost + 0.5 * left.square().flatten(1).sum(1)
        return (cost + 0.5 * x.square().flatten(1).sum(1)).mean() + 392 * math.log(2 * math.pi)


def convolutional(setting: Setting) -> Loop:
    """Return the loop: resident data, fused Adam."""
    torch.set_num_threads(setting.threads)
    return stepping.of(_careful(stepping.placed(ConvFlow(), setting), setting), setting, BATCH, FLOPS)


def _careful(model: nn.Module, setting: Setting) -> Iterator[float]:
    optimizer = stepping.fused_adam(model, 2e-3)
    loss_of = stepping.prepared(model, setting)
    for x in mnist.resident(BATCH, setting.device):
        optimizer.zero_grad()
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        yield loss.item()
