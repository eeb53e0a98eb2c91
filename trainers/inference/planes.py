"""Planes through latent space: the manifold, the axes that matter, planes of axes, of the data, of three points."""

from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from trainers.errors import ConfigError, UserError
from trainers.families.gaussian import kl_per_dim
from trainers.inference import grids, params, sensitivity
from trainers.inference.loaded_model import Chunk, Query, labels_at
from trainers.inference.sensitivity import Sensitivity

CODES = 2000  # encodings that a plane is laid through, and that are seen in it
_COVARIANCE_OF = 1024  # dimensions: beyond, the leading directions are found without the whole covariance
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
Plane = tuple[Tensor, Tensor, Tensor]  # origin, e1, e2, (d,) each


def manifold(question: Query) -> Iterator[Chunk]:
    """Decode the cells of the latent plane, or of a plane through more than two dimensions."""
    rows = question.whole("rows", grids.MANIFOLD_SIDE, 1, params.MAX_CELLS)
    columns = question.whole("columns", grids.MANIFOLD_SIDE, 1, params.MAX_CELLS // rows)
    plane = _given_plane(question) if "origin" in question.arrays else None
    coords = params.word(question.params, "coords", ("u", "z") if plane is None else ("z",))
    edges = params.bounds(question.params, coords)
    z = grids.cells(rows, columns, edges, coords)
    images = yield from question.decoded(z if plane is None else _in_space(plane, z))
    shaped = images.reshape(rows, columns, *images.shape[1:])
    yield "result", {"images": shaped}, {"bounds": list(edges), "coords": coords}


def axes(question: Query) -> Iterator[Chunk]:
    """Rank the latent axes: by their KL where the posterior has a spread, else by their effect on what is drawn."""
    size = question.opened.size
    count = min(size, question.whole("count", min(8, size), 1, 1 << 31))
    scores = yield from _kl_of_axes(question)
    meta: dict[str, object] = {"measure": "KL", "unit": "nats", "how": f"mean of {CODES:,} test encodings at most"}
    if scores is None:
        found = yield from _sensitivity(question)
        points = question.opened.of_points
        scores = found.effect * (1 if points else 255)
        unit = "units of the plane a unit of z" if points else "gray levels a unit of z"
        meta = {"measure": "effect", "unit": unit, "how": found.how}
    best, indices = scores.topk(count)
    yield "result", {"indices": indices.numpy(), "scores": best.float().numpy()}, meta


def plane(question: Query) -> Iterator[Chunk]:
    """Lay a plane: along two axes, along the principal directions, or through three latents."""
    kind = params.word(question.params, "kind", ("axes", "principal", "points"))
    if kind == "axes":
        laid, meta = _of_axes(question)
    elif kind == "points":
        laid, meta = _through_points(question.latents())
    else:
        laid, meta = yield from _principal(question)
    yield "result", {name: part.float().numpy() for name, part in zip(("origin", "e1", "e2"), laid, strict=True)}, meta


def project(question: Query) -> Iterator[Chunk]:
    """See the encodings of test data in a plane: the coordinates of the nearest point of it."""
    laid = _given_plane(question)
    data = question.opened.data
    count = min(len(data.test), question.whole("count", CODES, 1, 1 << 31))
    mu, _ = yield from question.test_codes(count)
    indices = torch.arange(count).numpy()
    result = {"coords": in_plane(laid, mu).numpy(), "indices": indices}
    yield "result", {**result, "labels": labels_at(data.test_labels, indices)}, {}


def in_plane(laid: Plane, z: Tensor) -> Tensor:
    """Return the coordinates (N, 2) of the points of a plane that are nearest to latents (N, d)."""
    origin, e1, e2 = (part.double() for part in laid)
    across = torch.stack((e1, e2))
    solved: Tensor = torch.linalg.solve(across @ across.T, across @ (z.double() - origin).T)
    return solved.T.float()


def _in_space(laid: Plane, coords: Tensor) -> Tensor:
    origin, e1, e2 = laid
    return origin + coords[:, :1] * e1 + coords[:, 1:] * e2


def _given_plane(question: Query) -> Plane:
    """Return the plane that a question names.

    Raises:
        ConfigError: if it is none.
    """
    size = question.opened.size
    origin, e1, e2 = (torch.from_numpy(params.vector(question.arrays, n, size)) for n in ("origin", "e1", "e2"))
    if _flat(e1, e2):
        raise ConfigError("e1, e2: span no plane", "give two directions that are not parallel")
    return origin, e1, e2


def _flat(e1: Tensor, e2: Tensor) -> bool:
    """Whether two directions span no plane: the sine of their angle is below a thousandth."""
    lengths = e1.double().norm() * e2.double().norm()
    cosine = torch.dot(e1.double(), e2.double()) / lengths.clamp_min(1e-30)
    return bool(lengths < 1e-12) or bool(1 - cosine.square() < 1e-6)


def _of_axes(question: Query) -> tuple[Plane, dict[str, object]]:
    size = question.opened.size
    indices = params.indices(question.params, question.arrays, size, "the latent axes").tolist()
    if len(indices) != 2 or indices[0] == indices[1]:
        raise ConfigError(f"indices: {indices[:4]} are not two different axes", f"give two from 0 to {size - 1:,}")
    unit = torch.eye(size)
    title = f"{_named(indices[0])} and {_named(indices[1])}, all others 0"
    return (torch.zeros(size), unit[indices[0]], unit[indices[1]]), {"title": title}


def _named(axis: int) -> str:
    """Return an axis as people write it, counted from 1: "z₁₂"."""
    return "z" + str(axis + 1).translate(_SUBSCRIPTS)


def _through_points(z: Tensor) -> tuple[Plane, dict[str, object]]:
    """Return the plane through three latents: the origin amid them, e1 from the first to the second (Gram, Schmidt).

    Both directions have length 1, as the prior spreads by 1 along any direction; meta `points` says where the three
    are: [[a, b], …].
    """
    if len(z) != 3:
        raise ConfigError(f"z: {len(z)} latents are not three points", "give three")
    along, across = z[1].double() - z[0].double(), z[2].double() - z[0].double()
    if _flat(along, across):
        raise ConfigError("z: the three points lie on a line", "choose others")
    e1 = along / along.norm()
    across = across - torch.dot(across, e1) * e1
    laid = z.double().mean(0), e1, across / across.norm()
    return laid, {"title": "through three points", "points": in_plane(laid, z).tolist()}


def _principal(question: Query) -> Generator[Chunk, None, tuple[Plane, dict[str, object]]]:
    opened = question.opened
    if opened.card.capability("encode").available:
        mu, _ = yield from question.test_codes(min(CODES, len(opened.data.test)))
        return _principal_of_codes(mu[mu.isfinite().all(1)])
    found = yield from _sensitivity(question)
    explained = [float(share) for share in found.shares[:2]]
    meta: dict[str, object] = {"title": "the two directions that change most", "explained": explained, "how": found.how}
    return (torch.zeros(opened.size), _signed(found.directions[0]), _signed(found.directions[1])), meta


def _principal_of_codes(mu: Tensor) -> tuple[Plane, dict[str, object]]:
    """Return mean and leading directions of encodings (N, d), each as long as their spread along it."""
    if len(mu) < 3:
        raise UserError("the encodings span no plane", "too few of them are finite")
    centered = mu.double() - mu.double().mean(0)
    total = centered.square().sum() / (len(mu) - 1)
    if mu.shape[1] <= _COVARIANCE_OF:
        values, vectors = torch.linalg.eigh(centered.T @ centered / (len(mu) - 1))
        variances, directions = values.flip(0)[:2], vectors.flip(1)[:, :2].T
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _, values, vectors = torch.svd_lowrank(centered, q=8, niter=4)
        variances, directions = (values.square() / (len(mu) - 1))[:2], vectors[:, :2].T
    spread = variances.clamp_min(1e-12).sqrt()[:, None] * torch.stack([_signed(one) for one in directions])
    explained = [float(variance / total.clamp_min(1e-30)) for variance in variances]
    meta: dict[str, object] = {"title": f"principal plane of {len(mu):,} test encodings", "explained": explained}
    return (mu.double().mean(0), spread[0], spread[1]), meta


def _signed(direction: Tensor) -> Tensor:
    """Return a direction or its opposite, whichever has its largest part positive: the same each time."""
    return direction * direction[direction.abs().argmax()].sign()


def _kl_of_axes(question: Query) -> Generator[Chunk, None, Tensor | None]:
    """Yield progress; return the mean KL of each axis, or None where there is no posterior with a spread."""
    opened = question.opened
    if not opened.card.capability("encode").available:
        return None
    _, logvar = opened.encode(opened.test.take(slice(0, 1)))
    if not logvar.isfinite().all():
        return None
    mu, logvar = yield from question.test_codes(min(CODES, len(opened.test)))
    scores = kl_per_dim(mu, logvar).mean(0)
    return scores if bool(scores.isfinite().all()) else None


def _sensitivity(question: Query) -> Generator[Chunk, None, Sensitivity]:
    """Yield progress; return how the model answers to its latents, measured once."""
    opened = question.opened
    if opened.effects is None:
        opened.effects = yield from sensitivity.measure(opened.model.decode, opened.size, opened.chunk)
    assert isinstance(opened.effects, Sensitivity)
    return opened.effects
