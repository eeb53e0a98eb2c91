"""The image to encode: one of the test set, a file, a drawing, or a 2-D point. No Qt."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.observable import Observable

SourceKind = Literal["test", "file", "drawn"]
PAGE = 40  # thumbnails shown at once
CustomImage = NDArray[Any]


class ImageSource(Observable):
    """The selected image; listeners are called once per change.

    Attributes:
        kind: The origin of the image.
        index: Of the test image, also while a file or drawing is shown.
        num_test: Size of the test set.
        label: The class to which stepping is restricted; None for all.
        custom: The file or drawing, (H, W, C) uint8, or a point, (2,) float32, while `kind` is not "test".
        name: Of the custom image.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._rng = np.random.default_rng(seed)
        self._labels: NDArray[np.int64] | None = None
        self.kind: SourceKind = "test"
        self.index = 0
        self.num_test = 0
        self.label: int | None = None
        self.custom: CustomImage | None = None
        self.name = ""

    def reset(self, num_test: int) -> None:
        """Select the first image of another test set."""
        self._labels, self.label = None, None
        self.kind, self.index, self.custom, self.name = "test", 0, None, ""
        self.num_test = num_test
        self.notify()

    @property
    def has_labels(self) -> bool:
        """Whether the test set can be filtered."""
        return self._labels is not None

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes of the test set."""
        values = np.unique(self._labels) if self._labels is not None else np.zeros(0, np.int64)
        return tuple(int(label) for label in values if label >= 0)

    def set_labels(self, labels: NDArray[np.int64]) -> None:
        """Use the labels of the test set, (num_test,)."""
        self._labels = labels
        self._apply_filter()
        self.notify()

    def filter(self, label: int | None) -> None:
        """Restrict stepping to one class, or to none, and select the next image of it."""
        self.label, self.kind = label, "test"
        self._apply_filter()
        self.notify()

    def choose(self, index: int) -> None:
        """Select a test image; one of another class removes the filter."""
        if not self.num_test:
            return
        self.kind, self.index = "test", min(max(int(index), 0), self.num_test - 1)
        if self._labels is not None and self.label is not None and self._labels[self.index] != self.label:
            self.label = None
        self.notify()

    def step_by(self, count: int) -> None:
        """Step to another image of the filter, circularly."""
        indices = self._filtered()
        if len(indices):
            position = int(np.searchsorted(indices, self.index))
            self.choose(int(indices[(position + count) % len(indices)]))

    def choose_random(self) -> None:
        """Select a random image of the filter."""
        indices = self._filtered()
        if len(indices):
            self.choose(int(self._rng.choice(indices)))

    def set_custom(self, image: CustomImage, kind: SourceKind, name: str) -> None:
        """Select a custom image, (H, W, C), or point, (2,)."""
        self.kind, self.custom, self.name = kind, image, name
        self.notify()

    def page(self) -> NDArray[np.int64]:
        """Return the indices of the page of thumbnails with the selected image."""
        indices = self._filtered()
        position = int(np.searchsorted(indices, self.index)) if len(indices) else 0
        start = position // PAGE * PAGE
        return indices[start : start + PAGE]

    def _filtered(self) -> NDArray[np.int64]:
        if self._labels is None or self.label is None:
            return np.arange(self.num_test)
        return np.flatnonzero(self._labels == self.label)

    def _apply_filter(self) -> None:
        indices = self._filtered()
        if len(indices) and self.index not in indices:
            self.index = int(indices[min(int(np.searchsorted(indices, self.index)), len(indices) - 1)])
