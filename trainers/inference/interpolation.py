"""Ways through latent space and through a model: from one latent to another, and through a flow's transforms."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.errors import ConfigError
from trainers.families.interface import Model, Trace, Traces
from trainers.inference import params as inference_params
from trainers.inference.images import prior
from trainers.inference.loaded_model import Array, Chunk, Query

_PARALLEL = 1e-4  # sine of the angle below which two directions count as one, or as opposite


def interpolate(question: Query) -> Iterator[Chunk]:
    """Decode points between two latents, both ends included."""
    ends = question.latents()
    if len(ends) != 2:
        raise ConfigError(f"z: {len(ends)} latents are not two ends", "give two")
    mode = inference_params.word(question.params, "mode", ("spherical", "linear"))
    count = question.whole("count", 9, 2, inference_params.MAX_COUNT)
    inference_params.affordable(count, question.opened.bytes_each + 4 * question.opened.size, question.plural)
    t = torch.linspace(0, 1, count, dtype=torch.float64)
    z = between(ends[0], ends[1], t, mode)
    images = yield from question.decoded(z)
    yield "result", {"images": images, "z": z.numpy(), "t": t.float().numpy()}, {"mode": mode}


def between(start: Tensor, end: Tensor, t: Tensor, mode: str = "spherical") -> Tensor:
    """Return the latents at t between two, (T, d), float32.

    Spherical: z(t) = |z|(t) [sin((1 − t) ω) z₀/|z₀| + sin(t ω) z₁/|z₁|] / sin ω, with ω the angle between the two and
    |z|(t) = (1 − t) |z₀| + t |z₁|. With the latents themselves in place of their directions the way would leave the
    sphere: of two nearly opposite ones whose lengths differ, by as much as that difference over sin ω. Where they are
    parallel, opposite, or one is zero, no great circle is meant and the way is a straight line.

    Reference: Shoemake 1985, "Animating rotation with quaternion curves"; White 2016, arXiv:1609.04468.

    Args:
        start: (d,), at t = 0.
        end: (d,), at t = 1.
        t: (T,).
        mode: "spherical" or "linear".
    """
    first, last, t = start.double(), end.double(), t.double()[:, None]
    lengths = first.norm() * last.norm()
    cosine = torch.dot(first, last) / lengths.clamp_min(1e-30)
    if mode == "linear" or lengths < 1e-12 or 1 - cosine.square() < _PARALLEL**2:
        return ((1 - t) * first + t * last).float()
    omega = torch.acos(cosine)
    weights = torch.sin((1 - t) * omega) / torch.sin(omega), torch.sin(t * omega) / torch.sin(omega)
    length = (1 - t) * first.norm() + t * last.norm()
    way: Tensor = length * (weights[0] * first / first.norm() + weights[1] * last / last.norm())
    return way.float()


def trace(question: Query) -> Iterator[Chunk]:
    """Follow data to the base, or latents to the data, through every transform."""
    start, label, forward = _start(question)
    pieces: list[_Piece] = []
    for part in torch.split(start, question.opened.chunk):
        yield "progress", sum(len(piece.z) for piece in pieces) / len(start), "tracing"
        pieces.append(_traced(question, part, forward=forward))
        if len(pieces) == 1:
            inference_params.affordable(len(start), len(pieces[0].labels) * question.opened.bytes_each, question.plural)
    labels = list(pieces[0].labels)
    meta = {"labels": labels, "direction": "forward" if forward else "inverse", "label": label}
    yield "result", _joined(pieces), {**meta, "error": max((piece.error for piece in pieces), key=_or_worse)}


@dataclass(frozen=True)
class _Piece:
    """What is told of a part of a batch: stages (K + 1, n, …), z (n, d), ladj (K, n); two moments (2, K + 1)."""

    labels: tuple[str, ...]
    stages: Array
    z: Tensor
    ladj: Tensor
    moments: Tensor
    error: float


def _start(question: Query) -> tuple[Tensor, int, bool]:
    """Return where the way begins, the label of what begins there, and whether it goes from the data to the base."""
    arrays, params = question.arrays, question.params
    if "images" in arrays or "indices" in arrays or {"index", "indices"} & params.keys():
        take, labels = question.given()
        return take(slice(len(labels))), int(labels[0]), True
    if "z" in arrays:
        return question.latents(), -1, False
    return prior(question, question.whole("count", 1, 1, inference_params.MAX_COUNT), "sample"), -1, False


def _traced(question: Query, start: Tensor, *, forward: bool) -> _Piece:
    model = question.opened.model
    assert isinstance(model, Traces)
    with torch.inference_mode():
        way = model.trace(start) if forward else model.inverse_trace(start)
        z = way.stages[-1].flatten(1) if forward else start
        stages = np.stack([question.shown(model.trace_images(stage)) for stage in way.stages])
        values = torch.stack([stage.flatten() for stage in way.stages]).double()
        moments = torch.stack((values.mean(1), values.square().mean(1)))
        return _Piece(way.labels, stages, z, way.ladj, moments, _round_trip(model, way, z, forward=forward))


def _joined(pieces: list[_Piece]) -> dict[str, Array]:
    """Return the arrays of a trace; the axis of the batch is left out where it holds one."""
    z = torch.cat([piece.z for piece in pieces])
    stages, ladj = np.concatenate([piece.stages for piece in pieces], 1), torch.cat([piece.ladj for piece in pieces], 1)
    mean, square = torch.stack([piece.moments * (len(piece.z) / len(z)) for piece in pieces]).sum(0)
    single = len(z) == 1
    return {
        "stages": stages[:, 0] if single else stages,
        "z": z.numpy(),
        "ladj": (ladj[:, 0] if single else ladj).numpy(),
        "mean": mean.float().numpy(),
        "std": (square - mean.square()).clamp_min(0).sqrt().float().numpy(),
    }


def _round_trip(model: Model, way: Trace, z: Tensor, *, forward: bool) -> float:
    """Return max |x − f⁻¹(f(x))| of the data that the way began at, or arrived at."""
    assert isinstance(model, Traces)
    if not forward:
        way = model.trace(model.decode(z))
        z = way.stages[-1].flatten(1)
    began = model.trace_images(way.stages[0])
    return float((began - model.trace_images(model.inverse_trace(z).stages[-1])).abs().max())


def _or_worse(error: float) -> float:
    return math.inf if math.isnan(error) else error
