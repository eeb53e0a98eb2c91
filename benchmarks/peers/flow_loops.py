"""Plain loops of the flat RealNVP, and zuko's. Needs torch; one of them zuko."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.peers import mnist, stepping
from benchmarks.peers.loop import Loop, Setting, dense, learning

BATCH, COUPLINGS, ALPHA = 128, 8, 1e-5
SPLIT = learning(COUPLINGS * dense(392, 1024, 1024, 784), dense(392, 1024))
MASKED = learning(COUPLINGS * dense(784, 1024, 1024, 1568), dense(784, 1024))
LossOf = Callable[[Tensor], Tensor]


class MaskedCoupling(nn.Module):
    """A coupling as assignments write it: the mask multiplies, and the network reads and writes every pixel."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)
        self.net = nn.Sequential(
            nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1568)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the coupling makes of x, and its log-determinant."""
        raw, shift = self.net(x * self.mask).chunk(2, dim=1)
        log_scale = torch.tanh(raw) * (1 - self.mask)
        return x * torch.exp(log_scale) + shift * (1 - self.mask), log_scale.sum(1)


class MaskedFlow(nn.Module):
    """Eight couplings with a checkerboard mask."""

    def __init__(self) -> None:
        super().__init__()
        row, column = torch.arange(784) // 28, torch.arange(784) % 28
        board = ((row + column) % 2).float()
        self.couplings = nn.ModuleList(MaskedCoupling(board if n % 2 else 1 - board) for n in range(COUPLINGS))

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean cost in nats."""
        total = x.new_zeros(len(x))
        for coupling in self.couplings:
            x, ladj = coupling(x)
            total = total + ladj
        return (0.5 * (x.square() + math.log(2 * math.pi)).sum(1) - total).mean()


def masked(setting: Setting) -> Loop:
    """Return the loop of a course's assignment: masks, a loader image by image, Adam as it comes."""
    torch.set_num_threads(setting.threads)
    model = MaskedFlow().to(setting.device)
    return stepping.of(_plain(model, model, setting), setting, BATCH, MASKED)


def zuko(setting: Setting) -> Loop:
    """Return zuko's RealNVP of the same size in the loop of its documentation."""
    import zuko.flows

    torch.set_num_threads(setting.threads)
    flow = zuko.flows.RealNVP(784, transforms=COUPLINGS, hidden_features=(1024, 1024)).to(setting.device)
    return stepping.of(_plain(flow, lambda x: -flow().log_prob(x).mean(), setting), setting, BATCH, SPLIT)


def _plain(model: nn.Module, loss_of: LossOf, setting: Setting) -> Iterator[float]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x in mnist.loaded(BATCH, setting.device):
        loss = loss_of(_logits(x.view(len(x), -1)))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield loss.item()


def _logits(x: Tensor) -> Tensor:
    y = (x * 255 + torch.rand_like(x)) / 256
    y = ALPHA + (1 - 2 * ALPHA) * y
    return torch.log(y) - torch.log1p(-y)
