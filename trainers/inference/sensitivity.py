"""Sensitivity of a decoder's output to its latents: per axis, and the directions of largest change.

Finite differences measure every axis at a few latents of the prior. Where there are too many axes for that, products of
random vectors with the Jacobian J choose the axes to measure: for v of independent random signs, E[(vᵀJ)ᵢ²] = Σₒ Jₒᵢ²
and E[Jᵀv vᵀJ] = JᵀJ (Hutchinson 1990). Each product costs one gradient, independent of the number of axes.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.data.preprocess import EVALUATION_SEED
from trainers.inference.chunks import Progress
from trainers.numerics import rng

DIFFERENCE_STEP = 0.1  # step of the finite differences: small against the prior's spread of 1, large against rounding
MAX_MEASURED_AXES = 1024  # with more axes, random products choose half as many to measure
MAX_DECODINGS = 2048  # in one measurement, which takes seconds for a small convolutional decoder
NUM_MEASURED_LATENTS = 8
NUM_PROBES = 64  # latents at which a random product is computed

Decode = Callable[[Tensor], Tensor]
Measurement = Generator[Progress, None, "Sensitivity"]


@dataclass(frozen=True)
class Sensitivity:
    """The sensitivity of a decoder.

    Args:
        effect: (d,), mean absolute change of an output value per unit of each axis; 0 for axes that were not measured.
        directions: (k, d), orthonormal, k ≥ 2: the top eigenvectors of E[JᵀJ].
        explained_fractions: (k,), the eigenvalue of each direction as a fraction of the trace of E[JᵀJ].
        method: How it was measured, for people: "finite differences at 8 latents".
    """

    effect: Tensor
    directions: Tensor
    explained_fractions: Tensor
    method: str


def measure(decode: Decode, size: int, chunk: int) -> Measurement:
    """Yield progress; return the sensitivity of a decoder.

    Args:
        decode: Latents (N, d) to values (N, C, H, W).
        size: d.
        chunk: How many latents to decode at once.
    """
    if size <= MAX_MEASURED_AXES:
        return (yield from _measure_all(decode, size, chunk))
    return (yield from _measure_probed(decode, size, chunk))


def _measure_all(decode: Decode, size: int, chunk: int) -> Measurement:
    # Sum effect and JᵀJ over a few latents.
    latents = _latents(max(1, min(NUM_MEASURED_LATENTS, MAX_DECODINGS // size)), size)
    effect, gram = torch.zeros(size), torch.zeros(size, size)
    axes = torch.arange(size)
    for number, z in enumerate(latents):
        columns = yield from _columns(decode, z, axes, chunk, number / len(latents), 1 / len(latents))
        effect += columns.abs().mean(1) / len(latents)
        gram += columns @ columns.T / len(latents)
    # Find the leading eigenvectors of E[JᵀJ].
    values, vectors = torch.linalg.eigh(gram.double())
    num_directions = min(8, size)
    explained_fractions = values.flip(0)[:num_directions] / values.sum().clamp_min(1e-30)
    directions = vectors.flip(1)[:, :num_directions].T
    return Sensitivity(
        effect, directions.float(), explained_fractions.float(), f"finite differences at {len(latents)} latents"
    )


def _measure_probed(decode: Decode, size: int, chunk: int) -> Measurement:
    # Estimate E[JᵀJ] from products vᵀJ with new random signs v at each latent.
    products, generator = [], _generator("signs")
    for z in torch.split(_latents(NUM_PROBES, size), max(1, chunk // 8)):
        with torch.inference_mode(False), torch.enable_grad():
            start = z.clone().requires_grad_(True)
            values = decode(start)
            signs = torch.randint(0, 2, values.shape, generator=generator).to(values) * 2 - 1
            (product,) = torch.autograd.grad((values * signs).sum(), start)
        products.append(product.nan_to_num(0.0, 0.0, 0.0))
        yield Progress(0.5 * sum(len(part) for part in products) / NUM_PROBES, "probing")
    jacobian_products = torch.cat(products)
    _, singular, vectors = torch.linalg.svd(jacobian_products, full_matrices=False)

    # Measure the axes that they suggest by finite differences.
    axes = jacobian_products.square().mean(0).topk(MAX_MEASURED_AXES // 2).indices
    latents = _latents(MAX_DECODINGS // len(axes), size)
    effect = torch.zeros(size)
    for number, z in enumerate(latents):
        columns = yield from _columns(decode, z, axes, chunk, 0.5 + 0.5 * number / len(latents), 0.5 / len(latents))
        effect[axes] += columns.abs().mean(1) / len(latents)
    explained_fractions = singular.square() / singular.square().sum().clamp_min(1e-30)
    method = f"finite differences along the {len(axes):,} of {size:,} axes that {NUM_PROBES} random gradients suggest"
    return Sensitivity(effect, vectors[:8], explained_fractions[:8], method)


def _columns(
    decode: Decode, z: Tensor, axes: Tensor, chunk: int, start_fraction: float, chunk_fraction: float
) -> Generator[Progress, None, Tensor]:
    """Yield progress; return columns of the Jacobian at a latent (d,), (len(axes), values), by finite differences."""
    with torch.inference_mode():
        base = decode(z[None]).flatten(1)
    pieces = []
    for part in torch.split(axes, chunk):
        shifted = z.repeat(len(part), 1)
        shifted[torch.arange(len(part)), part] += DIFFERENCE_STEP
        with torch.inference_mode():
            pieces.append(((decode(shifted).flatten(1) - base) / DIFFERENCE_STEP).nan_to_num(0.0, 0.0, 0.0))
        yield Progress(
            start_fraction + chunk_fraction * sum(len(piece) for piece in pieces) / len(axes), "measuring each axis"
        )
    with torch.inference_mode():
        return torch.cat(pieces).clone()


def _latents(count: int, size: int) -> Tensor:
    return torch.randn((count, size), generator=_generator("latents"))


def _generator(name: str) -> torch.Generator:
    return rng.named_generator(EVALUATION_SEED, f"sensitivity {name}", torch.device("cpu"))
