"""Ways through latent space and through a model: from one latent to another, and through a flow's transforms."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from trainers import questions
from trainers.errors import ConfigError
from trainers.latent_images import prior
from trainers.latent_question import Array, Chunk, Question
from trainers.model import Trace

_PARALLEL = 1e-4  # sine of the angle below which two directions count as one, or as opposite


def interpolate(question: Question) -> Iterator[Chunk]:
    """Decode points between two latents, both ends included."""
    ends = question.latents()
    if len(ends) != 2:
        raise ConfigError(f"z: {len(ends)} latents are not two ends", "give two")
    mode = questions.word(question.params, "mode", ("spherical", "linear"))
    count = question.whole("count", 9, 2, questions.MAX_COUNT)
    questions.affordable(count, question.opened.bytes_each + 4 * question.opened.size, question.plural)
    t = torch.linspace(0, 1, count, dtype=torch.float64)
    z = between(ends[0], ends[1], t, mode)
    images = yield from question.decoded(z)
    yield "result", {"images": images, "z": z.numpy(), "t": t.float().numpy()}, {"mode": mode}


def between(start: Tensor, end: Tensor, t: Tensor, mode: str = "spherical") -> Tensor:
    """Return the latents at t between two, (T, d), float32.

    Spherical: z(t) = [sin((1 − t) ω) z₀ + sin(t ω) z₁] / sin ω, with ω the angle between the two. Where they are
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
    return (weights[0] * first + weights[1] * last).float()


def trace(question: Question) -> Iterator[Chunk]:
    """Follow data to the base, or latents to the data, through every transform."""
    arrays = question.arrays
    forward = "images" in arrays or "indices" in arrays or {"index", "indices"} & question.params.keys()
    label = -1
    if forward:
        take, labels = question.given()
        start, label = take(slice(len(labels))), int(labels[0])
    else:
        count = question.whole("count", 1, 1, questions.MAX_COUNT)
        start = question.latents() if "z" in arrays else prior(question, count, "sample")
    steps = len(getattr(question.opened.model, "transforms", ())) + 2
    questions.affordable(len(start), steps * question.opened.bytes_each, question.plural)
    yield "progress", 0.0, "tracing"
    way, z = _followed(question, start, forward=bool(forward))
    yield "progress", 0.7, "the round trip"
    meta = {"labels": list(way.labels), "direction": "forward" if forward else "inverse", "label": label}
    result = _laid_out(question, way) | {"z": z.numpy()}
    yield "result", result, {**meta, "error": _round_trip(question, way, z, forward=bool(forward))}


def _followed(question: Question, start: Tensor, *, forward: bool) -> tuple[Trace, Tensor]:
    model = question.opened.model
    with torch.inference_mode():
        way = model.trace(start) if forward else model.trace_back(start)
        return way, way.stages[-1].flatten(1) if forward else start


def _laid_out(question: Question, way: Trace) -> dict[str, Array]:
    """Return the arrays of a trace; the axis of the batch is left out where it holds one."""
    model = question.opened.model
    with torch.inference_mode():
        stages = np.stack([question.shown(model.trace_images(stage)) for stage in way.stages])
        values = torch.stack([stage.flatten() for stage in way.stages])
        mean, std = values.mean(1), values.std(1, correction=0)
    single = len(way.stages[0]) == 1
    return {
        "stages": stages[:, 0] if single else stages,
        "ladj": (way.ladj[:, 0] if single else way.ladj).numpy(),
        "mean": mean.numpy(),
        "std": std.numpy(),
    }


def _round_trip(question: Question, way: Trace, z: Tensor, *, forward: bool) -> float:
    """Return max |x − f⁻¹(f(x))| of the data that the way began at, or arrived at."""
    model = question.opened.model
    with torch.inference_mode():
        if not forward:
            way = model.trace(model.decode(z))
            z = way.stages[-1].flatten(1)
        began = model.trace_images(way.stages[0])
        return float((began - model.trace_images(model.trace_back(z).stages[-1])).abs().max())
