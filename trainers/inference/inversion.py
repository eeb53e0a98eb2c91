"""Inversion: search for the latent whose image is nearest to a given one, by gradient descent.

Reference: Zhu et al. 2016, section 3.1, arXiv:1609.03552; Creswell & Bharath 2018, arXiv:1611.05644.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainers.inference import params
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.inference.loaded_model import LoadedModel
from trainers.inference.query import Array, Query

MAX_STEPS, MAX_RESTARTS = 10_000, 64
NUM_CANDIDATES = 512  # samples of the prior among which the starting points are chosen
PRIOR_PENALTY = 0.002  # keeps |z| near that of the prior's samples, for a few percent of error
LEARNING_RATE = 0.1  # the initial one; a cosine decay lowers it to a twentieth
_MAX_PRIOR_PENALTY = 100.0


def invert(query: Query) -> Iterator[Chunk]:
    """Search for the latents of images from several starting points; the best result of each image counts."""
    # Read the parameters.
    loaded = query.loaded
    steps = query.integer("steps", 200, 1, MAX_STEPS)
    restarts = query.integer("restarts", 8, 1, MAX_RESTARTS)
    penalty = params.number(query.params, "prior", PRIOR_PENALTY, 0.0, _MAX_PRIOR_PENALTY)
    take, labels = query.data()
    query.check_size(len(labels), 2 * loaded.item_bytes + 4 * loaded.latent_dim + 4 * steps)

    # Decode candidates for the starting points.
    candidates = torch.randn((NUM_CANDIDATES, loaded.latent_dim), generator=query.generator("invert"))
    parts = []
    for part in torch.split(candidates, loaded.chunk):
        parts.append(loaded.decode(part).flatten(1).nan_to_num())
        yield Progress(0.0, "choosing starting points")
    candidate_images = torch.cat(parts)

    # Search for a few images at once, each from the candidates whose images are nearest.
    num_images = max(1, loaded.chunk // restarts)
    results: list[dict[str, Array]] = []
    for first in range(0, len(labels), num_images):
        x = take(slice(first, first + num_images))
        distances = torch.cdist(x.flatten(1), candidate_images)
        starts = candidates[distances.topk(restarts, largest=False).indices]
        search = _Search(loaded, x, starts, penalty)
        for step in range(steps):
            search.step(step / steps)
            if step % 5 == 4 or step == steps - 1:
                done = (first + len(x) * (step + 1) / steps) / len(labels)
                yield Progress(done, f"step {step + 1} of {steps}, error {float(search.error.mean()):.4g}")
        tensors = {"x": x, "z": search.best, "recon": loaded.decode(search.best), "error": search.error}
        results.append(query.to_arrays(tensors) | {"history": torch.stack(search.history).numpy()})
    arrays = {
        name: np.concatenate([result[name] for result in results], axis=1 if name == "history" else 0)
        for name in results[0]
    }
    yield Result({**arrays, "labels": labels}, {"steps": steps, "restarts": restarts, "prior": penalty})


class _Search:
    """Adam on the latents of a few images at once.

    The cost of a latent is the mean squared error of its image plus `penalty` · |z|²/d. The latent of the least cost
    so far is stored, with its error.

    Args:
        loaded: The model whose decoder is inverted.
        x: Images, (N, C, H, W).
        starts: Starting points, (N, restarts, d).
        penalty: Weight of the pull towards the prior's mean.
    """

    def __init__(self, loaded: LoadedModel, x: Tensor, starts: Tensor, penalty: float) -> None:
        self._loaded, self._penalty = loaded, penalty
        with torch.inference_mode(False):
            self._x = x.clone()
            self._z = starts.clone().requires_grad_()
            self._optimizer = torch.optim.Adam([self._z], lr=LEARNING_RATE)
        self.best = starts[:, 0].clone()  # (N, d)
        self.error = torch.full((len(x),), torch.inf)  # (N,), of the best
        self._best_cost = self.error.clone()
        self.history: list[Tensor] = []

    def step(self, progress: float) -> None:
        """Evaluate every latent, then update it.

        Args:
            progress: Fraction of the steps done before this one.
        """
        count, restarts, size = self._z.shape
        with torch.inference_mode(False), torch.enable_grad():
            # Compute error and cost of each latent.
            images = self._loaded.model.decode(self._z.view(-1, size)).view(count, restarts, -1)
            target = self._x.view(count, 1, -1).expand_as(images)
            errors = functional.mse_loss(images, target, reduction="none").mean(2)
            costs = errors + self._penalty * self._z.square().mean(2)
            (gradient,) = torch.autograd.grad(costs.sum(), self._z)
        errors, costs = errors.detach(), costs.detach().nan_to_num(torch.inf)

        # Store the best latent of each image.
        cost, index = costs.min(1)
        better, row = cost < self._best_cost, torch.arange(count)
        self.best = torch.where(better[:, None], self._z.detach()[row, index], self.best)
        self.error = torch.where(better, errors[row, index], self.error)
        self._best_cost = torch.where(better, cost, self._best_cost)
        self.history.append(self.error.clone())

        # Update the latents.
        self._optimizer.param_groups[0]["lr"] = LEARNING_RATE * (0.05 + 0.95 * (1 + np.cos(np.pi * progress)) / 2)
        self._z.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
        self._optimizer.step()
