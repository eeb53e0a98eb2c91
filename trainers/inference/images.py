"""Operations on any model: decode, sample, encode; test data and their codes."""

from collections.abc import Iterator

import numpy as np
import torch

from trainers.errors import UserError
from trainers.families.interface import Encodes, HasPipeline
from trainers.inference import params
from trainers.inference.chunks import Chunk, Progress, Result
from trainers.inference.query import Array, Query, labels_at


def describe(query: Query) -> Iterator[Chunk]:
    """Return the model card."""
    yield Result({}, {"card": query.loaded.card.model_dump(mode="json")})


def test_images(query: Query) -> Iterator[Chunk]:
    """Return test data and labels; without indices the labels of the whole test set."""
    loaded = query.loaded
    if "indices" not in query.params and "indices" not in query.arrays:
        yield Result({"labels": labels_at(loaded.data.test_labels, np.arange(len(loaded.test)))})
        return
    indices = params.indices(query.params, query.arrays, len(loaded.test))
    query.check_size(len(indices), loaded.item_bytes)
    x = loaded.test.take(torch.from_numpy(indices))
    yield Result({"x": query.to_display(x), "labels": labels_at(loaded.data.test_labels, indices)})


def decode(query: Query) -> Iterator[Chunk]:
    """Decode latents."""
    images = yield from query.decode(query.latents())
    yield Result({"images": images})


def sample(query: Query) -> Iterator[Chunk]:
    """Sample z from the prior, scaled by the temperature, and points from p(x|z); images are its means."""
    z = query.prior(query.integer("count", 64, 1, params.MAX_ITEMS))
    images = yield from query.sample(z)
    yield Result({"images": images, "z": z.numpy()}, {"how": query.loaded.how_sampled})


def encode(query: Query) -> Iterator[Chunk]:
    """Encode and reconstruct data, with metrics of each."""
    loaded, model = query.loaded, query.loaded.model
    assert isinstance(model, Encodes)
    # Encode and decode a chunk at a time.
    take, labels = query.data()
    query.check_size(len(labels), 2 * loaded.item_bytes + 12 * loaded.latent_dim)
    pieces: list[dict[str, Array]] = []
    for start in range(0, len(labels), loaded.chunk):
        x = take(slice(start, start + loaded.chunk))
        with torch.inference_mode():
            pieces.append(query.to_arrays({"x": x, **model.reconstruct_with_metrics(x)}))
        yield Progress(min((start + loaded.chunk) / len(labels), 1.0), "encoding")
    arrays = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    metric_labels = {name: list(label) for name, label in loaded.model.metric_labels().items()}
    yield Result({**arrays, "labels": labels}, {"metric_labels": metric_labels})


def encodings(query: Query) -> Iterator[Chunk]:
    """Encode a split, or the first `count` of it."""
    split, items, labels, count = query.split()
    query.check_size(count, 8 * query.loaded.latent_dim + 16, "encodings")
    if split == "test":
        mu, logvar = yield from query.encode_test(count)
    else:
        mu, logvar = yield from query.encode(query.loaded.preprocess(items[:count], split), count)
    indices = np.arange(count)
    arrays = {"mu": mu.numpy(), "logvar": logvar.numpy(), "indices": indices, "labels": labels_at(labels, indices)}
    yield Result(arrays, {"split": split})


def posterior(query: Query) -> Iterator[Chunk]:
    """Sample z from q(z|x) of one image and decode it."""
    loaded = query.loaded
    count = query.integer("count", 16, 1, params.MAX_ITEMS)
    query.check_size(count, loaded.item_bytes + 4 * loaded.latent_dim, "samples")
    take, _ = query.data()
    mu, logvar = loaded.encode(take(slice(1)))
    noise = torch.randn((count, loaded.latent_dim), generator=query.generator("posterior"))
    z = mu + torch.exp(0.5 * logvar) * noise
    images = yield from query.decode(z)
    yield Result({"z": z.numpy(), "images": images})


def nearest(query: Query) -> Iterator[Chunk]:
    """Find the test data whose mu is nearest to a latent."""
    loaded = query.loaded
    z = query.latents()[:1]
    count = query.integer("count", 1, 1, len(loaded.test))
    query.check_size(count, loaded.item_bytes)
    mu, _ = yield from query.encode_test(len(loaded.test))
    distances, indices = torch.cdist(z, mu)[0].nan_to_num(torch.inf).topk(count, largest=False)
    arrays = {
        "indices": indices.numpy(),
        "labels": labels_at(loaded.data.test_labels, indices.numpy()),
        "distances": distances.numpy(),
        "images": query.to_display(loaded.test.take(indices)),
    }
    yield Result(arrays)


def pipeline(query: Query) -> Iterator[Chunk]:
    """Compute the stages of the Theory tabs, and the terms of the objective, for one image."""
    model = query.loaded.model
    if not isinstance(model, HasPipeline):
        message = f"'pipeline' is not available: the family '{query.loaded.card.family}' does not show its stages"
        raise UserError(
            message, f"define pipeline(x, generator) in {type(model).__name__}, as HasPipeline describes it"
        )
    take, labels = query.data()
    with torch.inference_mode():
        tensors, values = model.pipeline(take(slice(1)), query.generator("pipeline"))
    yield Result(query.to_arrays(tensors), {"metrics": values, "label": int(labels[0])})
