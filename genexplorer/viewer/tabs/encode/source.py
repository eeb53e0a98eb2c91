"""Which image is encoded: one of the test set, chosen in several ways, or one of the user's own. No Qt."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genexplorer.session.observable import Observable

Kind = Literal["test", "file", "drawn"]
PAGE = 40  # thumbnails shown at once
Own = NDArray[Any]


class Source(Observable):
    """The chosen image. Every change tells the listeners once.

    Attributes:
        kind: Where the image comes from.
        index: The test image, also while another kind is shown.
        num_test: Size of the test set.
        label: Only test images of this class are walked through; None for all.
        own: The image of a file or of the canvas, (H, W, C) uint8, or a point of the plane, (2,) float32, while `kind`
            is not "test".
        name: What is said of an image of one's own.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._chance = np.random.default_rng(seed)
        self._labels: NDArray[np.int64] | None = None
        self.kind: Kind = "test"
        self.index = 0
        self.num_test = 0
        self.label: int | None = None
        self.own: Own | None = None
        self.name = ""

    def reset(self, num_test: int) -> None:
        """Begin with the first image of another test set."""
        self._labels, self.label = None, None
        self.kind, self.index, self.own, self.name = "test", 0, None, ""
        self.num_test = num_test
        self.notify()

    @property
    def knows_labels(self) -> bool:
        """Whether the test set can be filtered."""
        return self._labels is not None

    @property
    def classes(self) -> tuple[int, ...]:
        """Return the classes that occur."""
        known = np.unique(self._labels) if self._labels is not None else np.zeros(0, np.int64)
        return tuple(int(label) for label in known if label >= 0)

    def set_labels(self, labels: NDArray[np.int64]) -> None:
        """Take the test set's labels, (num_test,)."""
        self._labels = labels
        self._into_filter()
        self.notify()

    def filter(self, label: int | None) -> None:
        """Walk through one class only, or through all; goes to the next image of that class."""
        self.label, self.kind = label, "test"
        self._into_filter()
        self.notify()

    def choose(self, index: int) -> None:
        """Choose a test image by its index; one outside the filter lifts it."""
        if not self.num_test:
            return
        self.kind, self.index = "test", min(max(int(index), 0), self.num_test - 1)
        if self._labels is not None and self.label is not None and self._labels[self.index] != self.label:
            self.label = None
        self.notify()

    def move(self, count: int) -> None:
        """Go on by so many images of the filter; goes round at both ends."""
        allowed = self._allowed()
        if len(allowed):
            place = int(np.searchsorted(allowed, self.index))
            self.choose(int(allowed[(place + count) % len(allowed)]))

    def random(self) -> None:
        """Choose any image of the filter."""
        allowed = self._allowed()
        if len(allowed):
            self.choose(int(self._chance.choice(allowed)))

    def show_own(self, image: Own, kind: Kind, name: str) -> None:
        """Show an image of one's own, (H, W, C), or a point, (2,)."""
        self.kind, self.own, self.name = kind, image, name
        self.notify()

    def page(self) -> NDArray[np.int64]:
        """Return the indices of the thumbnails around the chosen image, at most `PAGE`."""
        allowed = self._allowed()
        place = int(np.searchsorted(allowed, self.index)) if len(allowed) else 0
        start = place // PAGE * PAGE
        return allowed[start : start + PAGE]

    def _allowed(self) -> NDArray[np.int64]:
        if self._labels is None or self.label is None:
            return np.arange(self.num_test)
        return np.flatnonzero(self._labels == self.label)

    def _into_filter(self) -> None:
        allowed = self._allowed()
        if len(allowed) and self.index not in allowed:
            self.index = int(allowed[min(int(np.searchsorted(allowed, self.index)), len(allowed) - 1)])
