"""Operations along paths: interpolation between latents, and traces through a flow's transforms."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainers.errors import ConfigError
from trainers.families.interface import Traces
from trainers.inference import params
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.inference.query import Array, Query

_MIN_SINE = 1e-4  # sine of the angle below which two directions count as parallel or opposite


def interpolate(query: Query) -> Iterator[Chunk]:
    """Decode points between two latents, both ends included."""
    # Read the parameters.
    ends = query.latents()
    if len(ends) != 2:
        raise ConfigError(f"z: got {len(ends)} latents", "give two, the ends of the path")
    mode = params.choice(query.params, "mode", ("spherical", "linear"))
    count = query.integer("count", 9, 2, params.MAX_ITEMS)
    query.check_size(count, query.loaded.item_bytes + 4 * query.loaded.latent_dim)
    # Interpolate and decode.
    t = torch.linspace(0, 1, count, dtype=torch.float64)
    z = interpolate_latents(ends[0], ends[1], t, mode)
    images = yield from query.decode(z)
    yield Result({"images": images, "z": z.numpy(), "t": t.float().numpy()}, {"mode": mode})


def interpolate_latents(start: Tensor, end: Tensor, t: Tensor, mode: str = "spherical") -> Tensor:
    """Return the latents at t between two, (T, d), float32.

    Spherical: z(t) = |z|(t) [sin((1 − t) ω) z₀/|z₀| + sin(t ω) z₁/|z₁|] / sin ω, with ω the angle between the two and
    |z|(t) = (1 − t) |z₀| + t |z₁|. Directions and lengths are interpolated separately: interpolating the latents
    themselves would leave the sphere where they are nearly opposite and of different lengths. Where they are parallel
    or opposite, or one is zero, there is no unique great circle and the path is linear.

    Reference: Shoemake 1985, "Animating rotation with quaternion curves"; White 2016, arXiv:1609.04468.

    Args:
        start: (d,), at t = 0.
        end: (d,), at t = 1.
        t: (T,).
        mode: "spherical" or "linear".
    """
    # Interpolate linearly where there is no great circle.
    first, last, t = start.double(), end.double(), t.double()[:, None]
    lengths = first.norm() * last.norm()
    cosine = torch.dot(first, last) / lengths.clamp_min(1e-30)
    if mode == "linear" or lengths < 1e-12 or 1 - cosine.square() < _MIN_SINE**2:
        return ((1 - t) * first + t * last).float()
    # Interpolate directions and lengths separately.
    omega = torch.acos(cosine)
    weights = torch.sin((1 - t) * omega) / torch.sin(omega), torch.sin(t * omega) / torch.sin(omega)
    length = (1 - t) * first.norm() + t * last.norm()
    path: Tensor = length * (weights[0] * first / first.norm() + weights[1] * last / last.norm())
    return path.float()


def trace(query: Query) -> Iterator[Chunk]:
    """Trace data to the base, or latents (given or sampled) to the data, through every transform."""
    # Choose the start of the trace, and its direction.
    forward, label = False, -1
    if {"images", "indices"} & query.arrays.keys() or {"index", "indices"} & query.params.keys():
        take, labels = query.data()
        start, label, forward = take(slice(len(labels))), int(labels[0]), True
    elif "z" in query.arrays:
        start = query.latents()
    else:
        start = query.prior(query.integer("count", 1, 1, params.MAX_ITEMS))

    # Trace a chunk at a time; the first one shows how large the result will be.
    chunks: list[_TracedChunk] = []
    for part in torch.split(start, query.loaded.chunk):
        yield Progress(sum(len(chunk.z) for chunk in chunks) / len(start), "tracing")
        chunks.append(_trace_chunk(query, part, forward=forward))
        if len(chunks) == 1:
            query.check_size(len(start), len(chunks[0].labels) * query.loaded.item_bytes)
    error = max((chunk.error for chunk in chunks), key=lambda error: math.inf if math.isnan(error) else error)
    meta = {"labels": list(chunks[0].labels), "direction": "forward" if forward else "inverse"}
    yield Result(_concatenate(chunks), {**meta, "label": label, "error": error})


@dataclass(frozen=True)
class _TracedChunk:
    """The trace of a part of a batch.

    Args:
        labels: (K + 1,).
        stages: (K + 1, n, …), in the wire format.
        z: (n, d).
        ladj: (K, n).
        moments: (2, K + 1): mean and mean square of the values of each stage.
        error: Largest difference after the round trip, max |x − f⁻¹(f(x))|.
    """

    labels: tuple[str, ...]
    stages: Array
    z: Tensor
    ladj: Tensor
    moments: Tensor
    error: float


def _trace_chunk(query: Query, start: Tensor, *, forward: bool) -> _TracedChunk:
    model = query.loaded.model
    assert isinstance(model, Traces)
    with torch.inference_mode():
        trace = model.trace(start) if forward else model.inverse_trace(start)
        z = trace.stages[-1].flatten(1) if forward else start
        stages = np.stack([query.to_display(model.trace_images(stage)) for stage in trace.stages])
        values = torch.stack([stage.flatten() for stage in trace.stages]).double()
        moments = torch.stack((values.mean(1), values.square().mean(1)))
        # The round-trip error, max |x − f⁻¹(f(x))|.
        forward_trace = trace if forward else model.trace(model.decode(z))
        x = model.trace_images(forward_trace.stages[0])
        inverse = model.inverse_trace(forward_trace.stages[-1].flatten(1))
        error = float((x - model.trace_images(inverse.stages[-1])).abs().max())
    return _TracedChunk(trace.labels, stages, z, trace.ladj, moments, error)


def _concatenate(chunks: list[_TracedChunk]) -> dict[str, Array]:
    """Return the arrays of a trace, without the batch axis for a batch of one."""
    z = torch.cat([chunk.z for chunk in chunks])
    stages, ladj = np.concatenate([chunk.stages for chunk in chunks], 1), torch.cat([chunk.ladj for chunk in chunks], 1)
    mean, square = torch.stack([chunk.moments * (len(chunk.z) / len(z)) for chunk in chunks]).sum(0)
    single = len(z) == 1
    return {
        "stages": stages[:, 0] if single else stages,
        "z": z.numpy(),
        "ladj": (ladj[:, 0] if single else ladj).numpy(),
        "mean": mean.float().numpy(),
        "std": (square - mean.square()).clamp_min(0).sqrt().float().numpy(),
    }
