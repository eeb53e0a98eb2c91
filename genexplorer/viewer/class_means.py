"""Mean codes of classes: the place of a class in latent space. No Qt."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genexplorer.viewer.model_client import ModelRequest, ModelResponse, OnFailure, OnProgress

Floats = NDArray[np.float64]
MAX_CODES = 2000  # from which means are computed
_MAX_VALUES = 8_000_000  # of a response with all codes: those of many dimensions are fewer


class ClassMeans:
    """The mean codes of the classes at one snapshot, from the codes of the first test images."""

    def __init__(self) -> None:
        self.by_label: dict[int, Floats] = {}  # (d,) each; of the classes that occur
        self.step: int | None = None  # of the snapshot

    def clear(self) -> None:
        """Forget the means, as when another run is opened."""
        self.by_label, self.step = {}, None

    def are_known_at(self, step: int | None) -> bool:
        """Return whether the means are those of a snapshot."""
        return bool(self.by_label) and self.step == step

    def request(
        self,
        step: int | None,
        latent_size: int,
        num_test: int,
        on_means: Callable[[], None],
        on_failure: OnFailure,
        on_progress: OnProgress | None = None,
    ) -> ModelRequest:
        """Return the request for the means at a snapshot, after whose response `on_means` is called."""

        def on_result(response: ModelResponse) -> None:
            self.by_label, self.step = mean_codes(response.arrays["mu"], response.arrays["labels"]), step
            on_means()

        count = max(1, min(MAX_CODES, num_test, _MAX_VALUES // max(latent_size, 1)))
        params = {"count": count, "split": "test"}
        return ModelRequest("encodings", on_result, params, {}, step, on_failure, on_progress)


def mean_codes(mu: NDArray[Any], labels: NDArray[Any]) -> dict[int, Floats]:
    """Return the mean code, (d,), of each class that occurs.

    Args:
        mu: Codes, (N, d); those that are not finite are left out.
        labels: Classes, (N,); -1 where unknown.
    """
    codes, classes = np.asarray(mu, np.float64), np.asarray(labels, np.int64)
    is_valid = np.isfinite(codes).all(axis=1) & (classes >= 0)
    codes, classes = codes[is_valid], classes[is_valid]
    return {int(label): codes[classes == label].mean(axis=0) for label in np.unique(classes)}
