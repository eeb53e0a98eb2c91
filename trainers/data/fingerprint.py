"""A fingerprint of a loaded data set, by which a run recognizes its data."""

import hashlib

import numpy as np

from trainers.data.dataset import ImageData, PointData

_NUM_EXAMPLES = 256  # of each split that enter the fingerprint, spread over all of it


def fingerprint(data: ImageData | PointData) -> str:
    """Return 32 hexadecimal digits that depend on the shapes, and on examples and labels all over both splits."""
    digest = hashlib.blake2b(digest_size=16)
    for examples, labels in ((data.train, data.train_labels), (data.test, data.test_labels)):
        indices = np.unique(np.linspace(0, len(examples) - 1, min(_NUM_EXAMPLES, len(examples))).astype(np.int64))
        digest.update(f"{examples.shape} {examples.dtype}\n".encode())
        digest.update(np.ascontiguousarray(examples[indices]).tobytes())
        if labels is not None:
            digest.update(np.ascontiguousarray(labels[indices]).astype(np.int64).tobytes())
    return digest.hexdigest()
