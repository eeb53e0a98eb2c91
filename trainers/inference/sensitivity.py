"""How strongly what a generator draws answers to its latents: by axis, and by direction.

Finite differences measure every axis at a few latents of the prior. Where there are too many axes for that, products of
random vectors with the Jacobian J choose those worth measuring: for v with independent signs E[(vᵀJ)ᵢ²] = Σₒ Jₒᵢ², and
E[Jᵀv vᵀJ] = JᵀJ (Hutchinson 1990), each of them one gradient, whatever the number of axes.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.data.preprocess import FIXED_SEED
from trainers.training import rng

STEP = 0.1  # how far an axis is moved: small against the prior's spread of 1, large against rounding
AXES_MEASURED = 1024
DECODINGS = 2048  # at most, in all
LATENTS = 8
PROBES = 64

Decode = Callable[[Tensor], Tensor]
Told = Generator[tuple[object, ...], None, "Sensitivity"]


@dataclass(frozen=True)
class Sensitivity:
    """What was measured.

    Args:
        effect: (d,), mean absolute change of a value for a unit of each axis; 0 for an axis that was passed over.
        directions: (k, d), orthonormal, k ≥ 2: the top eigenvectors of E[JᵀJ].
        shares: (k,), their shares of its trace.
        how: What was done, in words.
    """

    effect: Tensor
    directions: Tensor
    shares: Tensor
    how: str


def measure(decode: Decode, size: int, chunk: int) -> Told:
    """Yield progress; return how strongly a generator answers to its latents.

    Args:
        decode: Latents (N, d) to values (N, C, H, W).
        size: d.
        chunk: How many to decode at once.
    """
    if size <= AXES_MEASURED:
        return (yield from _every_axis(decode, size, chunk))
    return (yield from _likely_axes(decode, size, chunk))


def _every_axis(decode: Decode, size: int, chunk: int) -> Told:
    latents = _latents(max(1, min(LATENTS, DECODINGS // size)), size)
    effect, gram = torch.zeros(size), torch.zeros(size, size)
    axes = torch.arange(size)
    for number, z in enumerate(latents):
        columns = yield from _columns(decode, z, axes, chunk, number / len(latents), 1 / len(latents))
        effect += columns.abs().mean(1) / len(latents)
        gram += columns @ columns.T / len(latents)
    values, vectors = torch.linalg.eigh(gram.double())
    top = min(8, size)
    shares = values.flip(0)[:top] / values.sum().clamp_min(1e-30)
    directions = vectors.flip(1)[:, :top].T
    return Sensitivity(effect, directions.float(), shares.float(), f"finite differences at {len(latents)} latents")


def _likely_axes(decode: Decode, size: int, chunk: int) -> Told:
    products, signs = [], _generator("signs")
    for z in torch.split(_latents(PROBES, size), max(1, chunk // 8)):
        products.append(_probed(decode, z, signs))
        yield "progress", 0.5 * sum(len(part) for part in products) / PROBES, "probing"
    probes = torch.cat(products)
    _, values, vectors = torch.linalg.svd(probes, full_matrices=False)
    best = probes.square().mean(0).topk(AXES_MEASURED // 2).indices
    latents = _latents(DECODINGS // len(best), size)
    effect = torch.zeros(size)
    for number, z in enumerate(latents):
        columns = yield from _columns(decode, z, best, chunk, 0.5 + 0.5 * number / len(latents), 0.5 / len(latents))
        effect[best] += columns.abs().mean(1) / len(latents)
    shares = values.square() / values.square().sum().clamp_min(1e-30)
    how = f"finite differences along the {len(best):,} of {size:,} axes that {PROBES} random gradients favor"
    return Sensitivity(effect, vectors[:8], shares[:8], how)


def _columns(
    decode: Decode, z: Tensor, axes: Tensor, chunk: int, done: float, share: float
) -> Generator[tuple[object, ...], None, Tensor]:
    """Yield progress; return columns of the Jacobian at a latent (d,), (len(axes), values), by finite differences."""
    with torch.inference_mode():
        base = decode(z[None]).flatten(1)
    pieces = []
    for part in torch.split(axes, chunk):
        moved = z.repeat(len(part), 1)
        moved[torch.arange(len(part)), part] += STEP
        with torch.inference_mode():
            pieces.append(((decode(moved).flatten(1) - base) / STEP).nan_to_num(0.0, 0.0, 0.0))
        yield "progress", done + share * sum(len(piece) for piece in pieces) / len(axes), "moving each axis"
    with torch.inference_mode():
        return torch.cat(pieces).clone()


def _probed(decode: Decode, z: Tensor, chance: torch.Generator) -> Tensor:
    """Return vᵀJ at each of some latents (N, d), (N, d), v of random signs, others at each."""
    with torch.inference_mode(False), torch.enable_grad():
        start = z.clone().requires_grad_(True)
        values = decode(start)
        signs = torch.randint(0, 2, values.shape, generator=chance).to(values) * 2 - 1
        (product,) = torch.autograd.grad((values * signs).sum(), start)
    return product.nan_to_num(0.0, 0.0, 0.0)


def _latents(count: int, size: int) -> Tensor:
    return torch.randn((count, size), generator=_generator("latents"))


def _generator(name: str) -> torch.Generator:
    return rng.named_generator(FIXED_SEED, f"sensitivity {name}", torch.device("cpu"))
