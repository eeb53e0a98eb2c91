"""Inversion: the latent whose picture is nearest to an image, found by descent where a model has no encoder.

Reference: Zhu et al. 2016, section 3.1, arXiv:1609.03552; Creswell & Bharath 2018, arXiv:1611.05644.
"""

from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainers.inference import params
from trainers.inference.loaded_model import Array, Chunk, LoadedModel, Query

MAX_STEPS, MAX_RESTARTS = 10_000, 64
CANDIDATES = 512  # latents of the prior among which each image's starts are chosen
PULL = (
    0.002  # keeps |z| near that of a draw for a few percent of error: where an image is never met, z would wander off
)
RATE = 0.1  # of Adam at the beginning; falls along a cosine to a twentieth
_BETAS, _TINY = (0.9, 0.999), 1e-8
_MAX_PULL = 100.0


def invert(question: Query) -> Iterator[Chunk]:
    """Search the latents of images, several starts each; the best one of each image counts."""
    steps = question.whole("steps", 200, 1, MAX_STEPS)
    restarts = question.whole("restarts", 8, 1, MAX_RESTARTS)
    pull = params.number(question.params, "prior", PULL, 0.0, _MAX_PULL)
    opened = question.opened
    take, labels = question.given()
    each = 2 * opened.bytes_each + 4 * opened.size + 4 * steps
    params.affordable(len(labels), each, question.plural)
    candidates = torch.randn((CANDIDATES, opened.size), generator=question.chance("invert"))
    drawn = yield from _drawn(opened, candidates)
    at_once = max(1, opened.chunk // restarts)
    found: list[dict[str, Array]] = []
    for first in range(0, len(labels), at_once):
        x = take(slice(first, first + at_once))
        search = _Search(opened, x, _starts(x, drawn, candidates, restarts), pull)
        yield from _searched(search, steps, first / len(labels), len(x) / len(labels))
        best = {"x": x, "z": search.best, "recon": opened.decode(search.best), "error": search.error}
        found.append(question.sent(best) | {"history": torch.stack(search.history).numpy()})
    result = {
        name: np.concatenate([one[name] for one in found], axis=1 if name == "history" else 0) for name in found[0]
    }
    yield "result", {**result, "labels": labels}, {"steps": steps, "restarts": restarts, "prior": pull}


def _drawn(opened: LoadedModel, candidates: Tensor) -> Generator[Chunk, None, Tensor]:
    """Yield progress; return what candidates decode to, (N, values)."""
    pieces = []
    for part in torch.split(candidates, opened.chunk):
        pieces.append(opened.decode(part).flatten(1).nan_to_num())
        yield "progress", 0.0, "choosing where to start"
    return torch.cat(pieces)


def _starts(x: Tensor, drawn: Tensor, candidates: Tensor, restarts: int) -> Tensor:
    """Return the candidates that are drawn nearest to each image, (N, restarts, d)."""
    distances = torch.cdist(x.flatten(1), drawn)
    return candidates[distances.topk(restarts, largest=False).indices]


def _searched(search: "_Search", steps: int, done: float, share: float) -> Iterator[Chunk]:
    for step in range(steps):
        search.advance(step / steps)
        if step % 5 == 4 or step == steps - 1:
            error = float(search.error.mean())
            yield "progress", done + share * (step + 1) / steps, f"step {step + 1} of {steps}, error {error:.4g}"


class _Search:
    """Adam on the latents of a few images at once; the gradient goes through the decoder alone.

    The cost of a latent is the mean squared error of its picture plus `pull` · |z|²/d; what is remembered is the latent
    of the least cost, and its error.

    Args:
        opened: The model.
        x: Images, (N, C, H, W).
        starts: (N, restarts, d).
        pull: Towards the middle of the prior.
    """

    def __init__(self, opened: LoadedModel, x: Tensor, starts: Tensor, pull: float) -> None:
        self._opened, self._x, self._pull = opened, x, pull
        self._z = starts.clone()
        self._momentum, self._scale, self._steps = torch.zeros_like(starts), torch.zeros_like(starts), 0
        self.best = starts[:, 0].clone()  # (N, d)
        self.error = torch.full((len(x),), torch.inf)  # (N,), of the best
        self._cost = self.error.clone()
        self.history: list[Tensor] = []

    def advance(self, progress: float) -> None:
        """Judge every latent, then move it against its gradient.

        Args:
            progress: Share of the steps that are done.
        """
        errors, costs, gradient = self._judged()
        least, which = costs.nan_to_num(torch.inf).min(1)
        better, each = least < self._cost, torch.arange(len(which))
        self.best = torch.where(better[:, None], self._z[each, which], self.best)
        self.error = torch.where(better, errors[each, which], self.error)
        self._cost = torch.where(better, least, self._cost)
        self.history.append(self.error.clone())
        self._move(gradient.nan_to_num(0.0, 0.0, 0.0), RATE * (0.05 + 0.95 * (1 + np.cos(np.pi * progress)) / 2))

    def _judged(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mean squared errors and the costs, (N, restarts) each, and the gradient of each latent's cost."""
        count, restarts, size = self._z.shape
        with torch.inference_mode(False), torch.enable_grad():
            z = self._z.detach().clone().requires_grad_(True)
            drawn = self._opened.model.decode(z.view(-1, size)).view(count, restarts, -1)
            target = self._x.clone().view(count, 1, -1).expand_as(drawn)
            errors = functional.mse_loss(drawn, target, reduction="none").mean(2)
            costs = errors + self._pull * z.square().mean(2)
            (gradient,) = torch.autograd.grad(costs.sum(), z)
        return errors.detach(), costs.detach(), gradient

    def _move(self, gradient: Tensor, rate: float) -> None:
        """One step of Adam (Kingma & Ba 2015, algorithm 1, arXiv:1412.6980)."""
        first, second = _BETAS
        self._steps += 1
        self._momentum = first * self._momentum + (1 - first) * gradient
        self._scale = second * self._scale + (1 - second) * gradient.square()
        mean, square = self._momentum / (1 - first**self._steps), self._scale / (1 - second**self._steps)
        self._z = self._z - rate * mean / (square.sqrt() + _TINY)
