"""Operations on planes through latent space: manifolds, the most influential axes, principal planes, projections."""

from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from trainers.errors import ConfigError, UserError
from trainers.families.nn import kl_per_dim
from trainers.inference import params, sensitivity
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.inference.query import UNLIMITED, Query, labels_at
from trainers.inference.sensitivity import Sensitivity
from trainers.numerics import grids

NUM_CODES = 2000  # encodings from which a plane is computed, and that are projected onto it
_MAX_COVARIANCE_SIZE = 1024  # latent dimensions; with more, a randomized SVD replaces the covariance matrix
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
Plane = tuple[Tensor, Tensor, Tensor]  # origin, e1, e2, (d,) each


def manifold(query: Query) -> Iterator[Chunk]:
    """Decode the cells of the latent plane, or of a plane through more than two dimensions."""
    # Choose the cells, in coordinates of the latent plane or of the given one.
    rows = query.integer("rows", grids.MANIFOLD_SIDE, 1, params.MAX_MANIFOLD_CELLS)
    columns = query.integer("columns", grids.MANIFOLD_SIDE, 1, params.MAX_MANIFOLD_CELLS // rows)
    plane = _plane_of(query) if "origin" in query.arrays else None
    coords = params.choice(query.params, "coords", ("u", "z") if plane is None else ("z",))
    edges = params.bounds(query.params, coords)
    z = grids.cell_centers(rows, columns, edges, coords)
    if plane is not None:
        origin, e1, e2 = plane
        z = origin + z[:, :1] * e1 + z[:, 1:] * e2
    # Decode them.
    images = yield from query.decode(z)
    shaped = images.reshape(rows, columns, *images.shape[1:])
    yield Result({"images": shaped}, {"bounds": list(edges), "coords": coords})


def axes(query: Query) -> Iterator[Chunk]:
    """Rank the latent axes: by their KL where the posterior has a variance, else by their effect on the output."""
    size = query.loaded.latent_dim
    count = min(size, query.integer("count", min(8, size), 1, UNLIMITED))
    # By the KL, where the posterior has one.
    scores = yield from _kl_of_axes(query)
    how = f"mean over at most {NUM_CODES:,} test encodings"
    meta: dict[str, object] = {"measure": "KL", "unit": "nats", "how": how}
    # Else by finite differences.
    if scores is None:
        result = yield from _sensitivity(query)
        factor, unit = (1, "data units") if query.loaded.is_point_data else (255, "gray levels")
        scores = result.effect * factor
        meta = {"measure": "effect", "unit": f"{unit} per unit of z", "how": result.method}
    top, indices = scores.topk(count)
    yield Result({"indices": indices.numpy(), "scores": top.float().numpy()}, meta)


def plane(query: Query) -> Iterator[Chunk]:
    """Compute a plane: along two axes, along the principal directions, or through three latents."""
    # Compute origin and directions, by kind.
    kind = params.choice(query.params, "kind", ("axes", "principal", "points"))
    vectors: Plane
    meta: dict[str, object]
    if kind == "axes":
        size = query.loaded.latent_dim
        indices = params.indices(query.params, query.arrays, size, "the latent axes").tolist()
        if len(indices) != 2 or indices[0] == indices[1]:
            raise ConfigError(f"indices: got {indices[:4]}", f"give two different axes from 0 to {size - 1:,}")
        unit = torch.eye(size)
        vectors = torch.zeros(size), unit[indices[0]], unit[indices[1]]
        meta = {"title": f"{_axis_name(indices[0])} and {_axis_name(indices[1])}, all others 0"}
    elif kind == "points":
        vectors, meta = _through_points(query.latents())
    else:
        vectors, meta = yield from _principal(query)
    yield Result({name: v.float().numpy() for name, v in zip(("origin", "e1", "e2"), vectors, strict=True)}, meta)


def project(query: Query) -> Iterator[Chunk]:
    """Project the encodings of test data orthogonally onto a plane."""
    plane = _plane_of(query)
    data = query.loaded.data
    count = min(len(data.test), query.integer("count", NUM_CODES, 1, UNLIMITED))
    mu, _ = yield from query.encode_test(count)
    indices = torch.arange(count).numpy()
    labels = labels_at(data.test_labels, indices)
    yield Result({"coords": project_onto(plane, mu).numpy(), "indices": indices, "labels": labels})


def project_onto(plane: Plane, z: Tensor) -> Tensor:
    """Return the coordinates (N, 2) of latents (N, d) projected orthogonally onto a plane."""
    origin, e1, e2 = (vector.double() for vector in plane)
    basis = torch.stack((e1, e2))
    coords: Tensor = torch.linalg.solve(basis @ basis.T, basis @ (z.double() - origin).T)
    return coords.T.float()


def _plane_of(query: Query) -> Plane:
    """Return the plane of the arrays `origin`, `e1` and `e2`.

    Raises:
        ConfigError: if they do not span one.
    """
    size = query.loaded.latent_dim
    origin, e1, e2 = (torch.from_numpy(params.vector(query.arrays, n, size)) for n in ("origin", "e1", "e2"))
    if _are_parallel(e1, e2):
        raise ConfigError("e1, e2: span no plane", "give two directions that are not parallel")
    return origin, e1, e2


def _are_parallel(e1: Tensor, e2: Tensor) -> bool:
    """Return whether two directions span no plane: one is zero, or the sine of their angle is below a thousandth."""
    lengths = e1.double().norm() * e2.double().norm()
    cosine = torch.dot(e1.double(), e2.double()) / lengths.clamp_min(1e-30)
    return bool(lengths < 1e-12) or bool(1 - cosine.square() < 1e-6)


def _axis_name(axis: int) -> str:
    """Return the name of an axis, counted from 1: "z₁₂"."""
    return "z" + str(axis + 1).translate(_SUBSCRIPTS)


def _through_points(z: Tensor) -> tuple[Plane, dict[str, object]]:
    """Return the plane through three latents, by Gram-Schmidt: the origin is their mean, e1 points from z₀ to z₁.

    Both directions have length 1, the standard deviation of the prior. Meta `points` has the coordinates of the three.
    """
    if len(z) != 3:
        raise ConfigError(f"z: got {len(z)} latents", "give three")
    along, across = z[1].double() - z[0].double(), z[2].double() - z[0].double()
    if _are_parallel(along, across):
        raise ConfigError("z: the three latents are collinear", "choose others")
    e1 = along / along.norm()
    across = across - torch.dot(across, e1) * e1
    plane = z.double().mean(0), e1, across / across.norm()
    return plane, {"title": "through three points", "points": project_onto(plane, z).tolist()}


def _principal(query: Query) -> Generator[Progress, None, tuple[Plane, dict[str, object]]]:
    """Yield progress; return the principal plane of the encodings; without an encoder, of the sensitivity."""
    loaded = query.loaded
    if loaded.card.capability("encode").available:
        mu, _ = yield from query.encode_test(min(NUM_CODES, len(loaded.data.test)))
        return _principal_of_codes(mu[mu.isfinite().all(1)])
    result = yield from _sensitivity(query)
    explained_fractions = [float(fraction) for fraction in result.explained_fractions[:2]]
    title = "the two most influential directions"
    meta: dict[str, object] = {"title": title, "explained": explained_fractions, "how": result.method}
    e1, e2 = (_fix_sign(direction) for direction in result.directions[:2])
    return (torch.zeros(loaded.latent_dim), e1, e2), meta


def _principal_of_codes(mu: Tensor) -> tuple[Plane, dict[str, object]]:
    """Return the mean and the leading principal directions of encodings (N, d), scaled to their standard deviations."""
    if len(mu) < 3:
        raise UserError("the encodings span no plane", "fewer than three of them are finite")
    # Find the leading eigenvectors of the covariance.
    centered = mu.double() - mu.double().mean(0)
    total = centered.square().sum() / (len(mu) - 1)
    if mu.shape[1] <= _MAX_COVARIANCE_SIZE:
        values, vectors = torch.linalg.eigh(centered.T @ centered / (len(mu) - 1))
        variances, directions = values.flip(0)[:2], vectors.flip(1)[:, :2].T
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _, values, vectors = torch.svd_lowrank(centered, q=8, niter=4)
        variances, directions = (values.square() / (len(mu) - 1))[:2], vectors[:, :2].T
    # Scale them to the standard deviations of the encodings.
    stds = variances.clamp_min(1e-12).sqrt()
    e1, e2 = (std * _fix_sign(direction) for std, direction in zip(stds, directions, strict=True))
    explained_fractions = [float(variance / total.clamp_min(1e-30)) for variance in variances]
    meta: dict[str, object] = {
        "title": f"principal plane of {len(mu):,} test encodings",
        "explained": explained_fractions,
    }
    return (mu.double().mean(0), e1, e2), meta


def _fix_sign(direction: Tensor) -> Tensor:
    """Return the direction or its opposite, such that its largest component is positive."""
    return direction * direction[direction.abs().argmax()].sign()


def _kl_of_axes(query: Query) -> Generator[Progress, None, Tensor | None]:
    """Yield progress; return the mean KL of each axis, or None without a posterior of finite variance."""
    loaded = query.loaded
    if not loaded.card.capability("encode").available:
        return None
    _, logvar = loaded.encode(loaded.test.take(slice(0, 1)))
    if not logvar.isfinite().all():
        return None
    mu, logvar = yield from query.encode_test(min(NUM_CODES, len(loaded.test)))
    scores = kl_per_dim(mu, logvar).mean(0)
    return scores if bool(scores.isfinite().all()) else None


def _sensitivity(query: Query) -> Generator[Progress, None, Sensitivity]:
    """Yield progress; return the sensitivity of the model, measured once."""
    loaded = query.loaded
    if loaded.sensitivity is None:
        loaded.sensitivity = yield from sensitivity.measure(loaded.model.decode, loaded.latent_dim, loaded.chunk)
    return loaded.sensitivity
