"""The same VAE in JAX: jit and scan over resident data. Needs jax and numpy."""

import gzip
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.loop import Loop, Setting, dense, learning

BATCH, CHUNK = 128, 50
FLAT = learning(dense(784, 400, 40) + dense(20, 400, 784), dense(784, 400))
SIZES = ((784, 400), (400, 40), (20, 400), (400, 784))
IMAGES = Path(__file__).resolve().parents[2] / "assets" / "mnist" / "train-images-idx3-ubyte.gz"
Tree = Any


def train(setting: Setting) -> Loop:
    """Return a loop of scans over CHUNK steps each."""
    if setting.device != jax.default_backend().replace("gpu", "cuda"):
        raise RuntimeError(f"this JAX computes on the {jax.default_backend()} alone")
    pixels = np.frombuffer(gzip.decompress(IMAGES.read_bytes()), np.uint8, offset=16).reshape(-1, 784)
    data = jnp.asarray(pixels)
    # Initialize the weights and the moments of Adam.
    numbers = np.random.default_rng(0)
    weights = [_layer(numbers, *size) for size in SIZES]
    zeros = jax.tree.map(jnp.zeros_like, weights)
    state: Tree = (weights, zeros, jax.tree.map(jnp.zeros_like, weights), jnp.zeros((), jnp.int32), jax.random.key(0))
    order = np.empty(0, np.int64)

    # Scan over chunks of steps; the order of the images is drawn anew for each epoch.
    def run(count: int) -> int:
        nonlocal state, order
        chunks = max(1, count // CHUNK)
        for _ in range(chunks):
            if len(order) < CHUNK * BATCH:
                order = numbers.permutation(len(pixels))
            taken, order = order[: CHUNK * BATCH], order[CHUNK * BATCH :]
            state, losses = _steps(state, data, jnp.asarray(taken.reshape(CHUNK, BATCH)))
        losses.block_until_ready()
        return chunks * CHUNK

    return Loop(run, BATCH, FLAT, CHUNK)


def _layer(numbers: np.random.Generator, inputs: int, outputs: int) -> tuple[jax.Array, jax.Array]:
    bound = inputs**-0.5
    draw = partial(numbers.uniform, -bound, bound)
    return jnp.asarray(draw((inputs, outputs)), jnp.float32), jnp.asarray(draw(outputs), jnp.float32)


def _loss(weights: Tree, x: jax.Array, key: jax.Array) -> jax.Array:
    hidden, posterior, from_z, out = weights
    h = jax.nn.relu(x @ hidden[0] + hidden[1])
    mu, logvar = jnp.split(h @ posterior[0] + posterior[1], 2, axis=1)
    z = mu + jnp.exp(0.5 * logvar) * jax.random.normal(key, mu.shape)
    logits = jax.nn.relu(z @ from_z[0] + from_z[1]) @ out[0] + out[1]
    cost = jnp.sum(jnp.maximum(logits, 0) - logits * x + jnp.log1p(jnp.exp(-jnp.abs(logits))))
    kl = -0.5 * jnp.sum(1 + logvar - mu**2 - jnp.exp(logvar))
    return (cost + kl) / len(x)


def _adam(step: jax.Array, weight: jax.Array, mean: jax.Array, square: jax.Array, gradient: jax.Array) -> Tree:
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    rate = 1e-3 * jnp.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    return weight - rate * mean / (jnp.sqrt(square) + 1e-8), mean, square


def _step(state: Tree, indices: jax.Array, data: jax.Array) -> tuple[Tree, jax.Array]:
    weights, means, squares, step, key = state
    key, own = jax.random.split(key)
    x = data[indices].astype(jnp.float32) / 255
    loss, gradients = jax.value_and_grad(_loss)(weights, x, own)
    step = step + 1
    moved = jax.tree.map(partial(_adam, step.astype(jnp.float32)), weights, means, squares, gradients)
    shape = jax.tree.structure(weights)
    parts = zip(*shape.flatten_up_to(moved), strict=True)
    new = [jax.tree.unflatten(shape, part) for part in parts]
    return (*new, step, key), loss


@partial(jax.jit, donate_argnums=0)
def _steps(state: Tree, data: jax.Array, indices: jax.Array) -> tuple[Tree, jax.Array]:
    done: tuple[Tree, jax.Array] = jax.lax.scan(lambda carried, taken: _step(carried, taken, data), state, indices)
    return done
