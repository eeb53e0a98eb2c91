"""What an explorer asks where the data are points of the plane: the points, densities, the discriminator's surface."""

from collections.abc import Callable, Generator, Iterator

import numpy as np
import torch
from torch import Tensor

from trainers.errors import UserError
from trainers.families.interface import Discriminates, HasLogProb
from trainers.inference import grids, params
from trainers.inference.loaded_model import Chunk, Query, labels_at

MAX_CELLS = 1 << 18  # of a map
SIDE = 64
Mapped = Generator[Chunk, None, Tensor]
Bounds = tuple[float, float, float, float]
_NO_MAP = "images have too many dimensions for a map; train on a 2-D toy density to see one"


def points(question: Query) -> Iterator[Chunk]:
    """Answer with the first of the data themselves."""
    split = params.word(question.params, "split", ("test", "train"))
    data = question.opened.points
    chosen, labels = (data.test, data.test_labels) if split == "test" else (data.train, data.train_labels)
    count = min(len(chosen), question.whole("count", len(chosen), 1, 1 << 31))
    params.affordable(count, 16, "points")
    result = {"points": np.array(chosen[:count], np.float32), "labels": labels_at(labels, np.arange(count))}
    yield "result", result, {"bounds": list(data.bounds), "split": split}


def density(question: Query) -> Iterator[Chunk]:
    """Map log p of the model, or of the truth where it is known."""
    of = params.word(question.params, "of", ("model", "truth"))
    rows, columns, edges = _map_of(question)
    cells = grids.cells(rows, columns, edges, "z")
    if of == "truth":
        truth = question.opened.points.truth
        if truth is None:
            raise UserError(f"the density of {question.opened.points.name} is not known", "ask for the model's")
        how, values = "exact", torch.from_numpy(truth.log_prob(cells.double().numpy()))
    else:
        capability = question.opened.card.capability("log_prob")
        if not capability.available:
            raise UserError("this model has no density", capability.reason)
        model = question.opened.model
        assert isinstance(model, HasLogProb)
        how, values = capability.how, (yield from _mapped(question, cells, model.log_prob))
    meta = {"bounds": list(edges), "of": of, "how": how} | _holes(values)
    yield "result", {"log_prob": values.float().view(rows, columns).numpy()}, meta


def critic(question: Query) -> Iterator[Chunk]:
    """Map the discriminator's logits, with the generator's points and the way each would go to please it."""
    if not question.opened.of_points:
        raise UserError("the discriminator surface is only available for 2-D data", _NO_MAP)
    count = question.whole("count", 256, 1, params.MAX_COUNT)
    rows, columns, edges = _map_of(question)
    model = question.opened.model
    assert isinstance(model, Discriminates)
    values = yield from _mapped(question, grids.cells(rows, columns, edges, "z"), model.discriminator_logits)
    z = torch.randn((count, question.opened.size), generator=question.chance("sample"))
    made = question.opened.decode(z)
    result = {
        "surface": values.float().view(rows, columns).numpy(),
        "points": question.shown(made),
        "arrows": question.shown(_uphill(model.discriminator_logits, made)),
    }
    yield "result", result, {"bounds": list(edges)}


def _map_of(question: Query) -> tuple[int, int, Bounds]:
    """Return rows, columns and bounds; by default those of the data."""
    rows = question.whole("rows", SIDE, 1, MAX_CELLS)
    columns = question.whole("columns", SIDE, 1, MAX_CELLS // rows)
    given = question.params.get("bounds") is not None
    return rows, columns, params.bounds(question.params, "z") if given else question.opened.points.bounds


def _mapped(question: Query, cells: Tensor, function: Callable[[Tensor], Tensor]) -> Mapped:
    """Yield progress; return the values of a function at points (N, 2), (N,)."""
    pieces: list[Tensor] = []
    for part in torch.split(cells, question.opened.chunk):
        if pieces:
            yield "progress", len(pieces) * question.opened.chunk / len(cells), "mapping"
        with torch.inference_mode():
            pieces.append(function(part.view(-1, 2, 1, 1)).flatten())
    return torch.cat(pieces)


def _holes(values: Tensor) -> dict[str, float]:
    """Return the share of values that are no number; −∞ is one, where nothing can be."""
    share = float(values.isnan().float().mean())
    return {"not_finite": share} if share else {}


def _uphill(discriminator_logits: Callable[[Tensor], Tensor], made: Tensor) -> Tensor:
    """Return the gradient of the logits at points (N, 2, 1, 1)."""
    with torch.inference_mode(False), torch.enable_grad():
        x = made.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(discriminator_logits(x).sum(), x)
    return gradient
