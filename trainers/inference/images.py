"""What an explorer asks of any model: to decode, sample and encode, and to show the data beside their codes."""

from collections.abc import Iterator

import numpy as np
import torch

from trainers.errors import UserError
from trainers.families.interface import Encodes, HasPipeline
from trainers.inference import params
from trainers.inference.loaded_model import Array, Chunk, Query, labels_at


def describe(question: Query) -> Iterator[Chunk]:
    """Answer with the card."""
    yield "result", {}, {"card": question.opened.card.model_dump(mode="json")}


def test_images(question: Query) -> Iterator[Chunk]:
    """Show test data; without indices the labels alone, of the whole test set."""
    opened = question.opened
    if "indices" not in question.params and "indices" not in question.arrays:
        yield "result", {"labels": labels_at(opened.data.test_labels, np.arange(len(opened.test)))}, {}
        return
    indices = params.indices(question.params, question.arrays, len(opened.test))
    params.affordable(len(indices), opened.bytes_each, question.plural)
    x = opened.test.take(torch.from_numpy(indices))
    yield "result", {"x": question.shown(x), "labels": labels_at(opened.data.test_labels, indices)}, {}


def decode(question: Query) -> Iterator[Chunk]:
    """Decode latents that were given."""
    images = yield from question.decoded(question.latents())
    yield "result", {"images": images}, {}


def sample(question: Query) -> Iterator[Chunk]:
    """Decode z of the prior, spread by the temperature."""
    z = prior(question, question.whole("count", 64, 1, params.MAX_COUNT), "sample")
    images = yield from question.decoded(z)
    yield "result", {"images": images, "z": z.numpy()}, {}


def prior(question: Query, count: int, name: str) -> torch.Tensor:
    """Return latents of the prior, (count, d), by the parameters `seed` and `temperature`.

    Raises:
        ConfigError: if they are more than an answer holds.
    """
    temperature = params.number(question.params, "temperature", 1.0, 0.0, params.MAX_TEMPERATURE)
    params.affordable(count, question.opened.bytes_each + 4 * question.opened.size, "samples")
    return torch.randn((count, question.opened.size), generator=question.chance(name)) * temperature


def encode(question: Query) -> Iterator[Chunk]:
    """Reconstruct at z = μ; `recon_nats` is −log p(x | z = μ)."""
    opened, model = question.opened, question.opened.model
    assert isinstance(model, Encodes)
    take, labels = question.given()
    params.affordable(len(labels), 2 * opened.bytes_each + 12 * opened.size, question.plural)
    pieces: list[dict[str, Array]] = []
    for start in range(0, len(labels), opened.chunk):
        x = take(slice(start, start + opened.chunk))
        with torch.inference_mode():
            pieces.append(question.sent({"x": x, **model.reconstruct_with_metrics(x)}))
        yield "progress", min((start + opened.chunk) / len(labels), 1.0), "encoding"
    result: dict[str, Array] = {name: np.concatenate([p[name] for p in pieces]) for name in pieces[0]}
    names = {name: list(words) for name, words in opened.model.metric_labels().items()}
    yield "result", {**result, "labels": labels}, {"z": "mu", "figures": names}


def encodings(question: Query) -> Iterator[Chunk]:
    """Encode a split, or the first of it."""
    opened = question.opened
    split = params.word(question.params, "split", ("test", "train"))
    data = opened.data
    labels = data.test_labels if split == "test" else data.train_labels
    length = len(data.test) if split == "test" else len(data.train)
    count = min(length, question.whole("count", length, 1, 1 << 31))
    params.affordable(count, 8 * opened.size + 16, "encodings")
    if split == "test":
        mu, logvar = yield from question.test_codes(count)
    else:
        mu, logvar = yield from question.coded(opened.seen(data.train[:count], "train"), count)
    indices = np.arange(count)
    result = {"mu": mu.numpy(), "logvar": logvar.numpy(), "indices": indices}
    yield "result", {**result, "labels": labels_at(labels, indices)}, {"split": split}


def posterior(question: Query) -> Iterator[Chunk]:
    """Draw z of q(z|x) and decode it."""
    opened = question.opened
    count = question.whole("count", 16, 1, params.MAX_COUNT)
    params.affordable(count, opened.bytes_each + 4 * opened.size, "samples")
    take, _ = question.given()
    mu, logvar = opened.encode(take(slice(1)))
    noise = torch.randn((count, opened.size), generator=question.chance("posterior"))
    z = mu + torch.exp(0.5 * logvar) * noise
    images = yield from question.decoded(z)
    yield "result", {"z": z.numpy(), "images": images}, {}


def nearest(question: Query) -> Iterator[Chunk]:
    """Find the test data whose mu is nearest to a latent."""
    opened = question.opened
    z = question.latents()[:1]
    count = question.whole("count", 1, 1, len(opened.test))
    params.affordable(count, opened.bytes_each, question.plural)
    mu, _ = yield from question.test_codes(len(opened.test))
    distances, indices = torch.cdist(z, mu)[0].nan_to_num(torch.inf).topk(count, largest=False)
    result = {
        "indices": indices.numpy(),
        "labels": labels_at(opened.data.test_labels, indices.numpy()),
        "distances": distances.numpy(),
        "images": question.shown(opened.test.take(indices)),
    }
    yield "result", result, {}


def pipeline(question: Query) -> Iterator[Chunk]:
    """Follow one image through the stages of the theory."""
    model = question.opened.model
    if not isinstance(model, HasPipeline):
        raise UserError("'pipeline' is not available for this model", "its family does not implement it")
    take, labels = question.given()
    with torch.inference_mode():
        stations, figures = model.pipeline(take(slice(1)), question.chance("pipeline"))
    yield "result", question.sent(stations), {"figures": figures, "label": int(labels[0])}
