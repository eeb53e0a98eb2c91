"""Operations on models of 2-D points: the points, densities, the discriminator's surface."""

from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
from torch import Tensor

from trainers.errors import UserError
from trainers.families.interface import Discriminates, HasLogProb
from trainers.inference import params
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.inference.query import Query, labels_at
from trainers.numerics import grids

MAX_MAP_CELLS = 1 << 18
DEFAULT_MAP_SIDE = 64  # cells per side


def points(query: Query) -> Iterator[Chunk]:
    """Return the first points of a split."""
    split, items, labels, count = query.split()
    query.check_size(count, 16)
    coordinates = np.array(items[:count], np.float32)
    meta = {"bounds": list(query.loaded.points.bounds), "split": split}
    yield Result({"points": coordinates, "labels": labels_at(labels, np.arange(count))}, meta)


def density(query: Query) -> Iterator[Chunk]:
    """Compute log p of the model, or the true one where it is known, on a grid."""
    # Compute the values at the centers of the cells.
    source = params.choice(query.params, "of", ("model", "truth"))
    rows, columns, edges = _grid(query)
    cells = grids.cell_centers(rows, columns, edges, "z")
    if source == "truth":
        truth = query.loaded.points.truth
        if truth is None:
            raise UserError(f"the density of {query.loaded.points.name} is not known", "request the model's")
        how, values = "exact", torch.from_numpy(truth.log_prob(cells.double().numpy()))
    else:
        capability, model = query.loaded.card.capability("log_prob"), query.loaded.model
        if not capability.available:
            raise UserError("this model has no density", capability.reason)
        assert isinstance(model, HasLogProb)
        how, values = capability.how, (yield from _evaluate(query, cells, model.log_prob))
    # Report the fraction of NaN; −∞ is a valid log-density.
    meta: dict[str, object] = {"bounds": list(edges), "of": source, "how": how}
    if values.isnan().any():
        meta["not_finite"] = float(values.isnan().float().mean())
    yield Result({"log_prob": values.float().view(rows, columns).numpy()}, meta)


def critic(query: Query) -> Iterator[Chunk]:
    """Compute the discriminator's logits on a grid, and samples with the gradients of their logits."""
    # Compute the surface.
    model = query.loaded.model
    if not query.loaded.is_point_data:
        hint = "images have too many dimensions for a map; train on a 2-D toy density to see one"
        raise UserError("the discriminator surface is only available for 2-D data", hint)
    assert isinstance(model, Discriminates)
    count = query.integer("count", 256, 1, params.MAX_ITEMS)
    rows, columns, edges = _grid(query)
    logits = yield from _evaluate(query, grids.cell_centers(rows, columns, edges, "z"), model.discriminator_logits)
    # Sample, and follow the gradient of the logit at each sample.
    z = torch.randn((count, query.loaded.latent_dim), generator=query.generator("sample"))
    samples = query.loaded.sample_points(z, query.generator("noise of samples"))
    with torch.inference_mode(False), torch.enable_grad():
        x = samples.clone().requires_grad_(True)
        (gradients,) = torch.autograd.grad(model.discriminator_logits(x).sum(), x)
    arrays = {
        "surface": logits.float().view(rows, columns).numpy(),
        "points": query.to_display(samples),
        "arrows": query.to_display(gradients),
    }
    yield Result(arrays, {"bounds": list(edges)})


def _grid(query: Query) -> tuple[int, int, params.Bounds]:
    """Return rows, columns and bounds; by default the bounds of the data."""
    rows = query.integer("rows", DEFAULT_MAP_SIDE, 1, MAX_MAP_CELLS)
    columns = query.integer("columns", DEFAULT_MAP_SIDE, 1, MAX_MAP_CELLS // rows)
    has_bounds = query.params.get("bounds") is not None
    return rows, columns, params.bounds(query.params, "z") if has_bounds else query.loaded.points.bounds


def _evaluate(query: Query, cells: Tensor, function: Callable[[Tensor], Tensor]) -> Generator[Progress, None, Tensor]:
    """Yield progress; return the values of a function at points (N, 2), (N,)."""
    values: list[Tensor] = []
    for part in torch.split(cells, query.loaded.chunk):
        if values:
            yield Progress(len(values) * query.loaded.chunk / len(cells), "evaluating the grid")
        with torch.inference_mode():
            values.append(function(part.view(-1, 2, 1, 1)).flatten())
    return torch.cat(values)
