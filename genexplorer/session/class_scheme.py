"""Names and colors of the classes of a data set, for every front end.

Ten colors distinguish at most twelve classes. Of more classes, neighbors share a color: these groups can be named in a
legend ("ant … cat"), while colors repeated class by class could not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trainers.model_card import DataCard

Labels = NDArray[np.int64]
MAX_SINGLE_CLASSES = 12  # more classes are colored by group
NUM_GROUPS = 10  # one for each color of the palettes
NO_LABEL = "no label"


@dataclass(frozen=True)
class ClassGroup:
    """Classes in one color: a single one, or neighbors.

    Args:
        color: Index of the color; −1 for examples without a label.
        first: The lowest label.
        last: The highest label.
        name: "tulip", or "ant … cat".
    """

    color: int
    first: int
    last: int
    name: str

    @property
    def labels(self) -> range:
        """The labels of the group."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class ClassScheme:
    """How the classes of a data set are named and colored.

    Args:
        names: Names of the labels 0, 1, …; fewer than `count` where they are unknown.
        count: The highest label + 1.
    """

    names: tuple[str, ...] = ()
    count: int = 0

    @property
    def is_grouped(self) -> bool:
        """Whether neighboring classes share a color."""
        return self.count > MAX_SINGLE_CLASSES

    def name(self, label: int) -> str:
        """Return the name of a class: "tulip", its number where no name is known, "no label" for −1."""
        if label < 0:
            return NO_LABEL
        return (self.names[label] if label < len(self.names) else "") or str(label)

    def with_labels(self, labels: Iterable[int]) -> "ClassScheme":
        """Return the scheme extended to labels that occur: of numbers without names only some may be known."""
        return ClassScheme(self.names, max(self.count, max(labels, default=-1) + 1))

    def color(self, label: int) -> int:
        """Return the index of the color of a class; −1 without a label."""
        if label < 0 or not self.is_grouped:
            return label
        return min(label * NUM_GROUPS // self.count, NUM_GROUPS - 1)

    def colors(self, labels: NDArray[Any]) -> Labels:
        """Return the index of the color of each label, (N,)."""
        values = np.asarray(labels, np.int64)
        if not self.is_grouped:
            return values
        return np.where(values < 0, -1, np.minimum(values * NUM_GROUPS // self.count, NUM_GROUPS - 1))

    def groups(self, labels: Iterable[int]) -> tuple[ClassGroup, ...]:
        """Return the groups of the labels that occur: one for each class, or one for each color."""
        occurring = sorted(set(labels))
        if not self.is_grouped:
            return tuple(ClassGroup(label, label, label, self.name(label)) for label in occurring)
        return tuple(self._group(color) for color in sorted({self.color(label) for label in occurring}))

    def _group(self, color: int) -> ClassGroup:
        if color < 0:
            return ClassGroup(-1, -1, -1, NO_LABEL)
        first = -(-color * self.count // NUM_GROUPS)
        last = -(-(color + 1) * self.count // NUM_GROUPS) - 1
        return ClassGroup(color, first, last, f"{self.name(first)} … {self.name(last)}")


NO_CLASSES = ClassScheme()


def class_scheme(data: "DataCard") -> ClassScheme:
    """Return the scheme of the data of a run."""
    return ClassScheme(data.class_names, max(len(data.class_names), data.num_classes))


def shorten(name: str, length: int) -> str:
    """Return a name of at most `length` characters, ending in an ellipsis where it is longer."""
    return name if len(name) <= length else name[: max(length - 1, 1)] + "…"
